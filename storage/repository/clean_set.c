#include "storage/repository/clean_set.h"

#include <stdlib.h>
#include <string.h>

void hf_clean_set_free(struct hf_clean_set *set)
{
    free(set->cells);
    *set = (struct hf_clean_set)HF_CLEAN_SET_INIT;
}

/* The cell of this list, or the empty one where it would go. Ids are evenly spread. */
static struct hf_reflist_root *cell(const struct hf_clean_set *set,
                                    const struct hf_reflist_root *root)
{
    size_t i = (size_t)hf_load_u64(root->id) & (set->cap - 1);
    while (set->cells[i].depth != 0 &&
           (memcmp(set->cells[i].id, root->id, HF_REF_ID) != 0 ||
            set->cells[i].depth != root->depth || set->cells[i].chunks != root->chunks ||
            set->cells[i].bytes != root->bytes))
        i = (i + 1) & (set->cap - 1);
    return &set->cells[i];
}

bool hf_clean_set_has(const struct hf_clean_set *set, const struct hf_reflist_root *root)
{
    return set->cap > 0 && root->depth > 0 && cell(set, root)->depth != 0;
}

static enum hf_status grow(struct hf_clean_set *set, struct hf_error *err)
{
    struct hf_clean_set more = {.cap = set->cap ? 2 * set->cap : 256, .used = set->used};
    more.cells = calloc(more.cap, sizeof *more.cells);
    if (!more.cells)
        return hf_error_memory(err);
    for (size_t i = 0; i < set->cap; i++) {
        if (set->cells[i].depth != 0)
            *cell(&more, &set->cells[i]) = set->cells[i];
    }
    free(set->cells);
    *set = more;
    return HF_OK;
}

enum hf_status hf_clean_set_add(struct hf_clean_set *set, const struct hf_reflist_root *root,
                                struct hf_error *err)
{
    if (root->depth == 0)
        return HF_OK;
    if (2 * (set->used + 1) > set->cap)
        HF_TRY(grow(set, err));
    struct hf_reflist_root *place = cell(set, root);
    set->used += place->depth == 0;
    *place = *root;
    return HF_OK;
}
