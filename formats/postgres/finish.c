/* What follows the rows: sequences, materialized views, statistics. */
#include "formats/postgres/restore_job.h"

#include "base/json.h"
#include "base/pool.h"
#include "formats/postgres/copy.h"
#include "formats/postgres/copy_text.h"
#include "formats/postgres/quote.h"

#include <pthread.h>
#include <string.h>

/* Those that are there: a partial restore leaves some out. */
static enum hf_status set_sequences(struct hf_pg_job *job, struct hf_pg *pg, struct hf_error *err)
{
    HF_AUTO_RESULT missing = NULL;

    HF_TRY(hf_pg_run(pg,
                     "SELECT pg_catalog.count(pg_catalog.setval(r, last_value, is_called)) FROM"
                     " (SELECT *, pg_catalog.to_regclass(pg_catalog.format('%I.%I', schema, name))"
                     " AS r FROM pg_temp.holdfast_sequences) s WHERE r IS NOT NULL",
                     err));
    if (!job->input.selection.everything)
        return HF_OK;
    HF_TRY(hf_pg_query(pg,
                       "SELECT pg_catalog.format('%I.%I', schema, name) FROM"
                       " pg_temp.holdfast_sequences WHERE pg_catalog.to_regclass("
                       "pg_catalog.format('%I.%I', schema, name)) IS NULL",
                       &missing, err));
    for (int i = 0; i < PQntuples(missing); i++)
        HF_TRY(hf_pg_job_differ(job, "sequence", PQgetvalue(missing, i, 0), "present", "missing",
                                err));
    return HF_OK;
}

enum hf_status hf_pg_restore_sequences(struct hf_pg_job *job, struct hf_pg *pg,
                                       struct hf_error *err)
{
    HF_AUTO(hf_buf) rows = HF_BUF_INIT;
    uint64_t count;

    HF_TRY(hf_pg_job_stream(job, "sequences", &rows, err));
    if (rows.len == 0)
        return HF_OK;
    HF_TRY(hf_pg_run(pg,
                     "CREATE TEMPORARY TABLE holdfast_sequences (schema pg_catalog.text, name"
                     " pg_catalog.text, last_value pg_catalog.int8, is_called pg_catalog.bool)",
                     err));
    HF_TRY(hf_pg_copy_in_begin(pg, "COPY pg_temp.holdfast_sequences FROM STDIN", err));
    if (hf_pg_copy_in_write(pg, rows.data, rows.len, err) != HF_OK ||
        hf_pg_copy_in_end(pg, &count, err) != HF_OK) {
        hf_pg_copy_in_abort(pg);
        return hf_error_prefix(err, "sequences");
    }
    if (set_sequences(job, pg, err) != HF_OK)
        return hf_error_prefix(err, "sequences");
    return HF_OK;
}

static bool takes_matview(const struct hf_pg_job *job, const char *schema, const char *name)
{
    const struct hf_pg_toc *toc = job->input.toc;

    if (job->input.selection.everything)
        return true;
    for (size_t i = 0; i < toc->count; i++)
        if (job->input.selection.included[i] &&
            strcmp(toc->entries[i].desc, "MATERIALIZED VIEW") == 0 &&
            strcmp(toc->entries[i].tag, name) == 0 && strcmp(toc->entries[i].nspace, schema) == 0)
            return true;
    return false;
}

/* The search path that sessions in the database had by themselves. */
static const char *own_search_path(const struct hf_pg_job *job)
{
    const json_t *settings = json_object_get(job->database, "settings");
    const json_t *group;
    const json_t *item;
    size_t i;
    size_t j;

    json_array_foreach (settings, i, group) {
        if (!json_is_null(json_object_get(group, "role")))
            continue;
        json_array_foreach (json_object_get(group, "settings"), j, item) {
            const char *text = json_string_value(item);

            if (text && strncmp(text, "search_path=", 12) == 0)
                return text + 12;
        }
    }
    return "\"$user\", public";
}

/* A view that calls a function which trusts the search path works under the database's own only. */
static enum hf_status refresh_by_own_path(struct hf_pg_job *job, struct hf_pg *pg, const char *sql,
                                          const char *name, struct hf_error *err)
{
    const char *path = own_search_path(job);
    struct hf_error cause = HF_ERROR_INIT;
    HF_AUTO_RESULT ignored = NULL;

    HF_TRY(hf_pg_query_params(pg, "SELECT pg_catalog.set_config('search_path', $1, false)", 1,
                              &path, false, &ignored, err));
    if (hf_pg_run(pg, sql, &cause) != HF_OK) {
        *err = cause;
        return hf_error_prefix(err, "materialized view %s", name);
    }
    HF_TRY(hf_pg_run(pg, "SET search_path = ''", err));
    return hf_pg_job_note(job, err,
                          "materialized view %s calls functions that depend on the search path; it "
                          "was refreshed under that of the database",
                          name);
}

static enum hf_status refresh(struct hf_pg_job *job, struct hf_pg *pg, const char *schema,
                              const char *name, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_error cause = HF_ERROR_INIT;
    const char *text;

    HF_TRY(hf_buf_append_str(&sql, "REFRESH MATERIALIZED VIEW ", err));
    HF_TRY(hf_pg_quote_qualified(&sql, schema, name, err));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    if (hf_pg_run(pg, text, &cause) == HF_OK)
        return HF_OK;
    if (cause.status != HF_NOT_FOUND && cause.status != HF_FAILED) {
        *err = cause;
        return hf_error_prefix(err, "materialized view %s.%s", schema, name);
    }
    return refresh_by_own_path(job, pg, text, name, err);
}

enum hf_status hf_pg_refresh_matviews(struct hf_pg_job *job, struct hf_pg *pg, struct hf_error *err)
{
    HF_AUTO(hf_buf) stream = HF_BUF_INIT;
    struct hf_pg_rows rows;
    const char *row;
    size_t len;

    HF_TRY(hf_pg_job_stream(job, "matviews", &stream, err));
    if (stream.len > 0)
        hf_pg_job_step(job, "refreshing materialized views");
    hf_pg_rows_init(&rows, stream.data, stream.len);
    while (hf_pg_rows_next(&rows, &row, &len)) {
        HF_AUTO(hf_buf) storage = HF_BUF_INIT;
        const char *fields[3];

        HF_TRY(hf_pg_text_split(row, len, "stream matviews", &storage, fields, 3, err));
        if (!fields[0] || !fields[1] || !fields[2] || rows.torn)
            return hf_error_set(err, HF_DAMAGED, "stream matviews: a row is not whole");
        if (strcmp(fields[2], "t") == 0 && takes_matview(job, fields[0], fields[1]))
            HF_TRY(refresh(job, pg, fields[0], fields[1], err));
    }
    return HF_OK;
}

struct analyzer {
    struct hf_pg_job *job;
    PGresult *relations; /* only read by the threads */
    pthread_mutex_t lock;
    int next;
    struct hf_strings failures; /* why some have no statistics */
};

static const char *take_relation(struct analyzer *a)
{
    const char *name = NULL;

    (void)pthread_mutex_lock(&a->lock);
    if (a->next < PQntuples(a->relations))
        name = PQgetvalue(a->relations, a->next++, 0);
    (void)pthread_mutex_unlock(&a->lock);
    return name;
}

/* Rows are not worth less without statistics: what the server says is kept, for a note. */
static enum hf_status analyze(struct analyzer *a, struct hf_pg *pg, const char *name,
                              struct hf_error *err)
{
    struct hf_error cause = HF_ERROR_INIT;
    HF_AUTO_FREE char *text = NULL;
    enum hf_status status;

    if (hf_pg_runf(pg, &cause, "ANALYZE %s", name) == HF_OK)
        return HF_OK;
    if (cause.status == HF_UNREACHABLE || cause.status == HF_CANCELLED ||
        cause.status == HF_NO_MEMORY) {
        *err = cause;
        return cause.status;
    }
    HF_TRY(hf_text_format(&text, err, "%s has no statistics: %s", name, cause.text));
    (void)pthread_mutex_lock(&a->lock);
    status = hf_strings_add(&a->failures, text, err);
    (void)pthread_mutex_unlock(&a->lock);
    return status;
}

static enum hf_status run_analyzer(void *arg, size_t index, struct hf_error *err)
{
    struct analyzer *a = arg;
    HF_AUTO_PTR(hf_pg) pg = NULL;
    const char *name;

    (void)index;
    HF_TRY(hf_pg_job_connect(a->job, a->job->temporary, &pg, err));
    while ((name = take_relation(a)) != NULL)
        HF_TRY(analyze(a, pg, name, err));
    return HF_OK;
}

/* Not those with foreign tables below them: what these are of may be far away, large, or gone. */
static enum hf_status list_relations(struct hf_pg_job *job, PGresult **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;

    HF_TRY(hf_pg_job_connect(job, job->temporary, &pg, err));
    return hf_pg_query(pg,
                       "SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c WHERE relkind"
                       " IN ('r', 'p', 'm') AND relnamespace NOT IN ('pg_catalog'::"
                       "pg_catalog.regnamespace, 'information_schema'::pg_catalog.regnamespace,"
                       " 'pg_toast'::pg_catalog.regnamespace) AND NOT EXISTS (WITH RECURSIVE below"
                       " AS (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = c.oid"
                       " UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN below b ON"
                       " i.inhparent = b.inhrelid) SELECT FROM below JOIN pg_catalog.pg_class f ON"
                       " f.oid = inhrelid WHERE f.relkind = 'f') ORDER BY relpages DESC",
                       out, err);
}

enum hf_status hf_pg_analyze(struct hf_pg_job *job, struct hf_error *err)
{
    struct analyzer a = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct hf_pool *pool = NULL;
    enum hf_status status = list_relations(job, &a.relations, err);

    hf_pg_job_step(job, "collecting statistics");
    if (status == HF_OK)
        status = hf_pool_start(job->jobs, run_analyzer, NULL, &a, job->work->cancel, &pool, err);
    if (status == HF_OK)
        status = hf_pool_join(pool, err);
    for (size_t i = 0; status == HF_OK && i < a.failures.count; i++)
        status = hf_pg_job_note(job, err, "%s", a.failures.items[i]);
    hf_strings_free(&a.failures);
    PQclear(a.relations);
    (void)pthread_mutex_destroy(&a.lock);
    return status;
}
