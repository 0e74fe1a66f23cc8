/*
 * Frames: one chunk, encoded and sealed.
 *
 *   plaintext ──codec──► body ──AEAD──► frame (body, then a tag of 16 bytes)
 *
 * key: the pack key of the frame's slot. nonce: the frame's number, 4 bytes little-endian, then
 * zeroes (24 bytes for XChaCha20-Poly1305, 12 for AES-256-GCM). Associated data, 41 bytes: id (32),
 * plain length (4), stored length (4), codec (1). Neither the pack nor the place within it enters,
 * so a frame can move to another pack as long as slot and number go with it.
 */
#ifndef HF_REPOSITORY_FRAME_H
#define HF_REPOSITORY_FRAME_H

#include "base/error.h"
#include "base/stream.h"
#include "storage/repository/chunk.h"

#include <stddef.h>
#include <stdint.h>

/* The numbers are format. */
enum hf_codec {
    HF_CODEC_RAW = 0,
    HF_CODEC_ZSTD = 1,
    HF_CODEC_COLUMNS = 2, /* zstd of the chunk transposed, columns.h */
};

enum {
    HF_FRAME_TAG = 16,
    HF_FRAME_STORED_MAX = HF_CHUNK_PLAIN_MAX + HF_FRAME_TAG, /* raw where a codec does not shrink */
    HF_FRAME_LEVEL = 1, /* zstd's level when none is asked for */
    HF_FRAME_LEVEL_MAX = 19,
    HF_FRAME_COLUMNS_MOST = 2 << 20, /* a longer chunk is not transposed: saves memory */
    HF_PACK_KEY = 32,
};

/* What a pack's directory and the index say of a frame. */
struct hf_frame {
    struct hf_chunk_id id;
    uint32_t plain_len;  /* 1 … HF_CHUNK_PLAIN_MAX */
    uint32_t stored_len; /* HF_FRAME_TAG + 1 … plain_len + HF_FRAME_TAG */
    uint32_t offset;     /* within the pack object */
    uint32_t number;     /* nonce; unique within the slot */
    uint16_t slot;       /* which of the pack's keys */
    uint8_t codec;       /* enum hf_codec */
};

/* The key of a slot, open. Wipe after use. */
struct hf_pack_key {
    enum hf_repo_cipher cipher;
    uint8_t bytes[HF_PACK_KEY];
};

/* Encodes and seals, opens and decodes. Owns zstd contexts, a cipher context and scratch memory
 * that grows to what the chunks need, 6 times a chunk at the very most. One thread at a time. */
struct hf_frame_coder;
/* level 0: HF_FRAME_LEVEL. HF_USAGE above HF_FRAME_LEVEL_MAX. */
enum hf_status hf_frame_coder_new(int level, struct hf_frame_coder **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
void hf_frame_coder_free(struct hf_frame_coder *coder); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_frame_coder, hf_frame_coder_free)

/* A chunk after its codec. */
struct hf_frame_body {
    const uint8_t *data; /* the coder's, until its next call; or the plaintext itself */
    uint32_t len;        /* never more than the plaintext's */
    enum hf_codec codec;
};

/* Picks the codec: columns where kind says rows and they fit, else zstd, raw when that does not
 * shrink. len is 1 … HF_CHUNK_PLAIN_MAX. */
enum hf_status hf_frame_encode(struct hf_frame_coder *coder, enum hf_stream_kind kind,
                               const void *plain, size_t len, struct hf_frame_body *out,
                               struct hf_error *err) HF_WARN_UNUSED;

/* body (frame->stored_len - HF_FRAME_TAG bytes) to out (frame->stored_len bytes). */
enum hf_status hf_frame_seal(struct hf_frame_coder *coder, const struct hf_pack_key *key,
                             const struct hf_frame *frame, const uint8_t *body, uint8_t *out,
                             struct hf_error *err) HF_WARN_UNUSED;

/* sealed (frame->stored_len bytes) to plain (frame->plain_len bytes). HF_DAMAGED when it is not
 * authentic or does not decode to that length; plain is undefined then. The lengths need not be
 * trusted. Errors do not name the pack: prefix them. The id is not looked at: hf_chunk_verify. */
enum hf_status hf_frame_open(struct hf_frame_coder *coder, const struct hf_pack_key *key,
                             const struct hf_frame *frame, const uint8_t *sealed, uint8_t *plain,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
