/*
 * What a dump holds, counted as it passes.
 *
 * Properties of a snapshot (a JSON object):
 *   server           {"name": "redis" or "valkey", "version", "mode", "role", "run_id"}
 *   point_in_time    false where keys were read one after the other (SCAN)
 *   way              "replica" or "scan"
 *   shards           [{"shard", "address", "magic", "rdb_version", "replication_id",
 *                     "replication_offset", "checksum": checked or not, "types": [RDB types],
 *                     "slots": [[first, last], …] of a cluster, "aux": {name: value},
 *                     "not_understood": bytes, "rest_database"}]
 *   databases        [{"database", "keys", "expiring", "bytes", "types": {"string": keys, …}}]
 *   largest          [{"database", "key", "type", "bytes"}]: ten keys; what is not printable ASCII
 * in key, and '%', is percent-encoded functions        names of libraries keys             in all
 */
#ifndef HF_REDIS_TALLY_H
#define HF_REDIS_TALLY_H

#include "base/text.h"
#include "formats/redis/rdb.h"

#include <jansson.h>

enum { HF_REDIS_LARGEST = 10, HF_REDIS_KEY_SHOWN = 200 };

struct hf_redis_database_tally {
    uint32_t database;
    uint64_t keys, expiring, bytes, kinds[HF_RDB_KINDS];
};

struct hf_redis_large {
    uint64_t bytes;
    uint32_t database;
    enum hf_rdb_kind kind;
    uint8_t key[HF_REDIS_KEY_SHOWN];
    size_t key_len;
};

struct hf_redis_tally {
    struct hf_redis_database_tally *databases; /* as they came */
    size_t count, cap;
    struct hf_redis_large largest[HF_REDIS_LARGEST]; /* largest first */
    size_t large_count;
    uint64_t keys;
    uint64_t rest; /* bytes that were not understood */
    struct hf_strings functions;
};

static inline void hf_redis_tally_init(struct hf_redis_tally *tally)
{
    *tally = (struct hf_redis_tally){.functions = HF_STRINGS_INIT};
}
void hf_redis_tally_done(struct hf_redis_tally *tally);

/* bytes: of the record. */
enum hf_status hf_redis_tally_key(struct hf_redis_tally *tally, const struct hf_rdb_key *key,
                                  uint64_t bytes, struct hf_error *err) HF_WARN_UNUSED;
/* The code of a library begins with "#!engine name=…". */
enum hf_status hf_redis_tally_function(struct hf_redis_tally *tally, const uint8_t *code,
                                       size_t len, struct hf_error *err) HF_WARN_UNUSED;

/* The parts of the properties that come from here: databases, largest, functions, keys. */
enum hf_status hf_redis_tally_json(const struct hf_redis_tally *tally, json_t *properties,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Appends a key's text as it is shown. */
enum hf_status hf_redis_key_text(struct hf_buf *out, const uint8_t *text, size_t len,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
