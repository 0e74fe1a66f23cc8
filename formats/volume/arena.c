#include "formats/volume/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 << 10 };

struct hf_vol_block {
    struct hf_vol_block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

void *hf_vol_arena_take(struct hf_vol_arena *arena, size_t len)
{
    struct hf_vol_block *block = arena->blocks;
    len = (len + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!block || len > block->size - block->used) {
        size_t size = len > BLOCK / 4 ? len : BLOCK;
        block = malloc(sizeof *block + size);
        if (!block)
            return NULL;
        block->used = 0;
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->bytes += sizeof *block + size;
    }
    void *at = block->data + block->used;
    block->used += len;
    return at;
}

void *hf_vol_arena_copy(struct hf_vol_arena *arena, const void *data, size_t len)
{
    void *at = hf_vol_arena_take(arena, len);
    if (at && len > 0)
        memcpy(at, data, len);
    return at;
}

char *hf_vol_arena_text(struct hf_vol_arena *arena, const char *text)
{
    return hf_vol_arena_copy(arena, text, strlen(text) + 1);
}

void hf_vol_arena_free(struct hf_vol_arena *arena)
{
    while (arena->blocks) {
        struct hf_vol_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
    arena->bytes = 0;
}
