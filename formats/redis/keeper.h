/*
 * Keeps one shard's dump: the handler of an RDB reader that puts keys in order, counts them, and
 * writes them into a sink. One thread.
 */
#ifndef HF_REDIS_KEEPER_H
#define HF_REDIS_KEEPER_H

#include "base/observer.h"
#include "formats/redis/redis.h"
#include "formats/redis/settle.h"
#include "formats/redis/tally.h"
#include "formats/redis/writer.h"

struct hf_redis_keeper {
    struct hf_rdb_handler
        handler;                  /* give this one to the reader; valid while the keeper is there */
    struct hf_redis_tally *tally; /* borrowed; of all shards */
    const struct hf_observer *observer;
    struct hf_redis_writer writer;
    struct hf_redis_order *order;
    struct hf_buf record; /* the key that is coming in */
    size_t head_len;      /* of it, before the value */
    struct hf_redis_settler settler;
    struct hf_rdb_key key;
    uint8_t hint[HF_REDIS_HINT_MAX];
    size_t hint_len;
    uint64_t hash;
    uint64_t bytes; /* of the record, also of a big one */
    bool big, any_key;
    uint64_t untold_bytes, untold_keys; /* of progress */
    struct hf_buf head, tail;           /* what is no key */
    struct hf_sink_stream *rest;
    uint32_t rest_database;
    uint64_t rest_bytes;
    unsigned version;
    uint8_t magic[HF_RDB_MAGIC];
    bool types[256];
    json_t *aux; /* {name: value} */
};

enum {
    HF_REDIS_HEAD_MAX = 64 << 20
}; /* bytes of functions and module data; more is HF_UNSUPPORTED */

enum hf_status hf_redis_keeper_init(struct hf_redis_keeper *keeper, const struct hf_sink *sink,
                                    unsigned shard, uint64_t order_memory,
                                    struct hf_redis_tally *tally,
                                    const struct hf_observer *observer,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_redis_keeper_done(struct hf_redis_keeper *keeper);
static inline void hf_redis_keeper_auto(struct hf_redis_keeper *keeper)
{
    hf_redis_keeper_done(keeper);
}

/* After the dump has come to its end, well: writes what is held. */
enum hf_status hf_redis_keeper_end(struct hf_redis_keeper *keeper,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Of the shard's properties (tally.h): magic, rdb_version, types, aux, not_understood and
 * rest_database. */
enum hf_status hf_redis_keeper_json(const struct hf_redis_keeper *keeper, json_t *shard,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
