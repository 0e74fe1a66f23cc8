/*
 * Writes the streams of one shard into a sink. One thread.
 *
 * Records of one order go to one stream a database after the other: whenever the database changes,
 * the next stream begins.
 */
#ifndef HF_REDIS_WRITER_H
#define HF_REDIS_WRITER_H

#include "base/stream.h"
#include "formats/redis/order.h"
#include "formats/redis/record.h"

enum hf_redis_order_kind { HF_REDIS_BY_HASH, HF_REDIS_AS_SENT };

struct hf_redis_writer {
    const struct hf_sink *sink;
    unsigned shard;
    unsigned next; /* number of the next stream */

    /* The streams of keys and hints that are open. */
    struct hf_sink_stream *keys, *hints;
    enum hf_redis_order_kind order;
    uint32_t database;
    unsigned number;
    uint64_t records;
    struct hf_buf key_bytes, hint_bytes;

    struct hf_sink_stream *big;
    struct hf_rdb_key big_key; /* without its text */
};

void hf_redis_writer_init(struct hf_redis_writer *writer, const struct hf_sink *sink,
                          unsigned shard);
/* Abandons what is open. */
void hf_redis_writer_done(struct hf_redis_writer *writer);

enum hf_status hf_redis_writer_add(struct hf_redis_writer *writer, enum hf_redis_order_kind order,
                                   const struct hf_redis_placed *record,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* A big one: begin, pieces, end. */
enum hf_status hf_redis_writer_big(struct hf_redis_writer *writer, const struct hf_rdb_key *key,
                                   struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_writer_big_piece(struct hf_redis_writer *writer, const void *data,
                                         size_t len, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_writer_big_end(struct hf_redis_writer *writer,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* Closes the streams of keys that are open. */
enum hf_status hf_redis_writer_close(struct hf_redis_writer *writer,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* The name of a stream of the shard: "0/keys/3/0001". */
enum { HF_REDIS_NAME = 64 };
void hf_redis_stream_name(char out[HF_REDIS_NAME], unsigned shard, const char *what,
                          uint32_t database, unsigned number);
/* Back from the name of a stream with keys; false for any other stream. */
struct hf_redis_stream_place {
    unsigned shard;
    uint32_t database;
    bool big;
};
bool hf_redis_stream_place(const char *name, struct hf_redis_stream_place *out);
/* Without database and number: "0/head". */
void hf_redis_shard_stream_name(char out[HF_REDIS_NAME], unsigned shard, const char *what);

#endif
