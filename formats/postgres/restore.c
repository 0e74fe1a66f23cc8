#include "formats/postgres/restore.h"

#include "base/json.h"
#include "base/pool.h"
#include "formats/postgres/capture.h"
#include "formats/postgres/restore_globals.h"
#include "formats/postgres/restore_job.h"

#include <string.h>

struct run {
    const struct hf_pg_config *config;
    const json_t *properties;
    const struct hf_feed *feed;
    const struct hf_restore_options *options;
    const struct hf_work *work;
    bool server;          /* every database under its own name */
    json_t *reports;      /* of databases */
    json_t *notes;        /* of the whole */
    bool compared, equal; /* all of them */
};

static void free_job(struct hf_pg_job *job)
{
    hf_pg_close(job->maintenance);
    hf_pg_tool_free(&job->pg_restore);
    hf_pg_tool_free(&job->pg_dump);
    hf_pg_tool_free(&job->psql);
    hf_pg_load_plan_free(job->plan);
    hf_pg_input_free(&job->input);
    hf_strings_free(&job->made_roles);
    json_decref(job->differences);
    json_decref(job->notes);
}

static enum hf_status note_left_out(struct hf_pg_job *job, struct hf_error *err)
{
    const struct hf_strings *list = &job->input.selection.left_out;

    for (size_t i = 0; i < list->count; i++)
        HF_TRY(hf_pg_job_note(job, err, "%s", list->items[i]));
    return HF_OK;
}

/* What comes after the rows, in the order in which nothing stands in another's way. */
static enum hf_status finish(struct hf_pg_job *job, struct hf_error *err)
{
    {
        HF_AUTO_PTR(hf_pg) pg = NULL;

        HF_TRY(hf_pg_job_connect(job, job->temporary, &pg, err));
        HF_TRY(hf_pg_restore_sequences(job, pg, err));
        HF_TRY(hf_pg_restore_large_objects(job, pg, err));
    }
    HF_TRY(hf_pg_stage_run(job, HF_PG_STAGE_POST_DATA, err));
    HF_TRY(hf_pg_stage_run(job, HF_PG_STAGE_ACL, err));
    {
        HF_AUTO_PTR(hf_pg) pg = NULL;

        HF_TRY(hf_pg_job_connect(job, job->temporary, &pg, err));
        HF_TRY(hf_pg_refresh_matviews(job, pg, err));
    }
    HF_TRY(hf_pg_stage_run(job, HF_PG_STAGE_EVENT_TRIGGERS, err));
    return hf_pg_analyze(job, err);
}

static enum hf_status mismatch(const struct hf_pg_job *job, struct hf_error *err)
{
    size_t count = json_array_size(job->differences);
    const json_t *first = json_array_get(job->differences, 0);

    if (count == 0)
        return HF_OK;
    return hf_error_set(err, HF_MISMATCH,
                        "%zu difference%s between what was captured and what was restored, the "
                        "first: %s %s; the restored database was dropped (--no-compare gives it "
                        "all the same)",
                        count, hf_text_plural(count),
                        json_string_value(json_object_get(first, "what")),
                        json_string_value(json_object_get(first, "name")));
}

static enum hf_status settle(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;

    HF_TRY(hf_pg_job_connect(job, job->temporary, &pg, err));
    HF_TRY(hf_pg_database_settings(job, err));
    return job->options->no_compare ? HF_OK : hf_pg_compare_properties(job, pg, err);
}

/* From an empty database to one that is whole, compared and named. */
static enum hf_status fill(struct hf_pg_job *job, struct hf_error *err)
{
    HF_TRY(hf_pg_target_create(job, err));
    HF_TRY(hf_pg_roles_create(job, err));
    HF_TRY(hf_pg_stage_run(job, HF_PG_STAGE_PRE_DATA, err));
    HF_TRY(hf_pg_route_partitions(job, err));
    HF_TRY(hf_pg_load(job, err));
    HF_TRY(finish(job, err));
    if (!job->options->no_compare)
        HF_TRY(hf_pg_compare(job, err));
    HF_TRY(settle(job, err));
    HF_TRY(mismatch(job, err));
    HF_TRY(hf_cancel_check(job->work->cancel, err));
    return hf_pg_target_publish(job, err);
}

static enum hf_status read_input(struct hf_pg_job *job, const char *source, struct hf_error *err)
{
    const json_t *tables = json_object_get(job->database, "tables");
    const struct hf_pg_choice choice = {.schemas = &job->options->schemas,
                                        .tables = &job->options->tables};

    return hf_pg_input_read(job->feed, source,
                            json_is_integer(tables) ? (int64_t)json_integer_value(tables) : -1,
                            &choice, &job->input, err);
}

/* Nothing but what every database has. */
static bool is_empty_snapshot(const struct hf_pg_job *job)
{
    const struct hf_pg_toc *toc = job->input.toc;

    for (size_t i = 0; i < toc->count; i++)
        if (hf_pg_entry_stage(toc, i) != HF_PG_STAGE_NONE)
            return false;
    return job->input.tables_count == 0;
}

static const char is_empty_target[] =
    "SELECT NOT (EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384 AND relnamespace <>"
    " 'pg_toast'::pg_catalog.regnamespace) OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >="
    " 16384) OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384) OR EXISTS (SELECT FROM"
    " pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_') OR EXISTS (SELECT FROM"
    " pg_catalog.pg_largeobject_metadata) OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid"
    " >= 16384))";

static bool is_standard(const char *name)
{
    return strcmp(name, "postgres") == 0 || strcmp(name, "template1") == 0;
}

/* Every server has a database postgres and a template1: those that hold nothing may be replaced.
 * *out_skip: neither side's holds anything. */
static enum hf_status judge_standard(struct hf_pg_job *job, bool *out_skip, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;
    HF_AUTO_FREE char *empty = NULL;
    enum hf_status status;

    if (!is_standard(job->target))
        return HF_OK;
    if (is_empty_snapshot(job)) {
        *out_skip = true;
        return hf_pg_job_note(job, err, "holds nothing in the snapshot: that of the target stays");
    }
    if (job->replace)
        return HF_OK;
    status = hf_pg_job_connect(job, job->target, &pg, err);
    if (status == HF_NOT_FOUND)
        return HF_OK;
    if (status != HF_OK)
        return status;
    HF_TRY(hf_pg_query_value(pg, is_empty_target, &empty, err));
    job->replace = strcmp(empty, "t") == 0;
    return HF_OK;
}

static enum hf_status restore_steps(struct hf_pg_job *job, const char *source, bool server,
                                    struct hf_error *err)
{
    bool skip = false;

    HF_TRY(read_input(job, source, err));
    if (server)
        HF_TRY(judge_standard(job, &skip, err));
    if (skip)
        return HF_OK;
    HF_TRY(note_left_out(job, err));
    HF_TRY(hf_pg_target_open(job, err));
    HF_TRY(hf_pg_preflight(job, err));
    if (fill(job, err) != HF_OK) {
        hf_pg_target_drop(job);
        return err->status;
    }
    return HF_OK;
}

static enum hf_status add_report(struct run *run, const struct hf_pg_job *job, const char *source,
                                 struct hf_error *err)
{
    bool compared = !job->options->no_compare;
    bool equal = compared && json_array_size(job->differences) == 0;
    json_t *roles = json_array();
    json_t *report = NULL;

    for (size_t i = 0; i < job->made_roles.count; i++)
        (void)json_array_append_new(roles, json_string(job->made_roles.items[i]));

    HF_TRY(hf_json_pack(
        &report, err, "{s:s, s:s, s:s?, s:I, s:I, s:I, s:b, s:b, s:b, s:O, s:O, s:o}", "name",
        source, "restored_as", job->target, "kept_aside", job->aside[0] ? job->aside : NULL,
        "tables", (json_int_t)job->input.tables_count, "rows", (json_int_t)job->input.rows, "bytes",
        (json_int_t)job->input.bytes, "partial",
        !job->input.selection.everything || job->left_out_objects, "compared", compared, "equal",
        equal, "differences", job->differences, "notes", job->notes, "roles", roles));
    if (json_array_append_new(run->reports, report) != 0)
        return hf_error_memory(err);
    run->compared &= compared;
    run->equal &= equal;
    return HF_OK;
}

static enum hf_status restore_database(struct run *run, const json_t *database, const char *target,
                                       struct hf_error *err)
{
    struct hf_pg_job job = {
        .config = run->config,
        .options = run->options,
        .work = run->work,
        .feed = run->feed,
        .server = json_object_get(run->properties, "server"),
        .database = database,
        .target = target,
        .replace = run->options->replace,
        .jobs = hf_pg_capture_jobs(run->config, run->work),
        .input = HF_PG_INPUT_INIT,
        .differences = json_array(),
        .notes = json_array(),
    };
    struct hf_error ignored = HF_ERROR_INIT;
    const char *source = "";
    enum hf_status status = HF_OK;

    hf_pg_digest_key_make(&job.key);
    if (!job.differences || !job.notes)
        status = hf_error_memory(err);
    if (status == HF_OK)
        status = hf_json_string(database, "name", &source, err);
    if (status == HF_OK)
        status = restore_steps(&job, source, run->server, err);
    if (status == HF_OK)
        status = add_report(run, &job, source, err);
    else if (status == HF_MISMATCH)
        (void)!add_report(run, &job, source, &ignored);
    free_job(&job);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "database %s", target);
}

/* The databases that are asked for, each checked for having a name. */
static enum hf_status choose_databases(const struct run *run, json_t *chosen, struct hf_error *err)
{
    json_t *all;
    json_t *item;
    size_t i;

    HF_TRY(hf_json_array(run->properties, "databases", &all, err));
    json_array_foreach (all, i, item) {
        const char *name;

        HF_TRY(hf_json_string(item, "name", &name, err));
        if (run->options->database && strcmp(run->options->database, name) != 0)
            continue;
        if (json_array_append(chosen, item) != 0)
            return hf_error_memory(err);
    }
    if (json_array_size(chosen) == 0)
        return hf_error_set(err, HF_NOT_FOUND, "the snapshot has no database \"%s\"",
                            run->options->database ? run->options->database : "");
    if (json_array_size(chosen) > 1 && run->options->target)
        return hf_error_set(err, HF_USAGE,
                            "the snapshot has %zu databases: say which one to restore as \"%s\" "
                            "(--database)",
                            json_array_size(chosen), run->options->target);
    return HF_OK;
}

/* Before anything is changed: a server that has one of the databases is not the empty one that this
 * is for. */
static enum hf_status check_names(const struct run *run, struct hf_pg *pg, const json_t *chosen,
                                  struct hf_error *err)
{
    json_t *database;
    size_t i;

    json_array_foreach (chosen, i, database) {
        const char *name = json_string_value(json_object_get(database, "name"));
        HF_AUTO_RESULT found = NULL;

        if (run->options->replace || is_standard(name))
            continue;
        HF_TRY(hf_pg_query_params(pg, "SELECT FROM pg_catalog.pg_database WHERE datname = $1", 1,
                                  &name, false, &found, err));
        if (PQntuples(found) > 0)
            return hf_error_set(err, HF_EXISTS,
                                "database \"%s\" exists: restore it alone under another name "
                                "(--database, --to), or use --replace to rename it aside",
                                name);
    }
    return HF_OK;
}

static enum hf_status prepare_server(struct run *run, const json_t *chosen, struct hf_error *err)
{
    struct hf_pg_address address = hf_pg_address_of(run->config, "postgres");
    HF_AUTO_PTR(hf_pg) pg = NULL;

    HF_TRY(hf_pg_connect(&address, run->work->cancel, &pg, err));
    HF_TRY(check_names(run, pg, chosen, err));
    if (!json_is_true(json_object_get(run->properties, "globals")) || run->options->no_owner)
        return HF_OK;
    hf_observe(run->work->observer, HF_NOTE_STEP, "restoring roles and tablespaces");
    return hf_pg_restore_globals(pg, run->feed, run->notes, err);
}

/* A database that differs does not keep the others from being restored. */
static enum hf_status restore_all(struct run *run, const json_t *chosen, struct hf_error *err)
{
    struct hf_error first = HF_ERROR_INIT;
    json_t *database;
    size_t i;

    if (run->server)
        HF_TRY(prepare_server(run, chosen, err));
    json_array_foreach (chosen, i, database) {
        const char *target = run->options->target;
        enum hf_status status;

        if (!target)
            target = json_string_value(json_object_get(database, "name"));
        status = restore_database(run, database, target, err);
        if (status == HF_MISMATCH && first.status == HF_OK)
            first = *err;
        else if (status != HF_OK && status != HF_MISMATCH)
            return status;
    }
    if (first.status != HF_OK)
        *err = first;
    return first.status;
}

static enum hf_status restore(struct run *run, json_t **out_report, struct hf_error *err)
{
    HF_AUTO_JSON chosen = json_array();
    struct hf_error ignored = HF_ERROR_INIT;
    enum hf_status status;

    if (!chosen || !run->reports || !run->notes)
        return hf_error_memory(err);
    HF_TRY(choose_databases(run, chosen, err));
    run->server = !run->options->target && !run->options->database;
    status = restore_all(run, chosen, err);
    if (status == HF_OK || status == HF_MISMATCH) {
        json_t *report = NULL;
        enum hf_status made = hf_json_pack(
            &report, status == HF_OK ? err : &ignored, "{s:O, s:b, s:b, s:O}", "databases",
            run->reports, "compared", run->compared, "equal", run->equal, "notes", run->notes);

        if (made == HF_OK)
            *out_report = report;
        else if (status == HF_OK)
            return made;
    }
    return status;
}

enum hf_status hf_pg_restore(const void *config, const json_t *properties,
                             const struct hf_feed *feed, const struct hf_restore_options *options,
                             const struct hf_work *work, json_t **out_report, struct hf_error *err)
{
    struct run run = {
        .config = config,
        .properties = properties,
        .feed = feed,
        .options = options,
        .work = work,
        .reports = json_array(),
        .notes = json_array(),
        .compared = true,
        .equal = true,
    };
    enum hf_status status = restore(&run, out_report, err);

    json_decref(run.reports);
    json_decref(run.notes);
    return status;
}
