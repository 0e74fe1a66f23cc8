/*
 * The AEAD of frames (frame.h). Both ciphers run in libcrypto, whose vectorised code is several
 * times as fast as libsodium's; XChaCha20-Poly1305 is HChaCha20 (libsodium), then
 * ChaCha20-Poly1305, as its draft defines it, and the same as libsodium's.
 */
#ifndef HF_REPOSITORY_FRAME_CIPHER_H
#define HF_REPOSITORY_FRAME_CIPHER_H

#include "base/error.h"
#include "storage/repository/frame.h"

#include <openssl/types.h>

/* Contexts that are kept from frame to frame. Starts as zeroes; one thread at a time. */
struct hf_frame_cipher {
    EVP_CIPHER *algorithm;
    EVP_CIPHER_CTX *ctx;
    enum hf_repo_cipher cipher; /* what algorithm is for */
};
void hf_frame_cipher_done(struct hf_frame_cipher *cipher);

/* As hf_frame_seal. */
enum hf_status hf_frame_cipher_seal(struct hf_frame_cipher *cipher, const struct hf_pack_key *key,
                                    const struct hf_frame *frame, const uint8_t *body, uint8_t *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* sealed (frame->stored_len bytes, more than the tag) to body. HF_DAMAGED when not authentic. */
enum hf_status hf_frame_cipher_open(struct hf_frame_cipher *cipher, const struct hf_pack_key *key,
                                    const struct hf_frame *frame, const uint8_t *sealed,
                                    uint8_t *body, struct hf_error *err) HF_WARN_UNUSED;

#endif
