#include "storage/repository/packer.h"

#include "base/queue.h"
#include "storage/repository/pack.h"
#include "storage/repository/repository_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A pack and who works on it. */
struct making {
    struct hf_pack_builder *builder;
    struct hf_claim *claims; /* of its chunks */
    size_t filling;          /* places given out and not yet filled */
    bool full;               /* no more places; upload once filling is 0 */
    struct making *next;     /* idle list */
};

struct hf_packer {
    struct hf_packer_options options;
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a pack became idle */
    struct making *makings;
    struct making *idle;
    struct making *open[HF_CHUNK_META + 1]; /* by class */
    struct hf_queue *uploads;
    bool stopped;
    _Atomic uint64_t stored;
};

static enum hf_status make_builders(struct hf_packer *packer, struct hf_error *err)
{
    const struct hf_packer_options *options = &packer->options;
    packer->makings = calloc(options->packs, sizeof *packer->makings);
    if (!packer->makings)
        return hf_error_memory(err);
    for (size_t i = 0; i < options->packs; i++) {
        struct making *making = &packer->makings[i];
        HF_TRY(hf_pack_builder_new(options->pack_size, &making->builder, err));
        making->next = packer->idle;
        packer->idle = making;
    }
    return hf_queue_new(options->packs, &packer->uploads, err);
}

enum hf_status hf_packer_new(const struct hf_packer_options *options, struct hf_packer **out,
                             struct hf_error *err)
{
    struct hf_packer *packer = calloc(1, sizeof *packer);
    if (!packer)
        return hf_error_memory(err);
    packer->options = *options;
    (void)pthread_mutex_init(&packer->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&packer->freed, NULL);
    enum hf_status status = make_builders(packer, err);
    if (status != HF_OK) {
        hf_packer_free(packer);
        return status;
    }
    *out = packer;
    return HF_OK;
}

void hf_packer_free(struct hf_packer *packer)
{
    if (!packer)
        return;
    for (size_t i = 0; packer->makings && i < packer->options.packs; i++)
        hf_pack_builder_free(packer->makings[i].builder);
    free(packer->makings);
    if (packer->uploads)
        hf_queue_free(packer->uploads);
    pthread_cond_destroy(&packer->freed);
    pthread_mutex_destroy(&packer->lock);
    free(packer);
}

/* No more places in this pack. Under the lock. There is room in the queue for every pack, so this
 * never waits; after a stop the pack stays where it is. */
static void close_pack(struct hf_packer *packer, enum hf_chunk_class class)
{
    struct making *making = packer->open[class];
    packer->open[class] = NULL;
    making->full = true;
    if (making->filling == 0)
        (void)!hf_queue_push(packer->uploads, making);
}

/* Waits for an idle pack and opens it, unless somebody else did meanwhile. Under the lock. */
static enum hf_status open_pack(struct hf_packer *packer, enum hf_chunk_class class,
                                struct hf_error *err)
{
    while (!packer->idle && !packer->open[class] && !packer->stopped)
        pthread_cond_wait(&packer->freed, &packer->lock);
    struct making *making = packer->idle;
    if (packer->stopped || packer->open[class] || !making)
        return HF_OK;
    const struct hf_repo *repo = packer->options.repo;
    HF_TRY(hf_pack_builder_begin(making->builder, repo->keys, class, repo->header.cipher, err));
    packer->idle = making->next;
    making->next = NULL;
    making->claims = NULL;
    making->filling = 0;
    making->full = false;
    packer->open[class] = making;
    /* Others wait for this as well as for an idle pack. */
    pthread_cond_broadcast(&packer->freed);
    return HF_OK;
}

/* A place for the frame. Under the lock. */
static enum hf_status reserve(struct hf_packer *packer, enum hf_chunk_class class,
                              struct hf_frame *frame, struct making **out_making,
                              uint8_t **out_place, struct hf_error *err)
{
    for (;;) {
        if (packer->stopped)
            return hf_error_set(err, HF_CANCELLED, "stopped after an error elsewhere");
        struct making *making = packer->open[class];
        if (!making) {
            HF_TRY(open_pack(packer, class, err));
            continue;
        }
        uint8_t *place = hf_pack_builder_reserve(making->builder, frame);
        if (place) {
            making->filling++;
            *out_making = making;
            *out_place = place;
            return HF_OK;
        }
        if (hf_pack_builder_frames(making->builder) == 0)
            return hf_error_set(err, HF_FAILED, "a chunk of %u bytes does not fit a pack",
                                frame->stored_len);
        close_pack(packer, class);
    }
}

enum hf_status hf_packer_store(struct hf_packer *packer, struct hf_frame_coder *coder,
                               enum hf_chunk_class class, struct hf_claim *claim,
                               uint32_t plain_len, const struct hf_frame_body *body,
                               struct hf_error *err)
{
    struct hf_frame frame = {
        .id = claim->id,
        .plain_len = plain_len,
        .stored_len = body->len + HF_FRAME_TAG,
        .codec = (uint8_t)body->codec,
    };
    struct making *making = NULL;
    uint8_t *place = NULL;
    pthread_mutex_lock(&packer->lock);
    enum hf_status status = reserve(packer, class, &frame, &making, &place, err);
    if (status == HF_OK) {
        claim->pack_next = making->claims;
        making->claims = claim;
    }
    pthread_mutex_unlock(&packer->lock);
    HF_TRY(status);

    status =
        hf_frame_seal(coder, hf_pack_builder_key(making->builder), &frame, body->data, place, err);
    pthread_mutex_lock(&packer->lock);
    making->filling--;
    /* A place that could not be filled must never be uploaded: the pack is left aside. */
    if (status != HF_OK)
        packer->stopped = true;
    else if (making->full && making->filling == 0 && !packer->stopped)
        (void)!hf_queue_push(packer->uploads, making);
    pthread_mutex_unlock(&packer->lock);
    return status;
}

void hf_packer_flush(struct hf_packer *packer, enum hf_chunk_class class)
{
    pthread_mutex_lock(&packer->lock);
    if (packer->open[class] && !packer->stopped)
        close_pack(packer, class);
    pthread_mutex_unlock(&packer->lock);
}

void hf_packer_close(struct hf_packer *packer)
{
    hf_queue_close(packer->uploads);
}

void hf_packer_stop(struct hf_packer *packer)
{
    pthread_mutex_lock(&packer->lock);
    packer->stopped = true;
    pthread_cond_broadcast(&packer->freed);
    pthread_mutex_unlock(&packer->lock);
    hf_queue_cancel(packer->uploads);
}

uint64_t hf_packer_stored(struct hf_packer *packer)
{
    return atomic_load(&packer->stored);
}

static enum hf_status write_index(struct hf_packer *packer, struct hf_error *err)
{
    uint64_t bytes = 0;
    if (hf_index_pending(packer->options.index) < HF_INDEX_PACKS)
        return HF_OK;
    HF_TRY(hf_index_flush(packer->options.index, packer->options.repo, &bytes, err));
    atomic_fetch_add(&packer->stored, bytes);
    return HF_OK;
}

/* The same hash is the same pack: there already is as good as put. */
static enum hf_status put_pack(struct hf_packer *packer, const struct hf_pack *pack,
                               struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    char name[HF_PACK_NAME];
    hf_pack_name(&pack->id, name);
    enum hf_status status =
        hf_store_put(packer->options.repo->store, name, pack->data, pack->len, HF_PUT_NAMED, &why);
    if (status != HF_OK && status != HF_EXISTS) {
        *err = why;
        return status;
    }
    if (status == HF_EXISTS) /* since when? */
        HF_TRY(hf_store_protect(packer->options.repo->store, name, err));
    atomic_fetch_add(&packer->stored, pack->len);
    return HF_OK;
}

static enum hf_status upload(struct hf_packer *packer, struct making *making, struct hf_error *err)
{
    struct hf_pack pack;
    HF_TRY(hf_cancel_check(packer->options.cancel, err));
    HF_TRY(hf_pack_builder_finish(making->builder, packer->options.repo->keys, &pack, err));
    HF_TRY(put_pack(packer, &pack, err));
    HF_TRY(hf_index_add(packer->options.index, &pack.id, pack.len, pack.slots, pack.slot_count,
                        pack.frames, pack.frame_count, err));
    hf_claims_settle(packer->options.claims, making->claims);
    pthread_mutex_lock(&packer->lock);
    making->next = packer->idle;
    packer->idle = making;
    pthread_cond_broadcast(&packer->freed);
    pthread_mutex_unlock(&packer->lock);
    return write_index(packer, err);
}

enum hf_status hf_packer_upload(struct hf_packer *packer, struct hf_error *err)
{
    struct making *making;
    while ((making = hf_queue_pop(packer->uploads)) != NULL)
        HF_TRY(upload(packer, making, err));
    return HF_OK;
}
