/*
 * A frame as 48 bytes: what pack directories and index objects hold (pack.h). The offset is not
 * stored: frames stand back to back in this order.
 */
#ifndef HF_REPOSITORY_PACK_ENTRY_H
#define HF_REPOSITORY_PACK_ENTRY_H

#include "base/buffer.h"
#include "storage/repository/pack.h"

/* out: HF_PACK_ENTRY bytes. */
void hf_pack_entry_store(const struct hf_frame *frame, uint8_t *out);

/* count entries, with offsets; the caller sees to it that the reader has them. *out is
 * malloc'ed, NULL for none. *out_end is where the last frame ends. HF_DAMAGED when a number is out
 * of bounds. */
enum hf_status hf_pack_entries_read(struct hf_reader *reader, size_t count, size_t slot_count,
                                    struct hf_frame **out, uint64_t *out_end,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* count slots, each checked, all of one class. *out is malloc'ed. */
enum hf_status hf_pack_slots_read(struct hf_reader *reader, size_t count, struct hf_pack_slot **out,
                                  enum hf_chunk_class *out_class,
                                  struct hf_error *err) HF_WARN_UNUSED;

extern const uint8_t hf_pack_magic[HF_PACK_MAGIC];
extern const uint8_t hf_pack_end_magic[HF_PACK_MAGIC];

#endif
