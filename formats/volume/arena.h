/* Memory that is given out piece by piece and freed at once. One thread at a time. */
#ifndef HF_VOLUME_ARENA_H
#define HF_VOLUME_ARENA_H

#include "base/error.h"

#include <stddef.h>

/* Start with zeroes. */
struct hf_vol_arena {
    struct hf_vol_block *blocks; /* the first has room */
    size_t bytes;                /* taken from the heap */
};

/* len bytes, aligned for anything, not cleared; NULL when there is no memory. */
void *hf_vol_arena_take(struct hf_vol_arena *arena, size_t len);
/* A copy; NULL only when there is no memory. */
void *hf_vol_arena_copy(struct hf_vol_arena *arena, const void *data, size_t len);
char *hf_vol_arena_text(struct hf_vol_arena *arena, const char *text);
void hf_vol_arena_free(struct hf_vol_arena *arena);

#endif
