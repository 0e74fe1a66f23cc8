/*
 * Reads the keys back out of a snapshot, one stream after the other (redis.h), with their access
 * hints, as far as they are asked for. One thread.
 */
#ifndef HF_REDIS_READER_H
#define HF_REDIS_READER_H

#include "base/cancel.h"
#include "base/stream.h"
#include "base/text.h"
#include "formats/redis/record.h"

enum { HF_REDIS_SHARDS_MAX = 1000 };

/* What of a snapshot. */
struct hf_redis_selection {
    int database;                      /* -1: all */
    const struct hf_strings *patterns; /* of keys; NULL or empty: all */
    unsigned shard_count;
    unsigned versions[HF_REDIS_SHARDS_MAX]; /* of RDB, by shard */
    uint64_t not_understood;                /* bytes, over all shards */
};

/* From a snapshot's properties. database: as the command line has it, or NULL; HF_NOT_FOUND when
 * the snapshot has no such, HF_USAGE when it is no number. Strings are borrowed. */
enum hf_status hf_redis_selection_init(struct hf_redis_selection *selection,
                                       const json_t *properties, const char *database,
                                       const struct hf_strings *patterns,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* Whether it is of everything. */
bool hf_redis_selection_whole(const struct hf_redis_selection *selection);
bool hf_redis_selection_has_database(const struct hf_redis_selection *selection, uint32_t database);

/* Told of every key that is selected. Any function but key may be NULL. */
struct hf_redis_taker {
    void *ctx;
    /* value_len: of the value's bytes, where that is known beforehand (a big key); else 0. */
    enum hf_status (*key)(void *ctx, const struct hf_rdb_key *key, enum hf_rdb_flavour flavour,
                          uint64_t value_len, struct hf_error *err);
    enum hf_status (*value)(void *ctx, const uint8_t *data, size_t len, struct hf_error *err);
    enum hf_status (*key_end)(void *ctx, struct hf_error *err);
    const struct hf_rdb_visitor *visitor; /* or NULL */
    void *visitor_ctx;
};

/* Keys of one database of all shards, or of all databases, one database of a shard after the other.
 * HF_DAMAGED names the stream. */
enum hf_status hf_redis_read_keys(const struct hf_feed *feed,
                                  const struct hf_redis_selection *selection, int database,
                                  struct hf_cancel *cancel, const struct hf_redis_taker *taker,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Told of the streams with keys of one database (-1: all): name and RDB version. */
typedef enum hf_status hf_redis_on_stream(void *ctx, const struct hf_stream_info *info, bool big,
                                          unsigned version, struct hf_error *err);
enum hf_status hf_redis_each_stream(const struct hf_feed *feed,
                                    const struct hf_redis_selection *selection, int database,
                                    hf_redis_on_stream *on_stream, void *ctx,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* Of a stream of keys: whether there are hints beside it. */
bool hf_redis_has_hints(const struct hf_feed *feed, const char *keys_name);

#endif
