#include "storage/repository/chunk_reader.h"

#include "storage/repository/block_cache.h"
#include "storage/repository/fallback.h"
#include "storage/repository/index_recall.h"
#include "storage/repository/repository_internal.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS = 512, /* open pack keys kept; a power of two */
    SHORT_ID = 16,
};

struct hf_opener {
    struct hf_frame_coder *coder;
    struct hf_chunk_hasher *data;
    struct hf_chunk_hasher *meta;
    struct hf_opener *next;
};

struct key_place {
    const struct hf_index_pack *pack; /* NULL: empty */
    uint16_t slot;
    struct hf_pack_key key;
};

struct hf_chunk_reader {
    struct hf_repo *repo;
    struct hf_index *index;
    struct hf_block_cache *blocks;
    struct hf_fallback *fallback; /* or NULL */
    pthread_mutex_t lock;         /* keys, openers */
    struct key_place *keys;       /* sodium_malloc */
    struct hf_opener *openers;
    pthread_mutex_t survey_lock;
    bool surveyed;
};

static void opener_free(struct hf_opener *opener)
{
    hf_frame_coder_free(opener->coder);
    hf_chunk_hasher_free(opener->data);
    hf_chunk_hasher_free(opener->meta);
    free(opener);
}

void hf_chunk_reader_free(struct hf_chunk_reader *reader)
{
    while (reader->openers) {
        struct hf_opener *opener = reader->openers;
        reader->openers = opener->next;
        opener_free(opener);
    }
    if (reader->blocks)
        hf_block_cache_free(reader->blocks);
    sodium_free(reader->keys); /* wipes */
    pthread_mutex_destroy(&reader->lock);
    pthread_mutex_destroy(&reader->survey_lock);
    free(reader);
}

enum hf_status hf_chunk_reader_new(struct hf_repo *repo, struct hf_index *index,
                                   struct hf_chunk_reader **out, struct hf_error *err)
{
    struct hf_chunk_reader *made = calloc(1, sizeof *made);
    if (!made)
        return hf_error_memory(err);
    made->repo = repo;
    made->index = index;
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->survey_lock, NULL);
    HF_AUTO_PTR(hf_chunk_reader) reader = made;
    reader->keys = sodium_allocarray(KEYS, sizeof *reader->keys);
    if (!reader->keys)
        return hf_error_memory(err);
    memset(reader->keys, 0, KEYS * sizeof *reader->keys);
    HF_TRY(hf_block_cache_new(repo, HF_READER_BLOCKS, HF_READER_BLOCK, &reader->blocks, err));
    *out = reader;
    reader = NULL;
    return HF_OK;
}

void hf_chunk_reader_fall_back(struct hf_chunk_reader *reader, struct hf_fallback *fallback)
{
    reader->fallback = fallback;
}

enum hf_status hf_opener_borrow(struct hf_chunk_reader *reader, struct hf_opener **out,
                                struct hf_error *err)
{
    pthread_mutex_lock(&reader->lock);
    struct hf_opener *opener = reader->openers;
    if (opener)
        reader->openers = opener->next;
    pthread_mutex_unlock(&reader->lock);
    if (!opener) {
        opener = calloc(1, sizeof *opener);
        if (!opener)
            return hf_error_memory(err);
        const struct hf_keyset *keys = reader->repo->keys;
        if (hf_frame_coder_new(0, &opener->coder, err) != HF_OK ||
            hf_chunk_hasher_new(keys, HF_CHUNK_DATA, &opener->data, err) != HF_OK ||
            hf_chunk_hasher_new(keys, HF_CHUNK_META, &opener->meta, err) != HF_OK) {
            opener_free(opener);
            return err->status;
        }
    }
    *out = opener;
    return HF_OK;
}

void hf_opener_return(struct hf_chunk_reader *reader, struct hf_opener *opener)
{
    pthread_mutex_lock(&reader->lock);
    opener->next = reader->openers;
    reader->openers = opener;
    pthread_mutex_unlock(&reader->lock);
}

/* "chunk 0123456789abcdef" */
static enum hf_status prefix_chunk(const uint8_t id[HF_REF_ID], struct hf_error *err)
{
    char text[SHORT_ID + 1];
    hf_hex(text, id, SHORT_ID / 2);
    return hf_error_prefix(err, "chunk %s", text);
}

static enum hf_status prefix_place(const struct hf_location *location, struct hf_error *err)
{
    char name[HF_PACK_NAME];
    hf_pack_name(&location->pack->id, name);
    hf_error_prefix(err, "%s", name);
    return prefix_chunk(location->frame->id.bytes, err);
}

/* Asks the packs that no index names, and those that left it, once in a reader's life. */
static enum hf_status survey(struct hf_chunk_reader *reader, struct hf_error *err)
{
    struct hf_index_survey found;
    struct hf_index_faults ignore = {.fn = NULL};
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&reader->survey_lock);
    if (!reader->surveyed)
        status = hf_index_survey(reader->index, reader->repo, "", &ignore, &found, err);
    if (!reader->surveyed && status == HF_OK)
        status = hf_index_recall(reader->index, reader->repo, err);
    reader->surveyed = status == HF_OK;
    pthread_mutex_unlock(&reader->survey_lock);
    return status;
}

enum hf_status hf_chunk_locate(struct hf_chunk_reader *reader, const uint8_t id[HF_REF_ID],
                               enum hf_chunk_class class, uint32_t plain_len,
                               struct hf_location *out, struct hf_error *err)
{
    struct hf_chunk_id key;
    struct hf_location at;
    memcpy(key.bytes, id, sizeof key.bytes);
    bool found = hf_index_find(reader->index, &key, &at);
    if (!found) {
        HF_TRY(survey(reader, err));
        found = hf_index_find(reader->index, &key, &at);
    }
    if ((!found || at.dropped) && reader->fallback &&
        hf_fallback_locate(reader->fallback, id, class, plain_len, out))
        return HF_OK;
    if (!found) {
        hf_error_set(err, HF_DAMAGED,
                     "it is in no pack; \"holdfast check --repair\" says what is lost");
        (void)prefix_chunk(id, err);
        return HF_DAMAGED;
    }
    if (at.pack->class != class || (plain_len != 0 && at.frame->plain_len != plain_len)) {
        hf_error_set(err, HF_DAMAGED, "listed as %u bytes, stored as %u", plain_len,
                     at.frame->plain_len);
        (void)prefix_place(&at, err);
        return HF_DAMAGED;
    }
    *out = at;
    return HF_OK;
}

/* A slot's key is an X25519 operation away: too dear for every frame, so it is kept. */
static enum hf_status slot_key(struct hf_chunk_reader *reader, const struct hf_location *at,
                               struct hf_pack_key *out, struct hf_error *err)
{
    const struct hf_keyset *keys = at->elsewhere ? at->elsewhere->keys : reader->repo->keys;
    const struct hf_index_pack *pack = at->pack;
    uint16_t slot = at->frame->slot;
    if (slot >= pack->slot_count)
        return hf_error_set(err, HF_DAMAGED, "slot %u of %zu", slot, pack->slot_count);
    struct key_place *place = &reader->keys[(pack->number * 7 + slot) % KEYS];
    pthread_mutex_lock(&reader->lock);
    bool hit = place->pack == pack && place->slot == slot;
    if (hit)
        *out = place->key;
    pthread_mutex_unlock(&reader->lock);
    if (hit)
        return HF_OK;
    HF_TRY(hf_pack_slot_open(keys, &pack->slots[slot], "its key", out, err));
    pthread_mutex_lock(&reader->lock);
    *place = (struct key_place){.pack = pack, .slot = slot, .key = *out};
    pthread_mutex_unlock(&reader->lock);
    return HF_OK;
}

static enum hf_status open_frame(struct hf_chunk_reader *reader, struct hf_opener *opener,
                                 const struct hf_location *at, const uint8_t *sealed,
                                 uint8_t *plain, struct hf_error *err)
{
    struct hf_pack_key key;
    struct hf_chunk_hasher *hasher = at->pack->class == HF_CHUNK_DATA ? opener->data : opener->meta;
    HF_TRY(slot_key(reader, at, &key, err));
    enum hf_status status = hf_frame_open(opener->coder, &key, at->frame, sealed, plain, err);
    sodium_memzero(&key, sizeof key);
    if (status != HF_OK)
        return status;
    return hf_chunk_verify(hasher, &at->frame->id, plain, at->frame->plain_len, err);
}

enum hf_status hf_chunk_open(struct hf_chunk_reader *reader, struct hf_opener *opener,
                             const struct hf_location *location, const uint8_t *sealed,
                             uint8_t *plain, struct hf_error *err)
{
    if (open_frame(reader, opener, location, sealed, plain, err) != HF_OK)
        return prefix_place(location, err);
    if (location->elsewhere)
        hf_fallback_count(reader->fallback, location->frame->stored_len);
    return HF_OK;
}

static enum hf_status open_appended(struct hf_chunk_reader *reader, const struct hf_location *at,
                                    const uint8_t *sealed, struct hf_buf *out, struct hf_error *err)
{
    struct hf_opener *opener;
    HF_TRY(hf_buf_reserve(out, at->frame->plain_len, err));
    HF_TRY(hf_opener_borrow(reader, &opener, err));
    enum hf_status status = hf_chunk_open(reader, opener, at, sealed, out->data + out->len, err);
    hf_opener_return(reader, opener);
    if (status == HF_OK)
        out->len += at->frame->plain_len;
    return status;
}

static enum hf_status fetch_exact(struct hf_chunk_reader *reader, const struct hf_location *at,
                                  struct hf_buf *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    char name[HF_PACK_NAME];
    hf_pack_name(&at->pack->id, name);
    if (hf_buf_reserve(&sealed, at->frame->stored_len, err) != HF_OK ||
        hf_store_get(reader->repo->store, name, at->frame->offset, at->frame->stored_len, &sealed,
                     err) != HF_OK)
        return prefix_chunk(at->frame->id.bytes, err);
    return open_appended(reader, at, sealed.data, out, err);
}

static enum hf_status fetch_small(struct hf_chunk_reader *reader, const struct hf_location *at,
                                  struct hf_buf *out, struct hf_error *err)
{
    struct hf_block *block;
    const uint8_t *sealed;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_block_cache_get(reader->blocks, at->pack, at->frame->offset,
                                               at->frame->stored_len, &block, &sealed, &why);
    if (status == HF_DAMAGED) /* a pack that was cut short: its neighbours need not be there */
        return fetch_exact(reader, at, out, err);
    if (status != HF_OK) {
        *err = why;
        return prefix_chunk(at->frame->id.bytes, err);
    }
    status = open_appended(reader, at, sealed, out, err);
    hf_block_cache_put(reader->blocks, block);
    return status;
}

static enum hf_status fetch(struct hf_chunk_reader *reader, const struct hf_location *at,
                            struct hf_buf *out, struct hf_error *err)
{
    enum hf_status status = at->frame->stored_len <= HF_READER_SMALL
                                ? fetch_small(reader, at, out, err)
                                : fetch_exact(reader, at, out, err);
    /* The pack is gone; or the disk does not give it, which is as bad where there is another. */
    if (status == HF_NOT_FOUND || (status == HF_IO && reader->fallback))
        status = err->status = HF_DAMAGED;
    return status;
}

static enum hf_status fetch_elsewhere(struct hf_chunk_reader *reader, const struct hf_location *at,
                                      struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_chunk_read(hf_fallback_reader(reader->fallback), at->frame->id.bytes, at->pack->class,
                         at->frame->plain_len, out, err));
    hf_fallback_count(reader->fallback, at->frame->stored_len);
    return HF_OK;
}

enum hf_status hf_chunk_read(struct hf_chunk_reader *reader, const uint8_t id[HF_REF_ID],
                             enum hf_chunk_class class, uint32_t plain_len, struct hf_buf *out,
                             struct hf_error *err)
{
    const struct hf_index_pack *tried = NULL;
    struct hf_error why = HF_ERROR_INIT;
    for (;;) {
        struct hf_location at;
        HF_TRY(hf_chunk_locate(reader, id, class, plain_len, &at, err));
        if (at.elsewhere)
            return fetch_elsewhere(reader, &at, out, err);
        if (at.pack != tried && fetch(reader, &at, out, &why) == HF_OK)
            return HF_OK;
        if (at.pack == tried || why.status != HF_DAMAGED || at.dropped)
            break;
        /* In memory only. Another pack that holds the chunk comes first from now on. */
        if (reader->fallback && !hf_index_is_dropped(reader->index, &at.pack->id))
            hf_fallback_note(reader->fallback, &why);
        HF_TRY(hf_index_drop(reader->index, &at.pack->id, err));
        tried = at.pack;
    }
    *err = why;
    return why.status;
}

enum hf_status hf_chunk_read_meta(void *ctx, const uint8_t id[HF_REF_ID], size_t max,
                                  struct hf_buf *out, struct hf_error *err)
{
    struct hf_chunk_reader *reader = ctx;
    struct hf_location at;
    HF_TRY(hf_chunk_locate(reader, id, HF_CHUNK_META, 0, &at, err));
    if (at.frame->plain_len > max) {
        hf_error_set(err, HF_DAMAGED, "%u bytes where %zu are the most", at.frame->plain_len, max);
        return prefix_place(&at, err);
    }
    return hf_chunk_read(reader, id, HF_CHUNK_META, at.frame->plain_len, out, err);
}
