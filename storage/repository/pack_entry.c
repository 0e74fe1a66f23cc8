#include "storage/repository/pack_entry.h"

#include <stdlib.h>
#include <string.h>

const uint8_t hf_pack_magic[HF_PACK_MAGIC] = {'H', 'F', 'P', 'A', 'C', 'K', '0', '1'};
const uint8_t hf_pack_end_magic[HF_PACK_MAGIC] = {'H', 'F', 'P', 'A', 'C', 'K', 'E', '1'};

void hf_pack_entry_store(const struct hf_frame *frame, uint8_t *out)
{
    memcpy(out, frame->id.bytes, HF_CHUNK_ID);
    hf_store_u32(out + 32, frame->plain_len);
    hf_store_u32(out + 36, frame->stored_len);
    hf_store_u32(out + 40, frame->number);
    hf_store_u16(out + 44, frame->slot);
    out[46] = frame->codec;
    out[47] = 0;
}

static enum hf_status read_entry(struct hf_reader *reader, size_t slot_count, uint64_t offset,
                                 struct hf_frame *out, struct hf_error *err)
{
    const uint8_t *at = hf_reader_bytes(reader, HF_PACK_ENTRY);
    if (!at)
        return hf_error_set(err, HF_DAMAGED, "a list of frames is cut short");
    memcpy(out->id.bytes, at, HF_CHUNK_ID);
    out->plain_len = hf_load_u32(at + 32);
    out->stored_len = hf_load_u32(at + 36);
    out->number = hf_load_u32(at + 40);
    out->slot = hf_load_u16(at + 44);
    out->codec = at[46];
    out->offset = (uint32_t)offset;
    if (out->plain_len == 0 || out->plain_len > HF_CHUNK_PLAIN_MAX ||
        out->stored_len <= HF_FRAME_TAG || out->stored_len - HF_FRAME_TAG > out->plain_len ||
        out->slot >= slot_count || at[47] != 0)
        return hf_error_set(err, HF_DAMAGED, "a frame's entry is out of bounds");
    return HF_OK;
}

enum hf_status hf_pack_entries_read(struct hf_reader *reader, size_t count, size_t slot_count,
                                    struct hf_frame **out, uint64_t *out_end, struct hf_error *err)
{
    if (count > HF_PACK_FRAMES_MAX || count > reader->left / HF_PACK_ENTRY)
        return hf_error_set(err, HF_DAMAGED, "%zu frames are more than there can be", count);
    HF_AUTO_FREE struct hf_frame *frames = NULL;
    if (count > 0) {
        frames = malloc(count * sizeof *frames);
        if (!frames)
            return hf_error_memory(err);
    }
    uint64_t offset = HF_PACK_MAGIC;
    for (size_t i = 0; i < count; i++) {
        HF_TRY(read_entry(reader, slot_count, offset, &frames[i], err));
        offset += frames[i].stored_len;
        if (offset > HF_PACK_MAX)
            return hf_error_set(err, HF_DAMAGED, "frames of more than %d bytes in a pack",
                                HF_PACK_MAX);
    }
    *out = frames;
    *out_end = offset;
    frames = NULL;
    return HF_OK;
}

enum hf_status hf_pack_slots_read(struct hf_reader *reader, size_t count, struct hf_pack_slot **out,
                                  enum hf_chunk_class *out_class, struct hf_error *err)
{
    if (count == 0 || count > HF_PACK_SLOTS_MAX || count > reader->left / HF_PACK_SLOT)
        return hf_error_set(err, HF_DAMAGED, "%zu key slots are more than there can be, or none",
                            count);
    HF_AUTO_FREE struct hf_pack_slot *slots = malloc(count * sizeof *slots);
    if (!slots)
        return hf_error_memory(err);
    struct hf_pack_slot_info first = {.class = HF_CHUNK_DATA};
    for (size_t i = 0; i < count; i++) {
        const uint8_t *raw = hf_reader_bytes(reader, HF_PACK_SLOT);
        struct hf_pack_slot_info info;
        if (!raw)
            return hf_error_set(err, HF_DAMAGED, "a list of key slots is cut short");
        memcpy(slots[i].raw, raw, HF_PACK_SLOT);
        HF_TRY(hf_pack_slot_read(&slots[i], &info, err));
        if (i == 0)
            first = info;
        else if (info.class != first.class)
            return hf_error_set(err, HF_DAMAGED, "a pack of data and meta chunks together");
    }
    *out_class = first.class;
    *out = slots;
    slots = NULL;
    return HF_OK;
}
