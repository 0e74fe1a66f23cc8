#include "formats/volume/links.h"

#include <stdint.h>
#include <stdlib.h>

struct hf_vol_link {
    dev_t device;
    ino_t inode;
    const char *path;
};

void hf_vol_links_free(struct hf_vol_links *links)
{
    free(links->slots);
    hf_vol_arena_free(&links->arena);
    *links = (struct hf_vol_links){.slots = NULL};
}

static size_t slot_of(const struct hf_vol_links *links, dev_t device, ino_t inode)
{
    uint64_t h = ((uint64_t)inode ^ (uint64_t)device << 32) * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(h >> 20) & (links->cap - 1);
    while (links->slots[at] &&
           (links->slots[at]->inode != inode || links->slots[at]->device != device))
        at = (at + 1) & (links->cap - 1);
    return at;
}

/* Kept at most half full. */
static enum hf_status grow(struct hf_vol_links *links, struct hf_error *err)
{
    if (links->count < links->cap / 2)
        return HF_OK;
    struct hf_vol_links more = *links;
    more.cap = links->cap ? 2 * links->cap : 1024;
    more.slots = calloc(more.cap, sizeof(struct hf_vol_link *));
    if (!more.slots)
        return hf_error_memory(err);
    for (size_t i = 0; i < links->cap; i++) {
        struct hf_vol_link *link = links->slots[i];
        if (link)
            more.slots[slot_of(&more, link->device, link->inode)] = link;
    }
    free(links->slots);
    *links = more;
    return HF_OK;
}

enum hf_status hf_vol_links_meet(struct hf_vol_links *links, const struct stat *st,
                                 const char *path, const char **out_first, struct hf_error *err)
{
    HF_TRY(grow(links, err));
    size_t at = slot_of(links, st->st_dev, st->st_ino);
    if (links->slots[at]) {
        *out_first = links->slots[at]->path;
        return HF_OK;
    }
    struct hf_vol_link *link = hf_vol_arena_take(&links->arena, sizeof *link);
    const char *copy = hf_vol_arena_text(&links->arena, path);
    if (!link || !copy)
        return hf_error_memory(err);
    *link = (struct hf_vol_link){st->st_dev, st->st_ino, copy};
    links->slots[at] = link;
    links->count++;
    *out_first = NULL;
    return HF_OK;
}
