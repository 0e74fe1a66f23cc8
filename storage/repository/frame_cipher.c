#include "storage/repository/frame_cipher.h"

#include "base/buffer.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

enum {
    NONCE = 12,           /* of both ciphers as libcrypto sees them */
    AD = HF_CHUNK_ID + 9, /* id, lengths, codec */
    XNONCE_HEAD = 16,     /* what HChaCha20 takes of the nonce of 24 bytes */
};

void hf_frame_cipher_done(struct hf_frame_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->ctx); /* wipes the key */
    EVP_CIPHER_free(cipher->algorithm);
    *cipher = (struct hf_frame_cipher){.ctx = NULL};
}

static enum hf_status failed(struct hf_error *err)
{
    return hf_error_set(err, HF_FAILED, "libcrypto could not run the frame cipher");
}

static enum hf_status choose(struct hf_frame_cipher *cipher, enum hf_repo_cipher which,
                             struct hf_error *err)
{
    if (cipher->ctx && cipher->cipher == which)
        return HF_OK;
    const char *name = which == HF_CIPHER_XCHACHA20_POLY1305 ? "ChaCha20-Poly1305"
                       : which == HF_CIPHER_AES_256_GCM      ? "AES-256-GCM"
                                                             : NULL;
    if (!name)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "cipher %d is of a newer format: use a newer holdfast", (int)which);
    hf_frame_cipher_done(cipher);
    cipher->algorithm = EVP_CIPHER_fetch(NULL, name, NULL);
    cipher->ctx = EVP_CIPHER_CTX_new();
    cipher->cipher = which;
    if (!cipher->algorithm || !cipher->ctx) {
        hf_frame_cipher_done(cipher);
        return hf_error_set(err, HF_UNSUPPORTED, "libcrypto has no %s", name);
    }
    return HF_OK;
}

/*
 * The nonce is the frame's number and zeroes. Of the 24 bytes of XChaCha20's the first 16 go into
 * a key of the frame's own, so what ChaCha20 sees as its nonce is all zeroes.
 */
static void derive(const struct hf_pack_key *key, const struct hf_frame *frame,
                   uint8_t out_key[HF_PACK_KEY], uint8_t out_nonce[NONCE])
{
    memset(out_nonce, 0, NONCE);
    if (key->cipher == HF_CIPHER_XCHACHA20_POLY1305) {
        uint8_t head[XNONCE_HEAD] = {0};
        hf_store_u32(head, frame->number);
        crypto_core_hchacha20(out_key, head, key->bytes, NULL);
    } else {
        memcpy(out_key, key->bytes, HF_PACK_KEY);
        hf_store_u32(out_nonce, frame->number);
    }
}

/* Key, nonce and associated data into the context. */
static enum hf_status start(struct hf_frame_cipher *cipher, const struct hf_pack_key *key,
                            const struct hf_frame *frame, int encrypt, struct hf_error *err)
{
    HF_TRY(choose(cipher, key->cipher, err));
    uint8_t frame_key[HF_PACK_KEY];
    uint8_t nonce[NONCE];
    uint8_t ad[AD];
    int len;
    derive(key, frame, frame_key, nonce);
    memcpy(ad, frame->id.bytes, HF_CHUNK_ID);
    hf_store_u32(ad + HF_CHUNK_ID, frame->plain_len);
    hf_store_u32(ad + HF_CHUNK_ID + 4, frame->stored_len);
    ad[HF_CHUNK_ID + 8] = frame->codec;
    int done =
        EVP_CipherInit_ex2(cipher->ctx, cipher->algorithm, frame_key, nonce, encrypt, NULL) &&
        EVP_CipherUpdate(cipher->ctx, NULL, &len, ad, sizeof ad);
    sodium_memzero(frame_key, sizeof frame_key);
    return done ? HF_OK : failed(err);
}

enum hf_status hf_frame_cipher_seal(struct hf_frame_cipher *cipher, const struct hf_pack_key *key,
                                    const struct hf_frame *frame, const uint8_t *body, uint8_t *out,
                                    struct hf_error *err)
{
    int body_len = (int)(frame->stored_len - HF_FRAME_TAG);
    int len;
    int last;
    HF_TRY(start(cipher, key, frame, 1, err));
    if (EVP_EncryptUpdate(cipher->ctx, out, &len, body, body_len) != 1 || len != body_len ||
        EVP_EncryptFinal_ex(cipher->ctx, out + len, &last) != 1 || last != 0 ||
        EVP_CIPHER_CTX_ctrl(cipher->ctx, EVP_CTRL_AEAD_GET_TAG, HF_FRAME_TAG, out + len) != 1)
        return failed(err);
    return HF_OK;
}

enum hf_status hf_frame_cipher_open(struct hf_frame_cipher *cipher, const struct hf_pack_key *key,
                                    const struct hf_frame *frame, const uint8_t *sealed,
                                    uint8_t *body, struct hf_error *err)
{
    int body_len = (int)(frame->stored_len - HF_FRAME_TAG);
    int len;
    int last;
    uint8_t tag[HF_FRAME_TAG];
    memcpy(tag, sealed + body_len, sizeof tag);
    HF_TRY(start(cipher, key, frame, 0, err));
    if (EVP_CIPHER_CTX_ctrl(cipher->ctx, EVP_CTRL_AEAD_SET_TAG, HF_FRAME_TAG, tag) != 1 ||
        EVP_DecryptUpdate(cipher->ctx, body, &len, sealed, body_len) != 1 || len != body_len)
        return failed(err);
    if (EVP_DecryptFinal_ex(cipher->ctx, body + len, &last) != 1)
        return hf_error_set(err, HF_DAMAGED, "a frame is not authentic: its bytes were changed");
    return HF_OK;
}
