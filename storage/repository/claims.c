#include "storage/repository/claims.h"

#include "base/buffer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 14 }; /* a few packs' chunks, also when they are small */

struct hf_claims {
    pthread_mutex_t lock;
    struct hf_claim *buckets[BUCKETS];
};

enum hf_status hf_claims_new(struct hf_claims **out, struct hf_error *err)
{
    struct hf_claims *claims = calloc(1, sizeof *claims);
    if (!claims)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&claims->lock, NULL); /* cannot fail with default attributes */
    *out = claims;
    return HF_OK;
}

void hf_claims_free(struct hf_claims *claims)
{
    if (!claims)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct hf_claim *claim = claims->buckets[i]; claim;) {
            struct hf_claim *next = claim->bucket_next;
            free(claim);
            claim = next;
        }
    }
    pthread_mutex_destroy(&claims->lock);
    free(claims);
}

static struct hf_claim **bucket_of(struct hf_claims *claims, const struct hf_chunk_id *id)
{
    return &claims->buckets[hf_load_u64(id->bytes) % BUCKETS];
}

static enum hf_status new_claim(struct hf_claim **bucket, const struct hf_chunk_id *id,
                                struct hf_claim **out, struct hf_error *err)
{
    struct hf_claim *claim = malloc(sizeof *claim);
    if (!claim)
        return hf_error_memory(err);
    *claim = (struct hf_claim){.id = *id, .bucket_next = *bucket};
    *bucket = claim;
    *out = claim;
    return HF_OK;
}

enum hf_status hf_claims_take(struct hf_claims *claims, struct hf_index *index,
                              const struct hf_chunk_id *id, struct hf_claim **out_claim,
                              const struct hf_index_pack **out_known, struct hf_error *err)
{
    struct hf_location location;
    enum hf_status status = HF_OK;
    *out_claim = NULL;
    *out_known = NULL;
    pthread_mutex_lock(&claims->lock);
    struct hf_claim **bucket = bucket_of(claims, id);
    const struct hf_claim *claim = *bucket;
    while (claim && !hf_chunk_id_equal(&claim->id, id))
        claim = claim->bucket_next;
    /* In this order: a pack enters the index before its claims are settled. */
    if (!claim) {
        if (hf_index_find(index, id, &location) && !location.dropped)
            *out_known = location.pack;
        else
            status = new_claim(bucket, id, out_claim, err);
    }
    pthread_mutex_unlock(&claims->lock);
    return status;
}

static void unlink_claim(struct hf_claims *claims, const struct hf_claim *claim)
{
    struct hf_claim **at = bucket_of(claims, &claim->id);
    while (*at && *at != claim)
        at = &(*at)->bucket_next;
    if (*at)
        *at = claim->bucket_next;
}

void hf_claims_settle(struct hf_claims *claims, struct hf_claim *list)
{
    pthread_mutex_lock(&claims->lock);
    while (list) {
        struct hf_claim *next = list->pack_next;
        unlink_claim(claims, list);
        free(list);
        list = next;
    }
    pthread_mutex_unlock(&claims->lock);
}
