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
 * puts the header in the first half of that time or not at all: what is not done by then is given
 * up, and no byte of it is sent afterwards. Whether a put that was given up is done all the same,
 * only the server knows; so its claim stays where it is, and whoever comes later waits for the
 * second half at least. Who has put the header reads it back before saying so. What remains is a
 * server that has all of a put in hand when its client hangs up, and does it a minute or more
 * later.
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
/* ns that are left to put the header. HF_BUSY: none. Of a claim that is held. */
enum hf_status hf_init_claim_left(const struct hf_init_claim *claim, int64_t *out_ns,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* Removes it; one that cannot be removed expires. */
void hf_init_claim_drop(struct hf_init_claim *claim);
/* Lets it expire: a put of the header was given up, and may still be done. */
void hf_init_claim_leave(struct hf_init_claim *claim);
static inline void hf_init_claim_auto(struct hf_init_claim *claim)
{
    hf_init_claim_drop(claim);
}

/* Is it the name of a claim? */
bool hf_init_claim_named(const char *key);

#endif
