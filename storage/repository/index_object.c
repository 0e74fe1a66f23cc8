/* Index objects as bytes: parsing and writing them. */
#include "storage/repository/index_internal.h"

#include "base/buffer.h"
#include "storage/repository/envelope.h"
#include "storage/repository/pack_entry.h"
#include "storage/repository/repository_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 8, PACK_HEAD = HF_CHUNK_ID + 16 };

/* What one object holds, while it is not part of the index. */
struct parsed {
    struct hf_index_item **items;
    size_t count;
    struct hf_chunk_id *drops;
    size_t drop_count;
};

/* Parsing. */

static enum hf_status parse_pack(struct hf_reader *reader, struct hf_index_item **out,
                                 struct hf_error *err)
{
    const uint8_t *head = hf_reader_bytes(reader, PACK_HEAD);
    if (!head)
        return hf_error_set(err, HF_DAMAGED, "a list of packs is cut short");
    struct hf_index_item *item = calloc(1, sizeof *item);
    if (!item)
        return hf_error_memory(err);
    struct hf_index_pack *pack = &item->pack;
    uint64_t end = 0;
    memcpy(pack->id.bytes, head, HF_CHUNK_ID);
    pack->size = hf_load_u64(head + 32);
    pack->slot_count = hf_load_u32(head + 40);
    pack->frame_count = hf_load_u32(head + 44);
    enum hf_status status =
        hf_pack_slots_read(reader, pack->slot_count, &pack->slots, &pack->class, err);
    if (status == HF_OK)
        status = hf_pack_entries_read(reader, pack->frame_count, pack->slot_count, &pack->frames,
                                      &end, err);
    if (status == HF_OK && (pack->size > HF_PACK_MAX || end > pack->size))
        status = hf_error_set(err, HF_DAMAGED, "a pack of %llu bytes with frames up to %llu",
                              (unsigned long long)pack->size, (unsigned long long)end);
    if (status != HF_OK) {
        hf_index_item_free(item);
        return status;
    }
    *out = item;
    return HF_OK;
}

/* Fills lists that have room for what the object's head announces. */
static enum hf_status parse_lists(struct hf_reader *reader, size_t packs, size_t drops,
                                  struct parsed *parsed, struct hf_error *err)
{
    for (; parsed->drop_count < drops; parsed->drop_count++) {
        const uint8_t *id = hf_reader_bytes(reader, HF_CHUNK_ID);
        if (!id)
            return hf_error_set(err, HF_DAMAGED, "a list of drops is cut short");
        memcpy(parsed->drops[parsed->drop_count].bytes, id, HF_CHUNK_ID);
    }
    for (; parsed->count < packs; parsed->count++)
        HF_TRY(parse_pack(reader, &parsed->items[parsed->count], err));
    if (!hf_reader_done(reader))
        return hf_error_set(err, HF_DAMAGED, "something follows the last pack");
    return HF_OK;
}

/* Moves what was parsed into the index, and notes where it is. What was moved is NULL after it. */
static enum hf_status take_lists(struct hf_index *index, struct parsed *parsed, uint32_t *packs,
                                 uint32_t *drops, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_rwlock_wrlock(&index->lock);
    for (size_t i = 0; status == HF_OK && i < parsed->drop_count; i++)
        status = hf_index_note_drop(index, &parsed->drops[i], false, &drops[i], err);
    for (size_t i = 0; status == HF_OK && i < parsed->count; i++) {
        status = hf_index_take(index, parsed->items[i], &packs[i], err);
        if (status == HF_OK)
            parsed->items[i] = NULL;
    }
    pthread_rwlock_unlock(&index->lock);
    return status;
}

static enum hf_status take_parsed(struct hf_index *index, struct parsed *parsed,
                                  struct hf_index_object *object, struct hf_error *err)
{
    HF_AUTO_FREE uint32_t *packs = calloc(parsed->count + 1, sizeof *packs);
    HF_AUTO_FREE uint32_t *drops = calloc(parsed->drop_count + 1, sizeof *drops);
    if (!packs || !drops)
        return hf_error_memory(err);
    HF_TRY(take_lists(index, parsed, packs, drops, err));
    if (!object)
        return HF_OK;
    object->packs = packs;
    object->pack_count = parsed->count;
    object->drops = drops;
    object->drop_count = parsed->drop_count;
    packs = NULL;
    drops = NULL;
    return HF_OK;
}

enum hf_status hf_index_parse_object(struct hf_index *index, const void *data, size_t len,
                                     struct hf_index_object *object, struct hf_error *err)
{
    struct hf_reader reader;
    hf_reader_init(&reader, data, len);
    size_t packs = hf_reader_u32(&reader);
    size_t drops = hf_reader_u32(&reader);
    if (!hf_reader_ok(&reader) || packs > reader.left / PACK_HEAD ||
        drops > reader.left / HF_CHUNK_ID)
        return hf_error_set(err, HF_DAMAGED, "more packs than its %zu bytes can hold", len);
    struct parsed parsed = {.items = calloc(packs + 1, sizeof(struct hf_index_item *)),
                            .drops = calloc(drops + 1, sizeof *parsed.drops)};
    enum hf_status status = parsed.items && parsed.drops ? HF_OK : hf_error_memory(err);
    if (status == HF_OK)
        status = parse_lists(&reader, packs, drops, &parsed, err);
    if (status == HF_OK)
        status = take_parsed(index, &parsed, object, err);
    for (size_t i = 0; parsed.items && i < packs; i++)
        hf_index_item_free(parsed.items[i]);
    free(parsed.items);
    free(parsed.drops);
    return status;
}

enum hf_status hf_index_parse(struct hf_index *index, const void *data, size_t len,
                              struct hf_error *err)
{
    return hf_index_parse_object(index, data, len, NULL, err);
}

enum hf_status hf_index_object_name(const void *sealed, size_t len, char out[HF_INDEX_NAME],
                                    struct hf_error *err)
{
    uint8_t hash[HF_CHUNK_ID];
    if (EVP_Digest(sealed, len, hash, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    memcpy(out, "index/", sizeof "index/");
    hf_hex(out + 6, hash, sizeof hash);
    return HF_OK;
}

/* Writing. */

void hf_index_batch_done(struct hf_index_batch *batch)
{
    free(batch->items);
    free(batch->drops);
    *batch = (struct hf_index_batch){.items = NULL};
}

static size_t pack_bytes(const struct hf_index_pack *pack)
{
    return PACK_HEAD + pack->slot_count * HF_PACK_SLOT + pack->frame_count * HF_PACK_ENTRY;
}

static enum hf_status append_pack(struct hf_buf *out, const struct hf_index_pack *pack,
                                  struct hf_error *err)
{
    HF_TRY(hf_buf_append(out, pack->id.bytes, HF_CHUNK_ID, err));
    HF_TRY(hf_buf_u64(out, pack->size, err));
    HF_TRY(hf_buf_u32(out, (uint32_t)pack->slot_count, err));
    HF_TRY(hf_buf_u32(out, (uint32_t)pack->frame_count, err));
    for (size_t i = 0; i < pack->slot_count; i++)
        HF_TRY(hf_buf_append(out, pack->slots[i].raw, HF_PACK_SLOT, err));
    HF_TRY(hf_buf_reserve(out, pack->frame_count * HF_PACK_ENTRY, err));
    for (size_t i = 0; i < pack->frame_count; i++) {
        hf_pack_entry_store(&pack->frames[i], out->data + out->len);
        out->len += HF_PACK_ENTRY;
    }
    return HF_OK;
}

static enum hf_status append_drops(struct hf_index *index, const struct hf_index_batch *batch,
                                   struct hf_buf *out, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_rwlock_rdlock(&index->lock); /* the list of drops may move */
    for (size_t i = 0; status == HF_OK && i < batch->drop_count; i++)
        status = hf_buf_append(out, index->drops[batch->drops[i]].pack.bytes, HF_CHUNK_ID, err);
    pthread_rwlock_unlock(&index->lock);
    return status;
}

static enum hf_status seal_batch(struct hf_index *index, struct hf_repo *repo,
                                 const struct hf_index_batch *batch, struct hf_buf *sealed,
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    size_t bytes = HEAD + batch->drop_count * HF_CHUNK_ID;
    for (size_t i = 0; i < batch->count; i++)
        bytes += pack_bytes(&batch->items[i]->pack);
    HF_TRY(hf_buf_reserve(&plain, bytes, err));
    HF_TRY(hf_buf_u32(&plain, (uint32_t)batch->count, err));
    HF_TRY(hf_buf_u32(&plain, (uint32_t)batch->drop_count, err));
    HF_TRY(append_drops(index, batch, &plain, err));
    for (size_t i = 0; i < batch->count; i++)
        HF_TRY(append_pack(&plain, &batch->items[i]->pack, err));
    return hf_envelope_seal(repo->keys, HF_SEALED_INDEX, NULL, plain.data, plain.len, sealed, err);
}

/* An entry of the list of objects for what is about to be written. */
static enum hf_status describe(const struct hf_index_batch *batch, const char *key, uint64_t size,
                               struct hf_index_object *out, struct hf_error *err)
{
    *out = (struct hf_index_object){.size = size,
                                    .readable = true,
                                    .packs = calloc(batch->count + 1, sizeof *out->packs),
                                    .pack_count = batch->count,
                                    .drops = calloc(batch->drop_count + 1, sizeof *out->drops),
                                    .drop_count = batch->drop_count};
    if (!out->packs || !out->drops)
        return hf_error_memory(err);
    for (size_t i = 0; i < batch->count; i++)
        out->packs[i] = (uint32_t)batch->items[i]->pack.number;
    if (batch->drop_count > 0)
        memcpy(out->drops, batch->drops, batch->drop_count * sizeof *out->drops);
    return hf_text_copy(key, &out->key, err);
}

enum hf_status hf_index_write_object(struct hf_index *index, struct hf_repo *repo,
                                     const struct hf_index_batch *batch, uint64_t *stored,
                                     struct hf_error *err)
{
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    char name[HF_INDEX_NAME];
    struct hf_index_object object;
    HF_TRY(seal_batch(index, repo, batch, &sealed, err));
    HF_TRY(hf_index_object_name(sealed.data, sealed.len, name, err));
    enum hf_status status = describe(batch, name, sealed.len, &object, err);
    if (status == HF_OK)
        status = hf_store_put(repo->store, name, sealed.data, sealed.len, HF_PUT_NAMED, err);
    if (status == HF_EXISTS) /* named by its content: a put whose answer was lost */
        status = HF_OK;
    if (status == HF_OK)
        status = hf_index_add_object(index, &object, err);
    if (status != HF_OK) {
        hf_index_object_done(&object);
        return status;
    }
    *stored += sealed.len;
    return HF_OK;
}

/* Drops go into the first: they are few. */
enum hf_status hf_index_write_batch(struct hf_index *index, struct hf_repo *repo,
                                    const struct hf_index_batch *batch, uint64_t *stored,
                                    struct hf_error *err)
{
    size_t at = 0;
    do {
        struct hf_index_batch part = {.items = batch->items + at};
        if (at == 0) {
            part.drops = batch->drops;
            part.drop_count = batch->drop_count;
        }
        for (size_t bytes = 0; at < batch->count && bytes < HF_INDEX_OBJECT_TARGET; part.count++)
            bytes += pack_bytes(&batch->items[at++]->pack);
        HF_TRY(hf_index_write_object(index, repo, &part, stored, err));
    } while (at < batch->count);
    return HF_OK;
}

/* What is to be written: pending ones, or all. */
static enum hf_status collect(struct hf_index *index, bool all, struct hf_index_batch *out,
                              struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_rwlock_rdlock(&index->lock);
    out->items = calloc(index->count + 1, sizeof(struct hf_index_item *));
    out->drops = calloc(index->drop_count + 1, sizeof *out->drops);
    if (!out->items || !out->drops)
        status = hf_error_memory(err);
    for (size_t i = 0; status == HF_OK && i < index->count; i++)
        if (all || index->items[i]->pending)
            out->items[out->count++] = index->items[i];
    for (size_t i = 0; status == HF_OK && i < index->drop_count; i++)
        if ((all && !index->drops[i].revived && !index->drops[i].aside) || index->drops[i].pending)
            out->drops[out->drop_count++] = (uint32_t)i;
    pthread_rwlock_unlock(&index->lock);
    return status;
}

static void mark_written(struct hf_index *index, const struct hf_index_batch *batch)
{
    pthread_rwlock_wrlock(&index->lock);
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i]->pending = false;
    for (size_t i = 0; i < batch->drop_count; i++)
        index->drops[batch->drops[i]].pending = false;
    pthread_rwlock_unlock(&index->lock);
}

static enum hf_status write_index(struct hf_index *index, struct hf_repo *repo, bool all,
                                  uint64_t *stored, struct hf_error *err)
{
    struct hf_index_batch batch = {.count = 0};
    enum hf_status status = collect(index, all, &batch, err);
    if (status == HF_OK && batch.count + batch.drop_count > 0)
        status = hf_index_write_batch(index, repo, &batch, stored, err);
    if (status == HF_OK)
        mark_written(index, &batch);
    hf_index_batch_done(&batch);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "writing the index");
}

enum hf_status hf_index_flush(struct hf_index *index, struct hf_repo *repo, uint64_t *out_bytes,
                              struct hf_error *err)
{
    uint64_t stored = 0;
    pthread_mutex_lock(&index->flushing);
    enum hf_status status = write_index(index, repo, false, &stored, err);
    pthread_mutex_unlock(&index->flushing);
    if (status == HF_OK && out_bytes)
        *out_bytes = stored;
    return status;
}

enum hf_status hf_index_rewrite(struct hf_index *index, struct hf_repo *repo, struct hf_error *err)
{
    uint64_t stored = 0;
    pthread_mutex_lock(&index->flushing);
    size_t old = index->object_count;
    enum hf_status status = write_index(index, repo, true, &stored, err);
    /* Only now: until here the old objects are what the repository has. From the end, where one
     * that leaves does not move those that are still to go. */
    while (status == HF_OK && old > 0)
        status = hf_index_remove_object(index, repo, --old, err);
    pthread_mutex_unlock(&index->flushing);
    return status;
}
