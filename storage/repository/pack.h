/*
 * Packs: objects that hold many sealed chunks. All numbers are little-endian.
 *
 *   magic       8  "HFPACK01"
 *   frames      …  back to back, in directory order
 *   slots       n × 96
 *   directory   …  an envelope (HF_SEALED_DIRECTORY) whose context is the slots
 *   footer     16  slots (4), length of the sealed directory (4), magic "HFPACKE1"
 *
 *   slot       96  class (1), cipher (1), length of the sealed key (2), generation (4), sealed key
 *                  (88, zero-padded). Data: the pack key in a box sealed to data_pk (80 bytes).
 *                  Meta: in an envelope (HF_SEALED_PACK_KEY, 88 bytes).
 *   directory      frames (4), then 48 each: id (32), plain length (4), stored length (4),
 *                  number (4), slot (2), codec (1), zero (1)
 *
 * The object's name is its SHA-256: packs/<first byte in hexadecimal>/<hash in hexadecimal>.
 * A pack holds one class of chunks, as its slots say.
 */
#ifndef HF_REPOSITORY_PACK_H
#define HF_REPOSITORY_PACK_H

#include "base/error.h"
#include "storage/repository/chunk.h"
#include "storage/repository/envelope.h"
#include "storage/repository/frame.h"
#include "storage/repository/keyset.h"
#include "storage/repository/repository.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_PACK_TARGET = 16 << 20, /* the object is never larger, unless one chunk is */
    HF_PACK_MAX = 64 << 20,    /* of an object that is believed */
    HF_PACK_MAGIC = 8,
    HF_PACK_SLOT = 96,
    HF_PACK_SLOTS_MAX = 1024,
    HF_PACK_ENTRY = 48,
    HF_PACK_FRAMES_MAX = 32768,
    HF_PACK_FOOTER = 16,
    HF_PACK_DIRECTORY_MAX = 4 + HF_PACK_FRAMES_MAX * HF_PACK_ENTRY + HF_ENVELOPE_OVERHEAD,
    HF_PACK_NAME = 6 + 3 + 64 + 1, /* "packs/ab/<64 hex>" and NUL */
};

/* A slot as it is stored. */
struct hf_pack_slot {
    uint8_t raw[HF_PACK_SLOT];
};

/* What a slot says; HF_DAMAGED when it cannot be. */
struct hf_pack_slot_info {
    enum hf_chunk_class class;
    enum hf_repo_cipher cipher;
    uint32_t generation;
};
enum hf_status hf_pack_slot_read(const struct hf_pack_slot *slot, struct hf_pack_slot_info *out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* The slot's key. Data needs a reader's keyset (HF_DENIED). HF_DAMAGED when it does not open.
 * what names the pack in errors. */
enum hf_status hf_pack_slot_open(const struct hf_keyset *keys, const struct hf_pack_slot *slot,
                                 const char *what, struct hf_pack_key *out,
                                 struct hf_error *err) HF_WARN_UNUSED;

void hf_pack_name(const struct hf_chunk_id *pack, char out[HF_PACK_NAME]);
/* The id in such a name; false when it is none. */
bool hf_pack_name_parse(const char *name, struct hf_chunk_id *out);

/*
 * Building, in memory. The block is mapped whole and costs what is touched. reserve is called by
 * one thread at a time (under the packer's lock); the reserved places may be filled by
 * any number of threads at once; finish comes after all of them.
 */
struct hf_pack_builder;
/* capacity: of the whole object; HF_PACK_TARGET or, for larger chunks, more. */
enum hf_status hf_pack_builder_new(size_t capacity, struct hf_pack_builder **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_pack_builder_free(struct hf_pack_builder *builder); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_pack_builder, hf_pack_builder_free)

/* Empties it and starts a pack with a fresh key. */
enum hf_status hf_pack_builder_begin(struct hf_pack_builder *builder, const struct hf_keyset *keys,
                                     enum hf_chunk_class class, enum hf_repo_cipher cipher,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* The key of the pack that was begun; borrowed, gone with finish. */
const struct hf_pack_key *hf_pack_builder_key(const struct hf_pack_builder *builder);
/* Takes a place for a frame of which id, lengths and codec are set; sets offset, number and slot
 * and gives the place of stored_len bytes. NULL, and nothing changed, when the pack is full. */
uint8_t *hf_pack_builder_reserve(struct hf_pack_builder *builder, struct hf_frame *frame);
size_t hf_pack_builder_frames(const struct hf_pack_builder *builder);

/* The finished pack; borrowed from the builder until it begins anew. */
struct hf_pack {
    struct hf_chunk_id id;
    const uint8_t *data;
    size_t len;
    const struct hf_pack_slot *slots;
    size_t slot_count;
    const struct hf_frame *frames;
    size_t frame_count;
};
/* Appends slots, directory and footer, wipes the key, hashes. */
enum hf_status hf_pack_builder_finish(struct hf_pack_builder *builder, const struct hf_keyset *keys,
                                      struct hf_pack *out, struct hf_error *err) HF_WARN_UNUSED;

/* Reading the directory. */
struct hf_pack_directory {
    struct hf_pack_slot *slots;
    size_t slot_count;
    struct hf_frame *frames; /* with offsets */
    size_t frame_count;
};
#define HF_PACK_DIRECTORY_INIT                                                                     \
    {                                                                                              \
        .slots = NULL                                                                              \
    }
void hf_pack_directory_done(struct hf_pack_directory *directory);
static inline void hf_pack_directory_auto(struct hf_pack_directory *directory)
{
    hf_pack_directory_done(directory);
}

/* From a footer (the last HF_PACK_FOOTER bytes of an object of size bytes), how many bytes at the
 * object's end hold slots, directory and footer. HF_DAMAGED when that cannot be. */
enum hf_status hf_pack_tail_size(const uint8_t footer[HF_PACK_FOOTER], uint64_t size, size_t *out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* tail: exactly that many bytes. Every number is checked, frames fill the object without a gap. */
enum hf_status hf_pack_tail_parse(const struct hf_keyset *keys, const void *tail, size_t len,
                                  uint64_t size, struct hf_pack_directory *out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* The same, from the store. Errors name the pack. */
enum hf_status hf_pack_directory_load(struct hf_repo *repo, const struct hf_chunk_id *pack,
                                      uint64_t size, struct hf_pack_directory *out,
                                      struct hf_error *err) HF_WARN_UNUSED;

#endif
