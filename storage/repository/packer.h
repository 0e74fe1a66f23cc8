/*
 * Packs in the making: takes encoded chunks, seals them into the open pack of their class, hands
 * full packs to the uploaders.
 *
 * Places are given out under a short lock and filled outside it, so any number of threads seal into
 * one pack at once. A fixed number of packs is in memory: when all are waiting or being
 * uploaded, hf_packer_store waits. A pack that is durable enters the index, and the index is
 * written each HF_INDEX_PACKS packs. Any thread may call anything but new and free.
 */
#ifndef HF_REPOSITORY_PACKER_H
#define HF_REPOSITORY_PACKER_H

#include "base/cancel.h"
#include "storage/repository/claims.h"
#include "storage/repository/frame.h"
#include "storage/repository/index.h"
#include "storage/repository/repository.h"

struct hf_packer;

struct hf_packer_options {
    struct hf_repo *repo; /* all borrowed */
    struct hf_index *index;
    struct hf_claims *claims;
    struct hf_cancel *cancel;
    size_t packs;     /* in memory, at least 2 */
    size_t pack_size; /* bytes */
};

enum hf_status hf_packer_new(const struct hf_packer_options *options, struct hf_packer **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* After all threads that use it have ended. Packs that are not uploaded are lost. */
void hf_packer_free(struct hf_packer *packer); /* takes NULL */

/* Stores the chunk of a claim (the packer's from here on). HF_CANCELLED after hf_packer_stop. */
enum hf_status hf_packer_store(struct hf_packer *packer, struct hf_frame_coder *coder,
                               enum hf_chunk_class class, struct hf_claim *claim,
                               uint32_t plain_len, const struct hf_frame_body *body,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Hands the open pack of a class to the uploaders, when there is one. No store of that class may
 * be going on. */
void hf_packer_flush(struct hf_packer *packer, enum hf_chunk_class class);
/* Nothing more comes: uploaders end when all packs are durable. */
void hf_packer_close(struct hf_packer *packer);
/* Wakes everybody and lets them end. */
void hf_packer_stop(struct hf_packer *packer);

/* An uploader thread's life: until closed and done, or an error. */
enum hf_status hf_packer_upload(struct hf_packer *packer, struct hf_error *err) HF_WARN_UNUSED;

/* Bytes of packs and index objects put so far. */
uint64_t hf_packer_stored(struct hf_packer *packer);

#endif
