/*
 * Locks of what a new snapshot counts on and did not put itself: packs from before, the header and
 * the key records. Extending them makes a deduplicated snapshot as protected as a full one; without
 * that it would be deletable as soon as the oldest pack it uses is. Index objects are not locked
 * anew: what they say is in the packs too.
 *
 * Call it before the manifest is written, of every snapshot. Nothing to do, and no request, where
 * the store has no locks. Several packs at once, by threads of its own.
 */
#ifndef HF_REPOSITORY_PROTECT_H
#define HF_REPOSITORY_PROTECT_H

#include "base/cancel.h"
#include "storage/repository/index.h"

struct hf_protect {
    struct hf_repo *repo;
    struct hf_index *index;
    /* Does the snapshot count on the pack of this number? Any thread. */
    bool (*counts)(void *ctx, size_t number);
    void *ctx;
    struct hf_cancel *cancel; /* may be NULL */
};

/* The first failure; then the snapshot must not be written. */
enum hf_status hf_protect_run(const struct hf_protect *protect,
                              struct hf_error *err) HF_WARN_UNUSED;

#endif
