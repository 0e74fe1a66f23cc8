/* Loading the index, and the list of its objects. */
#include "storage/repository/envelope.h"
#include "storage/repository/index_internal.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>
#include <string.h>

/* How often the listing is read again for objects that went away after it. */
enum { LISTINGS = 5 };

void hf_index_object_done(struct hf_index_object *object)
{
    free(object->key);
    free(object->packs);
    free(object->drops);
    *object = (struct hf_index_object){.key = NULL};
}

enum hf_status hf_index_add_object(struct hf_index *index, struct hf_index_object *object,
                                   struct hf_error *err)
{
    if (index->object_count == index->object_cap) {
        size_t cap = index->object_cap ? 2 * index->object_cap : 16;
        struct hf_index_object *objects = realloc(index->objects, cap * sizeof *objects);
        if (!objects)
            return hf_error_memory(err);
        index->objects = objects;
        index->object_cap = cap;
    }
    index->objects[index->object_count++] = *object;
    return HF_OK;
}

void hf_index_forget_object(struct hf_index *index, size_t at)
{
    hf_index_object_done(&index->objects[at]);
    index->objects[at] = index->objects[--index->object_count];
}

enum hf_status hf_index_remove_object(struct hf_index *index, struct hf_repo *repo, size_t at,
                                      struct hf_error *err)
{
    HF_TRY(hf_store_delete(repo->store, index->objects[at].key, err));
    hf_index_forget_object(index, at);
    return HF_OK;
}

/* Only one copy of what was read at a time: the sealed bytes go before they are taken apart. */
static enum hf_status open_object(struct hf_repo *repo, const char *key, struct hf_buf *plain,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    char name[HF_INDEX_NAME];
    HF_TRY(hf_store_get_all(repo->store, key, HF_INDEX_OBJECT_MAX, &sealed, err));
    HF_TRY(hf_index_object_name(sealed.data, sealed.len, name, err));
    if (strcmp(name, key) != 0)
        return hf_error_set(err, HF_DAMAGED, "%s: its content has another hash than its name", key);
    if (hf_envelope_open(repo->keys, HF_SEALED_INDEX, NULL, sealed.data, sealed.len, plain, err) !=
        HF_OK)
        return hf_error_prefix(err, "%s", key);
    return HF_OK;
}

static enum hf_status read_object(struct hf_index *index, struct hf_repo *repo,
                                  struct hf_index_object *object, struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    HF_TRY(open_object(repo, object->key, &plain, err));
    if (hf_index_parse_object(index, plain.data, plain.len, object, err) != HF_OK)
        return hf_error_prefix(err, "%s", object->key);
    object->readable = true;
    return HF_OK;
}

/* Faults are what is wrong with this object alone. */
static bool is_fault(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_NOT_FOUND || status == HF_DENIED ||
           status == HF_UNSUPPORTED;
}

struct listing {
    struct hf_index_object *items; /* key and size */
    size_t count;
    size_t cap;
    bool last;   /* what is not there now is a fault */
    size_t gone; /* listed, but not there any more */
};

static enum hf_status note_object(void *ctx, const char *key, const struct hf_store_stat *stat,
                                  struct hf_error *err)
{
    struct listing *listing = ctx;
    if (listing->count == listing->cap) {
        size_t cap = listing->cap ? 2 * listing->cap : 16;
        struct hf_index_object *items = realloc(listing->items, cap * sizeof *items);
        if (!items)
            return hf_error_memory(err);
        listing->items = items;
        listing->cap = cap;
    }
    struct hf_index_object *item = &listing->items[listing->count];
    *item = (struct hf_index_object){.size = stat->size};
    HF_TRY(hf_text_copy(key, &item->key, err));
    listing->count++;
    return HF_OK;
}

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        hf_index_object_done(&listing->items[i]);
    free(listing->items);
}

static bool is_known(const struct hf_index *index, size_t known, const char *key)
{
    for (size_t i = 0; i < known; i++)
        if (strcmp(index->objects[i].key, key) == 0)
            return true;
    return false;
}

/* Loads one listed object, or reports what is wrong with it. */
static enum hf_status take_listed(struct hf_index *index, struct hf_repo *repo,
                                  struct listing *listing, struct hf_index_object *object,
                                  const struct hf_index_faults *faults, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = read_object(index, repo, object, &why);
    if (status == HF_NOT_FOUND && !listing->last) {
        listing->gone++;
        return HF_OK;
    }
    if (status != HF_OK && (!faults || !is_fault(status))) {
        *err = why;
        return status;
    }
    if (status != HF_OK && faults->fn)
        faults->fn(faults->ctx, object->key, &why);
    HF_TRY(hf_index_add_object(index, object, err));
    *object = (struct hf_index_object){.key = NULL}; /* the index's now */
    return HF_OK;
}

static enum hf_status load_listed(struct hf_index *index, struct hf_repo *repo,
                                  struct listing *listing, const struct hf_index_faults *faults,
                                  struct hf_error *err)
{
    size_t known = index->object_count;
    HF_TRY(hf_store_list(repo->store, "index/", note_object, listing, err));
    for (size_t i = 0; i < listing->count; i++)
        if (!is_known(index, known, listing->items[i].key))
            HF_TRY(take_listed(index, repo, listing, &listing->items[i], faults, err));
    return HF_OK;
}

/* An object that was listed and is gone was merged into one that was stored before (index_merge.c):
 * the next listing has it. */
enum hf_status hf_index_load(struct hf_index *index, struct hf_repo *repo,
                             const struct hf_index_faults *faults, struct hf_error *err)
{
    for (unsigned round = 1;; round++) {
        struct listing listing = {.last = round == LISTINGS};
        enum hf_status status = load_listed(index, repo, &listing, faults, err);
        free_listing(&listing);
        if (status != HF_OK || listing.gone == 0)
            return status;
    }
}
