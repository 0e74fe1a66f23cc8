/*
 * Carries out the load plan with as many connections as there are jobs. A whole table goes in one
 * transaction with TRUNCATE, so that the server may freeze its rows and need not log them.
 */
#include "formats/postgres/restore_job.h"

#include "base/pool.h"
#include "formats/postgres/copy.h"
#include "formats/postgres/quote.h"

#include <inttypes.h>
#include <pthread.h>

struct loader {
    struct hf_pg_job *job;
    pthread_mutex_t lock; /* guards what tables were fed */
};

/* One COPY, to which the parts of a table are fed. */
struct loading {
    struct hf_pg *pg;
    struct hf_pg_digest *digest;
    const struct hf_observer *observer;
};

static enum hf_status feed_piece(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    const struct loading *loading = ctx;

    HF_TRY(hf_pg_digest_feed(loading->digest, data, len, err));
    HF_TRY(hf_pg_copy_in_write(loading->pg, data, len, err));
    hf_observe_advance(loading->observer, len, 0);
    return HF_OK;
}

/* The count that was captured, the one that was fed and the server's must agree. */
static enum hf_status check_rows(const struct hf_pg_task *task, uint64_t fed, uint64_t stored,
                                 struct hf_error *err)
{
    uint64_t captured = 0;

    for (size_t i = task->first; i < task->end; i++)
        captured += task->table->parts[i]->records;
    if (fed != captured)
        return hf_error_set(err, HF_DAMAGED,
                            "the snapshot holds %" PRIu64 " rows where %" PRIu64 " were captured",
                            fed, captured);
    if (stored != fed)
        return hf_error_set(err, HF_FAILED, "the server took %" PRIu64 " rows of %" PRIu64, stored,
                            fed);
    return HF_OK;
}

static enum hf_status feed_rows(struct loader *l, struct hf_pg *pg, const struct hf_pg_task *task,
                                struct hf_pg_digest *digest, struct hf_error *err)
{
    struct loading loading = {.pg = pg, .digest = digest, .observer = l->job->work->observer};
    struct hf_pg_digest_sum sum;
    uint64_t stored;

    for (size_t i = task->first; i < task->end; i++)
        HF_TRY(hf_feed_each(l->job->feed, task->table->parts[i]->name, feed_piece, &loading, err));
    HF_TRY(hf_pg_digest_end(digest, &sum, err));
    HF_TRY(hf_pg_copy_in_end(pg, &stored, err));
    HF_TRY(check_rows(task, sum.rows, stored, err));
    (void)pthread_mutex_lock(&l->lock);
    hf_pg_digest_add(&task->table->fed, &sum);
    (void)pthread_mutex_unlock(&l->lock);
    return HF_OK;
}

static enum hf_status copy_rows(struct loader *l, struct hf_pg *pg, const struct hf_pg_task *task,
                                bool freeze, struct hf_error *err)
{
    const struct hf_pg_rows_of *t = task->table;
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_pg_digest digest;
    enum hf_status status;
    const char *text;

    HF_TRY(hf_pg_copy_in_sql(&sql, t->root_table ? t->root_schema : t->schema,
                             t->root_table ? t->root_table : t->table, &t->columns, pg->encoding,
                             freeze, err));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    HF_TRY(hf_pg_copy_in_begin(pg, text, err));
    hf_pg_digest_init(&digest, l->job->options->no_compare ? NULL : &l->job->key);
    status = feed_rows(l, pg, task, &digest, err);
    hf_pg_digest_done(&digest);
    if (status != HF_OK)
        hf_pg_copy_in_abort(pg);
    return status;
}

/* "TRUNCATE ONLY t", or for an extension's table "DELETE FROM ONLY t WHERE …": what its script put
 * there is in the snapshot too. */
static enum hf_status empty_table(struct hf_pg *pg, const struct hf_pg_rows_of *t,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_buf_append_str(&sql, t->extension ? "DELETE FROM ONLY " : "TRUNCATE ONLY ", err));
    HF_TRY(hf_pg_quote_qualified(&sql, t->schema, t->table, err));
    if (t->extension && t->where)
        HF_TRY(hf_buf_printf(&sql, err, " %s", t->where));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    return hf_pg_run(pg, text, err);
}

static enum hf_status load_whole(struct loader *l, struct hf_pg *pg, const struct hf_pg_task *task,
                                 struct hf_error *err)
{
    if (task->table->root_table) /* its partition may have rows of others by now */
        return copy_rows(l, pg, task, false, err);
    HF_TRY(hf_pg_run(pg, "BEGIN", err));
    HF_TRY(empty_table(pg, task->table, err));
    HF_TRY(copy_rows(l, pg, task, !task->table->extension, err));
    return hf_pg_run(pg, "COMMIT", err);
}

static enum hf_status load_rows(struct loader *l, struct hf_pg *pg, const struct hf_pg_task *task,
                                struct hf_error *err)
{
    HF_TRY(task->whole ? load_whole(l, pg, task, err) : copy_rows(l, pg, task, false, err));
    hf_observe_advance(l->job->work->observer, 0, task->end == task->table->parts_count);
    return HF_OK;
}

static enum hf_status run_task(struct loader *l, struct hf_pg *pg, const struct hf_pg_task *task,
                               struct hf_error *err)
{
    enum hf_status status = task->kind == HF_PG_TASK_ROWS
                                ? load_rows(l, pg, task, err)
                                : hf_pg_entry_run(l->job, task->entry, err);

    if (status != HF_OK)
        return hf_error_prefix(err, "table %s.%s", task->table->schema, task->table->table);
    hf_pg_load_plan_done(l->job->plan, task);
    return HF_OK;
}

static enum hf_status run_loader(void *arg, size_t index, struct hf_error *err)
{
    struct loader *l = arg;
    HF_AUTO_PTR(hf_pg) pg = NULL;
    const struct hf_pg_task *task;

    (void)index;
    HF_TRY(hf_pg_job_connect(l->job, l->job->temporary, &pg, err));
    while ((task = hf_pg_load_plan_next(l->job->plan)) != NULL) {
        HF_TRY(hf_cancel_check(l->job->work->cancel, err));
        HF_TRY(run_task(l, pg, task, err));
    }
    return HF_OK;
}

static void stop_loaders(void *arg)
{
    struct loader *l = arg;

    hf_pg_load_plan_stop(l->job->plan);
}

enum hf_status hf_pg_load(struct hf_pg_job *job, struct hf_error *err)
{
    struct loader l = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct hf_pool *pool = NULL;
    enum hf_status status = HF_OK;
    size_t count;

    hf_pg_job_step(job, "loading %" PRIu64 " row%s of %zu table%s", job->input.rows,
                   hf_text_plural(job->input.rows), job->input.tables_count,
                   hf_text_plural(job->input.tables_count));
    HF_TRY(hf_pg_load_plan_make(&job->input, job->jobs, &job->plan, err));
    hf_observe_expect(job->work->observer, job->input.bytes, hf_pg_load_plan_tables(job->plan));
    count = hf_pg_load_plan_count(job->plan);
    if (count > 0)
        status = hf_pool_start(job->jobs < count ? job->jobs : count, run_loader, stop_loaders, &l,
                               job->work->cancel, &pool, err);
    if (status == HF_OK && pool)
        status = hf_pool_join(pool, err);
    (void)pthread_mutex_destroy(&l.lock);
    return status;
}
