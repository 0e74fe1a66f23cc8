/*
 * Packs of known chunks, for tests of the index. Every function asserts.
 */
#ifndef HF_TESTS_PACK_FIXTURE_H
#define HF_TESTS_PACK_FIXTURE_H

#include "storage/repository/index.h"
#include "storage/repository/pack.h"

struct fixture_pack {
    struct hf_chunk_id id;
    char name[HF_PACK_NAME];
    uint64_t size;
};

/* The id of chunk i of the pack made from seed. */
struct hf_chunk_id fixture_chunk_id(uint32_t seed, uint32_t i);
/* A pack of one slot with count frames: chunk i has 10 + i bytes. Put into the store unless it is
 * NULL, and into the index unless that is. The pack's key, and so its id, is another each time. */
struct fixture_pack fixture_pack(struct hf_store *store, const struct hf_keyset *keys,
                                 uint32_t seed, uint32_t count, struct hf_index *index);

#endif
