/*
 * Rows into tables, by as many connections as there are jobs. Work is handed out largest first.
 * A table goes in one transaction with TRUNCATE, so that the server may freeze its rows and need
 * not log them; one that is larger than a fair share of everything goes part by part.
 */
#include "formats/postgres/restore_job.h"

#include "base/pool.h"
#include "formats/postgres/copy.h"
#include "formats/postgres/quote.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct item {
    struct hf_pg_rows_of *table;
    size_t first, end; /* its parts */
    uint64_t bytes;
    bool whole; /* the table, in one transaction */
};

struct loader {
    struct hf_pg_job *job;
    struct item *items;
    size_t count;
    pthread_mutex_t lock; /* guards next, and what tables were fed */
    size_t next;
};

static bool is_split(const struct hf_pg_job *job, const struct hf_pg_rows_of *table)
{
    return table->parts_count > 1 && !table->extension && job->jobs > 1 &&
           table->bytes > job->input.bytes / job->jobs;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;

    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* Empty tables are left as they were created; an extension's may have rows of its script. */
static void add_items(struct loader *l, struct hf_pg_rows_of *table)
{
    if (table->rows == 0 && table->bytes == 0 && !table->extension) {
        hf_observe_advance(l->job->work->observer, 0, 1);
        return;
    }
    if (!is_split(l->job, table)) {
        l->items[l->count++] = (struct item){
            .table = table, .end = table->parts_count, .bytes = table->bytes, .whole = true};
        return;
    }
    for (size_t i = 0; i < table->parts_count; i++)
        l->items[l->count++] = (struct item){
            .table = table, .first = i, .end = i + 1, .bytes = table->parts[i]->bytes};
}

static enum hf_status make_items(struct loader *l, struct hf_error *err)
{
    struct hf_pg_input *input = &l->job->input;
    size_t most = 1;

    for (size_t i = 0; i < input->tables_count; i++)
        most += input->tables[i].parts_count;
    l->items = calloc(most, sizeof *l->items);
    if (!l->items)
        return hf_error_memory(err);
    for (size_t i = 0; i < input->tables_count; i++)
        add_items(l, &input->tables[i]);
    qsort(l->items, l->count, sizeof *l->items, compare_items);
    return HF_OK;
}

static const struct item *take_item(struct loader *l)
{
    const struct item *item = NULL;

    (void)pthread_mutex_lock(&l->lock);
    if (l->next < l->count)
        item = &l->items[l->next++];
    (void)pthread_mutex_unlock(&l->lock);
    return item;
}

static enum hf_status feed_stream(struct loader *l, struct hf_pg *pg, const char *name,
                                  struct hf_pg_digest *digest, struct hf_error *err)
{
    const struct hf_feed *feed = l->job->feed;
    struct hf_feed_stream *stream = NULL;
    enum hf_status status;
    const uint8_t *data;
    size_t len = 1;

    HF_TRY(feed->open(feed->ctx, name, &stream, err));
    do {
        status = feed->next(stream, &data, &len, err);
        if (status == HF_OK && len > 0)
            status = hf_pg_digest_feed(digest, data, len, err);
        if (status == HF_OK && len > 0)
            status = hf_pg_copy_in_write(pg, data, len, err);
        if (status == HF_OK)
            hf_observe_advance(l->job->work->observer, len, 0);
    } while (status == HF_OK && len > 0);
    feed->close(stream);
    return status;
}

/* The count that was captured, the one that was fed and the server's must agree. */
static enum hf_status check_rows(const struct item *item, uint64_t fed, uint64_t stored,
                                 struct hf_error *err)
{
    uint64_t captured = 0;

    for (size_t i = item->first; i < item->end; i++)
        captured += item->table->parts[i]->records;
    if (fed != captured)
        return hf_error_set(err, HF_DAMAGED,
                            "the snapshot holds %" PRIu64 " rows where %" PRIu64 " were captured",
                            fed, captured);
    if (stored != fed)
        return hf_error_set(err, HF_FAILED, "the server took %" PRIu64 " rows of %" PRIu64, stored,
                            fed);
    return HF_OK;
}

static enum hf_status feed_item(struct loader *l, struct hf_pg *pg, const struct item *item,
                                struct hf_pg_digest *digest, struct hf_error *err)
{
    struct hf_pg_digest_sum sum;
    uint64_t stored;

    for (size_t i = item->first; i < item->end; i++)
        HF_TRY(feed_stream(l, pg, item->table->parts[i]->name, digest, err));
    HF_TRY(hf_pg_digest_end(digest, &sum, err));
    HF_TRY(hf_pg_copy_in_end(pg, &stored, err));
    HF_TRY(check_rows(item, sum.rows, stored, err));
    (void)pthread_mutex_lock(&l->lock);
    hf_pg_digest_add(&item->table->fed, &sum);
    (void)pthread_mutex_unlock(&l->lock);
    return HF_OK;
}

static enum hf_status copy_item(struct loader *l, struct hf_pg *pg, const struct item *item,
                                bool freeze, struct hf_error *err)
{
    const struct hf_pg_rows_of *t = item->table;
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_pg_digest digest;
    enum hf_status status;
    const char *text;

    HF_TRY(hf_pg_copy_in_sql(&sql, t->root_table ? t->root_schema : t->schema,
                             t->root_table ? t->root_table : t->table, &t->columns, pg->encoding,
                             freeze, err));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    HF_TRY(hf_pg_copy_in_begin(pg, text, err));
    hf_pg_digest_init(&digest, &l->job->key);
    status = feed_item(l, pg, item, &digest, err);
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

static enum hf_status load_whole(struct loader *l, struct hf_pg *pg, const struct item *item,
                                 struct hf_error *err)
{
    if (item->table->root_table) /* its partition may have rows of others by now */
        return copy_item(l, pg, item, false, err);
    HF_TRY(hf_pg_run(pg, "BEGIN", err));
    HF_TRY(empty_table(pg, item->table, err));
    HF_TRY(copy_item(l, pg, item, !item->table->extension, err));
    return hf_pg_run(pg, "COMMIT", err);
}

static enum hf_status load_item(struct loader *l, struct hf_pg *pg, const struct item *item,
                                struct hf_error *err)
{
    enum hf_status status =
        item->whole ? load_whole(l, pg, item, err) : copy_item(l, pg, item, false, err);

    if (status != HF_OK)
        return hf_error_prefix(err, "table %s.%s", item->table->schema, item->table->table);
    hf_observe_advance(l->job->work->observer, 0, item->end == item->table->parts_count);
    return HF_OK;
}

static enum hf_status run_loader(void *arg, size_t index, struct hf_error *err)
{
    struct loader *l = arg;
    HF_AUTO_PTR(hf_pg) pg = NULL;
    const struct item *item;

    (void)index;
    HF_TRY(hf_pg_job_connect(l->job, l->job->temporary, &pg, err));
    while ((item = take_item(l)) != NULL) {
        HF_TRY(hf_cancel_check(l->job->work->cancel, err));
        HF_TRY(load_item(l, pg, item, err));
    }
    return HF_OK;
}

enum hf_status hf_pg_load(struct hf_pg_job *job, struct hf_error *err)
{
    struct loader l = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct hf_pool *pool = NULL;
    enum hf_status status;

    hf_pg_job_step(job, "loading %" PRIu64 " rows of %zu tables", job->input.rows,
                   job->input.tables_count);
    hf_observe_expect(job->work->observer, job->input.bytes, job->input.tables_count);
    status = make_items(&l, err);
    if (status == HF_OK && l.count > 0)
        status = hf_pool_start(job->jobs < l.count ? job->jobs : l.count, run_loader, NULL, &l,
                               job->work->cancel, &pool, err);
    if (status == HF_OK && pool)
        status = hf_pool_join(pool, err);
    free(l.items);
    (void)pthread_mutex_destroy(&l.lock);
    return status;
}
