/*
 * Uses a store as it is told, for tests in other languages: store_calls SETTINGS [NAME=VALUE...]
 * opens the S3 store of tests/support/server_store.h and obeys standard input, a command a line:
 *
 *   put KEY FILE create|replace|named     put_within KEY FILE create|replace|named MS
 *   get KEY OFFSET LENGTH FILE            get_all KEY MAX FILE
 *   list PREFIX                     stat KEY                       delete KEY
 *   puts COUNT FILE                 the same from four threads at once, to the keys many/0, many/1,
 * ...
 *
 * Each is answered by a line of JSON: {"status": words, "error": text}, and what was found. The
 * prefix "-" is the empty one.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "tests/support/server_store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 5, OBJECT_MAX = 1 << 30, THREADS = 4 };

struct command {
    struct hf_store *store;
    char *words[WORDS];
    json_t *found;
};

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static enum hf_put_mode put_mode(const struct command *c)
{
    return strcmp(c->words[3], "create") == 0  ? HF_PUT_CREATE
           : strcmp(c->words[3], "named") == 0 ? HF_PUT_NAMED
                                               : HF_PUT_REPLACE;
}

static enum hf_status put(struct command *c, struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    HF_TRY(hf_file_read(c->words[2], OBJECT_MAX, &data, err));
    return hf_store_put(c->store, c->words[1], data.data, data.len, put_mode(c), err);
}

static enum hf_status put_within(struct command *c, struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    int64_t ns = (int64_t)number(c->words[4]) * (HF_NS_PER_S / 1000);
    HF_TRY(hf_file_read(c->words[2], OBJECT_MAX, &data, err));
    return hf_store_put_within(c->store, c->words[1], data.data, data.len, put_mode(c), ns, err);
}

static enum hf_status get(struct command *c, struct hf_error *err)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    HF_TRY(
        hf_store_get(c->store, c->words[1], number(c->words[2]), number(c->words[3]), &out, err));
    return hf_file_replace(c->words[4], out.data, out.len, 0600, err);
}

static enum hf_status get_all(struct command *c, struct hf_error *err)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    HF_TRY(hf_store_get_all(c->store, c->words[1], number(c->words[2]), &out, err));
    return hf_file_replace(c->words[3], out.data, out.len, 0600, err);
}

static enum hf_status note_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                               struct hf_error *err)
{
    (void)err;
    return json_object_set_new(ctx, key, json_integer((json_int_t)stat->size)) == 0
               ? HF_OK
               : hf_error_memory(err);
}

static enum hf_status list(struct command *c, struct hf_error *err)
{
    json_t *keys = json_object();
    (void)json_object_set_new(c->found, "keys", keys);
    return hf_store_list(c->store, strcmp(c->words[1], "-") == 0 ? "" : c->words[1], note_key, keys,
                         err);
}

static enum hf_status stat_key(struct command *c, struct hf_error *err)
{
    struct hf_store_stat stat;
    HF_TRY(hf_store_stat(c->store, c->words[1], &stat, err));
    (void)json_object_set_new(c->found, "size", json_integer((json_int_t)stat.size));
    (void)json_object_set_new(c->found, "mtime", json_integer(stat.mtime));
    return HF_OK;
}

static enum hf_status delete_key(struct command *c, struct hf_error *err)
{
    return hf_store_delete(c->store, c->words[1], err);
}

struct many {
    struct hf_store *store;
    const struct hf_buf *data;
    size_t count;
    atomic_size_t next;
};

static enum hf_status put_some(void *arg, size_t index, struct hf_error *err)
{
    struct many *many = arg;
    (void)index;
    for (size_t i; (i = atomic_fetch_add(&many->next, 1)) < many->count;) {
        char key[32];
        (void)snprintf(key, sizeof key, "many/%zu", i);
        HF_TRY(
            hf_store_put(many->store, key, many->data->data, many->data->len, HF_PUT_CREATE, err));
    }
    return HF_OK;
}

static enum hf_status puts_many(struct command *c, struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool = NULL;
    HF_TRY(hf_file_read(c->words[2], OBJECT_MAX, &data, err));
    HF_TRY(hf_cancel_new(&cancel, err));
    struct many many = {.store = c->store, .data = &data, .count = number(c->words[1])};
    HF_TRY(hf_pool_start(THREADS, put_some, NULL, &many, cancel, &pool, err));
    return hf_pool_join(pool, err);
}

static const struct {
    const char *name;
    size_t words;
    enum hf_status (*run)(struct command *c, struct hf_error *err);
} commands[] = {
    {"put", 4, put},         {"get", 5, get},
    {"get_all", 4, get_all}, {"list", 2, list},
    {"stat", 2, stat_key},   {"delete", 2, delete_key},
    {"puts", 3, puts_many},  {"put_within", 5, put_within},
};

static enum hf_status obey(struct command *c, char *line, struct hf_error *err)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS;
         word = strtok_r(NULL, " \n", &rest))
        c->words[count++] = word;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (count == commands[i].words && strcmp(c->words[0], commands[i].name) == 0)
            return commands[i].run(c, err);
    return hf_error_set(err, HF_USAGE, "no such command");
}

static void answer(struct command *c, enum hf_status status, const struct hf_error *err)
{
    (void)json_object_set_new(c->found, "status", json_string(hf_status_words(status)));
    if (status != HF_OK)
        (void)json_object_set_new(c->found, "error", json_string(err->text));
    (void)json_dumpf(c->found, stdout, JSON_COMPACT);
    (void)putchar('\n');
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[4096];
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    if (argc < 2)
        return 2;
    enum hf_status status = hf_server_store_open(argv[1], (const char *const *)argv + 2,
                                                 (size_t)argc - 2, &store, &err);
    struct command opened = {.found = json_object()};
    if (status == HF_OK)
        (void)json_object_set_new(opened.found, "name", json_string(hf_store_name(store)));
    answer(&opened, status, &err);
    json_decref(opened.found);
    while (status == HF_OK && fgets(line, sizeof line, stdin)) {
        struct command c = {.store = store, .found = json_object()};
        struct hf_error why = HF_ERROR_INIT;
        answer(&c, obey(&c, line, &why), &why);
        json_decref(c.found);
    }
    return hf_status_exit_code(status);
}
