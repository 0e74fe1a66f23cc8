/*
 * Who is making a repository in a store: init/<32 hex>, there only while somebody does.
 *
 * HF_PUT_CREATE of the header would be enough where the store decides it. Some object stores have
 * no such put, or ignore that it is asked for, and of two that make a repository at the same moment
 * the second would replace the header of the first, whose keys then open nothing. So a claim comes
 * first, which needs nothing of a store but that a listing shows what was put before: put the own
 * claim, then list. Whoever sees no other goes on; of several that see each other the one with the
 * least name waits until it is alone, the rest step back. Whoever comes later sees the claim of one
 * that has gone on, until its header is there.
 *
 * A claim whose owner was killed counts for HF_INIT_CLAIM_S, by the store's clock only. An owner
 * puts the header in the first half of that time or not at all; a put that hangs for longer than
 * the second half, on a store that does not decide HF_PUT_CREATE, is what remains.
 */
#ifndef HF_REPOSITORY_INIT_CLAIM_H
#define HF_REPOSITORY_INIT_CLAIM_H

#include "storage/store.h"

#define HF_INIT_PREFIX "init/"
enum {
    HF_INIT_CLAIM_S = 120,
    HF_INIT_OBJECT_TEXT = 5 + 32 + 1,
};

struct hf_init_claim {
    struct hf_store *store; /* NULL: none is held */
    char object[HF_INIT_OBJECT_TEXT];
    int64_t begun; /* monotonic */
};
#define HF_INIT_CLAIM_INIT                                                                         \
    {                                                                                              \
        .store = NULL                                                                              \
    }

/* HF_BUSY: somebody else is making one here. Waits for a few seconds at most. */
enum hf_status hf_init_claim_take(struct hf_store *store, struct hf_init_claim *out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* HF_OK while it counts for certain, or where none is needed: right before the header is put. */
enum hf_status hf_init_claim_check(const struct hf_init_claim *claim,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Removes it; one that cannot be removed expires. */
void hf_init_claim_drop(struct hf_init_claim *claim);
static inline void hf_init_claim_auto(struct hf_init_claim *claim)
{
    hf_init_claim_drop(claim);
}

/* Is it the name of a claim? */
bool hf_init_claim_named(const char *key);

#endif
