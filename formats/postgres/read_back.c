/* The digests of all tables as they stand in the restored database, read by all jobs at once. */
#include "formats/postgres/restore_job.h"

#include "base/pool.h"
#include "formats/postgres/copy.h"
#include "formats/postgres/quote.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SPLIT_LEAST = 64 << 20, RANGES_A_JOB = 4, RANGE_SCANS_SINCE = 14 };

struct range {
    struct hf_pg_rows_of *table;
    uint64_t first, end; /* blocks; end 0: to the table's end */
    bool all;            /* the whole table */
};

struct readers {
    struct hf_pg_job *job;
    struct range *ranges;
    size_t count;
    pthread_mutex_t lock; /* guards next, and what tables were found to have */
    size_t next;
};

static enum hf_status table_blocks(struct hf_pg *pg, const struct hf_pg_rows_of *t, uint64_t *out,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    HF_AUTO_RESULT row = NULL;
    const char *text;

    HF_TRY(hf_pg_quote_qualified(&name, t->schema, t->table, err));
    HF_TRY(hf_buf_cstr(&name, &text, err));
    HF_TRY(hf_pg_query_params(pg,
                              "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) /"
                              " pg_catalog.current_setting('block_size')::pg_catalog.int8 AS n",
                              1, &text, false, &row, err));
    *out = hf_pg_field_u64(row, 0, "n");
    return HF_OK;
}

/* A table above a fair share of everything would keep one reader busy while the others wait. */
static bool is_large(const struct readers *r, const struct hf_pg_rows_of *t)
{
    return r->job->jobs > 1 && t->bytes >= SPLIT_LEAST && !t->where &&
           t->bytes > r->job->input.bytes / r->job->jobs;
}

static enum hf_status add_table(struct readers *r, struct hf_pg *pg, struct hf_pg_rows_of *t,
                                struct hf_error *err)
{
    uint64_t pieces = (uint64_t)r->job->jobs * RANGES_A_JOB;
    uint64_t blocks;
    uint64_t step;

    if (hf_pg_major(pg) < RANGE_SCANS_SINCE || !is_large(r, t)) {
        r->ranges[r->count++] = (struct range){.table = t, .all = true};
        return HF_OK;
    }
    HF_TRY(table_blocks(pg, t, &blocks, err));
    step = blocks / pieces + 1;
    for (uint64_t at = 0; at < pieces; at++)
        r->ranges[r->count++] = (struct range){
            .table = t, .first = at * step, .end = at + 1 < pieces ? (at + 1) * step : 0};
    return HF_OK;
}

static enum hf_status make_ranges(struct readers *r, struct hf_error *err)
{
    struct hf_pg_input *input = &r->job->input;
    HF_AUTO_PTR(hf_pg) pg = NULL;

    /* fewer than jobs tables can be larger than a fair share */
    r->ranges = calloc(input->tables_count + (size_t)r->job->jobs * r->job->jobs * RANGES_A_JOB + 1,
                       sizeof *r->ranges);
    if (!r->ranges)
        return hf_error_memory(err);
    HF_TRY(hf_pg_job_connect(r->job, r->job->temporary, &pg, err));
    for (size_t i = 0; i < input->tables_count; i++)
        HF_TRY(add_table(r, pg, &input->tables[i], err));
    return HF_OK;
}

static const struct range *take_range(struct readers *r)
{
    const struct range *range = NULL;

    (void)pthread_mutex_lock(&r->lock);
    if (r->next < r->count)
        range = &r->ranges[r->next++];
    (void)pthread_mutex_unlock(&r->lock);
    return range;
}

static enum hf_status add_condition(struct hf_buf *sql, const struct range *range,
                                    struct hf_error *err)
{
    if (range->table->where)
        return hf_buf_printf(sql, err, " %s", range->table->where);
    if (range->all)
        return HF_OK;
    HF_TRY(hf_buf_printf(sql, err, " WHERE ctid >= '(%" PRIu64 ",0)'", range->first));
    if (range->end > 0)
        HF_TRY(hf_buf_printf(sql, err, " AND ctid < '(%" PRIu64 ",0)'", range->end));
    return HF_OK;
}

static enum hf_status select_columns(struct hf_buf *sql, const struct hf_strings *columns,
                                     struct hf_error *err)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (i > 0)
            HF_TRY(hf_buf_append_str(sql, ", ", err));
        HF_TRY(hf_pg_quote_ident(sql, columns->items[i], err));
    }
    return HF_OK;
}

static enum hf_status range_sql(struct hf_buf *sql, const struct range *range, const char *encoding,
                                struct hf_error *err)
{
    const struct hf_pg_rows_of *t = range->table;

    if (range->all && !t->where)
        return hf_pg_copy_out_sql(sql, t->schema, t->table, &t->columns, encoding, err);
    HF_TRY(hf_buf_append_str(sql, "COPY (SELECT ", err));
    HF_TRY(select_columns(sql, &t->columns, err));
    HF_TRY(hf_buf_append_str(sql, " FROM ONLY ", err));
    HF_TRY(hf_pg_quote_qualified(sql, t->schema, t->table, err));
    HF_TRY(add_condition(sql, range, err));
    return hf_buf_printf(sql, err, ") TO STDOUT WITH (ENCODING '%s')", encoding);
}

static enum hf_status take_row(void *ctx, const char *row, size_t len, struct hf_error *err)
{
    return hf_pg_digest_feed(ctx, row, len, err);
}

static enum hf_status digest_range(struct readers *r, struct hf_pg *pg, const struct range *range,
                                   struct hf_pg_digest *digest, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_pg_digest_sum sum;
    const char *text;
    uint64_t rows;

    HF_TRY(range_sql(&sql, range, pg->encoding, err));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    HF_TRY(hf_pg_copy_out(pg, text, take_row, digest, &rows, err));
    HF_TRY(hf_pg_digest_end(digest, &sum, err));
    (void)pthread_mutex_lock(&r->lock);
    hf_pg_digest_add(&range->table->found, &sum);
    (void)pthread_mutex_unlock(&r->lock);
    return HF_OK;
}

static enum hf_status run_reader(void *arg, size_t index, struct hf_error *err)
{
    struct readers *r = arg;
    HF_AUTO_PTR(hf_pg) pg = NULL;
    const struct range *range;

    (void)index;
    HF_TRY(hf_pg_job_connect(r->job, r->job->temporary, &pg, err));
    while ((range = take_range(r)) != NULL) {
        struct hf_pg_digest digest;
        enum hf_status status;

        HF_TRY(hf_cancel_check(r->job->work->cancel, err));
        hf_pg_digest_init(&digest, &r->job->key);
        status = digest_range(r, pg, range, &digest, err);
        hf_pg_digest_done(&digest);
        if (status != HF_OK)
            return hf_error_prefix(err, "reading table %s.%s back", range->table->schema,
                                   range->table->table);
    }
    return HF_OK;
}

enum hf_status hf_pg_read_back(struct hf_pg_job *job, struct hf_error *err)
{
    struct readers r = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct hf_pool *pool = NULL;
    enum hf_status status = make_ranges(&r, err);

    if (status == HF_OK && r.count > 0)
        status = hf_pool_start(job->jobs < r.count ? job->jobs : r.count, run_reader, NULL, &r,
                               job->work->cancel, &pool, err);
    if (status == HF_OK && pool)
        status = hf_pool_join(pool, err);
    free(r.ranges);
    (void)pthread_mutex_destroy(&r.lock);
    return status;
}
