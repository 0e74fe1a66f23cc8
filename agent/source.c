#include "agent/source.h"

#include "agent/conninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum hf_option_id url_options[] = {
    HF_OPT_NAME,          HF_OPT_DATABASE,     HF_OPT_SCHEMA,  HF_OPT_TABLE, HF_OPT_EXCLUDE_SCHEMA,
    HF_OPT_EXCLUDE_TABLE, HF_OPT_EXCLUDE_DATA, HF_OPT_BIN_DIR, HF_OPT_SPLIT, HF_OPT_LOCK_TIMEOUT};

/* '@' ends a source's name where a snapshot is named. */
static enum hf_status check_name(const char *name, struct hf_error *err)
{
    bool good = strlen(name) <= HF_CONFIG_NAME_MAX && !strchr(name, '@');

    for (const char *c = name; *c; c++)
        good = good && (unsigned char)*c >= 0x20 && *c != 0x7f;
    if (good)
        return HF_OK;
    return hf_error_set(err, HF_USAGE,
                        "\"%.100s\" cannot be the name of a source: at most %d bytes, no \"@\", no "
                        "control characters; give another with --name",
                        name, HF_CONFIG_NAME_MAX);
}

static enum hf_status name_source(const struct hf_args *args, const struct hf_conninfo *info,
                                  char **out, struct hf_error *err)
{
    const char *name = hf_args_value(args, HF_OPT_NAME);

    if (!name)
        name = info->dbname;
    if (!name)
        name = info->host && info->host[0] != '/' ? info->host : "postgres";
    HF_TRY(check_name(name, err));
    return hf_text_copy(name, out, err);
}

static enum hf_status copy_list(const struct hf_args *args, enum hf_option_id id,
                                struct hf_strings *out, struct hf_error *err)
{
    for (size_t i = 0; i < args->values[id].count; i++)
        HF_TRY(hf_strings_add(out, args->values[id].items[i], err));
    return HF_OK;
}

static enum hf_status read_selection(const struct hf_args *args, struct hf_pg_config *pg,
                                     struct hf_error *err)
{
    const char *bin_dir = hf_args_value(args, HF_OPT_BIN_DIR);

    HF_TRY(copy_list(args, HF_OPT_DATABASE, &pg->databases, err));
    HF_TRY(copy_list(args, HF_OPT_SCHEMA, &pg->include_schemas, err));
    HF_TRY(copy_list(args, HF_OPT_TABLE, &pg->include_tables, err));
    HF_TRY(copy_list(args, HF_OPT_EXCLUDE_SCHEMA, &pg->exclude_schemas, err));
    HF_TRY(copy_list(args, HF_OPT_EXCLUDE_TABLE, &pg->exclude_tables, err));
    HF_TRY(copy_list(args, HF_OPT_EXCLUDE_DATA, &pg->exclude_data, err));
    HF_TRY(hf_args_size(args, HF_OPT_SPLIT, HF_CONFIG_SPLIT_MIN, HF_CONFIG_SPLIT_MAX, &pg->split,
                        err));
    HF_TRY(hf_args_number(args, HF_OPT_LOCK_TIMEOUT, 1, HF_CONFIG_LOCK_TIMEOUT_MAX,
                          &pg->lock_timeout, err));
    return bin_dir ? hf_text_copy(bin_dir, &pg->bin_dir, err) : HF_OK;
}

static enum hf_status fill_from_url(const struct hf_session *session, const char *url,
                                    struct hf_config_source *source, struct hf_error *err)
{
    HF_AUTO(hf_conninfo) info = {.text = NULL};

    HF_TRY(hf_conninfo_parse(url, &info, err));
    HF_TRY(name_source(session->args, &info, &source->name, err));
    source->postgres.conninfo = info.text;
    info.text = NULL;
    source->postgres.password = info.password;
    info.password = NULL;
    if (source->postgres.password)
        hf_output_warning(session->output,
                          "a password on the command line can be seen by others on this machine; "
                          "use a configuration file, PGPASSFILE or PGPASSWORD");
    HF_TRY(read_selection(session->args, &source->postgres, err));
    if (source->postgres.databases.count > 0)
        return HF_OK;
    source->postgres.all_databases = source->postgres.globals = info.dbname == NULL;
    source->dbname = info.dbname;
    info.dbname = NULL;
    return HF_OK;
}

enum hf_status hf_source_from_url(const struct hf_session *session, const char *url,
                                  struct hf_config_source *out, struct hf_error *err)
{
    struct hf_config_source source = {.name = NULL};

    if (fill_from_url(session, url, &source, err) != HF_OK) {
        hf_config_source_done(&source);
        return err->status;
    }
    *out = source;
    return HF_OK;
}

enum hf_status hf_source_prepare(const struct hf_session *session, struct hf_config_source *source,
                                 struct hf_error *err)
{
    char what[HF_CONFIG_NAME_MAX + 64];

    if (source->postgres.password)
        return HF_OK;
    (void)snprintf(what, sizeof what, "the password of source %s", source->name);
    return hf_secret_spec_read(&source->password, what, session->cancel, &source->postgres.password,
                               err);
}

enum hf_status hf_source_refuse_options(const struct hf_session *session, const char *name,
                                        struct hf_error *err)
{
    for (size_t i = 0; i < sizeof url_options / sizeof *url_options; i++) {
        if (session->args->given[url_options[i]])
            return hf_error_set(err, HF_USAGE,
                                "--%s is for a source given as a URL; \"%s\" has its settings in "
                                "the configuration",
                                hf_option(url_options[i])->name, name);
    }
    return HF_OK;
}

const char *hf_source_bin_dir(const struct hf_session *session, const char *name)
{
    const struct hf_config_source *source = hf_config_source(session->config, name);
    const char *said = hf_args_value(session->args, HF_OPT_BIN_DIR);

    return said || !source ? said : source->postgres.bin_dir;
}

enum hf_status hf_source_kind_find(const char *name, const struct hf_source_kind **out,
                                   struct hf_error *err)
{
    static const struct hf_source_kind *const kinds[] = {&hf_pg_source, NULL};

    for (size_t i = 0; kinds[i]; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            *out = kinds[i];
            return HF_OK;
        }
    }
    return hf_error_set(err, HF_UNSUPPORTED,
                        "the snapshot is of a %.60s, which this version of holdfast does not know",
                        name);
}
