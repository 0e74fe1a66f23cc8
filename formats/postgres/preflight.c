#include "formats/postgres/restore_job.h"

#include "base/json.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/restore_script.h"

#include <stdlib.h>
#include <string.h>

static int source_major(const struct hf_pg_job *job)
{
    return (int)(json_integer_value(json_object_get(job->server, "version_num")) / 10000);
}

static enum hf_status check_server(struct hf_pg_job *job, struct hf_error *err)
{
    const struct hf_pg *pg = job->maintenance;
    HF_AUTO_FREE char *standby = NULL;

    if (hf_pg_major(pg) < source_major(job))
        return hf_error_set(err, HF_MISSING,
                            "%s is PostgreSQL %d, older than the %d that the snapshot is of: "
                            "restore into a server of version %d or newer",
                            pg->where, hf_pg_major(pg), source_major(job), source_major(job));
    HF_TRY(hf_pg_query_value(job->maintenance, "SELECT pg_catalog.pg_is_in_recovery()", &standby,
                             err));
    if (strcmp(standby, "t") == 0)
        return hf_error_set(err, HF_DENIED,
                            "%s is a standby, which takes no changes: restore into its primary",
                            pg->where);
    return HF_OK;
}

static enum hf_status check_createdb(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO_RESULT row = NULL;

    HF_TRY(hf_pg_query(job->maintenance,
                       "SELECT rolname, rolcreatedb OR rolsuper AS may FROM pg_catalog.pg_roles"
                       " WHERE rolname = current_user",
                       &row, err));
    if (PQntuples(row) == 1 && hf_pg_field_bool(row, 0, "may"))
        return HF_OK;
    return hf_error_set(err, HF_DENIED,
                        "role \"%s\" may not create databases: have an administrator run ALTER "
                        "ROLE … CREATEDB, or restore as another role",
                        PQntuples(row) == 1 ? PQgetvalue(row, 0, 0) : "?");
}

static enum hf_status check_name(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO_RESULT rows = NULL;

    if (strlen(job->target) >= HF_PG_NAME_SIZE || job->target[0] == '\0')
        return hf_error_set(err, HF_USAGE, "a database's name has 1 to %d bytes: \"%s\"",
                            HF_PG_NAME_SIZE - 1, job->target);
    HF_TRY(hf_pg_query_params(job->maintenance,
                              "SELECT FROM pg_catalog.pg_database WHERE datname = $1", 1,
                              &job->target, false, &rows, err));
    if (PQntuples(rows) == 0)
        return HF_OK;
    if (!job->replace)
        return hf_error_set(err, HF_EXISTS,
                            "database \"%s\" exists: restore under another name (--to), or use "
                            "--replace to rename it aside",
                            job->target);
    return hf_pg_target_check_idle(job, err);
}

/* The version of an extension that the snapshot was taken with, or NULL. */
static const char *captured_version(const struct hf_pg_job *job, const char *extension)
{
    const json_t *list = json_object_get(job->database, "extensions");
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));

        if (name && strcmp(name, extension) == 0)
            return json_string_value(json_object_get(item, "version"));
    }
    return NULL;
}

static enum hf_status needed_extensions(const struct hf_pg_job *job, struct hf_strings *out,
                                        struct hf_error *err)
{
    const struct hf_pg_toc *toc = job->input.toc;

    for (size_t i = 0; i < toc->count; i++)
        if (job->input.selection.included[i] && strcmp(toc->entries[i].desc, "EXTENSION") == 0)
            HF_TRY(hf_strings_add(out, toc->entries[i].tag, err));
    return HF_OK;
}

static enum hf_status judge_extension(struct hf_pg_job *job, const PGresult *row, int i,
                                      struct hf_buf *missing, struct hf_buf *denied,
                                      struct hf_error *err)
{
    const char *name = PQgetvalue(row, i, 0);
    const char *offered = hf_pg_field(row, i, "default_version");
    const char *captured = captured_version(job, name);

    if (!offered)
        return hf_buf_printf(missing, err, "%s%s", missing->len > 0 ? ", " : "", name);
    if (!job->maintenance->superuser && hf_pg_field_bool(row, i, "superuser_only"))
        return hf_buf_printf(denied, err, "%s%s", denied->len > 0 ? ", " : "", name);
    if (captured && strcmp(captured, offered) != 0)
        return hf_pg_job_note(job, err,
                              "extension %s was of version %s and will be of %s, which the target "
                              "has",
                              name, captured, offered);
    return HF_OK;
}

static enum hf_status check_extensions(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_strings) needed = HF_STRINGS_INIT;
    HF_AUTO(hf_buf) array = HF_BUF_INIT;
    HF_AUTO(hf_buf) missing = HF_BUF_INIT;
    HF_AUTO(hf_buf) denied = HF_BUF_INIT;
    HF_AUTO_RESULT rows = NULL;
    const char *text;

    HF_TRY(needed_extensions(job, &needed, err));
    HF_TRY(hf_pg_quote_array(&array, (const char *const *)needed.items, needed.count, err));
    HF_TRY(hf_buf_cstr(&array, &text, err));
    HF_TRY(hf_pg_query_params(
        job->maintenance,
        "SELECT n.name, a.default_version, v.superuser AND NOT v.trusted AS superuser_only FROM"
        " pg_catalog.unnest($1::pg_catalog.text[]) n(name) LEFT JOIN"
        " pg_catalog.pg_available_extensions a ON a.name = n.name LEFT JOIN"
        " pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version ="
        " a.default_version ORDER BY 1",
        1, &text, false, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++)
        HF_TRY(judge_extension(job, rows, i, &missing, &denied, err));
    if (missing.len > 0)
        return hf_error_set(err, HF_MISSING,
                            "the target server does not have the extensions that the database "
                            "uses: %.*s: install the packages that bring them there (those of "
                            "PostgreSQL itself are in postgresql-contrib)",
                            (int)missing.len, (const char *)missing.data);
    if (denied.len > 0)
        return hf_error_set(err, HF_DENIED,
                            "only a superuser may create the extensions that the database uses: "
                            "%.*s: restore as one",
                            (int)denied.len, (const char *)denied.data);
    return HF_OK;
}

static enum hf_status check_tablespaces(struct hf_pg_job *job, struct hf_error *err)
{
    const struct hf_pg_toc *toc = job->input.toc;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_AUTO(hf_buf) array = HF_BUF_INIT;
    HF_AUTO_RESULT rows = NULL;
    const char *text;

    for (size_t i = 0; i < toc->count; i++) {
        const char *name = toc->entries[i].tablespace;

        if (job->input.selection.included[i] && *name && !hf_strings_contain(&names, name))
            HF_TRY(hf_strings_add(&names, name, err));
    }
    HF_TRY(hf_pg_quote_array(&array, (const char *const *)names.items, names.count, err));
    HF_TRY(hf_buf_cstr(&array, &text, err));
    HF_TRY(hf_pg_query_params(job->maintenance,
                              "SELECT pg_catalog.string_agg(n, ', ') FROM"
                              " pg_catalog.unnest($1::pg_catalog.text[]) n WHERE n NOT IN (SELECT"
                              " spcname FROM pg_catalog.pg_tablespace)",
                              1, &text, false, &rows, err));
    if (PQgetisnull(rows, 0, 0))
        return HF_OK;
    job->no_tablespaces = true;
    return hf_pg_job_note(job, err,
                          "tablespaces are not there (%s): everything goes into the default one",
                          PQgetvalue(rows, 0, 0));
}

/* pg_restore reads archives of its own version and older ones. */
static int least_restore(const struct hf_pg_toc *toc)
{
    return toc->minor >= 16 ? 17 : toc->minor == 15 ? 16 : 13;
}

static enum hf_status find_restore(struct hf_pg_job *job, struct hf_error *err)
{
    const char *bin_dir = job->config->bin_dir;
    struct hf_cancel *cancel = job->work->cancel;

    HF_TRY(hf_pg_tool_find(HF_PG_RESTORE, bin_dir, least_restore(job->input.toc), cancel,
                           &job->pg_restore, err));
    if (job->pg_restore.major < HF_PG_TRANSACTION_TIMEOUT_MAJOR ||
        hf_pg_major(job->maintenance) >= HF_PG_TRANSACTION_TIMEOUT_MAJOR)
        return HF_OK;
    return hf_pg_tool_find(HF_PG_PSQL, bin_dir, job->pg_restore.major, cancel, &job->psql, err);
}

/* The schema is best compared by the same pg_dump that captured it, which must not be older than
 * the target. */
static enum hf_status find_dump(struct hf_pg_job *job, struct hf_error *err)
{
    const char *bin_dir = job->config->bin_dir;
    int captured = (int)strtol(job->input.toc->dump_version, NULL, 10);
    int target = hf_pg_major(job->maintenance);

    if (job->options->no_compare)
        return HF_OK;
    if (hf_pg_tool_find(HF_PG_DUMP, bin_dir, captured > target ? captured : target,
                        job->work->cancel, &job->pg_dump, err) == HF_OK)
        return HF_OK;
    if (captured > target && hf_pg_tool_find(HF_PG_DUMP, bin_dir, target, job->work->cancel,
                                             &job->pg_dump, err) == HF_OK)
        return HF_OK;
    return hf_error_prefix(err, "comparing the schema (--no-compare does without)");
}

enum hf_status hf_pg_preflight(struct hf_pg_job *job, struct hf_error *err)
{
    HF_TRY(hf_pg_input_large_objects(&job->input, job->options, job->database, &job->wants_objects,
                                     err));
    HF_TRY(check_server(job, err));
    HF_TRY(check_createdb(job, err));
    HF_TRY(check_name(job, err));
    HF_TRY(check_extensions(job, err));
    HF_TRY(check_tablespaces(job, err));
    HF_TRY(hf_pg_roles_check(job, err));
    HF_TRY(find_restore(job, err));
    return find_dump(job, err);
}
