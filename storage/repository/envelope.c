#include "storage/repository/envelope.h"

#include "storage/repository/subkey.h"

#include <sodium.h>
#include <string.h>

enum {
    VERSION = 1,
    AT_VERSION = 8,
    AT_TYPE = 9,
    AT_ZERO = 10,
    AT_GENERATION = 12,
    AT_NONCE = 16,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};
_Static_assert(AT_NONCE + NONCE == HF_ENVELOPE_HEADER, "the layout in envelope.h");
_Static_assert(HF_ENVELOPE_HEADER + TAG == HF_ENVELOPE_OVERHEAD, "the layout in envelope.h");

static const char magic[] = "HFSEALED";

static const char *type_label(enum hf_sealed_type type)
{
    switch (type) {
#define X(sealed, number, name)                                                                    \
    case sealed:                                                                                   \
        return "holdfast 1 sealed " name;
        HF_SEALED_LIST(X)
#undef X
    }
    return NULL;
}

static enum hf_status build_ad(const uint8_t *header, const struct hf_keyset *keys,
                               const struct hf_context *context, struct hf_buf *ad,
                               struct hf_error *err)
{
    HF_TRY(hf_buf_append(ad, header, HF_ENVELOPE_HEADER, err));
    HF_TRY(hf_buf_append(ad, keys->repo_id, HF_REPO_ID, err));
    if (!context || context->len == 0)
        return HF_OK;
    if (context->len > HF_CONTEXT_MAX)
        return hf_error_set(err, HF_FAILED, "more context than a sealed object takes");
    return hf_buf_append(ad, context->data, context->len, err);
}

enum hf_status hf_envelope_seal(const struct hf_keyset *keys, enum hf_sealed_type type,
                                const struct hf_context *context, const void *plain, size_t len,
                                struct hf_buf *out, struct hf_error *err)
{
    const struct hf_generation *generation = hf_keyset_current(keys);
    if (!generation)
        return hf_error_set(err, HF_DENIED, "this key was granted no key generation");
    if (len > SIZE_MAX - HF_ENVELOPE_OVERHEAD)
        return hf_error_memory(err);
    HF_TRY(hf_buf_reserve(out, len + HF_ENVELOPE_OVERHEAD, err));

    uint8_t *at = out->data + out->len;
    memset(at, 0, HF_ENVELOPE_HEADER);
    memcpy(at, magic, AT_VERSION);
    at[AT_VERSION] = VERSION;
    at[AT_TYPE] = (uint8_t)type;
    hf_store_u32(at + AT_GENERATION, generation->number);
    randombytes_buf(at + AT_NONCE, NONCE);
    HF_AUTO(hf_buf) ad = HF_BUF_INIT;
    HF_TRY(build_ad(at, keys, context, &ad, err));

    static const uint8_t nothing[1];
    uint8_t key[HF_SUBKEY];
    hf_subkey(generation->meta_key, type_label(type), key);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(at + HF_ENVELOPE_HEADER, NULL,
                                                     len > 0 ? plain : nothing, len, ad.data,
                                                     ad.len, NULL, at + AT_NONCE, key);
    sodium_memzero(key, sizeof key);
    out->len += len + HF_ENVELOPE_OVERHEAD;
    return HF_OK;
}

/* What can be told without a key. */
static enum hf_status check_header(enum hf_sealed_type type, const uint8_t *sealed, size_t len,
                                   struct hf_error *err)
{
    if (len < HF_ENVELOPE_OVERHEAD || memcmp(sealed, magic, AT_VERSION) != 0)
        return hf_error_set(err, HF_DAMAGED, "damaged: not a sealed object");
    if (sealed[AT_VERSION] != VERSION)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "sealed in version %u, this program knows %d; use a newer holdfast",
                            sealed[AT_VERSION], VERSION);
    if (sealed[AT_TYPE] != (uint8_t)type || hf_load_u16(sealed + AT_ZERO) != 0)
        return hf_error_set(err, HF_DAMAGED, "damaged: not a sealed object of this type");
    return HF_OK;
}

enum hf_status hf_envelope_open(const struct hf_keyset *keys, enum hf_sealed_type type,
                                const struct hf_context *context, const void *sealed, size_t len,
                                struct hf_buf *out, struct hf_error *err)
{
    const uint8_t *at = sealed;
    HF_TRY(check_header(type, at, len, err));
    const struct hf_generation *generation = NULL;
    HF_TRY(hf_keyset_get(keys, hf_load_u32(at + AT_GENERATION), "it", &generation, err));

    size_t plain_len = len - HF_ENVELOPE_OVERHEAD;
    HF_AUTO(hf_buf) ad = HF_BUF_INIT;
    HF_TRY(build_ad(at, keys, context, &ad, err));
    HF_TRY(hf_buf_reserve(out, plain_len + 1, err)); /* never NULL, also for nothing */

    uint8_t key[HF_SUBKEY];
    hf_subkey(generation->meta_key, type_label(type), key);
    int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out->data + out->len, NULL, NULL, at + HF_ENVELOPE_HEADER, len - HF_ENVELOPE_HEADER,
        ad.data, ad.len, at + AT_NONCE, key);
    sodium_memzero(key, sizeof key);
    if (opened != 0)
        return hf_error_set(err, HF_DAMAGED, "damaged: its seal does not fit its content");
    out->len += plain_len;
    return HF_OK;
}
