#include "storage/repository/chunk.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct hf_chunk_hasher {
    EVP_MAC *mac;
    EVP_MAC_CTX *ctx; /* keyed; starting anew keeps the key's state */
};

void hf_chunk_hasher_free(struct hf_chunk_hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MAC_CTX_free(hasher->ctx);
    EVP_MAC_free(hasher->mac);
    free(hasher);
}

static enum hf_status libcrypto_failed(struct hf_error *err)
{
    return hf_error_set(err, HF_FAILED, "libcrypto does not compute HMAC-SHA-256 here");
}

static enum hf_status set_key(struct hf_chunk_hasher *hasher, const uint8_t key[HF_KEY_SIZE],
                              struct hf_error *err)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    hasher->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hasher->ctx = hasher->mac ? EVP_MAC_CTX_new(hasher->mac) : NULL;
    if (!hasher->ctx || EVP_MAC_init(hasher->ctx, key, HF_KEY_SIZE, params) != 1)
        return libcrypto_failed(err);
    return HF_OK;
}

enum hf_status hf_chunk_hasher_new(const struct hf_keyset *keys, enum hf_chunk_class class,
                                   struct hf_chunk_hasher **out, struct hf_error *err)
{
    uint8_t key[HF_KEY_SIZE];
    struct hf_chunk_hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher)
        return hf_error_memory(err);
    hf_keyset_id_subkey(keys, class == HF_CHUNK_META ? HF_ID_META : HF_ID_DATA, key);
    enum hf_status status = set_key(hasher, key, err);
    sodium_memzero(key, sizeof key);
    if (status != HF_OK) {
        hf_chunk_hasher_free(hasher);
        return status;
    }
    *out = hasher;
    return HF_OK;
}

enum hf_status hf_chunk_hash(struct hf_chunk_hasher *hasher, const void *data, size_t len,
                             struct hf_chunk_id *out, struct hf_error *err)
{
    struct hf_chunk_id id;
    size_t id_len;
    if (EVP_MAC_init(hasher->ctx, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(hasher->ctx, data, len) != 1 ||
        EVP_MAC_final(hasher->ctx, id.bytes, &id_len, sizeof id.bytes) != 1 ||
        id_len != sizeof id.bytes)
        return libcrypto_failed(err);
    *out = id;
    return HF_OK;
}

enum hf_status hf_chunk_verify(struct hf_chunk_hasher *hasher, const struct hf_chunk_id *id,
                               const void *data, size_t len, struct hf_error *err)
{
    struct hf_chunk_id found;
    HF_TRY(hf_chunk_hash(hasher, data, len, &found, err));
    if (sodium_memcmp(found.bytes, id->bytes, sizeof found.bytes) != 0)
        return hf_error_set(err, HF_DAMAGED, "a chunk's content is not that of its id");
    return HF_OK;
}

bool hf_chunk_id_equal(const struct hf_chunk_id *a, const struct hf_chunk_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
