#include "formats/volume/batch.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/queue.h"
#include "formats/volume/path.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    CUT_MASK = 63,
    TASKS = 64,        /* waiting */
    RECENT_SECONDS = 2 /* as coarse as times of files may be, and some */
};

/* A large file, whose parts any reader may read. */
struct large {
    size_t count;
    uint32_t bundle; /* of the first part */
    size_t extents_max;
    atomic_bool other; /* the file changed meanwhile */
    atomic_bool gone;
    struct hf_vol_range ranges[];
};

struct item {
    struct item *next;
    struct hf_vol_entry entry;
    bool must_read;
    bool gone;
    struct large *large; /* owned; NULL for others */
};

struct batch {
    struct batch *next;
    struct hf_vol_arena arena;
    struct item *first, *last;
    size_t count;
    uint64_t bytes;        /* to be read of small files */
    uint32_t bundle;       /* for these */
    atomic_size_t pending; /* tasks not done */
    bool done;             /* under the lock */
};

struct task {
    struct batch *batch;
    struct item *item; /* NULL: the batch's small files */
    size_t part;
};

struct hf_vol_batches {
    struct hf_vol_batches_options options;
    struct batch *current; /* the caller's, being filled */
    uint64_t expected_bytes, expected_files;
    _Atomic uint32_t next_bundle;
    struct hf_queue *tasks;
    struct hf_pool *pool;
    size_t most; /* batches on their way */

    pthread_mutex_t lock;
    pthread_cond_t fewer;
    struct batch *oldest, *newest; /* on their way, in order */
    size_t on_their_way;
    bool stopped;
    struct hf_vol_list_writer *list;
    struct hf_vol_counts counts;
};

static void batch_free(struct batch *batch)
{
    for (struct item *item = batch->first; item; item = item->next) {
        for (size_t i = 0; item->large && i < item->large->count; i++)
            hf_vol_range_done(&item->large->ranges[i]);
        free(item->large);
    }
    hf_vol_arena_free(&batch->arena);
    free(batch);
}

/* ---- reading: what a task does ---- */

static struct hf_vol_time recent_since(void)
{
    int64_t now = hf_clock_now();
    return (struct hf_vol_time){now / HF_NS_PER_S - RECENT_SECONDS, 0};
}

/* A file that may change once more without its times showing it: the next backup reads it again. */
static void distrust_recent(struct hf_vol_entry *entry, struct hf_vol_time since)
{
    if (entry->ctime.s >= since.s)
        entry->ctime = (struct hf_vol_time){0, 0};
}

static enum hf_status read_item(struct hf_vol_reader *reader, struct hf_vol_bundle *bundle,
                                struct batch *batch, struct item *item, struct hf_error *err)
{
    enum hf_vol_outcome outcome;
    struct hf_vol_time since = recent_since();
    HF_TRY(hf_cancel_check(reader->cancel, err));
    HF_TRY(hf_vol_read_file(reader, bundle, &batch->arena, &item->entry, &outcome, err));
    item->gone = outcome == HF_VOL_GONE;
    distrust_recent(&item->entry, since);
    hf_observe_advance(reader->observer, 0, 1);
    return HF_OK;
}

static enum hf_status read_small(struct hf_vol_batches *batches, struct hf_vol_reader *reader,
                                 struct batch *batch, struct hf_error *err)
{
    struct hf_vol_bundle bundle = {.sink = batches->options.sink, .number = batch->bundle};
    enum hf_status status = HF_OK;
    for (struct item *item = batch->first; item && status == HF_OK; item = item->next)
        if (item->must_read && !item->large)
            status = read_item(reader, &bundle, batch, item, err);
    if (status == HF_OK)
        return hf_vol_bundle_close(&bundle, err);
    hf_vol_bundle_abandon(&bundle);
    return status;
}

static enum hf_status read_part(struct hf_vol_batches *batches, struct hf_vol_reader *reader,
                                const struct task *task, struct hf_error *err)
{
    struct large *large = task->item->large;
    struct hf_vol_bundle bundle = {.sink = batches->options.sink,
                                   .number = large->bundle + (uint32_t)task->part};
    enum hf_vol_outcome outcome;
    if (atomic_load(&large->other) || atomic_load(&large->gone))
        return HF_OK;
    enum hf_status status =
        hf_vol_read_range(reader, &bundle, &task->item->entry, large->extents_max,
                          &large->ranges[task->part], &outcome, err);
    if (status != HF_OK) {
        hf_vol_bundle_abandon(&bundle);
        return status;
    }
    if (outcome == HF_VOL_OTHER)
        atomic_store(&large->other, true);
    if (outcome == HF_VOL_GONE)
        atomic_store(&large->gone, true);
    return hf_vol_bundle_close(&bundle, err);
}

/* All parts were read. */
static enum hf_status finish_large(struct hf_vol_batches *batches, struct hf_vol_reader *reader,
                                   struct batch *batch, struct item *item, struct hf_error *err)
{
    struct large *large = item->large;
    enum hf_vol_outcome outcome = HF_VOL_READ;
    item->gone = atomic_load(&large->gone);
    if (item->gone)
        return HF_OK;
    if (!atomic_load(&large->other)) {
        HF_TRY(
            hf_vol_entry_set_ranges(&item->entry, &batch->arena, large->ranges, large->count, err));
        HF_TRY(hf_vol_read_attributes(reader, &batch->arena, &item->entry, &outcome, err));
        item->gone = outcome == HF_VOL_GONE;
        distrust_recent(&item->entry, recent_since());
        hf_observe_advance(reader->observer, 0, 1);
        return HF_OK;
    }
    /* It changed under several readers: from the beginning, by one. */
    struct hf_vol_bundle bundle = {.sink = batches->options.sink,
                                   .number = atomic_fetch_add(&batches->next_bundle, 1)};
    enum hf_status status = read_item(reader, &bundle, batch, item, err);
    if (status == HF_OK)
        return hf_vol_bundle_close(&bundle, err);
    hf_vol_bundle_abandon(&bundle);
    return status;
}

/* ---- into the list, in order ---- */

static void count_entry(struct hf_vol_counts *counts, const struct item *item)
{
    const struct hf_vol_entry *entry = &item->entry;
    counts->files += entry->type == HF_VOL_FILE;
    counts->directories += entry->type == HF_VOL_DIRECTORY;
    counts->symlinks += entry->type == HF_VOL_SYMLINK;
    counts->hard_links += entry->type == HF_VOL_HARD_LINK;
    counts->devices += entry->type == HF_VOL_CHARACTER || entry->type == HF_VOL_BLOCK;
    counts->fifos += entry->type == HF_VOL_FIFO;
    counts->bytes += entry->size;
    counts->read_files += item->must_read;
    counts->read_bytes += item->must_read ? hf_vol_entry_stored(entry) : 0;
}

static enum hf_status list_batch(struct hf_vol_batches *batches, const struct batch *batch,
                                 struct hf_error *err)
{
    for (const struct item *item = batch->first; item; item = item->next) {
        if (item->gone)
            continue;
        HF_TRY(hf_vol_list_add(batches->list, &item->entry, err));
        count_entry(&batches->counts, item);
    }
    return HF_OK;
}

/* Lists the batch and whatever waited for it, if it is the oldest. */
static enum hf_status settle(struct hf_vol_batches *batches, struct batch *batch,
                             struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&batches->lock);
    batch->done = true;
    while (status == HF_OK && batches->oldest && batches->oldest->done) {
        struct batch *oldest = batches->oldest;
        status = list_batch(batches, oldest, err);
        batches->oldest = oldest->next;
        if (!batches->oldest)
            batches->newest = NULL;
        batches->on_their_way--;
        batch_free(oldest);
    }
    pthread_cond_signal(&batches->fewer);
    pthread_mutex_unlock(&batches->lock);
    return status;
}

static enum hf_status finish_batch(struct hf_vol_batches *batches, struct hf_vol_reader *reader,
                                   struct batch *batch, struct hf_error *err)
{
    for (struct item *item = batch->first; item; item = item->next)
        if (item->large)
            HF_TRY(finish_large(batches, reader, batch, item, err));
    return settle(batches, batch, err);
}

static enum hf_status run_task(struct hf_vol_batches *batches, struct hf_vol_reader *reader,
                               const struct task *task, struct hf_error *err)
{
    struct batch *batch = task->batch;
    if (task->item)
        HF_TRY(read_part(batches, reader, task, err));
    else
        HF_TRY(read_small(batches, reader, batch, err));
    if (atomic_fetch_sub(&batch->pending, 1) == 1)
        return finish_batch(batches, reader, batch, err);
    return HF_OK;
}

static enum hf_status read_tasks(void *arg, size_t index, struct hf_error *err)
{
    struct hf_vol_batches *batches = arg;
    const struct hf_vol_batches_options *options = &batches->options;
    struct hf_vol_reader reader = {.root = options->root,
                                   .buffer = malloc(HF_VOL_BUFFER),
                                   .cancel = options->work->cancel,
                                   .observer = options->work->observer,
                                   .notes = options->notes,
                                   .skip_unreadable = options->skip_unreadable};
    enum hf_status status = reader.buffer ? HF_OK : hf_error_memory(err);
    struct task *task;
    (void)index;
    while (status == HF_OK && (task = hf_queue_pop(batches->tasks)) != NULL) {
        status = run_task(batches, &reader, task, err);
        free(task);
    }
    free(reader.buffer);
    hf_buf_free(&reader.xattrs);
    return status;
}

/* ---- the caller's side ---- */

static void stop(void *arg)
{
    struct hf_vol_batches *batches = arg;
    hf_queue_cancel(batches->tasks);
    pthread_mutex_lock(&batches->lock);
    batches->stopped = true;
    pthread_cond_broadcast(&batches->fewer);
    pthread_mutex_unlock(&batches->lock);
}

static void batches_free(struct hf_vol_batches *batches)
{
    struct task *task;
    while (batches->tasks && (task = hf_queue_drain(batches->tasks)) != NULL)
        free(task);
    if (batches->tasks)
        hf_queue_free(batches->tasks);
    while (batches->oldest) {
        struct batch *batch = batches->oldest;
        batches->oldest = batch->next;
        batch_free(batch);
    }
    if (batches->current)
        batch_free(batches->current);
    if (batches->list)
        hf_vol_list_abandon(batches->list);
    pthread_cond_destroy(&batches->fewer);
    pthread_mutex_destroy(&batches->lock);
    free(batches);
}
HF_DEFINE_AUTO_PTR(hf_vol_batches, batches_free)

static enum hf_status new_batch(struct hf_vol_batches *batches, struct hf_error *err)
{
    batches->current = calloc(1, sizeof *batches->current);
    return batches->current ? HF_OK : hf_error_memory(err);
}

enum hf_status hf_vol_batches_start(const struct hf_vol_batches_options *options,
                                    struct hf_vol_batches **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_batches) batches = calloc(1, sizeof *batches);
    if (!batches)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&batches->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&batches->fewer, NULL);
    batches->options = *options;
    batches->most = 2 * (size_t)options->readers;
    atomic_init(&batches->next_bundle, options->first_bundle);
    HF_TRY(new_batch(batches, err));
    HF_TRY(hf_queue_new(TASKS, &batches->tasks, err));
    HF_TRY(hf_vol_list_create(options->sink, &batches->list, err));
    HF_TRY(hf_pool_start(options->readers, read_tasks, stop, batches, options->work->cancel,
                         &batches->pool, err));
    *out = batches;
    batches = NULL;
    return HF_OK;
}

struct hf_vol_arena *hf_vol_batches_arena(struct hf_vol_batches *batches)
{
    return &batches->current->arena;
}

static enum hf_status stopped(struct hf_vol_batches *batches, struct hf_error *err)
{
    HF_TRY(hf_cancel_check(batches->options.work->cancel, err));
    return hf_error_set(err, HF_CANCELLED, "stopped after an error elsewhere");
}

static enum hf_status push_task(struct hf_vol_batches *batches, struct batch *batch,
                                struct item *item, size_t part, struct hf_error *err)
{
    struct task *task = malloc(sizeof *task);
    if (!task)
        return hf_error_memory(err);
    *task = (struct task){batch, item, part};
    if (hf_queue_push(batches->tasks, task))
        return HF_OK;
    free(task);
    return stopped(batches, err);
}

/* The batch belongs to the readers once all its tasks are pushed, and may be gone then. */
static enum hf_status push_tasks(struct hf_vol_batches *batches, struct batch *batch,
                                 struct hf_error *err)
{
    size_t tasks = 1;
    for (struct item *item = batch->first; item; item = item->next)
        tasks += item->large ? item->large->count : 0;
    atomic_store(&batch->pending, tasks);
    for (struct item *item = batch->first; item; item = item->next) {
        size_t parts = item->large ? item->large->count : 0;
        for (size_t i = 0; i < parts; i++)
            HF_TRY(push_task(batches, batch, item, i, err));
    }
    return push_task(batches, batch, NULL, 0, err);
}

/* Puts the batch behind those on their way, once there is room. */
static enum hf_status queue_up(struct hf_vol_batches *batches, struct batch *batch,
                               struct hf_error *err)
{
    pthread_mutex_lock(&batches->lock);
    while (batches->on_their_way >= batches->most && !batches->stopped)
        pthread_cond_wait(&batches->fewer, &batches->lock);
    bool was_stopped = batches->stopped;
    if (!was_stopped) {
        if (batches->newest)
            batches->newest->next = batch;
        else
            batches->oldest = batch;
        batches->newest = batch;
        batches->on_their_way++;
    }
    pthread_mutex_unlock(&batches->lock);
    return was_stopped ? stopped(batches, err) : HF_OK;
}

static enum hf_status send_batch(struct hf_vol_batches *batches, struct hf_error *err)
{
    struct batch *batch = batches->current;
    if (batch->bytes > 0)
        batch->bundle = atomic_fetch_add(&batches->next_bundle, 1);
    hf_observe_expect(batches->options.work->observer, batches->expected_bytes,
                      batches->expected_files);
    HF_TRY(queue_up(batches, batch, err));
    batches->current = NULL;
    HF_TRY(push_tasks(batches, batch, err));
    return new_batch(batches, err);
}

static enum hf_status plan_large(struct hf_vol_batches *batches, struct item *item,
                                 struct hf_error *err)
{
    uint64_t count = (item->entry.size + HF_VOL_PART - 1) / HF_VOL_PART;
    char text[HF_VOL_PATH_TEXT];
    if (count > HF_VOL_PARTS_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "%s: too large a file",
                            hf_vol_path_text(text, item->entry.path));
    struct large *large = calloc(1, sizeof *large + count * sizeof large->ranges[0]);
    if (!large)
        return hf_error_memory(err);
    large->count = (size_t)count;
    large->extents_max = HF_VOL_EXTENTS_MAX / large->count;
    large->bundle = atomic_fetch_add(&batches->next_bundle, (uint32_t)count);
    for (size_t i = 0; i < large->count; i++) {
        large->ranges[i].start = i * HF_VOL_PART;
        large->ranges[i].end = i + 1 == large->count ? item->entry.size : (i + 1) * HF_VOL_PART;
    }
    item->large = large;
    return HF_OK;
}

static bool cut_after(const struct batch *batch, const char *path)
{
    if (batch->bytes >= HF_VOL_BATCH_BYTES_MOST || batch->count >= HF_VOL_BATCH_ENTRIES)
        return true;
    return (batch->bytes >= HF_VOL_BATCH_BYTES || batch->count >= HF_VOL_BATCH_ENTRIES / 2) &&
           (hf_vol_path_hash(path) & CUT_MASK) == 0;
}

enum hf_status hf_vol_batches_add(struct hf_vol_batches *batches, const struct hf_vol_entry *entry,
                                  bool must_read, struct hf_error *err)
{
    struct batch *batch = batches->current;
    struct item *item = hf_vol_arena_take(&batch->arena, sizeof *item);
    if (!item)
        return hf_error_memory(err);
    *item = (struct item){.entry = *entry, .must_read = must_read};
    if (batch->last)
        batch->last->next = item;
    else
        batch->first = item;
    batch->last = item;
    batch->count++;
    if (must_read) {
        batches->expected_bytes += entry->size;
        batches->expected_files++;
        if (entry->size > HF_VOL_LARGE)
            HF_TRY(plan_large(batches, item, err));
        else
            batch->bytes += entry->size;
    }
    return cut_after(batch, entry->path) ? send_batch(batches, err) : HF_OK;
}

/* Lets the readers finish. */
static enum hf_status drain(struct hf_vol_batches *batches, struct hf_error *err)
{
    HF_TRY(send_batch(batches, err));
    hf_queue_close(batches->tasks);
    return HF_OK;
}

enum hf_status hf_vol_batches_finish(struct hf_vol_batches *batches, const struct hf_error *failed,
                                     struct hf_vol_counts *out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_batches) owned = batches;
    struct hf_error mine = HF_ERROR_INIT;
    if (failed)
        mine = *failed;
    if (failed || drain(owned, &mine) != HF_OK) {
        hf_cancel_fail(owned->options.work->cancel, &mine);
        stop(owned);
    }
    HF_TRY(hf_pool_join(owned->pool, err));
    if (mine.status != HF_OK) {
        *err = mine;
        return mine.status;
    }
    struct hf_vol_list_writer *list = owned->list;
    owned->list = NULL;
    *out = owned->counts;
    return hf_vol_list_finish(list, err);
}
