#include "formats/redis/tally.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256 };

void hf_redis_tally_done(struct hf_redis_tally *tally)
{
    free(tally->databases);
    hf_strings_free(&tally->functions);
}

/* Almost always the last one: a dump goes through one database after the other. */
static enum hf_status find_database(struct hf_redis_tally *tally, uint32_t database,
                                    struct hf_redis_database_tally **out, struct hf_error *err)
{
    for (size_t i = tally->count; i-- > 0;) {
        if (tally->databases[i].database == database) {
            *out = &tally->databases[i];
            return HF_OK;
        }
    }
    if (tally->count == tally->cap) {
        size_t cap = tally->cap ? 2 * tally->cap : 16;
        void *more = realloc(tally->databases, cap * sizeof *tally->databases);

        if (!more)
            return hf_error_memory(err);
        tally->databases = more;
        tally->cap = cap;
    }
    *out = &tally->databases[tally->count++];
    **out = (struct hf_redis_database_tally){.database = database};
    return HF_OK;
}

static void note_large(struct hf_redis_tally *tally, const struct hf_rdb_key *key, uint64_t bytes)
{
    struct hf_redis_large *all = tally->largest;
    size_t at;

    if (tally->large_count == HF_REDIS_LARGEST && bytes <= all[HF_REDIS_LARGEST - 1].bytes)
        return;
    if (tally->large_count < HF_REDIS_LARGEST)
        tally->large_count++;
    for (at = tally->large_count - 1; at > 0 && all[at - 1].bytes < bytes; at--)
        all[at] = all[at - 1];
    all[at] = (struct hf_redis_large){
        .bytes = bytes, .database = key->database, .kind = hf_rdb_kind(key->type)};
    all[at].key_len = key->len < HF_REDIS_KEY_SHOWN ? key->len : HF_REDIS_KEY_SHOWN;
    memcpy(all[at].key, key->text, all[at].key_len);
}

enum hf_status hf_redis_tally_key(struct hf_redis_tally *tally, const struct hf_rdb_key *key,
                                  uint64_t bytes, struct hf_error *err)
{
    struct hf_redis_database_tally *database;

    HF_TRY(find_database(tally, key->database, &database, err));
    database->keys++;
    database->expiring += key->expiry >= 0;
    database->bytes += bytes;
    database->kinds[hf_rdb_kind(key->type)]++;
    tally->keys++;
    note_large(tally, key, bytes);
    return HF_OK;
}

enum hf_status hf_redis_tally_function(struct hf_redis_tally *tally, const uint8_t *code,
                                       size_t len, struct hf_error *err)
{
    static const char label[] = "name=";
    const uint8_t *line_end = memchr(code, '\n', len);
    size_t line = line_end ? (size_t)(line_end - code) : len;
    const uint8_t *name = memmem(code, line, label, sizeof label - 1);
    char text[NAME_MAX_BYTES] = "?";
    size_t n = 0;

    for (name = name ? name + sizeof label - 1 : code + line; name < code + line; name++) {
        if (*name <= ' ' || *name >= 0x7f || n == sizeof text - 1)
            break;
        text[n++] = (char)*name;
        text[n] = '\0';
    }
    return hf_strings_add(&tally->functions, text, err);
}

enum hf_status hf_redis_key_text(struct hf_buf *out, const uint8_t *text, size_t len,
                                 struct hf_error *err)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] > ' ' && text[i] < 0x7f && text[i] != '%')
            HF_TRY(hf_buf_u8(out, text[i], err));
        else
            HF_TRY(hf_buf_printf(out, err, "%%%02X", text[i]));
    }
    return HF_OK;
}

static enum hf_status add_database(const struct hf_redis_database_tally *database, json_t *list,
                                   struct hf_error *err)
{
    json_t *types = json_object();
    json_t *one = NULL;

    if (!types)
        return hf_error_memory(err);
    for (enum hf_rdb_kind k = 0; k < HF_RDB_KINDS; k++) {
        if (database->kinds[k] > 0 &&
            json_object_set_new(types, hf_rdb_kind_name(k),
                                json_integer((json_int_t)database->kinds[k])) != 0) {
            json_decref(types);
            return hf_error_memory(err);
        }
    }
    HF_TRY(hf_json_pack(&one, err, "{s:I, s:I, s:I, s:I, s:o}", "database",
                        (json_int_t)database->database, "keys", (json_int_t)database->keys,
                        "expiring", (json_int_t)database->expiring, "bytes",
                        (json_int_t)database->bytes, "types", types));
    return json_array_append_new(list, one) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status add_large(const struct hf_redis_large *large, json_t *list,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *key;
    json_t *one = NULL;

    HF_TRY(hf_redis_key_text(&text, large->key, large->key_len, err));
    if (large->key_len == HF_REDIS_KEY_SHOWN)
        HF_TRY(hf_buf_append_str(&text, "...", err));
    HF_TRY(hf_buf_cstr(&text, &key, err));
    HF_TRY(hf_json_pack(&one, err, "{s:I, s:s, s:s, s:I}", "database", (json_int_t)large->database,
                        "key", key, "type", hf_rdb_kind_name(large->kind), "bytes",
                        (json_int_t)large->bytes));
    return json_array_append_new(list, one) == 0 ? HF_OK : hf_error_memory(err);
}

static int by_database(const void *a, const void *b)
{
    const struct hf_redis_database_tally *left = a, *right = b;

    return left->database < right->database ? -1 : left->database > right->database;
}

enum hf_status hf_redis_tally_json(const struct hf_redis_tally *tally, json_t *properties,
                                   struct hf_error *err)
{
    HF_AUTO_JSON databases = json_array();
    HF_AUTO_JSON largest = json_array();
    HF_AUTO_JSON functions = json_array();

    if (!databases || !largest || !functions)
        return hf_error_memory(err);
    if (tally->count > 0)
        qsort(tally->databases, tally->count, sizeof *tally->databases, by_database);
    for (size_t i = 0; i < tally->count; i++)
        HF_TRY(add_database(&tally->databases[i], databases, err));
    for (size_t i = 0; i < tally->large_count; i++)
        HF_TRY(add_large(&tally->largest[i], largest, err));
    for (size_t i = 0; i < tally->functions.count; i++) {
        if (json_array_append_new(functions, json_string(tally->functions.items[i])) != 0)
            return hf_error_memory(err);
    }
    if (json_object_set(properties, "databases", databases) != 0 ||
        json_object_set(properties, "largest", largest) != 0 ||
        json_object_set(properties, "functions", functions) != 0 ||
        json_object_set_new(properties, "keys", json_integer((json_int_t)tally->keys)) != 0)
        return hf_error_memory(err);
    return HF_OK;
}
