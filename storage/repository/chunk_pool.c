#include "storage/repository/chunk_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

struct hf_chunk_pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct hf_chunk_buffer *buffers;
    struct hf_chunk_buffer *idle;
    uint8_t *block;
    size_t block_len;
    bool stopped;
};

static enum hf_status map_block(struct hf_chunk_pool *pool, size_t count, size_t size,
                                struct hf_error *err)
{
    if (__builtin_mul_overflow(count, size, &pool->block_len))
        return hf_error_memory(err);
    void *block = mmap(NULL, pool->block_len, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        return hf_error_sys(err, errno, "memory for %zu chunk buffers", count);
    pool->block = block;
    for (size_t i = 0; i < count; i++) {
        pool->buffers[i].data = pool->block + i * size;
        pool->buffers[i].next = i + 1 < count ? &pool->buffers[i + 1] : NULL;
    }
    pool->idle = pool->buffers;
    return HF_OK;
}

enum hf_status hf_chunk_pool_new(size_t count, size_t size, struct hf_chunk_pool **out,
                                 struct hf_error *err)
{
    struct hf_chunk_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&pool->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&pool->given, NULL);
    pool->buffers = calloc(count, sizeof *pool->buffers);
    enum hf_status status =
        pool->buffers ? map_block(pool, count, size, err) : hf_error_memory(err);
    if (status != HF_OK) {
        hf_chunk_pool_free(pool);
        return status;
    }
    *out = pool;
    return HF_OK;
}

void hf_chunk_pool_free(struct hf_chunk_pool *pool)
{
    if (!pool)
        return;
    if (pool->block)
        munmap(pool->block, pool->block_len);
    free(pool->buffers);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

struct hf_chunk_buffer *hf_chunk_pool_take(struct hf_chunk_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->idle && !pool->stopped)
        pthread_cond_wait(&pool->given, &pool->lock);
    struct hf_chunk_buffer *buffer = pool->stopped ? NULL : pool->idle;
    if (buffer) {
        pool->idle = buffer->next;
        buffer->next = NULL;
        buffer->len = 0;
    }
    pthread_mutex_unlock(&pool->lock);
    return buffer;
}

void hf_chunk_pool_give(struct hf_chunk_pool *pool, struct hf_chunk_buffer *buffer)
{
    pthread_mutex_lock(&pool->lock);
    buffer->next = pool->idle;
    pool->idle = buffer;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

void hf_chunk_pool_stop(struct hf_chunk_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopped = true;
    pthread_cond_broadcast(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}
