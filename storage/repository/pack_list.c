#include "storage/repository/pack_list.h"

#include <stdlib.h>
#include <string.h>

static enum hf_status take(void *ctx, const char *key, const struct hf_store_stat *stat,
                           struct hf_error *err)
{
    struct hf_pack_list *list = ctx;
    struct hf_listed_pack item = {.size = stat->size, .mtime = stat->mtime};
    if (!hf_pack_name_parse(key, &item.id))
        return HF_OK;
    if (list->count == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 256;
        struct hf_listed_pack *items = realloc(list->items, cap * sizeof *items);
        if (!items)
            return hf_error_memory(err);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = item;
    return HF_OK;
}

static int by_id(const void *a, const void *b)
{
    const struct hf_listed_pack *x = a, *y = b;
    return memcmp(x->id.bytes, y->id.bytes, sizeof x->id.bytes);
}

enum hf_status hf_pack_list_load(struct hf_pack_list *list, struct hf_store *store,
                                 struct hf_error *err)
{
    HF_TRY(hf_store_list(store, "packs/", take, list, err));
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, by_id);
    return HF_OK;
}

const struct hf_listed_pack *hf_pack_list_find(const struct hf_pack_list *list,
                                               const struct hf_chunk_id *id)
{
    struct hf_listed_pack key = {.id = *id};
    if (list->count == 0)
        return NULL;
    return bsearch(&key, list->items, list->count, sizeof key, by_id);
}

void hf_pack_list_done(struct hf_pack_list *list)
{
    free(list->items);
    *list = (struct hf_pack_list){.items = NULL};
}
