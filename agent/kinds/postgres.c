/* PostgreSQL, as the agent sees it. */
#include "agent/config/postgres.h"
#include "agent/config/conninfo.h"
#include "agent/kinds/kind.h"
#include "agent/kinds/restore_report.h"
#include "agent/kinds/show_postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const schemes[] = {"postgresql://", "postgres://", NULL};

static enum hf_status name_source(const struct hf_args *args, const struct hf_conninfo *info,
                                  char **out, struct hf_error *err)
{
    const char *name = hf_args_value(args, HF_OPT_NAME);

    if (!name)
        name = info->dbname;
    if (!name)
        name = info->host && info->host[0] != '/' ? info->host : "postgres";
    HF_TRY(hf_kind_check_name(name, err));
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
    HF_TRY(hf_args_large_objects(args, &pg->large_objects, err));
    HF_TRY(hf_args_size(args, HF_OPT_SPLIT, HF_CONFIG_SPLIT_MIN, HF_CONFIG_SPLIT_MAX, &pg->split,
                        err));
    HF_TRY(hf_args_number(args, HF_OPT_LOCK_TIMEOUT, 1, HF_CONFIG_LOCK_TIMEOUT_MAX,
                          &pg->lock_timeout, err));
    return bin_dir ? hf_text_copy(bin_dir, &pg->bin_dir, err) : HF_OK;
}

/* Moves what a URL says into a source; the database's name stays in info. */
static void take_address(const struct hf_session *session, struct hf_conninfo *info,
                         struct hf_config_source *out)
{
    struct hf_pg_config *pg = &out->as.postgres.config;

    pg->conninfo = info->text;
    info->text = NULL;
    pg->password = info->password;
    info->password = NULL;
    if (pg->password)
        hf_output_warning(session->output,
                          "a password on the command line can be seen by others on this machine; "
                          "use a configuration file, PGPASSFILE or PGPASSWORD");
}

static enum hf_status from_url(const struct hf_session *session, const char *url,
                               struct hf_config_source *out, struct hf_error *err)
{
    HF_AUTO(hf_conninfo) info = {.text = NULL};
    struct hf_pg_config *pg = &out->as.postgres.config;

    HF_TRY(hf_conninfo_parse(url, &info, err));
    HF_TRY(name_source(session->args, &info, &out->name, err));
    take_address(session, &info, out);
    HF_TRY(read_selection(session->args, pg, err));
    if (pg->databases.count > 0)
        return HF_OK;
    pg->all_databases = pg->globals = info.dbname == NULL;
    out->as.postgres.dbname = info.dbname;
    info.dbname = NULL;
    return HF_OK;
}

static enum hf_status prepare(const struct hf_session *session, struct hf_config_source *source,
                              struct hf_error *err)
{
    struct hf_pg_config *pg = &source->as.postgres.config;
    char what[HF_CONFIG_NAME_MAX + 64];

    if (pg->password)
        return HF_OK;
    (void)snprintf(what, sizeof what, "the password of source %s", source->name);
    return hf_secret_spec_read(&source->as.postgres.password, what, session->cancel, &pg->password,
                               err);
}

/* The command line has the last word, the snapshot's source the first. */
static enum hf_status choose_bin_dir(const struct hf_session *session,
                                     const struct hf_config_source *source,
                                     struct hf_pg_config *config, struct hf_error *err)
{
    const char *bin_dir = hf_args_value(session->args, HF_OPT_BIN_DIR);
    char *copy;

    if (!bin_dir && source)
        bin_dir = source->as.postgres.config.bin_dir;
    if (!bin_dir || bin_dir == config->bin_dir)
        return HF_OK;
    HF_TRY(hf_text_copy(bin_dir, &copy, err));
    free(config->bin_dir);
    config->bin_dir = copy;
    return HF_OK;
}

static enum hf_status target_from_url(struct hf_session *session, const char *url,
                                      struct hf_target *out, struct hf_error *err)
{
    HF_AUTO(hf_conninfo) info = {.text = NULL};
    struct hf_config_source *made = &out->made;

    if (hf_conninfo_parse(url, &info, err) != HF_OK)
        return hf_error_prefix(err, "--to");
    made->kind = &hf_kind_postgres;
    HF_TRY(hf_text_copy("--to", &made->name, err));
    take_address(session, &info, made);
    made->as.postgres.dbname = info.dbname;
    info.dbname = NULL;
    out->source = made;
    out->name = made->as.postgres.dbname;
    return HF_OK;
}

static enum hf_status target(struct hf_session *session, const char *to, const char *name,
                             struct hf_config_source *source, struct hf_target *out,
                             struct hf_error *err)
{
    const char *file = session->config->file;

    if (hf_conninfo_is_url(to)) {
        HF_TRY(target_from_url(session, to, out, err));
    } else if (strstr(to, "://")) {
        return hf_error_set(err, HF_USAGE, "--to takes a name or a postgresql:// URL");
    } else if (!source) {
        return hf_error_set(err, HF_USAGE,
                            "--to %.100s: on which server? %s has no source \"%s\"; write --to "
                            "postgresql://USER@HOST/%.100s",
                            to, file ? file : "the configuration", name, to);
    } else {
        out->source = source;
        out->name = to;
        HF_TRY(prepare(session, source, err));
    }
    return choose_bin_dir(session, source, &out->source->as.postgres.config, err);
}

static enum hf_status own_target(struct hf_session *session, struct hf_config_source *source,
                                 const char *suffix, struct hf_target *out, struct hf_error *err)
{
    const char *dbname = source->as.postgres.dbname;

    if (*suffix && !dbname)
        return hf_error_set(err, HF_USAGE,
                            "%s is a whole server, whose databases have their own names: restore "
                            "it to another server, --to %s=postgresql://USER@HOST",
                            source->name, source->name);
    if (dbname) {
        HF_TRY(hf_text_format(&out->made_name, err, "%s%s", dbname, suffix));
        out->name = out->made_name;
    }
    out->source = source;
    HF_TRY(prepare(session, source, err));
    return choose_bin_dir(session, source, &source->as.postgres.config, err);
}

static enum hf_status for_export(const struct hf_session *session,
                                 const struct hf_config_source *source,
                                 struct hf_config_source *out, struct hf_error *err)
{
    return choose_bin_dir(session, source, &out->as.postgres.config, err);
}

#define PARTS                                                                                      \
    (HF_OPTION_BIT(HF_OPT_DATABASE) | HF_OPTION_BIT(HF_OPT_SCHEMA) | HF_OPTION_BIT(HF_OPT_TABLE) | \
     HF_OPTION_BIT(HF_OPT_LARGE_OBJECTS) | HF_OPTION_BIT(HF_OPT_NO_LARGE_OBJECTS) |                \
     HF_OPTION_BIT(HF_OPT_BIN_DIR))

const struct hf_kind hf_kind_postgres = {
    .source = &hf_pg_source,
    .noun = "a PostgreSQL source",
    .records = "rows",
    .schemes = schemes,
    .url_options = PARTS | HF_OPTION_BIT(HF_OPT_NAME) | HF_OPTION_BIT(HF_OPT_EXCLUDE_SCHEMA) |
                   HF_OPTION_BIT(HF_OPT_EXCLUDE_TABLE) | HF_OPTION_BIT(HF_OPT_EXCLUDE_DATA) |
                   HF_OPTION_BIT(HF_OPT_SPLIT) | HF_OPTION_BIT(HF_OPT_LOCK_TIMEOUT),
    .restore_options = PARTS | HF_OPTION_BIT(HF_OPT_NO_OWNER) | HF_OPTION_BIT(HF_OPT_NO_ACL),
    .read = hf_config_read_postgres,
    .done = hf_config_postgres_done,
    .from_url = from_url,
    .prepare = prepare,
    .target = target,
    .own_target = own_target,
    .for_export = for_export,
    .report = hf_restore_report_databases,
    .show = hf_show_postgres,
};
