#include "storage/repository/block_cache.h"

#include "storage/repository/repository_internal.h"

#include <pthread.h>
#include <stdlib.h>

struct hf_block {
    const struct hf_index_pack *pack;
    uint64_t offset;
    struct hf_buf bytes;
    size_t users;  /* the cache itself is one while the block is in it */
    uint64_t used; /* by the cache's clock */
};

struct hf_block_cache {
    struct hf_repo *repo;
    size_t block_size;
    pthread_mutex_t lock;
    uint64_t clock;
    size_t count;
    struct hf_block *blocks[]; /* count of them, NULL where empty */
};

enum hf_status hf_block_cache_new(struct hf_repo *repo, size_t count, size_t block_size,
                                  struct hf_block_cache **out, struct hf_error *err)
{
    struct hf_block_cache *cache = calloc(1, sizeof *cache + count * sizeof(struct hf_block *));
    if (!cache)
        return hf_error_memory(err);
    cache->repo = repo;
    cache->block_size = block_size;
    cache->count = count;
    pthread_mutex_init(&cache->lock, NULL);
    *out = cache;
    return HF_OK;
}

/* Under the lock. */
static void unuse(struct hf_block *block)
{
    if (--block->users > 0)
        return;
    hf_buf_free(&block->bytes);
    free(block);
}

void hf_block_cache_free(struct hf_block_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        if (cache->blocks[i])
            unuse(cache->blocks[i]);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static bool covers(const struct hf_block *block, const struct hf_index_pack *pack, uint32_t offset,
                   uint32_t len)
{
    return block && block->pack == pack && block->offset <= offset &&
           (uint64_t)offset + len <= block->offset + block->bytes.len;
}

static struct hf_block *find(struct hf_block_cache *cache, const struct hf_index_pack *pack,
                             uint32_t offset, uint32_t len)
{
    struct hf_block *found = NULL;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < cache->count && !found; i++) {
        if (covers(cache->blocks[i], pack, offset, len))
            found = cache->blocks[i];
    }
    if (found) {
        found->users++;
        found->used = ++cache->clock;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

/* From offset to the end of the pack's frames, at most a block. */
static enum hf_status load(struct hf_block_cache *cache, const struct hf_index_pack *pack,
                           uint32_t offset, uint32_t len, struct hf_block **out,
                           struct hf_error *err)
{
    const struct hf_frame *last = &pack->frames[pack->frame_count - 1];
    uint64_t end = (uint64_t)last->offset + last->stored_len;
    size_t size = cache->block_size < end - offset ? cache->block_size : (size_t)(end - offset);
    char name[HF_PACK_NAME];
    struct hf_block *block = calloc(1, sizeof *block);
    if (!block)
        return hf_error_memory(err);
    hf_pack_name(&pack->id, name);
    block->pack = pack;
    block->offset = offset;
    block->users = 1;
    enum hf_status status =
        hf_store_get(cache->repo->store, name, offset, size > len ? size : len, &block->bytes, err);
    if (status != HF_OK) {
        unuse(block);
        return status;
    }
    *out = block;
    return HF_OK;
}

/* In place of the one that was not used for the longest time. */
static void keep(struct hf_block_cache *cache, struct hf_block *block)
{
    pthread_mutex_lock(&cache->lock);
    size_t oldest = 0;
    for (size_t i = 0; i < cache->count; i++) {
        if (!cache->blocks[i]) {
            oldest = i;
            break;
        }
        if (cache->blocks[i]->used < cache->blocks[oldest]->used)
            oldest = i;
    }
    if (cache->blocks[oldest])
        unuse(cache->blocks[oldest]);
    cache->blocks[oldest] = block;
    block->users++;
    block->used = ++cache->clock;
    pthread_mutex_unlock(&cache->lock);
}

enum hf_status hf_block_cache_get(struct hf_block_cache *cache, const struct hf_index_pack *pack,
                                  uint32_t offset, uint32_t len, struct hf_block **out_block,
                                  const uint8_t **out_data, struct hf_error *err)
{
    struct hf_block *block = find(cache, pack, offset, len);
    if (!block) {
        HF_TRY(load(cache, pack, offset, len, &block, err));
        keep(cache, block);
    }
    *out_block = block;
    *out_data = block->bytes.data + (offset - block->offset);
    return HF_OK;
}

void hf_block_cache_put(struct hf_block_cache *cache, struct hf_block *block)
{
    pthread_mutex_lock(&cache->lock);
    unuse(block);
    pthread_mutex_unlock(&cache->lock);
}
