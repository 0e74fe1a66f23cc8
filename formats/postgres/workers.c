#include "formats/postgres/workers.h"

#include "base/pool.h"
#include "formats/postgres/largeobjects.h"
#include "formats/postgres/snapshot.h"
#include "formats/postgres/table_copy.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Tables after which a worker begins a new transaction, to let go of its locks: the server's lock
 * table has room for some thousands, of which the leader and pg_dump have two each. */
enum { TABLES_A_TRANSACTION = 100 };

struct task {
    const struct hf_pg_table *table; /* NULL: the large objects' data */
    unsigned part;
    uint64_t bytes; /* about, on disk */
    bool left;      /* to the leader */
    struct hf_pg_copied copied;
};

struct hf_pg_workers {
    struct hf_pg_capture *capture;
    struct hf_pool *pool;
    struct task *tasks;
    size_t count;
    atomic_size_t next;
    struct hf_pg_progress progress;
};

static size_t count_tasks(const struct hf_pg_tables *tables)
{
    size_t count = 1; /* large objects */

    for (size_t i = 0; i < tables->count; i++) {
        if (tables->items[i].rows && tables->items[i].kind == HF_PG_KIND_TABLE)
            count += tables->items[i].parts;
    }
    return count;
}

/* Largest first, so that none is left alone at the end; then by age and part. */
static int compare_tasks(const void *a, const void *b)
{
    const struct task *x = a;
    const struct task *y = b;
    Oid x_oid = x->table ? x->table->oid : 0;
    Oid y_oid = y->table ? y->table->oid : 0;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    if (x_oid != y_oid)
        return x_oid > y_oid ? 1 : -1;
    return (x->part > y->part) - (x->part < y->part);
}

static uint64_t add_table(struct hf_pg_workers *workers, const struct hf_pg_table *table)
{
    for (unsigned part = 0; part < table->parts; part++) {
        workers->tasks[workers->count++] =
            (struct task){.table = table, .part = part, .bytes = table->bytes / table->parts};
    }
    return table->bytes;
}

static void plan_tasks(struct hf_pg_workers *workers, const struct hf_pg_workers_plan *plan)
{
    const struct hf_pg_tables *tables = &plan->capture->tables;
    uint64_t bytes = plan->large_object_bytes;

    for (size_t i = 0; i < tables->count; i++) {
        if (!tables->items[i].rows || tables->items[i].kind != HF_PG_KIND_TABLE)
            continue;
        bytes += add_table(workers, &tables->items[i]);
        plan->capture->data_tables++;
    }
    if (plan->large_objects)
        workers->tasks[workers->count++] = (struct task){.bytes = plan->large_object_bytes};
    qsort(workers->tasks, workers->count, sizeof *workers->tasks, compare_tasks);
    hf_pg_progress_init(&workers->progress, plan->capture->work->observer, bytes,
                        plan->capture->data_tables);
}

static enum hf_status run_task(struct hf_pg_workers *workers, struct task *task, struct hf_pg *pg,
                               enum hf_pg_copy_lock lock, struct hf_error *err)
{
    const struct hf_pg_part part = {.capture = workers->capture,
                                    .table = task->table,
                                    .part = task->part,
                                    .lock = lock,
                                    .progress = &workers->progress};

    if (!task->table)
        return hf_pg_capture_large_object_data(workers->capture, pg, &task->copied.rows,
                                               &task->copied.bytes, err);
    HF_TRY(hf_pg_copy_part(&part, pg, &task->copied, &task->left, err));
    if (!task->left)
        hf_pg_progress_part(&workers->progress, task->bytes, task->copied.bytes);
    return HF_OK;
}

/* Ends the transaction and with it the worker's locks, and begins another one. After a range of a
 * table at once: planning it locked the indexes too, which somebody may wait for to REINDEX, and
 * the next range, in any worker, would wait behind that. */
static enum hf_status renew(const struct hf_pg_capture *capture, struct hf_pg *pg,
                            const struct task *task, unsigned *tables, struct hf_error *err)
{
    if (!task->left && (!task->table || (task->table->parts == 1 && !task->table->where)) &&
        ++*tables < TABLES_A_TRANSACTION)
        return HF_OK;
    *tables = 0;
    HF_TRY(hf_pg_run(pg, task->left ? "ROLLBACK" : "COMMIT", err));
    return hf_pg_snapshot_adopt(capture, pg, err);
}

static enum hf_status work(void *arg, size_t index, struct hf_error *err)
{
    struct hf_pg_workers *workers = arg;
    struct hf_pg_capture *capture = workers->capture;
    HF_AUTO_PTR(hf_pg) pg = NULL;
    unsigned tables = 0;

    (void)index;
    HF_TRY(hf_pg_connect(&capture->address, capture->work->cancel, &pg, err));
    HF_TRY(hf_pg_snapshot_adopt(capture, pg, err));
    for (;;) {
        size_t next = atomic_fetch_add(&workers->next, 1);

        if (next >= workers->count)
            break;
        HF_TRY(run_task(workers, &workers->tasks[next], pg, HF_PG_COPY_LOCK_NOWAIT, err));
        HF_TRY(renew(capture, pg, &workers->tasks[next], &tables, err));
    }
    return hf_pg_run(pg, "COMMIT", err);
}

static void workers_free(struct hf_pg_workers *workers)
{
    if (!workers)
        return;
    hf_pg_progress_done(&workers->progress);
    free(workers->tasks);
    free(workers);
}
HF_DEFINE_AUTO_PTR(hf_pg_workers, workers_free)

enum hf_status hf_pg_workers_start(const struct hf_pg_workers_plan *plan,
                                   struct hf_pg_workers **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg_workers) workers = calloc(1, sizeof *workers);
    size_t threads;

    if (!workers)
        return hf_error_memory(err);
    workers->capture = plan->capture;
    workers->tasks = calloc(count_tasks(&plan->capture->tables), sizeof *workers->tasks);
    if (!workers->tasks)
        return hf_error_memory(err);
    plan_tasks(workers, plan);
    threads = workers->count < plan->jobs ? workers->count : plan->jobs;
    HF_TRY(hf_pool_start(threads, work, NULL, workers, plan->capture->work->cancel, &workers->pool,
                         err));
    *out = workers;
    workers = NULL;
    return HF_OK;
}

static enum hf_status copy_left(struct hf_pg_workers *workers, struct hf_error *err)
{
    for (size_t i = 0; i < workers->count; i++) {
        struct task *task = &workers->tasks[i];

        if (!task->left)
            continue;
        hf_observe(workers->capture->work->observer, HF_NOTE_DETAIL,
                   "database %s: another session waits to change table %s.%s; copying it over the "
                   "connection that has it locked",
                   workers->capture->name, task->table->schema, task->table->name);
        HF_TRY(run_task(workers, task, workers->capture->leader, HF_PG_COPY_LOCKED, err));
    }
    return HF_OK;
}

static void add_up(struct hf_pg_workers *workers)
{
    struct hf_pg_capture *capture = workers->capture;

    for (size_t i = 0; i < workers->count; i++) {
        capture->bytes += workers->tasks[i].copied.bytes;
        capture->rows += workers->tasks[i].table ? workers->tasks[i].copied.rows : 0;
        capture->data_streams++;
    }
}

enum hf_status hf_pg_workers_finish(struct hf_pg_workers *workers, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg_workers) owned = workers;

    HF_TRY(hf_pool_join(owned->pool, err));
    HF_TRY(copy_left(owned, err));
    add_up(owned);
    return HF_OK;
}

void hf_pg_workers_stop(struct hf_pg_workers *workers, const struct hf_error *cause)
{
    HF_AUTO_PTR(hf_pg_workers) owned = workers;
    struct hf_error ignored = HF_ERROR_INIT;

    hf_cancel_fail(owned->capture->work->cancel, cause);
    if (hf_pool_join(owned->pool, &ignored) != HF_OK)
        return; /* the cause is told by whoever stopped them */
}
