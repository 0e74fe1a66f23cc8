#include "agent/config/postgres.h"

#include "agent/config/conninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As written; what becomes of it: assemble below. */
struct written {
    char *dsn;
    char *host, *user, *database;
    char *sslmode, *sslrootcert, *sslcert, *sslkey;
    unsigned port, connect_timeout;
    struct hf_secret_spec password;
    struct hf_strings databases;
    bool all_databases, globals, large_objects;
    struct hf_strings schemas, tables, exclude_schemas, exclude_tables, exclude_data;
    char *bin_dir;
    uint64_t split;
    unsigned jobs, lock_timeout;
};

#define FIELD(name, kind, ...)                                                                     \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind, .offset = offsetof(struct written, name),           \
        __VA_ARGS__                                                                                \
    }

static const struct hf_field fields[] = {
    FIELD(dsn, TEXT, .min = 0),
    FIELD(host, TEXT, .min = 0),
    FIELD(port, NUMBER, .min = 1, .max = 65535),
    FIELD(user, TEXT, .min = 0),
    FIELD(database, TEXT, .min = 0),
    FIELD(password, SECRET, .min = 0),
    FIELD(sslmode, TEXT, .min = 0),
    FIELD(sslrootcert, TEXT, .min = 0),
    FIELD(sslcert, PATH, .min = 0),
    FIELD(sslkey, PATH, .min = 0),
    FIELD(connect_timeout, NUMBER, .min = 2, .max = 3600),
    FIELD(databases, TEXTS, .min = 0),
    FIELD(all_databases, BOOL, .min = 0),
    FIELD(globals, BOOL, .min = 0),
    FIELD(schemas, TEXTS, .min = 0),
    FIELD(tables, TEXTS, .min = 0),
    FIELD(exclude_schemas, TEXTS, .min = 0),
    FIELD(exclude_tables, TEXTS, .min = 0),
    FIELD(exclude_data, TEXTS, .min = 0),
    FIELD(large_objects, BOOL, .min = 0),
    FIELD(bin_dir, PATH, .min = 0),
    FIELD(split, SIZE, .min = HF_CONFIG_SPLIT_MIN, .max = HF_CONFIG_SPLIT_MAX),
    FIELD(jobs, NUMBER, .min = 1, .max = HF_CONFIG_JOBS_MAX),
    FIELD(lock_timeout, NUMBER, .min = 1, .max = HF_CONFIG_LOCK_TIMEOUT_MAX),
    {.key = NULL},
};

static void written_auto(struct written *w)
{
    char *const texts[] = {w->host,        w->user,    w->database, w->sslmode,
                           w->sslrootcert, w->sslcert, w->sslkey,   w->bin_dir};
    struct hf_strings *const lists[] = {
        &w->databases,      &w->schemas,      &w->tables, &w->exclude_schemas,
        &w->exclude_tables, &w->exclude_data, NULL};

    if (w->dsn)
        explicit_bzero(w->dsn, strlen(w->dsn));
    free(w->dsn);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; lists[i]; i++)
        hf_strings_free(lists[i]);
    hf_secret_spec_done(&w->password);
}

/* Keys that say the same thing in two ways. */
static enum hf_status check_conflicts(const struct hf_fields_file *file, const struct hf_yaml *map,
                                      const char *where, struct hf_error *err)
{
    static const char *const pairs[][2] = {
        {"dsn", "host"},
        {"dsn", "port"},
        {"dsn", "user"},
        {"dsn", "database"},
        {"dsn", "sslmode"},
        {"dsn", "sslrootcert"},
        {"dsn", "sslcert"},
        {"dsn", "sslkey"},
        {"dsn", "connect_timeout"},
        {"database", "databases"},
        {"database", "all_databases"},
        {"databases", "all_databases"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (hf_yaml_key(map, pairs[i][0]) && hf_yaml_key(map, pairs[i][1]))
            return hf_fields_error(file, hf_fields_key(map, pairs[i][1]), err,
                                   "\"%s\" and \"%s\" %s cannot be given together", pairs[i][0],
                                   pairs[i][1], where);
    }
    return HF_OK;
}

static enum hf_status check_sslmode(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    const char *where, const char *mode, struct hf_error *err)
{
    static const char *const modes[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};

    if (!mode)
        return HF_OK;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(mode, modes[i]) == 0)
            return HF_OK;
    }
    return hf_fields_error(file, hf_fields_key(map, "sslmode"), err,
                           "\"sslmode\" %s must be one of disable, allow, prefer, require, "
                           "verify-ca, verify-full",
                           where);
}

/* "system" is libpq's word for the certificates of the operating system. */
static enum hf_status add_rootcert(const struct hf_fields_file *file, struct hf_buf *text,
                                   const char *value, struct hf_error *err)
{
    HF_AUTO_FREE char *path = NULL;

    if (!value || strcmp(value, "system") == 0)
        return value ? hf_conninfo_add(text, "sslrootcert", value, err) : HF_OK;
    HF_TRY(hf_fields_path(file, value, &path, err));
    return hf_conninfo_add(text, "sslrootcert", path, err);
}

static enum hf_status conninfo_from_parts(const struct hf_fields_file *file,
                                          const struct written *w, char **out, struct hf_error *err)
{
    const struct {
        const char *key, *value;
    } texts[] = {{"host", w->host},       {"user", w->user},       {"dbname", w->database},
                 {"sslmode", w->sslmode}, {"sslcert", w->sslcert}, {"sslkey", w->sslkey}};
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *cstr;
    char number[16];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].value)
            HF_TRY(hf_conninfo_add(&text, texts[i].key, texts[i].value, err));
    }
    HF_TRY(add_rootcert(file, &text, w->sslrootcert, err));
    (void)snprintf(number, sizeof number, "%u", w->port);
    if (w->port)
        HF_TRY(hf_conninfo_add(&text, "port", number, err));
    (void)snprintf(number, sizeof number, "%u", w->connect_timeout);
    if (w->connect_timeout)
        HF_TRY(hf_conninfo_add(&text, "connect_timeout", number, err));
    HF_TRY(hf_buf_cstr(&text, &cstr, err));
    return hf_text_copy(cstr, out, err);
}

static enum hf_status conninfo_from_dsn(const struct hf_fields_file *file,
                                        const struct hf_yaml *map, const char *where,
                                        struct written *w, struct hf_config_postgres *out,
                                        struct hf_error *err)
{
    HF_AUTO(hf_conninfo) info = {.text = NULL};
    const struct hf_yaml *node = hf_fields_key(map, "dsn");

    if (hf_conninfo_parse(w->dsn, &info, err) != HF_OK)
        return hf_error_prefix(err, "%s:%u:%u: \"dsn\" %s", file->name, node->line, node->column,
                               where);
    if (info.password && w->password.from != HF_SECRET_NOWHERE)
        return hf_fields_error(file, node, err, "\"password\" %s is given already in \"dsn\"",
                               where);
    if (w->databases.count == 0 && !w->all_databases) {
        out->dbname = info.dbname;
        info.dbname = NULL;
    }
    out->config.conninfo = info.text;
    info.text = NULL;
    if (info.password) {
        out->password.from = HF_SECRET_TEXT;
        out->password.text = info.password;
        info.password = NULL;
    }
    return HF_OK;
}

static void move_strings(struct hf_strings *to, struct hf_strings *from)
{
    *to = *from;
    *from = (struct hf_strings)HF_STRINGS_INIT;
}

static void move_rest(struct written *w, const struct hf_yaml *map, struct hf_config_postgres *out)
{
    struct hf_pg_config *pg = &out->config;

    if (out->password.from == HF_SECRET_NOWHERE) {
        out->password = w->password;
        w->password = (struct hf_secret_spec){.from = HF_SECRET_NOWHERE};
    }
    move_strings(&pg->databases, &w->databases);
    move_strings(&pg->include_schemas, &w->schemas);
    move_strings(&pg->include_tables, &w->tables);
    move_strings(&pg->exclude_schemas, &w->exclude_schemas);
    move_strings(&pg->exclude_tables, &w->exclude_tables);
    move_strings(&pg->exclude_data, &w->exclude_data);
    pg->all_databases = w->all_databases;
    pg->globals = hf_yaml_key(map, "globals") ? w->globals : w->all_databases;
    if (hf_yaml_key(map, "large_objects"))
        pg->large_objects = w->large_objects ? HF_LARGE_OBJECTS_YES : HF_LARGE_OBJECTS_NO;
    pg->bin_dir = w->bin_dir;
    w->bin_dir = NULL;
    pg->split = w->split;
    pg->jobs = w->jobs;
    pg->lock_timeout = w->lock_timeout;
}

/* What is backed up must be said: libpq would otherwise guess from the user's name. */
static enum hf_status check_databases(const struct hf_fields_file *file, const struct hf_yaml *map,
                                      const char *where, const struct hf_config_postgres *out,
                                      struct hf_error *err)
{
    if (out->dbname || out->config.databases.count > 0 || out->config.all_databases)
        return HF_OK;
    return hf_fields_error(file, map, err,
                           "one of \"database\", \"databases\" and \"all_databases\" is missing %s",
                           where);
}

enum hf_status hf_config_read_postgres_server(const struct hf_fields_file *file,
                                              const struct hf_yaml *map, const char *where,
                                              struct hf_config_source *out, struct hf_error *err)
{
    __attribute__((cleanup(written_auto))) struct written w = {.dsn = NULL};
    struct hf_config_postgres *postgres = &out->as.postgres;

    HF_TRY(hf_fields_read(file, map, fields, where, &w, err));
    HF_TRY(check_conflicts(file, map, where, err));
    HF_TRY(check_sslmode(file, map, where, w.sslmode, err));
    if (w.dsn) {
        HF_TRY(conninfo_from_dsn(file, map, where, &w, postgres, err));
    } else {
        HF_TRY(conninfo_from_parts(file, &w, &postgres->config.conninfo, err));
        if (w.database)
            HF_TRY(hf_text_copy(w.database, &postgres->dbname, err));
    }
    move_rest(&w, map, postgres);
    return HF_OK;
}

enum hf_status hf_config_read_postgres(const struct hf_fields_file *file, const struct hf_yaml *map,
                                       const char *where, struct hf_config_source *out,
                                       struct hf_error *err)
{
    HF_TRY(hf_config_read_postgres_server(file, map, where, out, err));
    return check_databases(file, map, where, &out->as.postgres, err);
}

void hf_config_postgres_done(struct hf_config_source *source)
{
    struct hf_config_postgres *postgres = &source->as.postgres;

    hf_pg_config_done(&postgres->config);
    free(postgres->dbname);
    hf_secret_spec_done(&postgres->password);
}
