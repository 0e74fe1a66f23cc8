#include "formats/redis/export.h"

#include "base/file.h"
#include "base/json.h"
#include "formats/redis/crc64.h"
#include "formats/redis/reader.h"
#include "formats/redis/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 << 10, SMALL_STREAM_MAX = 65 << 20 };

struct export
{
    const struct hf_feed *feed;
    const struct hf_work *work;
    const json_t *properties;
    struct hf_redis_selection selection;
    int fd;
    uint64_t crc;
    struct hf_buf out;
};

static enum hf_status flush(struct export *export, struct hf_error *err)
{
    HF_TRY(hf_cancel_check(export->work->cancel, err));
    export->crc = hf_crc64(export->crc, export->out.data, export->out.len);
    HF_TRY(hf_fd_write(export->fd, export->out.data, export->out.len, "the RDB", err));
    hf_observe_advance(export->work->observer, export->out.len, 0);
    export->out.len = 0;
    return HF_OK;
}

static enum hf_status put(struct export *export, const void *data, size_t len, struct hf_error *err)
{
    HF_TRY(hf_buf_append(&export->out, data, len, err));
    return export->out.len < BATCH ? HF_OK : flush(export, err);
}

static enum hf_status put_opcode(struct export *export, uint8_t opcode, struct hf_error *err)
{
    return put(export, &opcode, 1, err);
}

static enum hf_status put_length(struct export *export, uint64_t length, struct hf_error *err)
{
    uint8_t data[HF_RDB_LENGTH_MAX];

    return put(export, data, hf_rdb_put_length(data, length), err);
}

static enum hf_status put_text(struct export *export, const char *text, struct hf_error *err)
{
    HF_TRY(put_length(export, strlen(text), err));
    return put(export, text, strlen(text), err);
}

/* Of the captured ones, those that say what the bytes are, not what the server was like. */
static enum hf_status put_aux(struct export *export, struct hf_error *err)
{
    static const char *const names[] = {"redis-ver", "valkey-ver", "redis-bits", "ctime", NULL};
    const json_t *shards = json_object_get(export->properties, "shards");
    const json_t *aux = json_object_get(json_array_get(shards, 0), "aux");

    for (size_t i = 0; names[i]; i++) {
        const char *value = json_string_value(json_object_get(aux, names[i]));

        if (!value)
            continue;
        HF_TRY(put_opcode(export, HF_RDB_AUX, err));
        HF_TRY(put_text(export, names[i], err));
        HF_TRY(put_text(export, value, err));
    }
    return HF_OK;
}

static enum hf_status put_piece(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    return put(ctx, data, len, err);
}

/* A stream as it is. */
static enum hf_status put_stream(struct export *export, const char *name, struct hf_error *err)
{
    return hf_feed_each(export->feed, name, put_piece, export, err);
}

/* The first shard's header and functions; module data of other shards would be the same twice. */
static enum hf_status put_head(struct export *export, struct hf_error *err)
{
    HF_AUTO(hf_buf) head = HF_BUF_INIT;

    HF_TRY(hf_feed_read_all(export->feed, "0/head", SMALL_STREAM_MAX, &head, err));
    if (head.len < HF_RDB_MAGIC)
        return hf_error_set(err, HF_DAMAGED, "stream 0/head is too short");
    HF_TRY(put(export, head.data, HF_RDB_MAGIC, err));
    HF_TRY(put_aux(export, err));
    if (!hf_redis_selection_whole(&export->selection))
        return HF_OK;
    return put(export, head.data + HF_RDB_MAGIC, head.len - HF_RDB_MAGIC, err);
}

/* Keys one by one, where some are left out or hints are to be put back between them. */

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *key, enum hf_rdb_flavour flavour,
                             uint64_t value_len, struct hf_error *err)
{
    struct export *export = ctx;
    uint8_t hint[HF_REDIS_HINT_MAX];
    size_t hint_len = hf_redis_hint_put(hint, key);

    (void)flavour;
    (void)value_len;
    if (hint[0] != 0)
        HF_TRY(put(export, hint, hint_len, err));
    return hf_redis_record_head(&export->out, key, err);
}

static enum hf_status copy_stream(void *ctx, const struct hf_stream_info *info, bool big,
                                  unsigned version, struct hf_error *err)
{
    (void)big;
    (void)version;
    return put_stream(ctx, info->name, err);
}

static enum hf_status find_hints(void *ctx, const struct hf_stream_info *info, bool big,
                                 unsigned version, struct hf_error *err)
{
    const struct export *export = ctx;

    (void)version;
    if (big ? json_object_size(info->attrs) > 0 : hf_redis_has_hints(export->feed, info->name))
        return hf_error_set(err, HF_EXISTS, "there are hints");
    return HF_OK;
}

static enum hf_status put_keys(struct export *export, int database, struct hf_error *err)
{
    const struct hf_redis_taker taker = {.ctx = export, .key = on_key, .value = put_piece};
    const struct hf_redis_selection *selection = &export->selection;
    struct hf_error found = HF_ERROR_INIT;
    bool plain = !selection->patterns || selection->patterns->count == 0;

    if (plain)
        plain = hf_redis_each_stream(export->feed, selection, database, find_hints, export,
                                     &found) == HF_OK;
    if (plain)
        return hf_redis_each_stream(export->feed, selection, database, copy_stream, export, err);
    return hf_redis_read_keys(export->feed, selection, database, export->work->cancel, &taker, err);
}

static enum hf_status put_database(struct export *export, const json_t *one, struct hf_error *err)
{
    uint64_t database, keys, expiring;

    HF_TRY(hf_json_u64(one, "database", HF_RDB_DATABASES_MAX, &database, err));
    HF_TRY(hf_json_u64(one, "keys", INT64_MAX, &keys, err));
    HF_TRY(hf_json_u64(one, "expiring", INT64_MAX, &expiring, err));
    if (!hf_redis_selection_has_database(&export->selection, (uint32_t)database))
        return HF_OK;
    HF_TRY(put_opcode(export, HF_RDB_SELECTDB, err));
    HF_TRY(put_length(export, database, err));
    /* Room for keys that do not come would only be wasted. */
    if (!export->selection.patterns || export->selection.patterns->count == 0) {
        HF_TRY(put_opcode(export, HF_RDB_RESIZEDB, err));
        HF_TRY(put_length(export, keys, err));
        HF_TRY(put_length(export, expiring, err));
    }
    return put_keys(export, (int)database, err);
}

/* Module data that came behind the keys, and what is not understood, which must be last. */
static enum hf_status put_tail(struct export *export, struct hf_error *err)
{
    const json_t *shard = json_array_get(json_object_get(export->properties, "shards"), 0);
    const struct hf_feed *feed = export->feed;
    uint64_t database;

    if (!hf_redis_selection_whole(&export->selection))
        return HF_OK;
    if (feed->find(feed->ctx, "0/tail"))
        HF_TRY(put_stream(export, "0/tail", err));
    if (export->selection.not_understood == 0)
        return HF_OK;
    if (export->selection.shard_count > 1 || !feed->find(feed->ctx, "0/rest"))
        return hf_error_set(err, HF_UNSUPPORTED,
                            "the shards hold data that this version of holdfast does not know, "
                            "and cannot put into one file");
    HF_TRY(hf_json_u64(shard, "rest_database", HF_RDB_DATABASES_MAX, &database, err));
    HF_TRY(put_opcode(export, HF_RDB_SELECTDB, err));
    HF_TRY(put_length(export, database, err));
    return put_stream(export, "0/rest", err);
}

static enum hf_status put_all(struct export *export, struct hf_error *err)
{
    uint8_t checksum[8];
    json_t *databases, *one;
    size_t i;

    HF_TRY(put_head(export, err));
    HF_TRY(hf_json_array(export->properties, "databases", &databases, err));
    json_array_foreach (databases, i, one)
        HF_TRY(put_database(export, one, err));
    HF_TRY(put_tail(export, err));
    HF_TRY(put_opcode(export, HF_RDB_EOF, err));
    HF_TRY(flush(export, err));
    hf_store_u64(checksum, export->crc);
    HF_TRY(put(export, checksum, sizeof checksum, err));
    return flush(export, err);
}

enum hf_status hf_redis_export(const void *config, const json_t *properties,
                               const struct hf_feed *feed, const struct hf_restore_options *options,
                               const struct hf_work *work, int out_fd, struct hf_error *err)
{
    struct export export = {.feed = feed, .work = work, .properties = properties, .fd = out_fd};
    enum hf_status status;

    (void)config;
    HF_TRY(hf_redis_selection_init(&export.selection, properties, options->database,
                                   &options->patterns, err));
    status = put_all(&export, err);
    hf_buf_free(&export.out);
    return status;
}
