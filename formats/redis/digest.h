/*
 * Content digests of keys: equal for equal content, however it is encoded (listpack or hash table,
 * compressed or not) and in whatever order sets, hashes and databases are told.
 *
 * A value's digest is the sum mod 2^128 of the keyed SipHash-2-4-128 of each element (of a list or
 * a stream with its place; of a sorted set with its score; of a hash's field with its value and
 * expiry). A key's is the SipHash of its text, kind, expiry and value's digest; a database's is the
 * sum of those of its keys. The key is random for each restore.
 *
 * Of streams, what only newer servers keep (first id, greatest deleted id, entries added and read,
 * a consumer's active time) is left out: an older dump does not have it, and a newer server makes
 * it up. Module values are told by their own bytes.
 *
 * Fields of hashes that expire before the horizon are left out as well: the server may have removed
 * them.
 *
 * Constant memory, but for one packed encoding (listpack and the like), which must be held whole:
 * at most HF_REDIS_PACKED_MAX bytes. One thread.
 */
#ifndef HF_REDIS_DIGEST_H
#define HF_REDIS_DIGEST_H

#include "formats/redis/rdb.h"

enum { HF_REDIS_DIGEST_KEY = 16, HF_REDIS_DIGEST_TEXT = 33, HF_REDIS_PACKED_MAX = 128 << 20 };

struct hf_redis_sum {
    uint64_t low, high;
    uint64_t count; /* elements, or keys */
};

struct hf_redis_digest;

/* horizon: ms since 1970. */
enum hf_status hf_redis_digest_new(const uint8_t key[HF_REDIS_DIGEST_KEY], int64_t horizon,
                                   struct hf_redis_digest **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_redis_digest_free(struct hf_redis_digest *digest);
HF_DEFINE_AUTO_PTR(hf_redis_digest, hf_redis_digest_free)

/* What is told of a value; its ctx is the digest. */
extern const struct hf_rdb_visitor hf_redis_digest_visitor;

/* A value of that type begins. */
void hf_redis_digest_begin(struct hf_redis_digest *digest, enum hf_rdb_flavour flavour,
                           uint8_t type);
/* It is over. HF_DAMAGED when what is packed in it is no such thing. */
enum hf_status hf_redis_digest_value(struct hf_redis_digest *digest, struct hf_redis_sum *out,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* Of a key with such a value. expiry: -1: none. */
void hf_redis_digest_key(const struct hf_redis_digest *digest, const uint8_t *text, size_t len,
                         enum hf_rdb_kind kind, int64_t expiry, const struct hf_redis_sum *value,
                         struct hf_redis_sum *out);

void hf_redis_sum_add(struct hf_redis_sum *sum, const struct hf_redis_sum *other);
bool hf_redis_sum_equal(const struct hf_redis_sum *a, const struct hf_redis_sum *b);
/* Hexadecimal, without the count. */
void hf_redis_sum_text(char text[HF_REDIS_DIGEST_TEXT], const struct hf_redis_sum *sum);

#endif
