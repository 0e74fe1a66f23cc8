#include "formats/redis/writer.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64 << 10 }; /* bytes that go to the sink at a time */

void hf_redis_stream_name(char out[HF_REDIS_NAME], unsigned shard, const char *what,
                          uint32_t database, unsigned number)
{
    (void)snprintf(out, HF_REDIS_NAME, "%u/%s/%u/%04u", shard, what, database, number);
}

bool hf_redis_stream_place(const char *name, struct hf_redis_stream_place *out)
{
    char *end;
    unsigned long shard = strtoul(name, &end, 10), database;
    bool big = strncmp(end, "/big/", 5) == 0;

    if (end == name || shard > UINT16_MAX || (!big && strncmp(end, "/keys/", 6) != 0))
        return false;
    name = end + (big ? 5 : 6);
    database = strtoul(name, &end, 10);
    if (end == name || *end != '/' || database >= HF_RDB_DATABASES_MAX)
        return false;
    *out = (struct hf_redis_stream_place){
        .shard = (unsigned)shard, .database = (uint32_t)database, .big = big};
    return true;
}

void hf_redis_shard_stream_name(char out[HF_REDIS_NAME], unsigned shard, const char *what)
{
    (void)snprintf(out, HF_REDIS_NAME, "%u/%s", shard, what);
}

void hf_redis_writer_init(struct hf_redis_writer *writer, const struct hf_sink *sink,
                          unsigned shard)
{
    *writer = (struct hf_redis_writer){
        .sink = sink, .shard = shard, .key_bytes = HF_BUF_INIT, .hint_bytes = HF_BUF_INIT};
}

void hf_redis_writer_done(struct hf_redis_writer *writer)
{
    if (writer->keys)
        writer->sink->abandon(writer->keys);
    if (writer->hints)
        writer->sink->abandon(writer->hints);
    if (writer->big)
        writer->sink->abandon(writer->big);
    hf_buf_free(&writer->key_bytes);
    hf_buf_free(&writer->hint_bytes);
}

static enum hf_status flush(struct hf_redis_writer *writer, struct hf_sink_stream *stream,
                            struct hf_buf *bytes, struct hf_error *err)
{
    if (bytes->len > 0)
        HF_TRY(writer->sink->write(stream, bytes->data, bytes->len, err));
    bytes->len = 0;
    return HF_OK;
}

/* Ends the stream, whatever the result. */
static enum hf_status close_stream(struct hf_redis_writer *writer, struct hf_sink_stream **stream,
                                   uint64_t records, const json_t *attrs, struct hf_error *err)
{
    struct hf_sink_stream *closing = *stream;

    *stream = NULL;
    return writer->sink->close(closing, records, attrs, err);
}

enum hf_status hf_redis_writer_close(struct hf_redis_writer *writer, struct hf_error *err)
{
    HF_AUTO_JSON attrs = NULL;

    if (!writer->keys)
        return HF_OK;
    HF_TRY(hf_json_pack(&attrs, err, "{s:s}", "order",
                        writer->order == HF_REDIS_BY_HASH ? "hash" : "server"));
    HF_TRY(flush(writer, writer->keys, &writer->key_bytes, err));
    HF_TRY(close_stream(writer, &writer->keys, writer->records, attrs, err));
    if (!writer->hints)
        return HF_OK;
    HF_TRY(flush(writer, writer->hints, &writer->hint_bytes, err));
    return close_stream(writer, &writer->hints, writer->records, NULL, err);
}

static enum hf_status open_keys(struct hf_redis_writer *writer, enum hf_redis_order_kind order,
                                uint32_t database, struct hf_error *err)
{
    char name[HF_REDIS_NAME];

    HF_TRY(hf_redis_writer_close(writer, err));
    writer->order = order;
    writer->database = database;
    writer->number = writer->next++;
    writer->records = 0;
    hf_redis_stream_name(name, writer->shard, "keys", database, writer->number);
    return writer->sink->open(writer->sink->ctx, name, HF_STREAM_BYTES, &writer->keys, err);
}

/* Records that had no hint count as having an empty one once there is a stream of hints. */
static enum hf_status open_hints(struct hf_redis_writer *writer, struct hf_error *err)
{
    char name[HF_REDIS_NAME];

    hf_redis_stream_name(name, writer->shard, "hints", writer->database, writer->number);
    HF_TRY(writer->sink->open(writer->sink->ctx, name, HF_STREAM_BYTES, &writer->hints, err));
    for (uint64_t i = 0; i < writer->records; i++) {
        HF_TRY(hf_buf_u8(&writer->hint_bytes, 0, err));
        if (writer->hint_bytes.len >= BATCH)
            HF_TRY(flush(writer, writer->hints, &writer->hint_bytes, err));
    }
    return HF_OK;
}

static enum hf_status add_hint(struct hf_redis_writer *writer, const struct hf_redis_placed *record,
                               struct hf_error *err)
{
    bool has = record->hint_len > 0 && record->hint[0] != 0;

    if (!has && !writer->hints)
        return HF_OK;
    if (!writer->hints)
        HF_TRY(open_hints(writer, err));
    HF_TRY(hf_buf_append(&writer->hint_bytes, has ? record->hint : (const uint8_t *)"",
                         has ? record->hint_len : 1, err));
    return writer->hint_bytes.len < BATCH ? HF_OK
                                          : flush(writer, writer->hints, &writer->hint_bytes, err);
}

enum hf_status hf_redis_writer_add(struct hf_redis_writer *writer, enum hf_redis_order_kind order,
                                   const struct hf_redis_placed *record, struct hf_error *err)
{
    if (!writer->keys || writer->order != order || writer->database != record->database)
        HF_TRY(open_keys(writer, order, record->database, err));
    HF_TRY(add_hint(writer, record, err));
    writer->records++;
    if (record->len >= BATCH) {
        HF_TRY(flush(writer, writer->keys, &writer->key_bytes, err));
        return writer->sink->write(writer->keys, record->data, record->len, err);
    }
    HF_TRY(hf_buf_append(&writer->key_bytes, record->data, record->len, err));
    return writer->key_bytes.len < BATCH ? HF_OK
                                         : flush(writer, writer->keys, &writer->key_bytes, err);
}

enum hf_status hf_redis_writer_big(struct hf_redis_writer *writer, const struct hf_rdb_key *key,
                                   struct hf_error *err)
{
    char name[HF_REDIS_NAME];

    writer->big_key = *key;
    writer->big_key.text = NULL;
    hf_redis_stream_name(name, writer->shard, "big", key->database, writer->next++);
    return writer->sink->open(writer->sink->ctx, name, HF_STREAM_BYTES, &writer->big, err);
}

enum hf_status hf_redis_writer_big_piece(struct hf_redis_writer *writer, const void *data,
                                         size_t len, struct hf_error *err)
{
    return writer->sink->write(writer->big, data, len, err);
}

enum hf_status hf_redis_writer_big_end(struct hf_redis_writer *writer, struct hf_error *err)
{
    const struct hf_rdb_key *key = &writer->big_key;
    HF_AUTO_JSON attrs = json_object();

    if (!attrs ||
        (key->idle >= 0 && json_object_set_new(attrs, "idle", json_integer(key->idle)) != 0) ||
        (key->freq >= 0 && json_object_set_new(attrs, "freq", json_integer(key->freq)) != 0))
        return hf_error_memory(err);
    return close_stream(writer, &writer->big, 1, attrs, err);
}
