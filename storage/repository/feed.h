/*
 * The restore pipeline: an hf_feed over one snapshot's catalog.
 *
 *   catalog ─► per stream: a window of pieces, in order
 *                 │ runs of neighbouring frames of one pack
 *                 ▼
 *           [ ranged get ] × fetchers ─► [ open · decode · verify ] × workers ─► pieces, ready
 *
 * A stream that is being read plans its window on its reader's thread, as long as its share of the
 * memory lasts (read_budget.h); fetchers and workers are shared by all and start with the first
 * window. A stream without look-ahead (a small one, or where memory is short) reads its chunk on
 * the reader's own thread: it costs a few hundred bytes, no thread and no hand-over.
 *
 * Memory: every byte of sealed and plain chunks is taken from the budget first, and given back when
 * the reader goes on. What is open but not being read holds nothing.
 */
#ifndef HF_REPOSITORY_FEED_H
#define HF_REPOSITORY_FEED_H

#include "storage/repository/catalog.h"
#include "storage/repository/chunk_reader.h"
#include "storage/repository/snapshot.h"

struct hf_feeder;

enum {
    HF_FEED_RUN_MAX = 4 << 20,  /* sealed bytes of one request */
    HF_FEED_GAP_MAX = 64 << 10, /* of other frames read along, rather than asking twice */
    HF_FEED_FETCHERS = 4,
};

/* Everything is borrowed; options is copied (its cancel is borrowed). */
enum hf_status hf_feeder_new(struct hf_chunk_reader *reader, struct hf_repo *repo,
                             const struct hf_catalog *catalog,
                             const struct hf_read_options *options, struct hf_feeder **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Every stream must be closed. Joins the threads. */
void hf_feeder_free(struct hf_feeder *feeder);
HF_DEFINE_AUTO_PTR(hf_feeder, hf_feeder_free)

const struct hf_feed *hf_feeder_feed(const struct hf_feeder *feeder);
/* The most memory that chunks ever took, for tests. */
uint64_t hf_feeder_peak(const struct hf_feeder *feeder);

#endif
