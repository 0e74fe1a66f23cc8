#include "storage/repository/index_recall.h"

#include "base/text.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>

struct recall {
    struct hf_index *index;
    struct lost {
        struct hf_chunk_id id;
        uint64_t size;
    } * items;
    size_t count, cap;
};

static enum hf_status note_pack(void *ctx, const char *key, const struct hf_store_stat *stat,
                                struct hf_error *err)
{
    struct recall *recall = ctx;
    struct lost item = {.size = stat->size};
    if (!hf_pack_name_parse(key, &item.id) || !hf_index_is_dropped(recall->index, &item.id) ||
        hf_index_find_pack(recall->index, &item.id))
        return HF_OK;
    if (recall->count == recall->cap) {
        size_t cap = recall->cap ? 2 * recall->cap : 16;
        struct lost *items = realloc(recall->items, cap * sizeof *items);
        if (!items)
            return hf_error_memory(err);
        recall->items = items;
        recall->cap = cap;
    }
    recall->items[recall->count++] = item;
    return HF_OK;
}

static enum hf_status recall_one(struct hf_index *index, struct hf_repo *repo,
                                 const struct lost *item, struct hf_error *err)
{
    HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
    enum hf_status status = hf_pack_directory_load(repo, &item->id, item->size, &directory, err);
    if (status == HF_DAMAGED || status == HF_NOT_FOUND || status == HF_DENIED ||
        status == HF_UNSUPPORTED)
        return HF_OK;
    if (status != HF_OK)
        return status;
    return hf_index_add(index, &item->id, item->size, directory.slots, directory.slot_count,
                        directory.frames, directory.frame_count, err);
}

enum hf_status hf_index_recall(struct hf_index *index, struct hf_repo *repo, struct hf_error *err)
{
    struct recall recall = {.index = index};
    enum hf_status status = hf_store_list(repo->store, "packs/", note_pack, &recall, err);
    for (size_t i = 0; status == HF_OK && i < recall.count; i++)
        status = recall_one(index, repo, &recall.items[i], err);
    free(recall.items);
    return status;
}
