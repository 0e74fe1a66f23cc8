#include "storage/repository/pack_compose.h"

#include "storage/repository/pack_entry.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void hf_pack_composer_done(struct hf_pack_composer *composer)
{
    hf_buf_free(&composer->data);
    free(composer->slots);
    free(composer->frames);
    *composer = (struct hf_pack_composer)HF_PACK_COMPOSER_INIT;
}

void hf_pack_compose_clear(struct hf_pack_composer *composer)
{
    composer->data.len = 0;
    composer->slot_count = 0;
    composer->frame_count = 0;
}

/* The slot's place, the last ones first: frames come pack by pack. slot_count: it is new. */
static size_t find_slot(const struct hf_pack_composer *composer, const struct hf_pack_slot *slot)
{
    for (size_t i = composer->slot_count; i-- > 0;)
        if (memcmp(composer->slots[i].raw, slot->raw, HF_PACK_SLOT) == 0)
            return i;
    return composer->slot_count;
}

static bool fits(const struct hf_pack_composer *composer, size_t slot, uint32_t stored_len)
{
    size_t slots = composer->slot_count + (slot == composer->slot_count);
    size_t frames = composer->frame_count + 1;
    size_t tail =
        slots * HF_PACK_SLOT + 4 + frames * HF_PACK_ENTRY + HF_ENVELOPE_OVERHEAD + HF_PACK_FOOTER;
    return slots <= HF_PACK_SLOTS_MAX && frames <= HF_PACK_FRAMES_MAX &&
           (composer->frame_count == 0 || composer->data.len + stored_len + tail <= HF_PACK_TARGET);
}

static enum hf_status grow(struct hf_pack_composer *composer, struct hf_error *err)
{
    if (composer->slot_count == composer->slot_cap) {
        size_t cap = composer->slot_cap ? 2 * composer->slot_cap : 16;
        struct hf_pack_slot *slots = realloc(composer->slots, cap * sizeof *slots);
        if (!slots)
            return hf_error_memory(err);
        composer->slots = slots;
        composer->slot_cap = cap;
    }
    if (composer->frame_count == composer->frame_cap) {
        size_t cap = composer->frame_cap ? 2 * composer->frame_cap : 64;
        struct hf_frame *frames = realloc(composer->frames, cap * sizeof *frames);
        if (!frames)
            return hf_error_memory(err);
        composer->frames = frames;
        composer->frame_cap = cap;
    }
    return HF_OK;
}

enum hf_status hf_pack_compose_add(struct hf_pack_composer *composer,
                                   const struct hf_pack_slot *slot, const struct hf_frame *frame,
                                   const uint8_t *sealed, bool *out_full, struct hf_error *err)
{
    size_t at = find_slot(composer, slot);
    *out_full = !fits(composer, at, frame->stored_len);
    if (*out_full)
        return HF_OK;
    HF_TRY(grow(composer, err));
    if (composer->frame_count == 0) {
        composer->data.len = 0;
        HF_TRY(hf_buf_append(&composer->data, hf_pack_magic, HF_PACK_MAGIC, err));
    }
    struct hf_frame moved = *frame;
    moved.offset = (uint32_t)composer->data.len;
    moved.slot = (uint16_t)at;
    HF_TRY(hf_buf_append(&composer->data, sealed, frame->stored_len, err));
    if (at == composer->slot_count)
        composer->slots[composer->slot_count++] = *slot;
    composer->frames[composer->frame_count++] = moved;
    return HF_OK;
}

static enum hf_status append_tail(struct hf_pack_composer *composer, const struct hf_keyset *keys,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    const struct hf_context context = {composer->slots,
                                       composer->slot_count * sizeof *composer->slots};
    size_t len = 4 + composer->frame_count * HF_PACK_ENTRY;
    HF_TRY(hf_buf_reserve(&plain, len, err));
    hf_store_u32(plain.data, (uint32_t)composer->frame_count);
    for (size_t i = 0; i < composer->frame_count; i++)
        hf_pack_entry_store(&composer->frames[i], plain.data + 4 + i * HF_PACK_ENTRY);
    HF_TRY(hf_envelope_seal(keys, HF_SEALED_DIRECTORY, &context, plain.data, len, &sealed, err));
    HF_TRY(hf_buf_append(&composer->data, context.data, context.len, err));
    HF_TRY(hf_buf_append(&composer->data, sealed.data, sealed.len, err));
    HF_TRY(hf_buf_u32(&composer->data, (uint32_t)composer->slot_count, err));
    HF_TRY(hf_buf_u32(&composer->data, (uint32_t)sealed.len, err));
    return hf_buf_append(&composer->data, hf_pack_end_magic, HF_PACK_MAGIC, err);
}

enum hf_status hf_pack_compose_finish(struct hf_pack_composer *composer,
                                      const struct hf_keyset *keys, struct hf_pack *out,
                                      struct hf_error *err)
{
    struct hf_chunk_id id;
    HF_TRY(append_tail(composer, keys, err));
    if (EVP_Digest(composer->data.data, composer->data.len, id.bytes, NULL, EVP_sha256(), NULL) !=
        1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    *out = (struct hf_pack){
        .id = id,
        .data = composer->data.data,
        .len = composer->data.len,
        .slots = composer->slots,
        .slot_count = composer->slot_count,
        .frames = composer->frames,
        .frame_count = composer->frame_count,
    };
    return HF_OK;
}
