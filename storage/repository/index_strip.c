/* Taking packs out of the index. */
#include "storage/repository/index_internal.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>

struct strip {
    struct hf_index *index;
    struct hf_repo *repo;
    const bool *gone; /* by number */
    size_t count;
    int64_t now;
    bool *chosen; /* by object: is written anew */
    bool left;    /* objects that cannot be written anew may name them */
};

static bool names_any(const struct strip *strip, const struct hf_index_object *object)
{
    for (size_t i = 0; i < object->pack_count; i++)
        if (object->packs[i] < strip->count && strip->gone[object->packs[i]])
            return true;
    return false;
}

static enum hf_status is_locked(const struct strip *strip, const struct hf_index_object *object,
                                bool *out, struct hf_error *err)
{
    struct hf_store_stat stat;
    *out = false;
    if (!hf_store_protects(strip->repo->store))
        return HF_OK;
    HF_TRY(hf_store_stat(strip->repo->store, object->key, &stat, err));
    *out = stat.locked_until > strip->now;
    return HF_OK;
}

static enum hf_status choose(struct strip *strip, size_t *out, struct hf_error *err)
{
    *out = 0;
    for (size_t i = 0; i < strip->index->object_count; i++) {
        const struct hf_index_object *object = &strip->index->objects[i];
        bool locked = false;
        strip->left = strip->left || !object->readable;
        if (!object->readable || !names_any(strip, object))
            continue;
        HF_TRY(is_locked(strip, object, &locked, err));
        strip->left = strip->left || locked;
        strip->chosen[i] = !locked;
        *out += !locked;
    }
    return HF_OK;
}

/* What the chosen objects say of other packs, each once. Under the lock. */
static enum hf_status gather(const struct strip *strip, struct hf_index_batch *out,
                             struct hf_error *err)
{
    const struct hf_index *index = strip->index;
    HF_AUTO_FREE bool *packs = calloc(index->count + 1, sizeof *packs);
    HF_AUTO_FREE bool *drops = calloc(index->drop_count + 1, sizeof *drops);
    out->items = calloc(index->count + 1, sizeof(struct hf_index_item *));
    out->drops = calloc(index->drop_count + 1, sizeof *out->drops);
    if (!packs || !drops || !out->items || !out->drops)
        return hf_error_memory(err);
    for (size_t i = 0; i < index->object_count; i++) {
        const struct hf_index_object *object = &index->objects[i];
        for (size_t p = 0; strip->chosen[i] && p < object->pack_count; p++)
            packs[object->packs[p]] = true;
        for (size_t d = 0; strip->chosen[i] && d < object->drop_count; d++)
            drops[object->drops[d]] = true;
    }
    for (size_t i = 0; i < index->count; i++)
        if (packs[i] && (i >= strip->count || !strip->gone[i]))
            out->items[out->count++] = index->items[i];
    for (size_t i = 0; i < index->drop_count; i++)
        if (drops[i] && !index->drops[i].revived)
            out->drops[out->drop_count++] = (uint32_t)i;
    return HF_OK;
}

static enum hf_status write_anew(struct strip *strip, struct hf_error *err)
{
    uint64_t stored = 0;
    struct hf_index *index = strip->index;
    struct hf_index_batch batch = {.count = 0};
    pthread_rwlock_rdlock(&index->lock);
    enum hf_status status = gather(strip, &batch, err);
    pthread_rwlock_unlock(&index->lock);
    if (status == HF_OK && batch.count + batch.drop_count > 0)
        status = hf_index_write_batch(index, strip->repo, &batch, &stored, err);
    hf_index_batch_done(&batch);
    return status;
}

/* In few requests, where the store can. */
static enum hf_status remove_chosen(struct strip *strip, size_t old, size_t chosen,
                                    struct hf_error *err)
{
    struct hf_index *index = strip->index;
    size_t count = 0;
    HF_AUTO_FREE const char **keys = calloc(chosen + 1, sizeof *keys);
    if (!keys)
        return hf_error_memory(err);
    for (size_t i = 0; i < old; i++)
        if (strip->chosen[i])
            keys[count++] = index->objects[i].key;
    HF_TRY(hf_store_delete_many(strip->repo->store, keys, count, err));
    /* From the end, where one that leaves does not move those that are still to go. */
    for (size_t i = old; i-- > 0;)
        if (strip->chosen[i])
            hf_index_forget_object(index, i);
    return HF_OK;
}

static enum hf_status run(struct strip *strip, struct hf_error *err)
{
    size_t chosen = 0;
    HF_TRY(hf_index_forget_gone(strip->index, strip->repo, err));
    size_t old = strip->index->object_count;
    strip->chosen = calloc(old + 1, sizeof *strip->chosen);
    if (!strip->chosen)
        return hf_error_memory(err);
    HF_TRY(choose(strip, &chosen, err));
    if (chosen == 0)
        return HF_OK;
    HF_TRY(write_anew(strip, err));
    return remove_chosen(strip, old, chosen, err);
}

/* Others must not count on them, whatever the objects that stay say. */
static enum hf_status drop_all(const struct strip *strip, struct hf_error *err)
{
    for (size_t i = 0; i < strip->count; i++)
        if (strip->gone[i])
            HF_TRY(hf_index_drop(strip->index, &hf_index_pack(strip->index, i)->id, err));
    return hf_index_flush(strip->index, strip->repo, NULL, err);
}

/* In memory they are set aside, and never written again. */
static enum hf_status forget_packs(const struct strip *strip, struct hf_error *err)
{
    for (size_t i = 0; i < strip->count; i++) {
        if (!strip->gone[i])
            continue;
        pthread_rwlock_wrlock(&strip->index->lock);
        struct hf_index_item *item = strip->index->items[i];
        item->pending = false;
        pthread_rwlock_unlock(&strip->index->lock);
        HF_TRY(hf_index_set_aside(strip->index, &item->pack.id, err));
    }
    return HF_OK;
}

enum hf_status hf_index_strip(struct hf_index *index, struct hf_repo *repo, const bool *gone,
                              size_t count, int64_t now, struct hf_error *err)
{
    struct strip strip = {.index = index, .repo = repo, .gone = gone, .count = count, .now = now};
    pthread_mutex_lock(&index->flushing);
    enum hf_status status = run(&strip, err);
    pthread_mutex_unlock(&index->flushing);
    free(strip.chosen);
    if (status == HF_OK && strip.left)
        status = drop_all(&strip, err);
    if (status == HF_OK)
        status = forget_packs(&strip, err);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "taking packs out of the index");
}
