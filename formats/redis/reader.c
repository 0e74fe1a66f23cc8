#include "formats/redis/reader.h"

#include "base/json.h"
#include "formats/redis/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hf_status hf_redis_selection_init(struct hf_redis_selection *selection,
                                       const json_t *properties, const char *database,
                                       const struct hf_strings *patterns, struct hf_error *err)
{
    json_t *shards, *one;
    char *end;
    size_t i;

    *selection = (struct hf_redis_selection){.database = -1, .patterns = patterns};
    HF_TRY(hf_json_array(properties, "shards", &shards, err));
    if (json_array_size(shards) < 1 || json_array_size(shards) > HF_REDIS_SHARDS_MAX)
        return hf_error_set(err, HF_DAMAGED, "the snapshot's number of shards is out of bounds");
    json_array_foreach (shards, i, one) {
        uint64_t version, rest;

        HF_TRY(hf_json_u64(one, "rdb_version", 9999, &version, err));
        HF_TRY(hf_json_u64(one, "not_understood", INT64_MAX, &rest, err));
        selection->versions[selection->shard_count++] = (unsigned)version;
        selection->not_understood += rest;
    }
    if (!database)
        return HF_OK;
    selection->database = (int)strtoul(database, &end, 10);
    if (end == database || *end || selection->database < 0)
        return hf_error_set(err, HF_USAGE,
                            "--database %.60s: a logical database of Redis is a number", database);
    json_array_foreach (json_object_get(properties, "databases"), i, one) {
        if (json_integer_value(json_object_get(one, "database")) == selection->database)
            return HF_OK;
    }
    return hf_error_set(err, HF_NOT_FOUND, "the snapshot has no keys in database %d",
                        selection->database);
}

bool hf_redis_selection_whole(const struct hf_redis_selection *selection)
{
    return selection->database < 0 && (!selection->patterns || selection->patterns->count == 0);
}

bool hf_redis_selection_has_database(const struct hf_redis_selection *selection, uint32_t database)
{
    return selection->database < 0 || (uint32_t)selection->database == database;
}

/* A pattern is matched against the text up to its first NUL, if it has one. key->text is followed
 * by a NUL (struct reading below). */
static bool is_selected(const struct hf_redis_selection *selection, const char *text)
{
    if (!selection->patterns || selection->patterns->count == 0)
        return true;
    for (size_t i = 0; i < selection->patterns->count; i++) {
        if (hf_text_match(selection->patterns->items[i], text))
            return true;
    }
    return false;
}

/* Hints, in step with the keys. */
struct hints {
    const struct hf_feed *feed;
    struct hf_feed_stream *stream; /* or NULL: there are none */
    struct hf_buf bytes;
    size_t at;
};

static void hints_auto(struct hints *hints)
{
    if (hints->stream)
        hints->feed->close(hints->stream);
    hf_buf_free(&hints->bytes);
}

static void hints_name(char out[HF_REDIS_NAME], const char *keys_name)
{
    const char *part = strstr(keys_name, "/keys/");

    (void)snprintf(out, HF_REDIS_NAME, "%.*s/hints/%s", part ? (int)(part - keys_name) : 0,
                   keys_name, part ? part + 6 : "");
}

bool hf_redis_has_hints(const struct hf_feed *feed, const char *keys_name)
{
    char name[HF_REDIS_NAME];

    hints_name(name, keys_name);
    return feed->find(feed->ctx, name) != NULL;
}

static enum hf_status open_hints(struct hints *hints, const char *keys_name, struct hf_error *err)
{
    char name[HF_REDIS_NAME];

    hints_name(name, keys_name);
    if (!hints->feed->find(hints->feed->ctx, name))
        return HF_OK;
    return hints->feed->open(hints->feed->ctx, name, &hints->stream, err);
}

static enum hf_status next_hint(struct hints *hints, struct hf_rdb_key *key, struct hf_error *err)
{
    const uint8_t *data;
    size_t used, len;

    if (!hints->stream)
        return HF_OK;
    while ((used = hf_redis_hint_get(hints->bytes.data + hints->at, hints->bytes.len - hints->at,
                                     key)) == 0) {
        if (hints->bytes.len - hints->at >= HF_REDIS_HINT_MAX)
            return hf_error_set(err, HF_DAMAGED, "the access hints cannot be read");
        HF_TRY(hints->feed->next(hints->stream, &data, &len, err));
        if (len == 0)
            return hf_error_set(err, HF_DAMAGED, "there are fewer access hints than keys");
        if (hints->at > 0)
            memmove(hints->bytes.data, hints->bytes.data + hints->at, hints->bytes.len - hints->at);
        hints->bytes.len -= hints->at;
        hints->at = 0;
        HF_TRY(hf_buf_append(&hints->bytes, data, len, err));
    }
    hints->at += used;
    return HF_OK;
}

/* One stream being read. */
struct reading {
    const struct hf_redis_selection *selection;
    const struct hf_redis_taker *taker;
    const struct hf_stream_info *info;
    bool big;
    bool take; /* the key that is being read is selected */
    enum hf_rdb_flavour flavour;
    struct hints *hints;
    struct hf_buf text; /* of the key, NUL-ended */
    uint64_t keys;
};

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *told, struct hf_error *err)
{
    struct reading *reading = ctx;
    struct hf_rdb_key key = *told;
    uint64_t value_len = 0;
    const char *text;

    reading->keys++;
    HF_TRY(next_hint(reading->hints, &key, err));
    if (reading->big) {
        const json_t *idle = json_object_get(reading->info->attrs, "idle");
        const json_t *freq = json_object_get(reading->info->attrs, "freq");
        size_t head = hf_redis_record_head_len(&key);

        key.idle = idle ? json_integer_value(idle) : -1;
        key.freq = freq ? (int)(json_integer_value(freq) & 0xff) : -1;
        if (reading->keys > 1 || reading->info->bytes <= head)
            return hf_error_set(err, HF_DAMAGED, "it holds other than one key");
        value_len = reading->info->bytes - head;
    }
    reading->text.len = 0;
    HF_TRY(hf_buf_append(&reading->text, key.text, key.len, err));
    HF_TRY(hf_buf_cstr(&reading->text, &text, err));
    key.text = (const uint8_t *)text;
    reading->take = is_selected(reading->selection, text);
    if (!reading->take)
        return HF_OK;
    return reading->taker->key(reading->taker->ctx, &key, reading->flavour, value_len, err);
}

static enum hf_status on_value(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct reading *reading = ctx;

    if (!reading->take || !reading->taker->value)
        return HF_OK;
    return reading->taker->value(reading->taker->ctx, data, len, err);
}

static enum hf_status on_key_end(void *ctx, struct hf_error *err)
{
    struct reading *reading = ctx;

    if (!reading->take || !reading->taker->key_end)
        return HF_OK;
    return reading->taker->key_end(reading->taker->ctx, err);
}

/* What is in values is told to the taker by way of here, as it depends on take. */

static enum hf_status on_number(void *ctx, uint64_t number, struct hf_error *err)
{
    struct reading *reading = ctx;
    const struct hf_rdb_visitor *visitor = reading->taker->visitor;

    if (!reading->take || !visitor->number)
        return HF_OK;
    return visitor->number(reading->taker->visitor_ctx, number, err);
}

static enum hf_status on_bytes(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct reading *reading = ctx;
    const struct hf_rdb_visitor *visitor = reading->taker->visitor;

    if (!reading->take || !visitor->bytes)
        return HF_OK;
    return visitor->bytes(reading->taker->visitor_ctx, data, len, err);
}

static enum hf_status on_real(void *ctx, const char *text, struct hf_error *err)
{
    struct reading *reading = ctx;
    const struct hf_rdb_visitor *visitor = reading->taker->visitor;

    if (!reading->take || !visitor->real)
        return HF_OK;
    return visitor->real(reading->taker->visitor_ctx, text, err);
}

static enum hf_status on_text(void *ctx, const uint8_t *data, size_t len, bool last,
                              struct hf_error *err)
{
    struct reading *reading = ctx;
    const struct hf_rdb_visitor *visitor = reading->taker->visitor;

    if (!reading->take || !visitor->text)
        return HF_OK;
    return visitor->text(reading->taker->visitor_ctx, data, len, last, err);
}

static enum hf_status on_loop_end(void *ctx, struct hf_error *err)
{
    struct reading *reading = ctx;
    const struct hf_rdb_visitor *visitor = reading->taker->visitor;

    if (!reading->take || !visitor->loop_end)
        return HF_OK;
    return visitor->loop_end(reading->taker->visitor_ctx, err);
}

static const struct hf_rdb_visitor relay = {.number = on_number,
                                            .bytes = on_bytes,
                                            .real = on_real,
                                            .text = on_text,
                                            .loop_end = on_loop_end};

struct parsing {
    struct hf_rdb *rdb;
    struct hf_cancel *cancel;
};

static enum hf_status parse_piece(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    const struct parsing *parsing = ctx;

    HF_TRY(hf_cancel_check(parsing->cancel, err));
    return hf_rdb_feed(parsing->rdb, data, len, err);
}

static enum hf_status feed_stream(const struct hf_feed *feed, const char *name, struct hf_rdb *rdb,
                                  struct hf_cancel *cancel, struct hf_error *err)
{
    struct parsing parsing = {.rdb = rdb, .cancel = cancel};
    bool checked;

    HF_TRY(hf_feed_each(feed, name, parse_piece, &parsing, err));
    return hf_rdb_end(rdb, &checked, err);
}

struct all {
    const struct hf_feed *feed;
    const struct hf_redis_selection *selection;
    const struct hf_redis_taker *taker;
    struct hf_cancel *cancel;
};

static enum hf_status read_stream(void *ctx, const struct hf_stream_info *info, bool big,
                                  unsigned version, struct hf_error *err)
{
    const struct all *all = ctx;
    __attribute__((cleanup(hints_auto))) struct hints hints = {.feed = all->feed};
    struct reading reading = {.selection = all->selection,
                              .taker = all->taker,
                              .info = info,
                              .big = big,
                              .flavour = hf_rdb_flavour(version),
                              .hints = &hints};
    const struct hf_rdb_handler handler = {.ctx = &reading,
                                           .key = on_key,
                                           .value = all->taker->value ? on_value : NULL,
                                           .key_end = on_key_end,
                                           .visitor = all->taker->visitor ? &relay : NULL,
                                           .visitor_ctx = &reading};
    HF_AUTO(hf_rdb) rdb;
    struct hf_redis_stream_place place = {.shard = 0};
    enum hf_status status = HF_OK;

    (void)hf_redis_stream_place(info->name, &place);
    hf_rdb_init_records(&rdb, &handler, version, place.database);
    if (!big)
        status = open_hints(&hints, info->name, err);
    if (status == HF_OK)
        status = feed_stream(all->feed, info->name, &rdb, all->cancel, err);
    hf_buf_free(&reading.text);
    if (status == HF_OK && reading.keys != info->records)
        status = hf_error_set(err, HF_DAMAGED, "it has not as many keys as it should");
    return status == HF_DAMAGED ? hf_error_prefix(err, "stream %s", info->name) : status;
}

enum hf_status hf_redis_read_keys(const struct hf_feed *feed,
                                  const struct hf_redis_selection *selection, int database,
                                  struct hf_cancel *cancel, const struct hf_redis_taker *taker,
                                  struct hf_error *err)
{
    struct all all = {.feed = feed, .selection = selection, .taker = taker, .cancel = cancel};

    return hf_redis_each_stream(feed, selection, database, read_stream, &all, err);
}

enum hf_status hf_redis_each_stream(const struct hf_feed *feed,
                                    const struct hf_redis_selection *selection, int database,
                                    hf_redis_on_stream *on_stream, void *ctx, struct hf_error *err)
{
    const struct hf_stream_info *info;

    for (size_t i = 0; (info = feed->info(feed->ctx, i)) != NULL; i++) {
        struct hf_redis_stream_place place;

        if (!hf_redis_stream_place(info->name, &place))
            continue;
        if (place.shard >= selection->shard_count)
            return hf_error_set(err, HF_DAMAGED, "stream %s is of no known shard", info->name);
        if (!hf_redis_selection_has_database(selection, place.database) ||
            (database >= 0 && (uint32_t)database != place.database))
            continue;
        HF_TRY(on_stream(ctx, info, place.big, selection->versions[place.shard], err));
    }
    return HF_OK;
}
