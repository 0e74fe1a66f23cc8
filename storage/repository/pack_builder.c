#include "storage/repository/pack.h"

#include "base/buffer.h"
#include "storage/repository/envelope.h"
#include "storage/repository/pack_entry.h"
#include "storage/repository/pack_slot.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What a pack holds beside frames and their entries. */
enum { FIXED = HF_PACK_MAGIC + HF_PACK_SLOT + 4 + HF_ENVELOPE_OVERHEAD + HF_PACK_FOOTER };

struct hf_pack_builder {
    uint8_t *data; /* mapped */
    size_t cap;
    size_t used;
    struct hf_frame *frames;
    size_t frame_count;
    size_t frame_cap;
    struct hf_pack_slot slot;
    struct hf_pack_key key;
};

void hf_pack_builder_free(struct hf_pack_builder *builder)
{
    if (!builder)
        return;
    if (builder->data)
        munmap(builder->data, builder->cap);
    free(builder->frames);
    sodium_memzero(&builder->key, sizeof builder->key);
    free(builder);
}

enum hf_status hf_pack_builder_new(size_t capacity, struct hf_pack_builder **out,
                                   struct hf_error *err)
{
    if (capacity <= FIXED || capacity > HF_PACK_MAX)
        return hf_error_set(err, HF_USAGE, "a pack cannot have %zu bytes", capacity);
    void *block = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return hf_error_sys(err, errno, "memory for a pack of %zu bytes", capacity);
    struct hf_pack_builder *builder = calloc(1, sizeof *builder);
    if (!builder) {
        (void)munmap(block, capacity);
        return hf_error_memory(err);
    }
    builder->data = block;
    builder->cap = capacity;
    *out = builder;
    return HF_OK;
}

enum hf_status hf_pack_builder_begin(struct hf_pack_builder *builder, const struct hf_keyset *keys,
                                     enum hf_chunk_class class, enum hf_repo_cipher cipher,
                                     struct hf_error *err)
{
    HF_TRY(hf_pack_slot_new(keys, class, cipher, &builder->slot, &builder->key, err));
    memcpy(builder->data, hf_pack_magic, HF_PACK_MAGIC);
    builder->used = HF_PACK_MAGIC;
    builder->frame_count = 0;
    return HF_OK;
}

const struct hf_pack_key *hf_pack_builder_key(const struct hf_pack_builder *builder)
{
    return &builder->key;
}

size_t hf_pack_builder_frames(const struct hf_pack_builder *builder)
{
    return builder->frame_count;
}

static bool grow_frames(struct hf_pack_builder *builder)
{
    if (builder->frame_count < builder->frame_cap)
        return true;
    size_t cap = builder->frame_cap ? 2 * builder->frame_cap : 64;
    struct hf_frame *frames = realloc(builder->frames, cap * sizeof *frames);
    if (!frames)
        return false;
    builder->frames = frames;
    builder->frame_cap = cap;
    return true;
}

uint8_t *hf_pack_builder_reserve(struct hf_pack_builder *builder, struct hf_frame *frame)
{
    size_t entries = (builder->frame_count + 1) * HF_PACK_ENTRY;
    size_t rest = FIXED - HF_PACK_MAGIC;
    if (builder->frame_count >= HF_PACK_FRAMES_MAX || frame->stored_len > builder->cap ||
        builder->used + frame->stored_len + entries + rest > builder->cap || !grow_frames(builder))
        return NULL;
    uint8_t *place = builder->data + builder->used;
    frame->offset = (uint32_t)builder->used;
    frame->number = (uint32_t)builder->frame_count;
    frame->slot = 0;
    builder->used += frame->stored_len;
    builder->frames[builder->frame_count++] = *frame;
    return place;
}

/* Slots, directory and footer behind the frames. */
static enum hf_status append_tail(struct hf_pack_builder *builder, const struct hf_keyset *keys,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    size_t len = 4 + builder->frame_count * HF_PACK_ENTRY;
    HF_TRY(hf_buf_reserve(&plain, len, err));
    HF_TRY(hf_buf_u32(&plain, (uint32_t)builder->frame_count, err));
    for (size_t i = 0; i < builder->frame_count; i++)
        hf_pack_entry_store(&builder->frames[i], plain.data + 4 + i * HF_PACK_ENTRY);
    plain.len = len;
    struct hf_context context = {builder->slot.raw, HF_PACK_SLOT};
    HF_TRY(
        hf_envelope_seal(keys, HF_SEALED_DIRECTORY, &context, plain.data, plain.len, &sealed, err));
    if (sealed.len + HF_PACK_SLOT + HF_PACK_FOOTER > builder->cap - builder->used)
        return hf_error_set(err, HF_FAILED, "a pack has no room for its directory");
    uint8_t *at = builder->data + builder->used;
    memcpy(at, builder->slot.raw, HF_PACK_SLOT);
    memcpy(at + HF_PACK_SLOT, sealed.data, sealed.len);
    at += HF_PACK_SLOT + sealed.len;
    hf_store_u32(at, 1);
    hf_store_u32(at + 4, (uint32_t)sealed.len);
    memcpy(at + 8, hf_pack_end_magic, HF_PACK_MAGIC);
    builder->used += HF_PACK_SLOT + sealed.len + HF_PACK_FOOTER;
    return HF_OK;
}

enum hf_status hf_pack_builder_finish(struct hf_pack_builder *builder, const struct hf_keyset *keys,
                                      struct hf_pack *out, struct hf_error *err)
{
    struct hf_chunk_id id;
    HF_TRY(append_tail(builder, keys, err));
    sodium_memzero(&builder->key, sizeof builder->key);
    if (EVP_Digest(builder->data, builder->used, id.bytes, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    *out = (struct hf_pack){
        .id = id,
        .data = builder->data,
        .len = builder->used,
        .slots = &builder->slot,
        .slot_count = 1,
        .frames = builder->frames,
        .frame_count = builder->frame_count,
    };
    return HF_OK;
}
