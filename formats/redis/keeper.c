#include "formats/redis/keeper.h"

#include "base/json.h"

#include <string.h>

enum { TOLD_BYTES = 1 << 20 };

/* Progress, told once in a while. */
static void advance(struct hf_redis_keeper *keeper, size_t bytes, unsigned keys)
{
    keeper->untold_bytes += bytes;
    keeper->untold_keys += keys;
    if (keeper->untold_bytes < TOLD_BYTES)
        return;
    hf_observe_advance(keeper->observer, keeper->untold_bytes, keeper->untold_keys);
    keeper->untold_bytes = keeper->untold_keys = 0;
}

/* Keys. */

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *key, struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;

    keeper->any_key = true;
    keeper->big = false;
    keeper->key = *key;
    keeper->types[key->type] = true;
    keeper->hash = hf_redis_key_hash(key->text, key->len);
    keeper->hint_len = hf_redis_hint_put(keeper->hint, key);
    keeper->record.len = 0;
    HF_TRY(hf_redis_record_head(&keeper->record, key, err));
    keeper->bytes = keeper->head_len = keeper->record.len;
    return HF_OK;
}

static enum hf_status on_value(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;

    keeper->bytes += len;
    advance(keeper, len, 0);
    if (!keeper->big && keeper->record.len + len <= HF_REDIS_BIG)
        return hf_buf_append(&keeper->record, data, len, err);
    if (!keeper->big) {
        keeper->big = true;
        HF_TRY(hf_redis_writer_big(&keeper->writer, &keeper->key, err));
        HF_TRY(hf_redis_writer_big_piece(&keeper->writer, keeper->record.data, keeper->record.len,
                                         err));
    }
    return hf_redis_writer_big_piece(&keeper->writer, data, len, err);
}

static enum hf_status on_key_end(void *ctx, struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;
    struct hf_redis_placed record;

    advance(keeper, 0, 1);
    HF_TRY(hf_redis_tally_key(keeper->tally, &keeper->key, keeper->bytes, err));
    if (keeper->big)
        return hf_redis_writer_big_end(&keeper->writer, err);
    HF_TRY(hf_redis_settle(&keeper->settler, hf_rdb_flavour(keeper->version), keeper->key.type,
                           keeper->record.data + keeper->head_len,
                           keeper->record.len - keeper->head_len, err));
    record = (struct hf_redis_placed){.database = keeper->key.database,
                                      .hint = keeper->hint,
                                      .hint_len = keeper->hint_len,
                                      .data = keeper->record.data,
                                      .len = keeper->record.len};

    return hf_redis_order_add(keeper->order, keeper->hash, &record, err);
}

static enum hf_status pass(void *ctx, const struct hf_redis_placed *record, struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;

    return hf_redis_writer_add(&keeper->writer, HF_REDIS_AS_SENT, record, err);
}

static enum hf_status write_held(void *ctx, const struct hf_redis_placed *record,
                                 struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;

    return hf_redis_writer_add(&keeper->writer, HF_REDIS_BY_HASH, record, err);
}

/* The others. */

static enum hf_status on_header(void *ctx, const uint8_t magic[HF_RDB_MAGIC], unsigned version,
                                struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;

    keeper->version = version;
    memcpy(keeper->magic, magic, HF_RDB_MAGIC);
    return hf_buf_append(&keeper->head, magic, HF_RDB_MAGIC, err);
}

static enum hf_status note_aux(struct hf_redis_keeper *keeper, const struct hf_rdb_other *other,
                               struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    HF_AUTO(hf_buf) value = HF_BUF_INIT;
    const char *name_text, *value_text;

    if (!other->last || !other->text[1])
        return HF_OK;
    HF_TRY(hf_redis_key_text(&name, other->text[0], other->text_len[0], err));
    HF_TRY(hf_redis_key_text(&value, other->text[1], other->text_len[1], err));
    HF_TRY(hf_buf_cstr(&name, &name_text, err));
    HF_TRY(hf_buf_cstr(&value, &value_text, err));
    if (json_object_set_new(keeper->aux, name_text, json_string(value_text)) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

static enum hf_status on_other(void *ctx, const struct hf_rdb_other *other, struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;
    struct hf_buf *to = keeper->any_key ? &keeper->tail : &keeper->head;

    if (other->opcode == HF_RDB_AUX)
        return note_aux(keeper, other, err);
    if (other->opcode == HF_RDB_SLOT_INFO) /* a hint about sizes, of the order that we change */
        return HF_OK;
    if (other->opcode == HF_RDB_FUNCTION && other->last && other->text[0])
        HF_TRY(hf_redis_tally_function(keeper->tally, other->text[0], other->text_len[0], err));
    if (to->len + other->len > HF_REDIS_HEAD_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "functions and module data are more than %d bytes",
                            HF_REDIS_HEAD_MAX);
    return hf_buf_append(to, other->data, other->len, err);
}

static enum hf_status on_rest(void *ctx, uint32_t database, const uint8_t *data, size_t len,
                              struct hf_error *err)
{
    struct hf_redis_keeper *keeper = ctx;
    const struct hf_sink *sink = keeper->writer.sink;
    char name[HF_REDIS_NAME];

    if (!keeper->rest) {
        hf_redis_shard_stream_name(name, keeper->writer.shard, "rest");
        HF_TRY(sink->open(sink->ctx, name, HF_STREAM_BYTES, &keeper->rest, err));
        keeper->rest_database = database;
    }
    keeper->rest_bytes += len;
    return sink->write(keeper->rest, data, len, err);
}

enum hf_status hf_redis_keeper_init(struct hf_redis_keeper *keeper, const struct hf_sink *sink,
                                    unsigned shard, uint64_t order_memory,
                                    struct hf_redis_tally *tally,
                                    const struct hf_observer *observer, struct hf_error *err)
{
    *keeper = (struct hf_redis_keeper){
        .handler = {.ctx = keeper,
                    .header = on_header,
                    .other = on_other,
                    .key = on_key,
                    .value = on_value,
                    .key_end = on_key_end,
                    .rest = on_rest},
        .tally = tally,
        .observer = observer,
        .aux = json_object(),
    };
    hf_redis_writer_init(&keeper->writer, sink, shard);
    if (!keeper->aux)
        return hf_error_memory(err);
    return hf_redis_order_new(order_memory, pass, keeper, &keeper->order, err);
}

void hf_redis_keeper_done(struct hf_redis_keeper *keeper)
{
    if (keeper->rest)
        keeper->writer.sink->abandon(keeper->rest);
    hf_redis_writer_done(&keeper->writer);
    hf_redis_order_free(keeper->order);
    hf_buf_free(&keeper->record);
    hf_redis_settler_done(&keeper->settler);
    hf_buf_free(&keeper->head);
    hf_buf_free(&keeper->tail);
    json_decref(keeper->aux);
}

static enum hf_status write_small(struct hf_redis_keeper *keeper, const char *what,
                                  const struct hf_buf *bytes, struct hf_error *err)
{
    char name[HF_REDIS_NAME];

    hf_redis_shard_stream_name(name, keeper->writer.shard, what);
    return hf_sink_write_all(keeper->writer.sink, name, HF_STREAM_BYTES, bytes->data, bytes->len, 0,
                             NULL, err);
}

enum hf_status hf_redis_keeper_end(struct hf_redis_keeper *keeper, struct hf_error *err)
{
    struct hf_sink_stream *rest = keeper->rest;

    hf_observe_advance(keeper->observer, keeper->untold_bytes, keeper->untold_keys);
    HF_TRY(hf_redis_order_end(keeper->order, write_held, keeper, err));
    HF_TRY(hf_redis_writer_close(&keeper->writer, err));
    HF_TRY(write_small(keeper, "head", &keeper->head, err));
    if (keeper->tail.len > 0)
        HF_TRY(write_small(keeper, "tail", &keeper->tail, err));
    keeper->rest = NULL;
    keeper->tally->rest += keeper->rest_bytes;
    return rest ? keeper->writer.sink->close(rest, 0, NULL, err) : HF_OK;
}

enum hf_status hf_redis_keeper_json(const struct hf_redis_keeper *keeper, json_t *shard,
                                    struct hf_error *err)
{
    json_t *types = json_array();
    bool done = types != NULL;

    for (int type = 0; done && type < 256; type++)
        done = !keeper->types[type] || json_array_append_new(types, json_integer(type)) == 0;
    done = done && json_object_set(shard, "types", types) == 0 &&
           json_object_set_new(shard, "magic",
                               json_stringn((const char *)keeper->magic, HF_RDB_MAGIC)) == 0 &&
           json_object_set_new(shard, "rdb_version", json_integer(keeper->version)) == 0 &&
           json_object_set(shard, "aux", keeper->aux) == 0 &&
           json_object_set_new(shard, "not_understood",
                               json_integer((json_int_t)keeper->rest_bytes)) == 0 &&
           json_object_set_new(shard, "rest_database", json_integer(keeper->rest_database)) == 0;
    json_decref(types);
    return done ? HF_OK : hf_error_memory(err);
}
