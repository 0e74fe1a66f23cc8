#include "storage/repository/pack_slot.h"

#include "base/buffer.h"
#include "base/random.h"
#include "storage/repository/envelope.h"

#include <sodium.h>
#include <string.h>

enum {
    SEALED_AT = 8, /* where the sealed key begins in a slot */
    SEALED_ROOM = HF_PACK_SLOT - SEALED_AT,
    SEALED_DATA = HF_PACK_KEY + crypto_box_SEALBYTES,
    SEALED_META = HF_PACK_KEY + HF_ENVELOPE_OVERHEAD,
};
_Static_assert(SEALED_DATA <= SEALED_ROOM && SEALED_META <= SEALED_ROOM, "a slot has room");

static enum hf_status seal_meta(const struct hf_keyset *keys, const struct hf_pack_key *key,
                                uint8_t out[SEALED_META], struct hf_error *err)
{
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    HF_TRY(hf_envelope_seal(keys, HF_SEALED_PACK_KEY, NULL, key->bytes, HF_PACK_KEY, &sealed, err));
    if (sealed.len != SEALED_META)
        return hf_error_set(err, HF_FAILED, "a sealed pack key of %zu bytes", sealed.len);
    memcpy(out, sealed.data, SEALED_META);
    return HF_OK;
}

enum hf_status hf_pack_slot_new(const struct hf_keyset *keys, enum hf_chunk_class class,
                                enum hf_repo_cipher cipher, struct hf_pack_slot *out_slot,
                                struct hf_pack_key *out_key, struct hf_error *err)
{
    const struct hf_generation *generation = hf_keyset_current(keys);
    struct hf_pack_slot slot = {.raw = {0}};
    out_key->cipher = cipher;
    hf_random_bytes(out_key->bytes, HF_PACK_KEY);
    slot.raw[0] = (uint8_t) class;
    slot.raw[1] = (uint8_t)cipher;
    hf_store_u32(slot.raw + 4, generation->number);
    if (class == HF_CHUNK_META) {
        hf_store_u16(slot.raw + 2, SEALED_META);
        HF_TRY(seal_meta(keys, out_key, slot.raw + SEALED_AT, err));
    } else {
        hf_store_u16(slot.raw + 2, SEALED_DATA);
        if (crypto_box_seal(slot.raw + SEALED_AT, out_key->bytes, HF_PACK_KEY,
                            generation->data_pk) != 0)
            return hf_error_set(err, HF_FAILED, "the repository's public key cannot be sealed to");
    }
    *out_slot = slot;
    return HF_OK;
}

enum hf_status hf_pack_slot_read(const struct hf_pack_slot *slot, struct hf_pack_slot_info *out,
                                 struct hf_error *err)
{
    unsigned class = slot->raw[0];
    unsigned cipher = slot->raw[1];
    size_t len = hf_load_u16(slot->raw + 2);
    if (class != HF_CHUNK_DATA && class != HF_CHUNK_META)
        return hf_error_set(err, HF_DAMAGED, "a key slot of the unknown class %u", class);
    if (cipher != HF_CIPHER_XCHACHA20_POLY1305 && cipher != HF_CIPHER_AES_256_GCM)
        return hf_error_set(err, HF_DAMAGED, "a key slot of the unknown cipher %u", cipher);
    if (len != (class == HF_CHUNK_META ? SEALED_META : SEALED_DATA))
        return hf_error_set(err, HF_DAMAGED, "a key slot with a sealed key of %zu bytes", len);
    if (!sodium_is_zero(slot->raw + SEALED_AT + len, SEALED_ROOM - len))
        return hf_error_set(err, HF_DAMAGED, "a key slot with something after its key");
    *out = (struct hf_pack_slot_info){
        .class = (enum hf_chunk_class) class,
        .cipher = (enum hf_repo_cipher)cipher,
        .generation = hf_load_u32(slot->raw + 4),
    };
    return HF_OK;
}

static enum hf_status open_meta(const struct hf_keyset *keys, const uint8_t *sealed,
                                const char *what, struct hf_pack_key *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    HF_TRY(hf_buf_reserve(&plain, HF_PACK_KEY, err));
    if (hf_envelope_open(keys, HF_SEALED_PACK_KEY, NULL, sealed, SEALED_META, &plain, err) != HF_OK)
        return hf_error_prefix(err, "%s: key slot", what);
    if (plain.len != HF_PACK_KEY)
        return hf_error_set(err, HF_DAMAGED, "%s: key slot: a key of %zu bytes", what, plain.len);
    memcpy(out->bytes, plain.data, HF_PACK_KEY);
    sodium_memzero(plain.data, plain.len);
    return HF_OK;
}

static enum hf_status open_data(const struct hf_keyset *keys, uint32_t number,
                                const uint8_t *sealed, const char *what, struct hf_pack_key *out,
                                struct hf_error *err)
{
    const struct hf_generation *generation;
    if (keys->role != HF_ROLE_READER)
        return hf_error_set(err, HF_DENIED,
                            "%s holds data, and this is a writer key: use a reader key", what);
    HF_TRY(hf_keyset_get(keys, number, what, &generation, err));
    if (crypto_box_seal_open(out->bytes, sealed, SEALED_DATA, generation->data_pk,
                             generation->data_sk) != 0)
        return hf_error_set(err, HF_DAMAGED, "%s: its key slot does not open", what);
    return HF_OK;
}

enum hf_status hf_pack_slot_open(const struct hf_keyset *keys, const struct hf_pack_slot *slot,
                                 const char *what, struct hf_pack_key *out, struct hf_error *err)
{
    struct hf_pack_slot_info info;
    if (hf_pack_slot_read(slot, &info, err) != HF_OK)
        return hf_error_prefix(err, "%s", what);
    if (info.class == HF_CHUNK_META)
        HF_TRY(open_meta(keys, slot->raw + SEALED_AT, what, out, err));
    else
        HF_TRY(open_data(keys, info.generation, slot->raw + SEALED_AT, what, out, err));
    out->cipher = info.cipher;
    return HF_OK;
}
