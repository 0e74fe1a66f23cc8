#include "storage/repository/pack.h"

#include "base/buffer.h"
#include "storage/repository/pack_entry.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>
#include <string.h>

/* What is read of a pack at first: holds the directory of about 300 frames. */
enum { TAIL_GUESS = 16 << 10 };

void hf_pack_name(const struct hf_chunk_id *pack, char out[HF_PACK_NAME])
{
    memcpy(out, "packs/", sizeof "packs/");
    hf_hex(out + 6, pack->bytes, 1);
    out[8] = '/';
    hf_hex(out + 9, pack->bytes, HF_CHUNK_ID);
}

bool hf_pack_name_parse(const char *name, struct hf_chunk_id *out)
{
    struct hf_chunk_id id;
    char again[HF_PACK_NAME];
    if (strlen(name) != HF_PACK_NAME - 1 || !hf_unhex(id.bytes, HF_CHUNK_ID, name + 9))
        return false;
    hf_pack_name(&id, again);
    if (strcmp(name, again) != 0)
        return false;
    *out = id;
    return true;
}

void hf_pack_directory_done(struct hf_pack_directory *directory)
{
    free(directory->slots);
    free(directory->frames);
    *directory = (struct hf_pack_directory)HF_PACK_DIRECTORY_INIT;
}

enum hf_status hf_pack_tail_size(const uint8_t footer[HF_PACK_FOOTER], uint64_t size, size_t *out,
                                 struct hf_error *err)
{
    uint64_t slots = hf_load_u32(footer);
    uint64_t directory = hf_load_u32(footer + 4);
    if (memcmp(footer + 8, hf_pack_end_magic, HF_PACK_MAGIC) != 0)
        return hf_error_set(err, HF_DAMAGED, "not a pack, or cut short: it has no footer");
    uint64_t tail = slots * HF_PACK_SLOT + directory + HF_PACK_FOOTER;
    if (size > HF_PACK_MAX || slots == 0 || slots > HF_PACK_SLOTS_MAX ||
        directory > HF_PACK_DIRECTORY_MAX || tail + HF_PACK_MAGIC > size)
        return hf_error_set(err, HF_DAMAGED, "its footer does not fit its %llu bytes",
                            (unsigned long long)size);
    *out = (size_t)tail;
    return HF_OK;
}

static enum hf_status open_directory(const struct hf_keyset *keys, const uint8_t *slots,
                                     size_t slots_len, const uint8_t *sealed, size_t len,
                                     struct hf_buf *out, struct hf_error *err)
{
    struct hf_context context = {slots, slots_len};
    if (hf_envelope_open(keys, HF_SEALED_DIRECTORY, &context, sealed, len, out, err) != HF_OK)
        return hf_error_prefix(err, "directory");
    return HF_OK;
}

static enum hf_status parse_frames(const struct hf_buf *plain, size_t slot_count, uint64_t data_end,
                                   struct hf_pack_directory *out, struct hf_error *err)
{
    struct hf_reader reader;
    uint64_t end;
    hf_reader_init(&reader, plain->data, plain->len);
    size_t count = hf_reader_u32(&reader);
    HF_TRY(hf_pack_entries_read(&reader, count, slot_count, &out->frames, &end, err));
    out->frame_count = count;
    if (!hf_reader_done(&reader) || end != data_end)
        return hf_error_set(err, HF_DAMAGED, "its directory does not describe its %llu bytes",
                            (unsigned long long)data_end);
    return HF_OK;
}

enum hf_status hf_pack_tail_parse(const struct hf_keyset *keys, const void *tail, size_t len,
                                  uint64_t size, struct hf_pack_directory *out,
                                  struct hf_error *err)
{
    const uint8_t *at = tail;
    size_t need;
    if (len < HF_PACK_FOOTER)
        return hf_error_set(err, HF_DAMAGED, "not a pack: only %zu bytes", len);
    HF_TRY(hf_pack_tail_size(at + len - HF_PACK_FOOTER, size, &need, err));
    if (need != len)
        return hf_error_set(err, HF_DAMAGED, "a tail of %zu bytes, not %zu", len, need);
    size_t slot_count = hf_load_u32(at + len - HF_PACK_FOOTER);
    size_t slots_len = slot_count * HF_PACK_SLOT;
    HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    struct hf_reader reader;
    enum hf_chunk_class class;
    hf_reader_init(&reader, at, slots_len);
    HF_TRY(hf_pack_slots_read(&reader, slot_count, &directory.slots, &class, err));
    directory.slot_count = slot_count;
    HF_TRY(open_directory(keys, at, slots_len, at + slots_len, len - slots_len - HF_PACK_FOOTER,
                          &plain, err));
    HF_TRY(parse_frames(&plain, slot_count, size - len, &directory, err));
    *out = directory;
    directory = (struct hf_pack_directory)HF_PACK_DIRECTORY_INIT;
    return HF_OK;
}

static enum hf_status load_tail(struct hf_repo *repo, const char *name, uint64_t size,
                                struct hf_buf *tail, struct hf_error *err)
{
    size_t guess = size < TAIL_GUESS ? (size_t)size : TAIL_GUESS;
    size_t need;
    if (size < HF_PACK_MAGIC + HF_PACK_FOOTER || size > HF_PACK_MAX)
        return hf_error_set(err, HF_DAMAGED, "not a pack: %llu bytes", (unsigned long long)size);
    HF_TRY(hf_store_get(repo->store, name, size - guess, guess, tail, err));
    HF_TRY(hf_pack_tail_size(tail->data + guess - HF_PACK_FOOTER, size, &need, err));
    if (need > guess) {
        tail->len = 0;
        return hf_store_get(repo->store, name, size - need, need, tail, err);
    }
    memmove(tail->data, tail->data + guess - need, need);
    tail->len = need;
    return HF_OK;
}

enum hf_status hf_pack_directory_load(struct hf_repo *repo, const struct hf_chunk_id *pack,
                                      uint64_t size, struct hf_pack_directory *out,
                                      struct hf_error *err)
{
    HF_AUTO(hf_buf) tail = HF_BUF_INIT;
    char name[HF_PACK_NAME];
    hf_pack_name(pack, name);
    enum hf_status status = load_tail(repo, name, size, &tail, err);
    if (status == HF_OK)
        status = hf_pack_tail_parse(repo->keys, tail.data, tail.len, size, out, err);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "%s", name);
}
