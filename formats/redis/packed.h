/*
 * The packed encodings that RDB carries as one string: listpack, ziplist, intset, zipmap. Read
 * within bounds; what does not fit is HF_DAMAGED.
 *
 * Formats: listpack.c ("total bytes, number of elements, elements with their lengths behind them,
 * ff"), ziplist.c ("bytes, offset of the last, number, entries with the previous one's length
 * before them, ff"), intset.c ("width, number, integers"), zipmap.c of Redis.
 */
#ifndef HF_REDIS_PACKED_H
#define HF_REDIS_PACKED_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum hf_packed_kind { HF_PACKED_LISTPACK, HF_PACKED_ZIPLIST, HF_PACKED_INTSET, HF_PACKED_ZIPMAP };

/* An element; integers as decimal text. */
typedef enum hf_status hf_packed_out(void *ctx, const uint8_t *data, size_t len,
                                     struct hf_error *err);

enum hf_status hf_packed_read(enum hf_packed_kind kind, const uint8_t *data, size_t len,
                              hf_packed_out *out, void *ctx, struct hf_error *err) HF_WARN_UNUSED;

#endif
