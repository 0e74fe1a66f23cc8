#include "agent/config/drill.h"

#include "agent/config/config.h"
#include "agent/config/job_schedule.h"
#include "agent/config/postgres.h"
#include "agent/kinds/kind.h"
#include "base/clock.h"
#include "formats/postgres/sql_split.h"
#include "schedules/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHA256_DIGITS = 64, WHERE_MAX = 256, TIMEOUT_MAX = 86400, DURATION_MAX_DAYS = 3660 };

#define DURATION_MAX ((uint64_t)DURATION_MAX_DAYS * 86400 * (uint64_t)HF_NS_PER_S)

/* ---- scratch ---- */

static enum hf_status read_server(const struct hf_fields_file *file, const struct hf_yaml *value,
                                  const char *where, void *out, struct hf_error *err)
{
    struct hf_config_scratch *scratch = out;
    char inner[WHERE_MAX];

    (void)snprintf(inner, sizeof inner, "of \"server\" %s", where);
    scratch->server = calloc(1, sizeof *scratch->server);
    if (!scratch->server)
        return hf_error_memory(err);
    scratch->server->kind = &hf_kind_postgres;
    HF_TRY(hf_text_copy("scratch", &scratch->server->name, err));
    return hf_config_read_postgres_server(file, value, inner, scratch->server, err);
}

#define SCRATCH(name, kind)                                                                        \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind, .offset = offsetof(struct hf_config_scratch, name)  \
    }

static const struct hf_field postgres_fields[] = {
    {.key = "server", .type = HF_FIELD_OTHER, .read = read_server},
    SCRATCH(image, TEXT),
    SCRATCH(docker_socket, PATH),
    SCRATCH(network, TEXT),
    SCRATCH(bin_dir, PATH),
    SCRATCH(user, TEXT),
    SCRATCH(folder, PATH),
    {.key = NULL},
};

static const struct hf_field redis_fields[] = {
    SCRATCH(image, TEXT),   SCRATCH(docker_socket, PATH), SCRATCH(network, TEXT),
    SCRATCH(program, PATH), SCRATCH(folder, PATH),        {.key = NULL},
};

static const struct hf_field volume_fields[] = {SCRATCH(folder, PATH), {.key = NULL}};

static enum hf_status read_place(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const struct hf_field *fields, const char *kind, const char *where,
                                 struct hf_config_scratch *out, struct hf_error *err)
{
    char inner[WHERE_MAX];

    (void)snprintf(inner, sizeof inner, "of \"%s\" %s", kind, where);
    return hf_fields_read(file, value, fields, inner, out, err);
}

/* A container has its own of what else there is to say, and only a container has a network. */
static enum hf_status check_image(const struct hf_fields_file *file, const struct hf_yaml *map,
                                  const char *kind, const char *where,
                                  const struct hf_config_scratch *scratch, struct hf_error *err)
{
    static const char *const without[] = {"server", "program", "bin_dir", "user", NULL};
    static const char *const with[] = {"docker_socket", "network", NULL};
    const char *const *keys = scratch->image ? without : with;

    for (size_t i = 0; keys[i]; i++) {
        const struct hf_yaml *key = hf_yaml_key(map, keys[i]);

        if (key && scratch->image)
            return hf_fields_error(file, key, err, "\"%s\" %s takes \"image\" or \"%s\", not both",
                                   kind, where, keys[i]);
        if (key)
            return hf_fields_error(file, key, err,
                                   "\"%s\" of \"%s\" %s is for a container: it needs \"image\"",
                                   keys[i], kind, where);
    }
    return HF_OK;
}

static enum hf_status read_postgres(const struct hf_fields_file *file, const struct hf_yaml *value,
                                    const char *where, void *out, struct hf_error *err)
{
    struct hf_config_drill *drill = out;

    HF_TRY(read_place(file, value, postgres_fields, "postgres", where, &drill->postgres, err));
    return check_image(file, value, "postgres", where, &drill->postgres, err);
}

static enum hf_status read_redis(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const char *where, void *out, struct hf_error *err)
{
    struct hf_config_drill *drill = out;

    HF_TRY(read_place(file, value, redis_fields, "redis", where, &drill->redis, err));
    return check_image(file, value, "redis", where, &drill->redis, err);
}

static enum hf_status read_volume(const struct hf_fields_file *file, const struct hf_yaml *value,
                                  const char *where, void *out, struct hf_error *err)
{
    struct hf_config_drill *drill = out;

    return read_place(file, value, volume_fields, "volume", where, &drill->volume, err);
}

static enum hf_status read_scratch(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, void *out, struct hf_error *err)
{
    static const struct hf_field fields[] = {
        {.key = "postgres", .type = HF_FIELD_OTHER, .read = read_postgres},
        {.key = "redis", .type = HF_FIELD_OTHER, .read = read_redis},
        {.key = "volume", .type = HF_FIELD_OTHER, .read = read_volume},
        {.key = NULL},
    };
    char inner[WHERE_MAX];

    (void)snprintf(inner, sizeof inner, "of \"scratch\" %s", where);
    return hf_fields_read(file, value, fields, inner, out, err);
}

/* ---- assertions ---- */

/* Exactly one statement whose quotes end; the server says what else is wrong with it. */
static enum hf_status check_sql(const struct hf_fields_file *file, const struct hf_yaml *map,
                                const char *where, struct hf_config_assertion *a,
                                struct hf_error *err)
{
    const struct hf_yaml *node = hf_yaml_value(map, "sql");
    struct hf_error why = HF_ERROR_INIT;
    struct hf_sql_script script;
    const char *statement, *more;
    size_t len = 0, more_len = 0;
    char *copy;

    hf_sql_script_init(&script, a->sql);
    if (hf_sql_script_next(&script, &statement, &len, &why) != HF_OK ||
        hf_sql_script_next(&script, &more, &more_len, &why) != HF_OK)
        return hf_fields_error(file, node, err, "\"sql\" %s: %s", where, why.text);
    if (len == 0 || more_len > 0)
        return hf_fields_error(file, node, err, "\"sql\" %s must be exactly one statement", where);
    copy = strndup(statement, len);
    if (!copy)
        return hf_error_memory(err);
    free(a->sql);
    a->sql = copy;
    return HF_OK;
}

/* The words of a line; "double quotes" hold one together. */
static enum hf_status split_command(const char *line, struct hf_strings *out, bool *good,
                                    struct hf_error *err)
{
    for (line += strspn(line, " "); *line; line += strspn(line, " ")) {
        bool quoted = *line == '"';
        size_t len = strcspn(quoted ? ++line : line, quoted ? "\"" : " ");
        HF_AUTO_FREE char *word = strndup(line, len);

        if (!word)
            return hf_error_memory(err);
        HF_TRY(hf_strings_add(out, word, err));
        line += len;
        *good = !quoted || *line == '"';
        if (!*good)
            return HF_OK;
        line += quoted;
    }
    *good = out->count > 0;
    return HF_OK;
}

/* A list is the words; a text is a line of them. */
static enum hf_status check_redis(const struct hf_fields_file *file, const struct hf_yaml *map,
                                  const char *where, struct hf_config_assertion *a,
                                  struct hf_error *err)
{
    const struct hf_yaml *node = hf_yaml_value(map, "redis");
    struct hf_strings words = HF_STRINGS_INIT;
    bool good = true;
    enum hf_status status;

    if (node->type == HF_YAML_LIST)
        return HF_OK;
    status = split_command(a->redis.items[0], &words, &good, err);
    hf_strings_free(&a->redis);
    a->redis = words;
    if (status == HF_OK && !good)
        return hf_fields_error(file, node, err, "\"redis\" %s must be a command: a quote is open",
                               where);
    return status;
}

static enum hf_status check_file(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, struct hf_config_assertion *a,
                                 struct hf_error *err)
{
    const char *path = a->file;

    while (path && strncmp(path, "../", 3) != 0 && strcmp(path, "..") != 0) {
        path = strchr(path, '/');
        path = path ? path + 1 : NULL;
    }
    if (path || a->file[0] == '/')
        return hf_fields_error(file, hf_fields_key(map, "file"), err,
                               "\"file\" %s must be a path below the volume, without \"..\"",
                               where);
    if (a->sha256 && (strlen(a->sha256) != SHA256_DIGITS ||
                      strspn(a->sha256, "0123456789abcdef") != SHA256_DIGITS))
        return hf_fields_error(file, hf_fields_key(map, "sha256"), err,
                               "\"sha256\" %s must be 64 hexadecimal digits, in lower case", where);
    return HF_OK;
}

/* What goes with one type of assertion only. */
static enum hf_status check_keys(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, enum hf_assertion_type type,
                                 struct hf_error *err)
{
    static const struct {
        const char *key;
        unsigned types; /* bits */
    } keys[] = {
        {"database", 1U << HF_ASSERT_SQL | 1U << HF_ASSERT_REDIS},
        {"equals", 1U << HF_ASSERT_REDIS},
        {"min_size", 1U << HF_ASSERT_FILE},
        {"sha256", 1U << HF_ASSERT_FILE},
    };
    static const char *const names[] = {"sql", "redis", "file"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (hf_yaml_key(map, keys[i].key) && !(keys[i].types & 1U << type))
            return hf_fields_error(file, hf_yaml_key(map, keys[i].key), err,
                                   "\"%s\" %s does not go with \"%s\"", keys[i].key, where,
                                   names[type]);
    }
    return HF_OK;
}

static enum hf_status check_assertion(const struct hf_fields_file *file, const struct hf_yaml *map,
                                      const char *where, struct hf_config_assertion *a,
                                      struct hf_error *err)
{
    if ((a->sql != NULL) + (a->redis.count > 0) + (a->file != NULL) != 1)
        return hf_fields_error(file, map, err,
                               "one of \"sql\", \"redis\" and \"file\" must be given %s", where);
    a->type = a->sql ? HF_ASSERT_SQL : a->file ? HF_ASSERT_FILE : HF_ASSERT_REDIS;
    HF_TRY(check_keys(file, map, where, a->type, err));
    if (a->type == HF_ASSERT_SQL)
        return check_sql(file, map, where, a, err);
    return a->type == HF_ASSERT_FILE ? check_file(file, map, where, a, err)
                                     : check_redis(file, map, where, a, err);
}

#define ASSERTION(name, kind, ...)                                                                 \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind,                                                     \
        .offset = offsetof(struct hf_config_assertion, name), __VA_ARGS__                          \
    }

static enum hf_status read_assertion(const struct hf_fields_file *file, const struct hf_yaml *map,
                                     const char *where, struct hf_config_drill *drill,
                                     struct hf_error *err)
{
    static const struct hf_field fields[] = {
        ASSERTION(source, TEXT, .min = 0),
        ASSERTION(sql, TEXT, .min = 0),
        ASSERTION(database, TEXT, .min = 0),
        ASSERTION(redis, TEXTS, .min = 0),
        ASSERTION(equals, TEXT, .min = 0),
        ASSERTION(file, TEXT, .min = 0),
        ASSERTION(min_size, SIZE, .min = 0, .max = UINT64_C(1) << 60),
        ASSERTION(sha256, TEXT, .min = 0),
        {.key = NULL},
    };
    struct hf_config_assertion *a = &drill->assertions[drill->assertion_count++];

    a->line = map->line;
    a->column = map->column;
    HF_TRY(hf_fields_read(file, map, fields, where, a, err));
    return check_assertion(file, map, where, a, err);
}

/* A list, or one alone. */
static enum hf_status read_assertions(const struct hf_fields_file *file,
                                      const struct hf_yaml *value, const char *where, void *out,
                                      struct hf_error *err)
{
    struct hf_config_drill *drill = out;
    bool list = value->type == HF_YAML_LIST;
    size_t count = list ? value->count : 1;
    char inner[WHERE_MAX];

    if (count == 0 || count > HF_CONFIG_ASSERTIONS_MAX)
        return hf_fields_error(file, value, err, "\"assert\" %s takes 1 to %d assertions", where,
                               HF_CONFIG_ASSERTIONS_MAX);
    drill->assertions = calloc(count, sizeof *drill->assertions);
    if (!drill->assertions)
        return hf_error_memory(err);
    (void)snprintf(inner, sizeof inner, "in an assertion %s", where);
    for (size_t i = 0; i < count; i++)
        HF_TRY(read_assertion(file, list ? value->items[i] : value, inner, drill, err));
    return HF_OK;
}

/* ---- the whole ---- */

enum hf_status hf_config_read_drill(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    const char *where, struct hf_config_drill **out,
                                    struct hf_error *err)
{
    static const struct hf_field fields[] = {
        {.key = "schedule",
         .type = HF_FIELD_TEXT,
         .offset = offsetof(struct hf_config_drill, written)},
        {.key = "scratch", .type = HF_FIELD_OTHER, .read = read_scratch},
        {.key = "rto",
         .type = HF_FIELD_DURATION,
         .offset = offsetof(struct hf_config_drill, rto),
         .min = (uint64_t)HF_NS_PER_S,
         .max = DURATION_MAX},
        {.key = "rpo",
         .type = HF_FIELD_DURATION,
         .offset = offsetof(struct hf_config_drill, rpo),
         .min = (uint64_t)HF_NS_PER_S,
         .max = DURATION_MAX},
        {.key = "timeout",
         .type = HF_FIELD_NUMBER,
         .offset = offsetof(struct hf_config_drill, timeout),
         .min = 1,
         .max = TIMEOUT_MAX},
        {.key = "assert", .type = HF_FIELD_OTHER, .read = read_assertions},
        {.key = NULL},
    };

    *out = calloc(1, sizeof **out);
    if (!*out)
        return hf_error_memory(err);
    /* "drill: {}", and "drill:" alone: all as it is by default */
    return hf_yaml_is_null(map) ? HF_OK : hf_fields_read(file, map, fields, where, *out, err);
}

static void scratch_done(struct hf_config_scratch *scratch)
{
    if (scratch->server)
        hf_config_source_done(scratch->server);
    free(scratch->server);
    free(scratch->bin_dir);
    free(scratch->image);
    free(scratch->docker_socket);
    free(scratch->network);
    free(scratch->program);
    free(scratch->user);
    free(scratch->folder);
}

static void assertion_done(struct hf_config_assertion *a)
{
    free(a->source);
    free(a->sql);
    free(a->database);
    hf_strings_free(&a->redis);
    free(a->equals);
    free(a->file);
    free(a->sha256);
}

void hf_config_drill_free(struct hf_config_drill *drill)
{
    if (!drill)
        return;
    free(drill->written);
    hf_schedule_free(drill->schedule);
    scratch_done(&drill->postgres);
    scratch_done(&drill->redis);
    scratch_done(&drill->volume);
    for (size_t i = 0; i < drill->assertion_count; i++)
        assertion_done(&drill->assertions[i]);
    free(drill->assertions);
    free(drill);
}

enum hf_status hf_config_set_drill_schedule(const struct hf_fields_file *file,
                                            const struct hf_yaml *map, const char *where,
                                            struct hf_config_job *job, struct hf_error *err)
{
    struct hf_config_drill *drill = job->drill;
    char inner[WHERE_MAX];

    if (!drill || !drill->written)
        return HF_OK;
    (void)snprintf(inner, sizeof inner, "of \"drill\" %s", where);
    return hf_config_make_schedule(file, map, inner, drill->written, job->timezone, 0,
                                   &drill->schedule, err);
}

static const struct hf_kind *kind_for(enum hf_assertion_type type)
{
    return type == HF_ASSERT_SQL     ? &hf_kind_postgres
           : type == HF_ASSERT_REDIS ? &hf_kind_redis
                                     : &hf_kind_volume;
}

/* The only source of the job that is of the kind, or NULL. */
static const char *only_source(const struct hf_config *config, const struct hf_config_job *job,
                               const struct hf_kind *kind)
{
    const char *found = NULL;

    for (size_t i = 0; i < job->sources.count; i++) {
        const struct hf_config_source *source = hf_config_source(config, job->sources.items[i]);

        if (!source || source->kind != kind)
            continue;
        if (found)
            return NULL;
        found = source->name;
    }
    return found;
}

static enum hf_status settle_source(const struct hf_fields_file *file,
                                    const struct hf_config *config, const struct hf_config_job *job,
                                    struct hf_config_assertion *a, struct hf_error *err)
{
    const struct hf_kind *kind = kind_for(a->type);
    const struct hf_yaml at = {.line = a->line, .column = a->column};
    const struct hf_config_source *source;

    if (!a->source) {
        const char *only = only_source(config, job, kind);

        if (!only)
            return hf_fields_error(file, &at, err,
                                   "an assertion in the drill of job \"%s\" must say of which "
                                   "\"source\" it is: the job has not exactly one that is %s",
                                   job->name, kind->noun);
        return hf_text_copy(only, &a->source, err);
    }
    source = hf_config_source(config, a->source);
    if (!source || !hf_strings_contain(&job->sources, a->source))
        return hf_fields_error(file, &at, err, "job \"%s\" has no source \"%.100s\" to assert",
                               job->name, a->source);
    if (source->kind != kind)
        return hf_fields_error(file, &at, err,
                               "an assertion about \"%s\" is for %s, which it is not", a->source,
                               kind->noun);
    return HF_OK;
}

enum hf_status hf_config_check_drill(const struct hf_fields_file *file,
                                     const struct hf_config *config,
                                     const struct hf_config_job *job, struct hf_error *err)
{
    struct hf_config_drill *drill = job->drill;

    for (size_t i = 0; drill && i < drill->assertion_count; i++)
        HF_TRY(settle_source(file, config, job, &drill->assertions[i], err));
    return HF_OK;
}
