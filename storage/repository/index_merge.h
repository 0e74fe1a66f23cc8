/*
 * Merging index objects: each backup adds one or a few, and whoever loads the index reads them all.
 * So at its end a backup makes large ones of many small ones, such that each is at least twice
 * the sum of all that are smaller. There are then O(log n) of them, and what is written again is
 * O(log n) a backup on average. Those of HF_MERGE_FULL bytes and more are left as they are.
 *
 * Beside other backups, merges and readers: an object is removed only while there is a durable one
 * that says more (or says the same, under a greater name): the one it was just merged into, or one
 * that a merge left which was killed after it stored and before it removed. "Says more" is an
 * order, so whatever several hosts do at once, what an object said is said by one that none of them
 * removes. (Two objects that only together say as much would not do: the smaller of them may in
 * turn be covered by what was merged. So each merge makes one object.)
 *
 * Whoever has listed an object that is gone when he comes to read it lists again (hf_index_load).
 * Only what was read is merged: objects of others that came since, and unreadable ones, stay.
 */
#ifndef HF_REPOSITORY_INDEX_MERGE_H
#define HF_REPOSITORY_INDEX_MERGE_H

#include "base/cancel.h"
#include "storage/repository/index.h"
#include "storage/repository/lease.h"

enum {
    HF_MERGE_FULL = 8 << 20,    /* bytes of an object that is never merged again */
    HF_MERGE_OBJECT = 16 << 20, /* bytes that are merged into one; in memory twice meanwhile */
    HF_MERGE_MOST = 64 << 20,   /* bytes that are merged by one backup */
};

/* What was done. */
struct hf_index_merged {
    size_t removed;
    size_t written;
    uint64_t written_bytes;
};

/* How many of the smallest are to be merged into one (2 or more), or 0. sizes: ascending. */
size_t hf_index_merge_choose(const uint64_t *sizes, size_t count);

/*
 * lease: a shared one is enough. With it, nobody else can be rewriting the index for himself
 * (check --repair) unless it is lost, which is looked at before anything is removed (HF_BUSY).
 * Nothing to do costs no request. On failure, and after a kill at any moment, the index says what
 * it said before; some of it twice. HF_DENIED: objects cannot be removed here, so none are merged.
 * cancel may be NULL. out is set in any case.
 */
enum hf_status hf_index_merge(struct hf_index *index, struct hf_repo *repo, struct hf_lease *lease,
                              struct hf_cancel *cancel, struct hf_index_merged *out,
                              struct hf_error *err) HF_WARN_UNUSED;

#endif
