/*
 * Forgetting snapshots: their manifests are removed, with what is known of them (proofs, pins).
 * What they alone needed is removed by prune (prune.h), which is safe beside anything. The writer
 * key is enough.
 *
 * The manifest goes first: from then on there is no such snapshot, and proofs that a crash leaves
 * behind mean nothing.
 */
#ifndef HF_REPOSITORY_FORGET_H
#define HF_REPOSITORY_FORGET_H

#include "base/text.h"
#include "storage/repository/lease.h"
#include "storage/repository/snapshot.h"

enum hf_forget_outcome {
    HF_FORGET_LEFT,    /* not come to */
    HF_FORGET_REMOVED, /* on a dry run: it would be */
    HF_FORGET_GONE,    /* somebody else did it */
    HF_FORGET_PINNED,  /* meanwhile */
    HF_FORGET_LOCKED,  /* the store does not let go of it yet (object lock) */
};

struct hf_forgotten {
    enum hf_forget_outcome outcome;
    int64_t locked_until; /* ns, by the store's clock; INT64_MAX: a hold that somebody has to end */
};

struct hf_forget_options {
    struct hf_lease *lease; /* any that the caller holds */
    bool dry_run;           /* only finds out what is locked or pinned */
    bool pinned;            /* pins do not count */
    struct hf_cancel *cancel;
};

/*
 * ids: whole ones. Fills as many items as there are ids, in any case. Each is looked at just before
 * it is removed. The first error ends it, but for locks, which are no error.
 */
enum hf_status hf_forget(struct hf_repo *repo, const struct hf_strings *ids,
                         const struct hf_forget_options *options, struct hf_forgotten *items,
                         struct hf_error *err) HF_WARN_UNUSED;

#endif
