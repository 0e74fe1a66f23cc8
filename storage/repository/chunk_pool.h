/*
 * The buffers that chunks are cut in: a fixed number, lent and given back. Last back is first
 * lent, so few are warm in the cache and pages that are not needed are never touched.
 * Any thread may call anything but new and free.
 */
#ifndef HF_REPOSITORY_CHUNK_POOL_H
#define HF_REPOSITORY_CHUNK_POOL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_chunk_pool;
struct hf_backup_stream;

/* A chunk on its way from the stream that cut it to a worker. */
struct hf_chunk_buffer {
    uint8_t *data;                   /* size bytes, as given to hf_chunk_pool_new */
    size_t len;                      /* in use */
    struct hf_backup_stream *stream; /* whose chunk it is */
    uint64_t sequence;               /* which of the stream's */
    struct hf_chunk_buffer *next;    /* the pool's */
};

enum hf_status hf_chunk_pool_new(size_t count, size_t size, struct hf_chunk_pool **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
void hf_chunk_pool_free(struct hf_chunk_pool *pool); /* takes NULL */

/* Waits for a buffer, empty; NULL after hf_chunk_pool_stop. */
struct hf_chunk_buffer *hf_chunk_pool_take(struct hf_chunk_pool *pool);
void hf_chunk_pool_give(struct hf_chunk_pool *pool, struct hf_chunk_buffer *buffer);
void hf_chunk_pool_stop(struct hf_chunk_pool *pool);

#endif
