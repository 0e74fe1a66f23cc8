#include "storage/repository/index.h"

#include "base/buffer.h"
#include "storage/repository/envelope.h"
#include "storage/repository/index_internal.h"
#include "storage/repository/pack_entry.h"
#include "storage/repository/repository_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 8, PACK_HEAD = HF_CHUNK_ID + 16 };

/* Items while they are not part of the index: what one object holds, or what is to be written. */
struct batch {
    struct hf_index_item **items;
    size_t count;
    struct hf_chunk_id *drops;
    size_t drop_count;
};

static void batch_free_lists(struct batch *batch)
{
    free(batch->items);
    free(batch->drops);
}

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

/* Fills a batch that has room for what the object's head announces. */
static enum hf_status parse_batch(struct hf_reader *reader, size_t packs, size_t drops,
                                  struct batch *batch, struct hf_error *err)
{
    for (; batch->drop_count < drops; batch->drop_count++) {
        const uint8_t *id = hf_reader_bytes(reader, HF_CHUNK_ID);
        if (!id)
            return hf_error_set(err, HF_DAMAGED, "a list of drops is cut short");
        memcpy(batch->drops[batch->drop_count].bytes, id, HF_CHUNK_ID);
    }
    for (; batch->count < packs; batch->count++)
        HF_TRY(parse_pack(reader, &batch->items[batch->count], err));
    if (!hf_reader_done(reader))
        return hf_error_set(err, HF_DAMAGED, "something follows the last pack");
    return HF_OK;
}

/* Moves a batch into the index. What was moved is no longer the batch's. */
static enum hf_status take_batch(struct hf_index *index, struct batch *batch, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_rwlock_wrlock(&index->lock);
    for (size_t i = 0; status == HF_OK && i < batch->drop_count; i++)
        status = hf_index_note_drop(index, &batch->drops[i], false, err);
    for (size_t i = 0; status == HF_OK && i < batch->count; i++) {
        status = hf_index_take(index, batch->items[i], err);
        if (status == HF_OK)
            batch->items[i] = NULL;
    }
    pthread_rwlock_unlock(&index->lock);
    return status;
}

enum hf_status hf_index_parse(struct hf_index *index, const void *data, size_t len,
                              struct hf_error *err)
{
    struct hf_reader reader;
    hf_reader_init(&reader, data, len);
    size_t packs = hf_reader_u32(&reader);
    size_t drops = hf_reader_u32(&reader);
    if (!hf_reader_ok(&reader) || packs > reader.left / PACK_HEAD ||
        drops > reader.left / HF_CHUNK_ID)
        return hf_error_set(err, HF_DAMAGED, "more packs than its %zu bytes can hold", len);
    struct batch batch = {.items = calloc(packs + 1, sizeof(struct hf_index_item *)),
                          .drops = calloc(drops + 1, sizeof *batch.drops)};
    enum hf_status status = batch.items && batch.drops ? HF_OK : hf_error_memory(err);
    if (status == HF_OK)
        status = parse_batch(&reader, packs, drops, &batch, err);
    if (status == HF_OK)
        status = take_batch(index, &batch, err);
    for (size_t i = 0; batch.items && i < packs; i++)
        hf_index_item_free(batch.items[i]);
    batch_free_lists(&batch);
    return status;
}

/* Loading. */

static enum hf_status hash_name(const struct hf_buf *object, char out[HF_INDEX_NAME],
                                struct hf_error *err)
{
    uint8_t hash[HF_CHUNK_ID];
    if (EVP_Digest(object->data, object->len, hash, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    memcpy(out, "index/", sizeof "index/");
    hf_hex(out + 6, hash, sizeof hash);
    return HF_OK;
}

static enum hf_status load_object(struct hf_index *index, struct hf_repo *repo, const char *key,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    char name[HF_INDEX_NAME];
    HF_TRY(hf_store_get_all(repo->store, key, HF_INDEX_OBJECT_MAX, &sealed, err));
    HF_TRY(hash_name(&sealed, name, err));
    if (strcmp(name, key) != 0)
        return hf_error_set(err, HF_DAMAGED, "%s: its content has another hash than its name", key);
    enum hf_status status =
        hf_envelope_open(repo->keys, HF_SEALED_INDEX, NULL, sealed.data, sealed.len, &plain, err);
    if (status == HF_OK)
        status = hf_index_parse(index, plain.data, plain.len, err);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "%s", key);
}

static enum hf_status note_object(void *ctx, const char *key, const struct hf_store_stat *stat,
                                  struct hf_error *err)
{
    struct hf_index *index = ctx;
    (void)stat;
    return hf_strings_add(&index->objects, key, err);
}

/* Faults are what is wrong with this object alone. */
static bool is_fault(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_NOT_FOUND || status == HF_DENIED ||
           status == HF_UNSUPPORTED;
}

enum hf_status hf_index_load(struct hf_index *index, struct hf_repo *repo,
                             const struct hf_index_faults *faults, struct hf_error *err)
{
    HF_TRY(hf_store_list(repo->store, "index/", note_object, index, err));
    for (size_t i = 0; i < index->objects.count; i++) {
        struct hf_error why = HF_ERROR_INIT;
        const char *key = index->objects.items[i];
        if (load_object(index, repo, key, &why) == HF_OK)
            continue;
        if (!faults || !is_fault(why.status)) {
            *err = why;
            return why.status;
        }
        if (faults->fn)
            faults->fn(faults->ctx, key, &why);
    }
    return HF_OK;
}

/* Writing. */

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

/* One object of these items and drops. */
static enum hf_status write_object(struct hf_repo *repo, const struct batch *batch,
                                   uint64_t *stored, struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    char name[HF_INDEX_NAME];
    HF_TRY(hf_buf_u32(&plain, (uint32_t)batch->count, err));
    HF_TRY(hf_buf_u32(&plain, (uint32_t)batch->drop_count, err));
    for (size_t i = 0; i < batch->drop_count; i++)
        HF_TRY(hf_buf_append(&plain, batch->drops[i].bytes, HF_CHUNK_ID, err));
    for (size_t i = 0; i < batch->count; i++)
        HF_TRY(append_pack(&plain, &batch->items[i]->pack, err));
    HF_TRY(
        hf_envelope_seal(repo->keys, HF_SEALED_INDEX, NULL, plain.data, plain.len, &sealed, err));
    HF_TRY(hash_name(&sealed, name, err));
    HF_TRY(hf_store_put(repo->store, name, sealed.data, sealed.len, HF_PUT_CREATE, err));
    *stored += sealed.len;
    return HF_OK;
}

/* As many objects as it takes. Drops go into the first: they are few. */
static enum hf_status write_batch(struct hf_repo *repo, const struct batch *batch, uint64_t *stored,
                                  struct hf_error *err)
{
    size_t at = 0;
    do {
        struct batch part = {.items = batch->items + at};
        size_t frames = 0;
        if (at == 0) {
            part.drops = batch->drops;
            part.drop_count = batch->drop_count;
        }
        while (at < batch->count && part.count < HF_INDEX_PACKS && frames < HF_INDEX_FRAMES) {
            frames += batch->items[at++]->pack.frame_count;
            part.count++;
        }
        HF_TRY(write_object(repo, &part, stored, err));
    } while (at < batch->count);
    return HF_OK;
}

/* What is to be written: pending ones, or all. Items stay the index's and do not move. */
static enum hf_status collect(struct hf_index *index, bool all, struct batch *out,
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
        if (all || index->drops[i].pending)
            out->drops[out->drop_count++] = index->drops[i].pack;
    pthread_rwlock_unlock(&index->lock);
    return status;
}

static void mark_written(struct hf_index *index, const struct batch *batch)
{
    pthread_rwlock_wrlock(&index->lock);
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i]->pending = false;
    for (size_t i = 0; i < batch->drop_count; i++) {
        struct hf_place place;
        if (hf_id_table_find(&index->dropped, &batch->drops[i], &place))
            index->drops[place.major].pending = false;
    }
    pthread_rwlock_unlock(&index->lock);
}

static enum hf_status write_index(struct hf_index *index, struct hf_repo *repo, bool all,
                                  uint64_t *stored, struct hf_error *err)
{
    struct batch batch = {.count = 0};
    enum hf_status status = collect(index, all, &batch, err);
    if (status == HF_OK && batch.count + batch.drop_count > 0)
        status = write_batch(repo, &batch, stored, err);
    if (status == HF_OK)
        mark_written(index, &batch);
    batch_free_lists(&batch);
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
    enum hf_status status = write_index(index, repo, true, &stored, err);
    /* Only now: until here the old objects are what the repository has. */
    for (size_t i = 0; status == HF_OK && i < index->objects.count; i++)
        status = hf_store_delete(repo->store, index->objects.items[i], err);
    if (status == HF_OK)
        hf_strings_free(&index->objects);
    pthread_mutex_unlock(&index->flushing);
    return status;
}
