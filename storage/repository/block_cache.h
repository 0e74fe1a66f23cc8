/*
 * A few blocks of packs, for chunks that are much smaller than what a request costs: a miss fetches
 * the frames that follow as well. Any thread may call anything but free.
 */
#ifndef HF_REPOSITORY_BLOCK_CACHE_H
#define HF_REPOSITORY_BLOCK_CACHE_H

#include "storage/repository/index.h"

struct hf_block_cache;
struct hf_block;

/* At most count blocks of block_size bytes stay; those in use come on top. repo is borrowed. */
enum hf_status hf_block_cache_new(struct hf_repo *repo, size_t count, size_t block_size,
                                  struct hf_block_cache **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_block_cache_free(struct hf_block_cache *cache);

/* len bytes of a pack from offset; *out_data lives until the block is put back. Errors name the
 * pack. */
enum hf_status hf_block_cache_get(struct hf_block_cache *cache, const struct hf_index_pack *pack,
                                  uint32_t offset, uint32_t len, struct hf_block **out_block,
                                  const uint8_t **out_data, struct hf_error *err) HF_WARN_UNUSED;
void hf_block_cache_put(struct hf_block_cache *cache, struct hf_block *block);

#endif
