#include "storage/repository/feed.h"

#include "storage/repository/feed_internal.h"

#include <stdlib.h>
#include <string.h>

/* Streams up to this size are read chunk by chunk on the reader's thread: handing a chunk over
 * costs more than opening it. */
enum { SMALL_STREAM = 256 << 10, DEFAULT_MEMORY = 256 << 20 };

static uint64_t chunk_cost(const struct hf_location *at)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a located chunk has one */
    return (uint64_t)at->frame->plain_len + at->frame->stored_len;
}

/* ---- the window ---- */

static void append_piece(struct run *run, struct piece *piece)
{
    if (run->last)
        run->last->next_run = piece;
    else
        run->first = piece;
    run->last = piece;
    run->left++;
    piece->run = run;
}

/* Whether the frame lies in the run or close enough behind it, and how long the run gets. */
static bool continues(const struct run *run, const struct hf_location *at, uint64_t *out_len)
{
    const struct hf_frame *frame = at->frame;
    uint64_t end = run->offset + run->len;
    if (at->pack != run->pack || frame->offset < end || frame->offset > end + HF_FEED_GAP_MAX)
        return false;
    *out_len = (uint64_t)frame->offset + frame->stored_len - run->offset;
    return *out_len <= HF_FEED_RUN_MAX;
}

/* What stops the planning is kept until the reader gets there: what comes before it is good. */
static enum hf_status stick(struct hf_feed_stream *stream, const struct hf_error *err)
{
    stream->stuck = malloc(sizeof *stream->stuck);
    if (stream->stuck)
        *stream->stuck = *err;
    return err->status;
}

/* The next reference of the range, which stays pending until it is in a piece. */
static enum hf_status take_ref(struct hf_feed_stream *stream, struct hf_error *err)
{
    if (stream->has_pending || stream->list_ended)
        return HF_OK;
    if (stream->wanted == 0) {
        stream->list_ended = true;
        return HF_OK;
    }
    HF_TRY(hf_refcursor_next(stream->cursor, &stream->pending, &stream->list_ended, err));
    if (stream->list_ended)
        return HF_OK;
    stream->has_pending = true;
    stream->wanted -= stream->pending.len < stream->wanted ? stream->pending.len : stream->wanted;
    return HF_OK;
}

static enum hf_chunk_class class_of(const struct hf_feed_stream *stream)
{
    return hf_stream_class(stream->entry->info.kind);
}

/* Where it is, too. */
static enum hf_status peek(struct hf_feed_stream *stream, struct hf_location *at,
                           struct hf_error *err)
{
    if (stream->stuck) {
        *err = *stream->stuck;
        return err->status;
    }
    if (take_ref(stream, err) != HF_OK)
        return stick(stream, err);
    if (stream->has_pending &&
        hf_chunk_locate(stream->feeder->reader, stream->pending.id, class_of(stream),
                        stream->pending.len, at, err) != HF_OK)
        return stick(stream, err);
    return HF_OK;
}

/* Room in the window and in the budget for bytes more. */
static bool admit(struct hf_feed_stream *stream, uint64_t bytes)
{
    struct hf_feeder *feeder = stream->feeder;
    pthread_mutex_lock(&feeder->lock);
    uint64_t ahead = stream->ahead;
    pthread_mutex_unlock(&feeder->lock);
    return ahead + bytes <= hf_read_budget_share(feeder->budget) &&
           hf_read_budget_try(feeder->budget, bytes);
}

static void count_ahead(struct hf_feed_stream *stream, uint64_t bytes)
{
    pthread_mutex_lock(&stream->feeder->lock);
    stream->ahead += bytes;
    pthread_mutex_unlock(&stream->feeder->lock);
}

/* A piece for the pending reference, at the end of run; false when there is no room for it. */
static enum hf_status extend(struct hf_feed_stream *stream, struct run *run,
                             const struct hf_location *at, bool *out_added, struct hf_error *err)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a located chunk has one */
    uint64_t len = at->frame->stored_len;
    *out_added = false;
    if (run->first && !continues(run, at, &len))
        return HF_OK;
    uint64_t bytes = at->frame->plain_len + (len - run->len);
    if (!admit(stream, bytes))
        return HF_OK;
    struct piece *piece = calloc(1, sizeof *piece);
    if (!piece) {
        hf_read_budget_give(stream->feeder->budget, bytes);
        return hf_error_memory(err);
    }
    if (!run->first) {
        run->pack = at->pack;
        run->repo = at->elsewhere ? at->elsewhere : stream->feeder->repo;
        run->offset = at->frame->offset;
    }
    run->len = len;
    piece->at = *at;
    append_piece(run, piece);
    count_ahead(stream, bytes);
    stream->has_pending = false;
    *out_added = true;
    return HF_OK;
}

static void dispatch(struct hf_feed_stream *stream, struct run *run)
{
    struct hf_feeder *feeder = stream->feeder;
    for (struct piece *piece = run->first; piece; piece = piece->next_run)
        piece->next = piece->next_run;
    if (stream->last)
        stream->last->next = run->first;
    else
        stream->first = run->first;
    stream->last = run->last;
    pthread_mutex_lock(&feeder->lock);
    stream->in_flight += run->left;
    pthread_mutex_unlock(&feeder->lock);
    hf_feed_engine_dispatch(feeder, run);
}

/* As many neighbours as there are and as there is room for. What was taken from the list is
 * dispatched whatever comes after it. */
static enum hf_status plan_run(struct hf_feed_stream *stream, bool *out_run, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    bool added = true;
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return hf_error_memory(err);
    run->stream = stream;
    while (status == HF_OK && added) {
        struct hf_location at;
        status = peek(stream, &at, err);
        added = status == HF_OK && stream->has_pending;
        if (added)
            status = extend(stream, run, &at, &added, err);
    }
    *out_run = run->first != NULL;
    if (!run->first) {
        free(run);
        return status;
    }
    dispatch(stream, run);
    return HF_OK;
}

/* Less than half of its share is in flight or waiting: time to plan the next runs. (A chunk at a
 * time, as each is taken, would make requests of single chunks.) */
static bool runs_low(struct hf_feed_stream *stream)
{
    struct hf_feeder *feeder = stream->feeder;
    pthread_mutex_lock(&feeder->lock);
    uint64_t ahead = stream->ahead;
    pthread_mutex_unlock(&feeder->lock);
    return ahead <= hf_read_budget_share(feeder->budget) / 2;
}

static enum hf_status fill_window(struct hf_feed_stream *stream, struct hf_error *err)
{
    bool more = stream->look_ahead && runs_low(stream);
    if (more)
        HF_TRY(hf_feed_engine_start(stream->feeder, err));
    while (more) {
        struct hf_error why = HF_ERROR_INIT;
        if (plan_run(stream, &more, &why) == HF_OK)
            continue;
        if (stream->first)
            return HF_OK;
        *err = why;
        return why.status;
    }
    return HF_OK;
}

/* ---- handing out ---- */

static void release_current(struct hf_feed_stream *stream)
{
    if (stream->current_taken == 0)
        return;
    hf_read_budget_recycle(stream->feeder->budget, &stream->current);
    hf_read_budget_give(stream->feeder->budget, stream->current_taken);
    stream->current_taken = 0;
}

static void begin_reading(struct hf_feed_stream *stream)
{
    if (!stream->reading)
        hf_read_budget_join(stream->feeder->budget);
    stream->reading = true;
}

static void end_reading(struct hf_feed_stream *stream)
{
    if (stream->reading)
        hf_read_budget_leave(stream->feeder->budget);
    stream->reading = false;
}

/* The pending chunk, on this thread. */
static enum hf_status read_here(struct hf_feed_stream *stream, struct hf_error *err)
{
    struct hf_feeder *feeder = stream->feeder;
    struct hf_location at;
    HF_TRY(peek(stream, &at, err));
    if (!stream->has_pending)
        return HF_OK;
    uint64_t cost = chunk_cost(&at);
    HF_TRY(hf_read_budget_take(feeder->budget, cost, err));
    enum hf_status status =
        hf_read_budget_buffer(feeder->budget, at.frame->plain_len, &stream->current, err);
    if (status == HF_OK)
        status = hf_chunk_read(feeder->reader, stream->pending.id, class_of(stream),
                               stream->pending.len, &stream->current, err);
    if (status != HF_OK) {
        hf_read_budget_recycle(feeder->budget, &stream->current);
        hf_read_budget_give(feeder->budget, cost);
        return status;
    }
    hf_read_budget_give(feeder->budget, at.frame->stored_len);
    stream->current_taken = at.frame->plain_len;
    stream->has_pending = false;
    return HF_OK;
}

static enum hf_status piece_error(const struct piece *piece, struct hf_error *err)
{
    if (!piece->error)
        return hf_error_memory(err);
    *err = *piece->error;
    return err->status;
}

/* The first piece of the window, when it is done. */
static enum hf_status take_piece(struct hf_feed_stream *stream, struct hf_error *err)
{
    struct hf_feeder *feeder = stream->feeder;
    struct piece *piece = stream->first;
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&feeder->lock);
    while (piece->state == PIECE_PENDING)
        pthread_cond_wait(&stream->done, &feeder->lock);
    stream->ahead -= piece->at.frame->plain_len;
    pthread_mutex_unlock(&feeder->lock);
    stream->first = piece->next;
    if (!stream->first)
        stream->last = NULL;
    if (piece->state == PIECE_FAILED) {
        status = piece_error(piece, err);
        hf_read_budget_give(feeder->budget, piece->at.frame->plain_len);
    } else {
        stream->current = piece->plain;
        stream->current_taken = piece->at.frame->plain_len;
    }
    free(piece->error);
    free(piece);
    return status;
}

static enum hf_status advance(struct hf_feed_stream *stream, struct hf_error *err)
{
    release_current(stream);
    if (stream->feeder->cancel)
        HF_TRY(hf_cancel_check(stream->feeder->cancel, err));
    begin_reading(stream);
    HF_TRY(fill_window(stream, err));
    if (!stream->first)
        return read_here(stream, err);
    enum hf_status status = take_piece(stream, err);
    if (status == HF_CANCELLED && stream->feeder->cancel)
        return hf_cancel_check(stream->feeder->cancel, err);
    return status;
}

/* What of the current chunk is in the range. */
static void hand_out(struct hf_feed_stream *stream, const uint8_t **data, size_t *len)
{
    if (stream->current_taken == 0) {
        *data = NULL;
        *len = 0;
        return;
    }
    uint64_t left = stream->current.len - stream->skip;
    *data = stream->current.data + stream->skip;
    *len = (size_t)(left < stream->left ? left : stream->left);
    stream->left -= *len;
    stream->skip = 0;
}

static enum hf_status feed_next(struct hf_feed_stream *stream, const uint8_t **data, size_t *len,
                                struct hf_error *err)
{
    enum hf_status status;
    if (stream->failed)
        return hf_error_set(err, HF_FAILED, "stream %s: reading it failed before",
                            stream->entry->info.name);
    status = advance(stream, err);
    if (status != HF_OK) {
        stream->failed = true;
        return hf_error_prefix(err, "stream %s", stream->entry->info.name);
    }
    if (stream->current_taken == 0)
        end_reading(stream);
    hand_out(stream, data, len);
    return HF_OK;
}

/* ---- the feed ---- */

static const struct hf_stream_info *feed_info(void *ctx, size_t index)
{
    const struct hf_feeder *feeder = ctx;
    return index < feeder->catalog->count ? &feeder->catalog->items[index].info : NULL;
}

static const struct hf_stream_info *feed_find(void *ctx, const char *name)
{
    const struct hf_feeder *feeder = ctx;
    const struct hf_catalog_entry *entry = hf_catalog_find(feeder->catalog, name);
    return entry ? &entry->info : NULL;
}

/* Keeps the repository from being repaired or pruned under the reader. A store that cannot be
 * written to is no reason not to restore from it. */
static enum hf_status take_lease(struct hf_feeder *feeder, struct hf_error *err)
{
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = "restore"};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&feeder->lock);
    if (!feeder->lease_tried)
        status = hf_lease_take(feeder->repo, &options, &feeder->lease, &why);
    feeder->lease_tried = status != HF_BUSY;
    pthread_mutex_unlock(&feeder->lock);
    if (status != HF_BUSY)
        return HF_OK;
    *err = why;
    return status;
}

static enum hf_status may_open(struct hf_feeder *feeder, const struct hf_catalog_entry *entry,
                               const char *name, struct hf_error *err)
{
    if (!entry)
        return hf_error_set(err, HF_NOT_FOUND, "the snapshot has no stream %s", name);
    if (hf_stream_class(entry->info.kind) == HF_CHUNK_DATA &&
        feeder->repo->keys->role != HF_ROLE_READER)
        return hf_error_set(err, HF_DENIED,
                            "this key can write to the repository only; reading what is in it "
                            "needs a reader key");
    return take_lease(feeder, err);
}

/* Passes over the chunks before the range, by their lengths alone. */
static enum hf_status seek(struct hf_feed_stream *stream, uint64_t offset, uint64_t len,
                           struct hf_error *err)
{
    stream->skip = offset;
    stream->left = len;
    stream->wanted = len < UINT64_MAX - offset ? offset + len : UINT64_MAX;
    if (len == 0)
        stream->wanted = 0;
    while (stream->skip > 0) {
        HF_TRY(take_ref(stream, err));
        if (!stream->has_pending || stream->pending.len > stream->skip)
            break;
        stream->skip -= stream->pending.len;
        stream->has_pending = false;
    }
    if (stream->list_ended)
        stream->skip = 0;
    return HF_OK;
}

static void free_stream(struct hf_feed_stream *stream)
{
    hf_refcursor_close(stream->cursor);
    free(stream->stuck);
    pthread_cond_destroy(&stream->done);
    free(stream);
}

static enum hf_status feed_open_range(void *ctx, const char *name, uint64_t offset, uint64_t len,
                                      struct hf_feed_stream **out, struct hf_error *err)
{
    struct hf_feeder *feeder = ctx;
    const struct hf_catalog_entry *entry = hf_catalog_find(feeder->catalog, name);
    HF_TRY(may_open(feeder, entry, name, err));
    struct hf_feed_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return hf_error_memory(err);
    stream->feeder = feeder;
    stream->entry = entry;
    pthread_cond_init(&stream->done, NULL);
    if (hf_refcursor_open(&entry->root, hf_chunk_read_meta, feeder->reader, &stream->cursor, err) !=
            HF_OK ||
        seek(stream, offset, len, err) != HF_OK) {
        free_stream(stream);
        return hf_error_prefix(err, "stream %s", name);
    }
    uint64_t there = entry->info.bytes > offset ? entry->info.bytes - offset : 0;
    stream->look_ahead = !feeder->one_by_one && (len < there ? len : there) > SMALL_STREAM;
    *out = stream;
    return HF_OK;
}

static enum hf_status feed_open(void *ctx, const char *name, struct hf_feed_stream **out,
                                struct hf_error *err)
{
    return feed_open_range(ctx, name, 0, UINT64_MAX, out, err);
}

static void feed_close(struct hf_feed_stream *stream)
{
    struct hf_feeder *feeder = stream->feeder;
    pthread_mutex_lock(&feeder->lock);
    stream->closing = true;
    while (stream->in_flight > 0)
        pthread_cond_wait(&stream->done, &feeder->lock);
    pthread_mutex_unlock(&feeder->lock);
    while (stream->first) {
        struct piece *piece = stream->first;
        stream->first = piece->next;
        hf_read_budget_recycle(feeder->budget, &piece->plain);
        hf_read_budget_give(feeder->budget, piece->at.frame->plain_len);
        free(piece->error);
        free(piece);
    }
    release_current(stream);
    end_reading(stream);
    free_stream(stream);
}

/* What is left for chunks beside the reader's blocks and each worker's scratch memory. */
static uint64_t chunk_memory(const struct hf_feeder *feeder, uint64_t memory)
{
    uint64_t other = (uint64_t)HF_READER_BLOCKS * HF_READER_BLOCK +
                     2 * (uint64_t)feeder->threads * feeder->repo->header.chunk_max;
    memory = memory ? memory : DEFAULT_MEMORY;
    return memory > other ? memory - other : 0;
}

enum hf_status hf_feeder_new(struct hf_chunk_reader *reader, struct hf_repo *repo,
                             const struct hf_catalog *catalog,
                             const struct hf_read_options *options, struct hf_feeder **out,
                             struct hf_error *err)
{
    struct hf_feeder *feeder = calloc(1, sizeof *feeder);
    if (!feeder)
        return hf_error_memory(err);
    feeder->reader = reader;
    feeder->repo = repo;
    feeder->catalog = catalog;
    feeder->cancel = options->cancel;
    feeder->threads = options->threads ? options->threads : (unsigned)hf_pool_cpus();
    feeder->lease_tried = options->leased;
    feeder->one_by_one = options->one_by_one;
    feeder->feed = (struct hf_feed){.ctx = feeder,
                                    .info = feed_info,
                                    .find = feed_find,
                                    .open = feed_open,
                                    .next = feed_next,
                                    .close = feed_close,
                                    .open_range = feed_open_range};
    if (hf_read_budget_new(chunk_memory(feeder, options->memory), &feeder->budget, err) != HF_OK) {
        free(feeder);
        return err->status;
    }
    pthread_mutex_init(&feeder->lock, NULL);
    *out = feeder;
    return HF_OK;
}

void hf_feeder_free(struct hf_feeder *feeder)
{
    hf_feed_engine_stop(feeder);
    if (feeder->lease)
        hf_lease_release(feeder->lease);
    hf_read_budget_free(feeder->budget);
    pthread_mutex_destroy(&feeder->lock);
    free(feeder);
}

const struct hf_feed *hf_feeder_feed(const struct hf_feeder *feeder)
{
    return &feeder->feed;
}

uint64_t hf_feeder_peak(const struct hf_feeder *feeder)
{
    return hf_read_budget_peak(feeder->budget);
}
