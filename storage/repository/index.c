#include "storage/repository/index.h"

#include "storage/repository/index_internal.h"

#include <stdlib.h>
#include <string.h>

void hf_index_item_free(struct hf_index_item *item)
{
    if (!item)
        return;
    free(item->pack.slots);
    free(item->pack.frames);
    free(item);
}

static const struct hf_chunk_id *frame_id(const void *ctx, struct hf_place place)
{
    const struct hf_index *index = ctx;
    return &index->items[place.major]->pack.frames[place.minor].id;
}

static const struct hf_chunk_id *pack_id(const void *ctx, struct hf_place place)
{
    const struct hf_index *index = ctx;
    return &index->items[place.major]->pack.id;
}

static const struct hf_chunk_id *drop_id(const void *ctx, struct hf_place place)
{
    const struct hf_index *index = ctx;
    return &index->drops[place.major].pack;
}

enum hf_status hf_index_new(struct hf_index **out, struct hf_error *err)
{
    struct hf_index *index = calloc(1, sizeof *index);
    if (!index)
        return hf_error_memory(err);
    int failed = pthread_rwlock_init(&index->lock, NULL);
    if (failed) {
        free(index);
        return hf_error_sys(err, failed, "index lock");
    }
    failed = pthread_mutex_init(&index->flushing, NULL);
    if (failed) {
        pthread_rwlock_destroy(&index->lock);
        free(index);
        return hf_error_sys(err, failed, "index lock");
    }
    hf_id_table_init(&index->frames, frame_id, index);
    hf_id_table_init(&index->packs, pack_id, index);
    hf_id_table_init(&index->dropped, drop_id, index);
    *out = index;
    return HF_OK;
}

void hf_index_free(struct hf_index *index)
{
    if (!index)
        return;
    for (size_t i = 0; i < index->count; i++)
        hf_index_item_free(index->items[i]);
    free(index->items);
    free(index->drops);
    hf_id_table_done(&index->frames);
    hf_id_table_done(&index->packs);
    hf_id_table_done(&index->dropped);
    for (size_t i = 0; i < index->object_count; i++)
        hf_index_object_done(&index->objects[i]);
    free(index->objects);
    pthread_mutex_destroy(&index->flushing);
    pthread_rwlock_destroy(&index->lock);
    free(index);
}

/* Under the lock. */
static bool is_dropped(const struct hf_index *index, const struct hf_chunk_id *pack)
{
    struct hf_place place;
    return hf_id_table_find(&index->dropped, pack, &place) && !index->drops[place.major].revived;
}

/* Puts a pack's frames into the table; a live pack takes over from a dropped one. */
static void put_frames(struct hf_index *index, const struct hf_index_item *item)
{
    for (size_t i = 0; i < item->pack.frame_count; i++) {
        struct hf_place place = {(uint32_t)item->pack.number, (uint32_t)i};
        struct hf_place known;
        if (!hf_id_table_put(&index->frames, place, &known) && !item->dropped &&
            index->items[known.major]->dropped)
            hf_id_table_move(&index->frames, place);
    }
    if (!item->dropped)
        index->live_frames += item->pack.frame_count;
}

/* After packs were dropped: the same frames again, so there is room for them. */
static void put_all_frames(struct hf_index *index)
{
    hf_id_table_clear(&index->frames);
    index->live_frames = 0;
    for (size_t i = 0; i < index->count; i++)
        put_frames(index, index->items[i]);
    index->stale = false;
}

static enum hf_status grow_items(struct hf_index *index, struct hf_error *err)
{
    if (index->count < index->cap)
        return HF_OK;
    size_t cap = index->cap ? 2 * index->cap : 64;
    struct hf_index_item **items = realloc(index->items, cap * sizeof(struct hf_index_item *));
    if (!items)
        return hf_error_memory(err);
    index->items = items;
    index->cap = cap;
    return HF_OK;
}

enum hf_status hf_index_take(struct hf_index *index, struct hf_index_item *item,
                             uint32_t *out_number, struct hf_error *err)
{
    struct hf_place known;
    if (hf_id_table_find(&index->packs, &item->pack.id, &known)) {
        hf_index_item_free(item);
        *out_number = known.major;
        return HF_OK;
    }
    if (index->count >= UINT32_MAX - 1)
        return hf_error_set(err, HF_UNSUPPORTED, "more packs than an index holds");
    HF_TRY(grow_items(index, err));
    HF_TRY(hf_id_table_reserve(&index->packs, 1, err));
    HF_TRY(hf_id_table_reserve(&index->frames, item->pack.frame_count, err));
    item->pack.number = index->count;
    item->dropped = is_dropped(index, &item->pack.id);
    *out_number = (uint32_t)item->pack.number;
    index->items[index->count++] = item;
    (void)hf_id_table_put(&index->packs, (struct hf_place){(uint32_t)item->pack.number, 0}, &known);
    put_frames(index, item);
    return HF_OK;
}

static void *copy_array(const void *from, size_t count, size_t size)
{
    void *copy = malloc(count * size + 1);
    if (copy && count > 0)
        memcpy(copy, from, count * size);
    return copy;
}

enum hf_status hf_index_add(struct hf_index *index, const struct hf_chunk_id *pack, uint64_t size,
                            const struct hf_pack_slot *slots, size_t slot_count,
                            const struct hf_frame *frames, size_t frame_count, struct hf_error *err)
{
    struct hf_pack_slot_info info;
    uint32_t number;
    if (slot_count == 0)
        return hf_error_set(err, HF_FAILED, "a pack without a key slot");
    HF_TRY(hf_pack_slot_read(&slots[0], &info, err));
    struct hf_index_item *item = calloc(1, sizeof *item);
    if (!item)
        return hf_error_memory(err);
    item->pack = (struct hf_index_pack){.id = *pack,
                                        .size = size,
                                        .slots = copy_array(slots, slot_count, sizeof *slots),
                                        .slot_count = slot_count,
                                        .frames = copy_array(frames, frame_count, sizeof *frames),
                                        .frame_count = frame_count,
                                        .class = info.class};
    item->pending = true;
    if (!item->pack.slots || !item->pack.frames) {
        hf_index_item_free(item);
        return hf_error_memory(err);
    }
    pthread_rwlock_wrlock(&index->lock);
    enum hf_status status = hf_index_take(index, item, &number, err);
    pthread_rwlock_unlock(&index->lock);
    if (status != HF_OK)
        hf_index_item_free(item);
    return status;
}

static void mark_dropped(struct hf_index *index, const struct hf_chunk_id *pack)
{
    struct hf_place known;
    if (hf_id_table_find(&index->packs, pack, &known)) {
        index->items[known.major]->dropped = true;
        index->stale = true;
    }
}

/* What an object says already does not have to be said again. */
static void drop_again(struct hf_index *index, struct hf_index_drop *drop, bool pending)
{
    drop->pending = (drop->pending || drop->revived || drop->aside) && pending;
    drop->aside = false;
    if (drop->revived)
        mark_dropped(index, &drop->pack);
    drop->revived = false;
}

enum hf_status hf_index_note_drop(struct hf_index *index, const struct hf_chunk_id *pack,
                                  bool pending, uint32_t *out_at, struct hf_error *err)
{
    struct hf_place known;
    if (hf_id_table_find(&index->dropped, pack, &known)) {
        *out_at = known.major;
        drop_again(index, &index->drops[known.major], pending);
        return HF_OK;
    }
    if (index->drop_count >= UINT32_MAX - 1)
        return hf_error_set(err, HF_UNSUPPORTED, "more dropped packs than an index holds");
    if (index->drop_count == index->drop_cap) {
        size_t cap = index->drop_cap ? 2 * index->drop_cap : 16;
        struct hf_index_drop *drops = realloc(index->drops, cap * sizeof *drops);
        if (!drops)
            return hf_error_memory(err);
        index->drops = drops;
        index->drop_cap = cap;
    }
    HF_TRY(hf_id_table_reserve(&index->dropped, 1, err));
    *out_at = (uint32_t)index->drop_count;
    index->drops[index->drop_count] = (struct hf_index_drop){.pack = *pack, .pending = pending};
    (void)hf_id_table_put(&index->dropped, (struct hf_place){(uint32_t)index->drop_count, 0},
                          &known);
    index->drop_count++;
    mark_dropped(index, pack);
    return HF_OK;
}

enum hf_status hf_index_drop(struct hf_index *index, const struct hf_chunk_id *pack,
                             struct hf_error *err)
{
    uint32_t at;
    pthread_rwlock_wrlock(&index->lock);
    enum hf_status status = hf_index_note_drop(index, pack, true, &at, err);
    pthread_rwlock_unlock(&index->lock);
    return status;
}

enum hf_status hf_index_set_aside(struct hf_index *index, const struct hf_chunk_id *pack,
                                  struct hf_error *err)
{
    uint32_t at;
    struct hf_place known;
    enum hf_status status = HF_OK;
    pthread_rwlock_wrlock(&index->lock);
    if (!hf_id_table_find(&index->dropped, pack, &known)) {
        status = hf_index_note_drop(index, pack, false, &at, err);
        if (status == HF_OK)
            index->drops[at].aside = true;
    }
    pthread_rwlock_unlock(&index->lock);
    return status;
}

bool hf_index_revive(struct hf_index *index, const struct hf_chunk_id *pack)
{
    struct hf_place place;
    bool said = false;
    pthread_rwlock_wrlock(&index->lock);
    if (hf_id_table_find(&index->dropped, pack, &place)) {
        struct hf_index_drop *drop = &index->drops[place.major];
        said = !drop->pending && !drop->revived && !drop->aside;
        drop->pending = false;
        drop->revived = true;
        if (hf_id_table_find(&index->packs, pack, &place)) {
            index->items[place.major]->dropped = false;
            index->stale = true;
        }
    }
    pthread_rwlock_unlock(&index->lock);
    return said;
}

/* Takes the lock for reading, with the table in order. */
static void lock_for_find(struct hf_index *index)
{
    pthread_rwlock_rdlock(&index->lock);
    while (index->stale) {
        pthread_rwlock_unlock(&index->lock);
        pthread_rwlock_wrlock(&index->lock);
        if (index->stale)
            put_all_frames(index);
        pthread_rwlock_unlock(&index->lock);
        pthread_rwlock_rdlock(&index->lock);
    }
}

bool hf_index_find(struct hf_index *index, const struct hf_chunk_id *id, struct hf_location *out)
{
    struct hf_place place;
    lock_for_find(index);
    bool found = hf_id_table_find(&index->frames, id, &place);
    if (found) {
        const struct hf_index_item *item = index->items[place.major];
        *out = (struct hf_location){.pack = &item->pack,
                                    .frame = &item->pack.frames[place.minor],
                                    .dropped = item->dropped};
    }
    pthread_rwlock_unlock(&index->lock);
    return found;
}

size_t hf_index_frames(struct hf_index *index)
{
    lock_for_find(index);
    size_t count = index->live_frames;
    pthread_rwlock_unlock(&index->lock);
    return count;
}

uint64_t hf_index_bytes(struct hf_index *index)
{
    uint64_t bytes = 0;
    pthread_rwlock_rdlock(&index->lock);
    bytes += (index->frames.cap + index->packs.cap + index->dropped.cap) * sizeof(struct hf_place);
    for (size_t i = 0; i < index->count; i++) {
        const struct hf_index_pack *pack = &index->items[i]->pack;
        bytes += sizeof(struct hf_index_item) + pack->slot_count * sizeof *pack->slots +
                 pack->frame_count * sizeof *pack->frames;
    }
    pthread_rwlock_unlock(&index->lock);
    return bytes;
}

const struct hf_index_pack *hf_index_pack(struct hf_index *index, size_t number)
{
    pthread_rwlock_rdlock(&index->lock);
    const struct hf_index_pack *pack = number < index->count ? &index->items[number]->pack : NULL;
    pthread_rwlock_unlock(&index->lock);
    return pack;
}

const struct hf_index_pack *hf_index_find_pack(struct hf_index *index,
                                               const struct hf_chunk_id *pack)
{
    struct hf_place place;
    pthread_rwlock_rdlock(&index->lock);
    bool found = hf_id_table_find(&index->packs, pack, &place);
    const struct hf_index_pack *out = found ? &index->items[place.major]->pack : NULL;
    pthread_rwlock_unlock(&index->lock);
    return out;
}

bool hf_index_is_dropped(struct hf_index *index, const struct hf_chunk_id *pack)
{
    pthread_rwlock_rdlock(&index->lock);
    bool dropped = is_dropped(index, pack);
    pthread_rwlock_unlock(&index->lock);
    return dropped;
}

size_t hf_index_objects(struct hf_index *index)
{
    pthread_mutex_lock(&index->flushing);
    size_t count = index->object_count;
    pthread_mutex_unlock(&index->flushing);
    return count;
}

size_t hf_index_pending(struct hf_index *index)
{
    size_t pending = 0;
    pthread_rwlock_rdlock(&index->lock);
    for (size_t i = 0; i < index->count; i++)
        pending += index->items[i]->pending;
    for (size_t i = 0; i < index->drop_count; i++)
        pending += index->drops[i].pending;
    pthread_rwlock_unlock(&index->lock);
    return pending;
}
