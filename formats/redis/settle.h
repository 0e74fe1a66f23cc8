/*
 * Puts the elements of sets and hashes that a server sends in the order of a hash table into the
 * order of their bytes: the value is the same to every server, and its bytes are the same after a
 * restart too. Other types have an order of their own and stay as they are.
 */
#ifndef HF_REDIS_SETTLE_H
#define HF_REDIS_SETTLE_H

#include "base/buffer.h"
#include "formats/redis/rdb_grammar.h"

struct hf_redis_element {
    uint64_t begins; /* its first bytes, to compare by */
    const uint8_t *data;
    size_t len;
};

struct hf_redis_settler {
    struct hf_redis_element *elements;
    size_t cap;
    struct hf_buf sorted;
};

void hf_redis_settler_done(struct hf_redis_settler *settler);

/* value: a whole one, which a reader has passed; changed in place. */
enum hf_status hf_redis_settle(struct hf_redis_settler *settler, enum hf_rdb_flavour flavour,
                               uint8_t type, uint8_t *value, size_t len,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
