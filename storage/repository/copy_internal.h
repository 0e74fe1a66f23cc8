/*
 * What the parts of a copy share: copy.c (order of steps), copy_snapshots.c (groups of snapshots),
 * copy_plan.c (which packs a snapshot needs), copy_packs.c (packs on their way), copy_proofs.c.
 */
#ifndef HF_REPOSITORY_COPY_INTERNAL_H
#define HF_REPOSITORY_COPY_INTERNAL_H

#include "storage/repository/chunk_reader.h"
#include "storage/repository/clean_set.h"
#include "storage/repository/copy.h"
#include "storage/repository/index.h"
#include "storage/repository/lease.h"
#include "storage/repository/manifest.h"

#include <stdatomic.h>

/*
 * Packs to be moved from one replica to another. Filled by one thread (hf_mover_want), then moved
 * by many (hf_mover_run), and again.
 */
struct hf_mover {
    struct hf_repo *from; /* all borrowed */
    struct hf_repo *to;
    struct hf_index *from_index;
    struct hf_index *to_index;
    uint64_t memory;
    unsigned threads;
    struct hf_cancel *cancel;           /* or NULL */
    const struct hf_observer *observer; /* or NULL */
    bool healing; /* what from has not either is passed over, and no index object is written */

    const struct hf_index_pack **wanted; /* owned */
    size_t wanted_count;
    size_t wanted_cap;
    uint64_t wanted_bytes;
    uint8_t *marks; /* owned; of from's packs, by number */
    size_t mark_count;
    uint8_t *counted; /* owned; of to's packs, by number: snapshots to come count on it */
    size_t counted_count;

    uint64_t expected_bytes; /* told to the observer so far */
    uint64_t expected_packs;
    _Atomic uint64_t packs; /* moved */
    _Atomic uint64_t bytes;
    _Atomic uint64_t bad;     /* found missing or damaged in from, and dropped in from_index */
    _Atomic uint64_t revived; /* that objects of to's index still call dropped */
};
void hf_mover_done(struct hf_mover *mover);

/* Adds the pack of from in which a chunk is, unless to has the chunk or the pack is wanted already.
 * HF_DAMAGED: it is nowhere in from, or only in a pack that was found bad. */
enum hf_status hf_mover_want(struct hf_mover *mover, struct hf_chunk_reader *reader,
                             const uint8_t id[HF_REF_ID], enum hf_chunk_class class, uint32_t len,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Extends the locks of what is counted on in to, and forgets it: before manifests are written. */
enum hf_status hf_mover_protect(struct hf_mover *mover, struct hf_error *err) HF_WARN_UNUSED;
/* Moves what is wanted, and forgets what was wanted: each pack is in the store and in to_index, or
 * counted as bad. Index objects are written each HF_INDEX_PACKS packs and not at the end. */
enum hf_status hf_mover_run(struct hf_mover *mover, struct hf_error *err) HF_WARN_UNUSED;

/* Wants every pack that a snapshot needs and to lacks. lists: reads the snapshot's catalog and
 * lists; reader: knows where chunks are in from; the same when the snapshot is from's. clean: lists
 * that were planned already, to be passed over, and those that were planned now. */
enum hf_status hf_copy_plan(struct hf_mover *mover, struct hf_chunk_reader *lists,
                            struct hf_chunk_reader *reader, const struct hf_manifest *manifest,
                            struct hf_clean_set *clean, struct hf_error *err) HF_WARN_UNUSED;

/* A copy under way. One thread, but for what the mover does. */
struct hf_copy {
    struct hf_repo *from;
    struct hf_repo *to;
    const struct hf_copy_options *options;
    struct hf_copy_report *report;
    struct hf_lease *from_lease; /* or NULL: a store that takes none can be read all the same */
    struct hf_lease *to_lease;
    struct hf_strings there; /* keys of from's snapshots that were asked for, newest first */
    struct hf_strings here;  /* keys of to's snapshots, sorted; with those copied now, not sorted */
    size_t here_sorted;
    struct hf_index *from_index; /* both loaded with the first snapshot that is missing */
    struct hf_index *to_index;
    struct hf_chunk_reader *reader; /* of from */
    struct hf_mover mover;
    struct hf_clean_set clean;
};

/* HF_OK while what is written counts and what is read stays. */
enum hf_status hf_copy_check_leases(struct hf_copy *copy, struct hf_error *err) HF_WARN_UNUSED;
bool hf_copy_is_here(const struct hf_copy *copy, const char *key);
/* Notes that something of a snapshot cannot be copied. */
enum hf_status hf_copy_tell_failed(struct hf_copy *copy, const char *key,
                                   const struct hf_error *why, struct hf_error *err) HF_WARN_UNUSED;

/* copy_snapshots.c: all that are missing. */
enum hf_status hf_copy_snapshots(struct hf_copy *copy, struct hf_error *err) HF_WARN_UNUSED;
/* copy_proofs.c: proofs and pins of all that were asked for and are in to now. */
enum hf_status hf_copy_proofs(struct hf_copy *copy, struct hf_error *err) HF_WARN_UNUSED;

#endif
