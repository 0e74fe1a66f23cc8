/*
 * What feed.c (streams and their windows) and feed_engine.c (fetchers and workers) share.
 *
 * A piece belongs to its stream's list; between dispatch and done it is the engine's. Everything
 * that both touch (piece->state, run->left, stream->in_flight) is under feeder->lock.
 */
#ifndef HF_REPOSITORY_FEED_INTERNAL_H
#define HF_REPOSITORY_FEED_INTERNAL_H

#include "base/pool.h"
#include "base/queue.h"
#include "storage/repository/feed.h"
#include "storage/repository/lease.h"
#include "storage/repository/read_budget.h"
#include "storage/repository/repository_internal.h"

#include <pthread.h>

enum piece_state { PIECE_PENDING, PIECE_READY, PIECE_FAILED };

struct piece {
    struct piece *next;     /* in the stream's order */
    struct piece *next_run; /* in the run's order */
    struct run *run;
    struct hf_location at;
    enum piece_state state;
    struct hf_buf plain;
    struct hf_error *error; /* owned; PIECE_FAILED: why, or NULL when there was no memory for it */
};

/* Neighbouring frames of one pack, fetched by one request. */
struct run {
    struct hf_feed_stream *stream;
    const struct hf_index_pack *pack;
    struct hf_repo *repo; /* that the pack is in */
    uint64_t offset;
    uint64_t len;
    struct hf_buf sealed; /* empty when the fetch failed: pieces are then read one by one */
    struct piece *first;
    struct piece *last;
    size_t left; /* pieces not done */
};

struct hf_feed_stream {
    struct hf_feeder *feeder;
    const struct hf_catalog_entry *entry;
    struct hf_refcursor *cursor;
    struct hf_ref pending; /* taken from the cursor, in no piece yet */
    bool has_pending;
    bool list_ended;
    uint64_t wanted; /* bytes from the last reference taken to the end of the range */
    uint64_t skip;   /* bytes before the range in the next chunk */
    uint64_t left;   /* bytes of the range not handed out */
    bool look_ahead;
    bool reading; /* counted among the budget's readers */
    bool closing; /* what is in flight may be skipped */
    bool failed;
    struct hf_error *stuck; /* owned; why no more can be planned, or NULL */
    uint64_t ahead;         /* bytes of the window taken from the budget, run bytes included */
    struct piece *first;
    struct piece *last;
    size_t in_flight; /* pieces dispatched and not done */
    pthread_cond_t done;
    struct hf_buf current; /* what next gave out */
    uint64_t current_taken;
};

struct hf_feeder {
    struct hf_chunk_reader *reader;
    struct hf_repo *repo;
    const struct hf_catalog *catalog;
    struct hf_cancel *cancel; /* the caller's, or NULL */
    unsigned threads;
    bool one_by_one;
    struct hf_feed feed;
    struct hf_read_budget *budget;
    pthread_mutex_t lock;
    bool lease_tried;
    struct hf_lease *lease; /* or NULL */
    /* The engine; started with the first window, under lock. */
    bool started;
    struct hf_cancel *own_cancel;
    struct hf_queue *runs;
    struct hf_queue *pieces;
    struct hf_pool *fetchers;
    struct hf_pool *workers;
};

/* Starts the threads if they do not run yet. */
enum hf_status hf_feed_engine_start(struct hf_feeder *feeder, struct hf_error *err) HF_WARN_UNUSED;
/* Hands a run over; its pieces are already in the stream's list and counted in flight. */
void hf_feed_engine_dispatch(struct hf_feeder *feeder, struct run *run);
/* Stops and joins. Nothing may be in flight. */
void hf_feed_engine_stop(struct hf_feeder *feeder);

bool hf_feed_cancelled(const struct hf_feeder *feeder);

#endif
