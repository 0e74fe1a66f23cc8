/* What digest.c and digest_stream.c share. */
#ifndef HF_REDIS_DIGEST_INTERNAL_H
#define HF_REDIS_DIGEST_INTERNAL_H

#include "formats/redis/digest.h"

/* Where in a stream's program (rdb_grammar.c) the walk is. */
enum hf_redis_stream_part {
    HF_REDIS_STREAM_NODES,
    HF_REDIS_STREAM_META,
    HF_REDIS_STREAM_GROUPS, /* between two groups, or in the fields of one */
    HF_REDIS_STREAM_PENDING,
    HF_REDIS_STREAM_CONSUMERS,
    HF_REDIS_STREAM_CONSUMER_PENDING,
};

struct hf_redis_stream_walk {
    enum hf_redis_stream_part part;
    unsigned step;       /* tokens in this part, or in this group or consumer */
    uint64_t numbers[8]; /* of META or the group */
    uint64_t ms, seq;    /* of the node: its first id; of a pending entry: its id */
    uint64_t time;
    struct hf_redis_sum group, consumer; /* hashes of their names */
};

struct hf_redis_digest {
    uint8_t hash_key[HF_REDIS_DIGEST_KEY];
    int64_t horizon;
    enum hf_rdb_flavour flavour;
    uint8_t type;
    enum hf_rdb_kind kind;
    struct hf_redis_sum sum; /* of the value so far */
    uint64_t place;          /* elements so far */
    unsigned tuple;          /* of packed hashes: fields come in pairs or triples */
    uint64_t numbers;        /* lengths told so far */
    uint64_t container;      /* of the quicklist node: 1 plain, 2 packed */
    uint64_t least;          /* of a hash with expiry: what the fields' are counted from */
    uint64_t expiry;         /* of the field that follows */
    struct hf_redis_sum first, second;
    struct hf_buf text; /* a text that is coming in: at most a block */
    struct hf_redis_sum folded_text;
    bool folded;
    struct hf_buf packed;
    struct hf_buf entry; /* of a stream */
    struct hf_redis_stream_walk stream;
};

struct hf_redis_sum hf_redis_hash(const struct hf_redis_digest *digest, const void *data,
                                  size_t len);
struct hf_redis_sum hf_redis_hash_text(const struct hf_redis_digest *digest, const uint8_t *data,
                                       size_t len);
/* Adds the hash of an element. */
void hf_redis_add(struct hf_redis_digest *digest, const void *data, size_t len);

/* digest_stream.c */
enum hf_status hf_redis_stream_number(struct hf_redis_digest *digest, uint64_t number,
                                      struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_stream_bytes(struct hf_redis_digest *digest, const uint8_t *data,
                                     size_t len, struct hf_error *err) HF_WARN_UNUSED;
/* A whole text is in packed. */
enum hf_status hf_redis_stream_text(struct hf_redis_digest *digest,
                                    struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_stream_loop_end(struct hf_redis_digest *digest,
                                        struct hf_error *err) HF_WARN_UNUSED;

#endif
