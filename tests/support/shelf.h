/*
 * A shelf of meta chunks in memory, for what is built on reference lists (reflist.h): same content,
 * same id. Include after <cmocka.h>.
 */
#ifndef HF_TESTS_SHELF_H
#define HF_TESTS_SHELF_H

#include "storage/repository/reflist.h"

#include <stdlib.h>
#include <string.h>

/* Meta chunks by a made-up id: a counter of distinct contents, spread over the first bytes. */
struct shelf {
    struct hf_buf *nodes;
    size_t count;
    size_t stored; /* calls, also for contents that were there */
    size_t fail_at;
};

static inline void shelf_done(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        hf_buf_free(&shelf->nodes[i]);
    free(shelf->nodes);
}

static inline void make_id(uint8_t id[HF_REF_ID], uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < HF_REF_ID; i += 4) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        hf_store_u32(id + i, x);
    }
    hf_store_u32(id + 28, seed);
}

static inline enum hf_status shelf_store(void *ctx, const void *data, size_t len,
                                         uint8_t out_id[HF_REF_ID], struct hf_error *err)
{
    struct shelf *shelf = ctx;
    if (++shelf->stored == shelf->fail_at)
        return hf_error_set(err, HF_NO_SPACE, "the shelf is full");
    size_t i = 0;
    while (i < shelf->count &&
           (shelf->nodes[i].len != len || memcmp(shelf->nodes[i].data, data, len) != 0))
        i++;
    if (i == shelf->count) {
        shelf->nodes = realloc(shelf->nodes, (i + 1) * sizeof *shelf->nodes);
        assert_non_null(shelf->nodes);
        shelf->nodes[i] = (struct hf_buf)HF_BUF_INIT;
        shelf->count++;
        HF_TRY(hf_buf_append(&shelf->nodes[i], data, len, err));
    }
    make_id(out_id, 0x80000000u + (uint32_t)i);
    return HF_OK;
}

static inline enum hf_status shelf_read(void *ctx, const uint8_t id[HF_REF_ID], size_t max,
                                        struct hf_buf *out, struct hf_error *err)
{
    struct shelf *shelf = ctx;
    uint32_t i = hf_load_u32(id + 28) - 0x80000000u;
    uint8_t whole[HF_REF_ID];
    make_id(whole, i + 0x80000000u);
    if (memcmp(whole, id, HF_REF_ID) != 0 || i >= shelf->count || shelf->nodes[i].len > max)
        return hf_error_set(err, HF_DAMAGED, "no such node");
    return hf_buf_append(out, shelf->nodes[i].data, shelf->nodes[i].len, err);
}

#endif
