/*
 * One key as the streams of a snapshot hold it, which is RDB: [opcode 252, expiry,] type, key,
 * value; and its access hint, as RDB too: opcode 248, idle seconds; opcode 249, frequency; or a
 * single 0 for none.
 */
#ifndef HF_REDIS_RECORD_H
#define HF_REDIS_RECORD_H

#include "formats/redis/rdb.h"

enum {
    HF_REDIS_BIG = 1 << 20, /* bytes; a longer record has a stream of its own */
    HF_REDIS_HINT_MAX = 1 + HF_RDB_LENGTH_MAX,
};

/* Appends what stands before the value. */
enum hf_status hf_redis_record_head(struct hf_buf *out, const struct hf_rdb_key *key,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* How long that is. */
size_t hf_redis_record_head_len(const struct hf_rdb_key *key);

/* Returns how many bytes it wrote. */
size_t hf_redis_hint_put(uint8_t out[HF_REDIS_HINT_MAX], const struct hf_rdb_key *key);
/* Sets idle and freq of the key. Returns how many bytes it took; 0: more are needed, or it is none.
 */
size_t hf_redis_hint_get(const uint8_t *data, size_t len, struct hf_rdb_key *key);

/* Where a key stands in the order: a hash of its text. The same in every snapshot. */
uint64_t hf_redis_key_hash(const void *text, size_t len);

/* The oldest version of RDB that has the type: what a payload of it is marked as, so that older
 * servers, and those of the other flavour, take what they can. */
unsigned hf_redis_type_version(enum hf_rdb_flavour flavour, uint8_t type);

#endif
