#include "storage/repository/feed_internal.h"

#include <stdlib.h>

enum { QUEUE = 256 };

bool hf_feed_cancelled(const struct hf_feeder *feeder)
{
    return feeder->cancel && hf_cancel_requested(feeder->cancel);
}

static bool skips(struct hf_feeder *feeder, struct hf_feed_stream *stream)
{
    pthread_mutex_lock(&feeder->lock);
    bool closing = stream->closing;
    pthread_mutex_unlock(&feeder->lock);
    return closing || hf_feed_cancelled(feeder);
}

/* Marks a piece done; the last of a run frees the run. The stream may be gone after the unlock:
 * whoever closes it waits for in_flight to fall to 0. */
static void finish(struct hf_feeder *feeder, struct piece *piece, enum piece_state state)
{
    struct run *run = piece->run;
    struct hf_feed_stream *stream = run->stream;
    bool last;
    pthread_mutex_lock(&feeder->lock);
    last = --run->left == 0;
    if (last) {
        hf_read_budget_recycle(feeder->budget, &run->sealed);
        hf_read_budget_give(feeder->budget, run->len);
        stream->ahead -= run->len;
    }
    piece->state = state;
    piece->run = NULL;
    stream->in_flight--;
    pthread_cond_broadcast(&stream->done);
    pthread_mutex_unlock(&feeder->lock);
    if (last)
        free(run);
}

static void fail(struct hf_feeder *feeder, struct piece *piece, const struct hf_error *why)
{
    piece->error = malloc(sizeof *piece->error);
    if (piece->error)
        *piece->error = *why;
    hf_read_budget_recycle(feeder->budget, &piece->plain);
    finish(feeder, piece, PIECE_FAILED);
}

/* From the run's bytes; when they are not there or not right, on its own and from wherever else
 * the chunk is. */
static enum hf_status open_piece(struct hf_feeder *feeder, struct hf_opener *opener,
                                 struct piece *piece, struct hf_error *err)
{
    const struct run *run = piece->run;
    const struct hf_frame *frame = piece->at.frame;
    HF_TRY(hf_read_budget_buffer(feeder->budget, frame->plain_len, &piece->plain, err));
    if (run->sealed.len == run->len) {
        const uint8_t *sealed = run->sealed.data + (frame->offset - run->offset);
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status =
            hf_chunk_open(feeder->reader, opener, &piece->at, sealed, piece->plain.data, &why);
        if (status == HF_OK)
            piece->plain.len = frame->plain_len;
        else if (status != HF_DAMAGED)
            *err = why;
        if (status != HF_DAMAGED)
            return status;
    }
    return hf_chunk_read(feeder->reader, frame->id.bytes, piece->at.pack->class, frame->plain_len,
                         &piece->plain, err);
}

static enum hf_status work_on(struct hf_feeder *feeder, struct piece *piece, struct hf_error *err)
{
    struct hf_opener *opener;
    if (skips(feeder, piece->run->stream))
        return hf_error_set(err, HF_CANCELLED, "stopped");
    HF_TRY(hf_opener_borrow(feeder->reader, &opener, err));
    enum hf_status status = open_piece(feeder, opener, piece, err);
    hf_opener_return(feeder->reader, opener);
    return status;
}

/* What goes wrong is the piece's; the thread goes on. */
static enum hf_status worker(void *arg, size_t index, struct hf_error *err)
{
    struct hf_feeder *feeder = arg;
    struct piece *piece;
    (void)index;
    while ((piece = hf_queue_pop(feeder->pieces))) {
        if (work_on(feeder, piece, err) == HF_OK)
            finish(feeder, piece, PIECE_READY);
        else
            fail(feeder, piece, err);
    }
    return HF_OK;
}

static void fetch(struct hf_feeder *feeder, struct run *run)
{
    struct hf_error err = HF_ERROR_INIT;
    char name[HF_PACK_NAME];
    hf_pack_name(&run->pack->id, name);
    if (skips(feeder, run->stream))
        return;
    if (hf_read_budget_buffer(feeder->budget, (size_t)run->len, &run->sealed, &err) == HF_OK &&
        hf_store_get(run->repo->store, name, run->offset, (size_t)run->len, &run->sealed, &err) !=
            HF_OK)
        run->sealed.len = 0; /* said in full when the pieces are read one by one */
}

/* Queues are open until stop, which comes when nothing is in flight: pushes do not fail. The run is
 * gone once its last piece was pushed and done, so next_run is read before. */
static enum hf_status fetcher(void *arg, size_t index, struct hf_error *err)
{
    struct hf_feeder *feeder = arg;
    struct run *run;
    (void)index;
    (void)err;
    while ((run = hf_queue_pop(feeder->runs))) {
        fetch(feeder, run);
        struct piece *piece = run->first;
        while (piece) {
            struct piece *next = piece->next_run;
            (void)!hf_queue_push(feeder->pieces, piece);
            piece = next;
        }
    }
    return HF_OK;
}

void hf_feed_engine_dispatch(struct hf_feeder *feeder, struct run *run)
{
    (void)!hf_queue_push(feeder->runs, run);
}

static enum hf_status start(struct hf_feeder *feeder, struct hf_error *err)
{
    if (!feeder->own_cancel)
        HF_TRY(hf_cancel_new(&feeder->own_cancel, err));
    if (!feeder->runs)
        HF_TRY(hf_queue_new(QUEUE, &feeder->runs, err));
    if (!feeder->pieces)
        HF_TRY(hf_queue_new(QUEUE, &feeder->pieces, err));
    if (!feeder->workers)
        HF_TRY(hf_pool_start(feeder->threads, worker, NULL, feeder, feeder->own_cancel,
                             &feeder->workers, err));
    if (!feeder->fetchers)
        HF_TRY(hf_pool_start(HF_FEED_FETCHERS, fetcher, NULL, feeder, feeder->own_cancel,
                             &feeder->fetchers, err));
    return HF_OK;
}

enum hf_status hf_feed_engine_start(struct hf_feeder *feeder, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&feeder->lock);
    if (!feeder->started)
        status = start(feeder, err);
    feeder->started = status == HF_OK;
    pthread_mutex_unlock(&feeder->lock);
    return status;
}

void hf_feed_engine_stop(struct hf_feeder *feeder)
{
    struct hf_error err = HF_ERROR_INIT;
    if (feeder->runs)
        hf_queue_close(feeder->runs);
    if (feeder->fetchers)
        (void)!hf_pool_join(feeder->fetchers, &err);
    if (feeder->pieces)
        hf_queue_close(feeder->pieces);
    if (feeder->workers)
        (void)!hf_pool_join(feeder->workers, &err);
    if (feeder->runs)
        hf_queue_free(feeder->runs);
    if (feeder->pieces)
        hf_queue_free(feeder->pieces);
    if (feeder->own_cancel)
        hf_cancel_free(feeder->own_cancel);
}
