/*
 * The ids of chunks that are on their way into a pack: known to this backup, in no index yet.
 * Of several threads that come with the same chunk one gets the claim and stores it.
 * Any thread may call anything but new and free.
 */
#ifndef HF_REPOSITORY_CLAIMS_H
#define HF_REPOSITORY_CLAIMS_H

#include "storage/repository/index.h"

struct hf_claims;

/* One claim; a list of them goes with the pack that its chunks are in. */
struct hf_claim {
    struct hf_chunk_id id;
    struct hf_claim *bucket_next;
    struct hf_claim *pack_next;
};

enum hf_status hf_claims_new(struct hf_claims **out, struct hf_error *err) HF_WARN_UNUSED;
/* With all claims that are left. */
void hf_claims_free(struct hf_claims *claims); /* takes NULL */

/*
 * *out_claim is the caller's duty to store the chunk, or NULL when it is in a live pack of the
 * index (*out_known says which) or on its way (*out_known is NULL).
 */
enum hf_status hf_claims_take(struct hf_claims *claims, struct hf_index *index,
                              const struct hf_chunk_id *id, struct hf_claim **out_claim,
                              const struct hf_index_pack **out_known,
                              struct hf_error *err) HF_WARN_UNUSED;
/* The chunks of a list are in the index now. Frees the list. */
void hf_claims_settle(struct hf_claims *claims, struct hf_claim *list);

#endif
