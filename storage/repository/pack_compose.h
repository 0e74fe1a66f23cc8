/*
 * Making a pack of frames that were sealed for other packs: they go as they are, with slot and
 * number, so no key of data is needed. In memory. One thread.
 */
#ifndef HF_REPOSITORY_PACK_COMPOSE_H
#define HF_REPOSITORY_PACK_COMPOSE_H

#include "base/buffer.h"
#include "storage/repository/pack.h"

struct hf_pack_composer {
    struct hf_buf data;
    struct hf_pack_slot *slots;
    size_t slot_count;
    size_t slot_cap;
    struct hf_frame *frames;
    size_t frame_count;
    size_t frame_cap;
};
#define HF_PACK_COMPOSER_INIT                                                                      \
    {                                                                                              \
        .slots = NULL                                                                              \
    }
void hf_pack_composer_done(struct hf_pack_composer *composer);
static inline void hf_pack_composer_auto(struct hf_pack_composer *composer)
{
    hf_pack_composer_done(composer);
}

/* Appends a frame of stored_len bytes, sealed for this slot. All frames of a pack are of one class.
 * *out_full: there is no room for it, and nothing changed; never so in an empty one. */
enum hf_status hf_pack_compose_add(struct hf_pack_composer *composer,
                                   const struct hf_pack_slot *slot, const struct hf_frame *frame,
                                   const uint8_t *sealed, bool *out_full,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Appends the tail and hashes; *out is borrowed until the composer changes. */
enum hf_status hf_pack_compose_finish(struct hf_pack_composer *composer,
                                      const struct hf_keyset *keys, struct hf_pack *out,
                                      struct hf_error *err) HF_WARN_UNUSED;
/* Empties it, keeping its memory. */
void hf_pack_compose_clear(struct hf_pack_composer *composer);

#endif
