/* The sink and the feeds of a helper (remote.h). */
#include "base/json.h"
#include "formats/volume/helper/remote.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a feed has ---- */

struct far_feed {
    struct hf_feed feed;
    struct hf_vol_remote *remote;
    json_t *streams; /* names are borrowed from it */
    json_t *no_attrs;
    struct hf_stream_info *infos;
    size_t count;
};

struct hf_sink_stream {
    struct hf_vol_remote *remote;
    uint32_t number;
};

struct hf_feed_stream {
    struct hf_vol_remote *remote;
    uint32_t number;
    struct hf_buf piece;
};

struct hf_vol_far {
    struct hf_vol_remote *remote;
    struct hf_sink sink;
    struct far_feed feed, base_feed;
    pthread_mutex_t lock; /* of what follows */
    bool asked;
    json_t *base_answer;
    struct hf_base base;
};

static const struct hf_stream_info *feed_info(void *ctx, size_t index)
{
    const struct far_feed *feed = ctx;
    return index < feed->count ? &feed->infos[index] : NULL;
}

static const struct hf_stream_info *feed_find(void *ctx, const char *name)
{
    const struct far_feed *feed = ctx;
    size_t low = 0, high = feed->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(feed->infos[middle].name, name);
        if (order == 0)
            return &feed->infos[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void feed_close(struct hf_feed_stream *stream)
{
    struct hf_error known = HF_ERROR_INIT; /* by whoever needs an answer */
    if (stream->number)
        (void)!hf_vol_remote_send(stream->remote, HF_WIRE_FEED_CLOSE, stream->number, NULL, 0,
                                  &known);
    hf_buf_free(&stream->piece);
    free(stream);
}

static enum hf_status ask_open(struct hf_feed_stream *stream, const char *name, uint64_t offset,
                               uint64_t len, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    uint32_t number = hf_vol_remote_number(stream->remote);
    HF_TRY(hf_buf_u64(&text, offset, err));
    HF_TRY(hf_buf_u64(&text, len, err));
    HF_TRY(hf_buf_append_str(&text, name, err));
    HF_TRY(hf_vol_remote_call(stream->remote, HF_WIRE_FEED_OPEN, number, text.data, text.len,
                              &stream->piece, err));
    stream->number = number;
    return HF_OK;
}

static enum hf_status feed_open_range(void *ctx, const char *name, uint64_t offset, uint64_t len,
                                      struct hf_feed_stream **out, struct hf_error *err)
{
    const struct far_feed *feed = ctx;
    struct hf_feed_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return hf_error_memory(err);
    stream->remote = feed->remote;
    enum hf_status status = ask_open(stream, name, offset, len, err);
    if (status == HF_OK)
        *out = stream;
    else
        feed_close(stream);
    return status;
}

static enum hf_status feed_open(void *ctx, const char *name, struct hf_feed_stream **out,
                                struct hf_error *err)
{
    return feed_open_range(ctx, name, 0, UINT64_MAX, out, err);
}

static enum hf_status feed_next(struct hf_feed_stream *stream, const uint8_t **data, size_t *len,
                                struct hf_error *err)
{
    uint8_t text[4];
    hf_store_u32(text, stream->number);
    HF_TRY(hf_vol_remote_call(stream->remote, HF_WIRE_FEED_NEXT,
                              hf_vol_remote_number(stream->remote), text, sizeof text,
                              &stream->piece, err));
    *data = stream->piece.data;
    *len = stream->piece.len;
    return HF_OK;
}

static enum hf_status read_info(const json_t *one, const json_t *attrs, struct hf_stream_info *out,
                                struct hf_error *err)
{
    json_int_t numbers[4];
    for (size_t i = 0; i < 4; i++) {
        const json_t *number = json_array_get(one, i + 1);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return hf_error_set(err, HF_DAMAGED, "a stream in a form that is not known");
        numbers[i] = json_integer_value(number);
    }
    *out = (struct hf_stream_info){.name = json_string_value(json_array_get(one, 0)),
                                   .kind = (enum hf_stream_kind)numbers[0],
                                   .bytes = (uint64_t)numbers[1],
                                   .records = (uint64_t)numbers[2],
                                   .chunks = (uint64_t)numbers[3],
                                   .attrs = attrs};
    return out->name ? HF_OK
                     : hf_error_set(err, HF_DAMAGED, "a stream in a form that is not known");
}

static enum hf_status fill_feed(struct far_feed *feed, struct hf_vol_remote *remote,
                                const json_t *streams, struct hf_error *err)
{
    feed->remote = remote;
    feed->feed = (struct hf_feed){.ctx = feed,
                                  .info = feed_info,
                                  .find = feed_find,
                                  .open = feed_open,
                                  .next = feed_next,
                                  .close = feed_close,
                                  .open_range = feed_open_range};
    feed->streams = json_incref((json_t *)streams);
    feed->no_attrs = json_object();
    feed->infos = calloc(json_array_size(streams) + 1, sizeof *feed->infos);
    if (!feed->no_attrs || !feed->infos)
        return hf_error_memory(err);
    for (; feed->count < json_array_size(streams); feed->count++)
        HF_TRY(read_info(json_array_get(streams, feed->count), feed->no_attrs,
                         &feed->infos[feed->count], err));
    return HF_OK;
}

static void feed_done(struct far_feed *feed)
{
    json_decref(feed->streams);
    json_decref(feed->no_attrs);
    free(feed->infos);
}

/* ---- the sink ---- */

static enum hf_status sink_open(void *ctx, const char *name, enum hf_stream_kind kind,
                                struct hf_sink_stream **out, struct hf_error *err)
{
    struct hf_vol_far *far = ctx;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_FREE struct hf_sink_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return hf_error_memory(err);
    stream->remote = far->remote;
    stream->number = hf_vol_remote_number(far->remote);
    HF_TRY(hf_buf_u8(&text, (uint8_t)kind, err));
    HF_TRY(hf_buf_append_str(&text, name, err));
    HF_TRY(hf_vol_remote_send(far->remote, HF_WIRE_OPEN, stream->number, text.data, text.len, err));
    *out = stream;
    stream = NULL;
    return HF_OK;
}

static enum hf_status sink_write(struct hf_sink_stream *stream, const void *data, size_t len,
                                 struct hf_error *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        size_t part = len < HF_WIRE_PIECE ? len : HF_WIRE_PIECE;
        HF_TRY(hf_vol_remote_send(stream->remote, HF_WIRE_WRITE, stream->number, at, part, err));
        at += part;
        len -= part;
    }
    return HF_OK;
}

/* What comes of it is known in the end: the other side takes everything in order. */
static enum hf_status sink_close(struct hf_sink_stream *stream, uint64_t records,
                                 const json_t *attrs, struct hf_error *err)
{
    uint8_t text[8];
    (void)attrs; /* a volume's streams have none */
    hf_store_u64(text, records);
    enum hf_status status =
        hf_vol_remote_send(stream->remote, HF_WIRE_CLOSE, stream->number, text, sizeof text, err);
    free(stream);
    return status;
}

static void sink_abandon(struct hf_sink_stream *stream)
{
    struct hf_error known = HF_ERROR_INIT;
    (void)!hf_vol_remote_send(stream->remote, HF_WIRE_ABANDON, stream->number, NULL, 0, &known);
    free(stream);
}

static enum hf_status sink_cut(struct hf_sink_stream *stream, struct hf_error *err)
{
    return hf_vol_remote_send(stream->remote, HF_WIRE_CUT, stream->number, NULL, 0, err);
}

static enum hf_status sink_carry(void *ctx, const char *name, struct hf_error *err)
{
    struct hf_vol_far *far = ctx;
    return hf_vol_remote_send(far->remote, HF_WIRE_CARRY, 0, name, strlen(name), err);
}

static enum hf_status base_holds(void *ctx, const char *name, bool *out, struct hf_error *err)
{
    struct hf_vol_far *far = ctx;
    HF_AUTO(hf_buf) answer = HF_BUF_INIT;
    HF_TRY(hf_vol_remote_call(far->remote, HF_WIRE_HOLDS, hf_vol_remote_number(far->remote), name,
                              strlen(name), &answer, err));
    *out = answer.len == 1 && answer.data[0] == 1;
    return HF_OK;
}

static enum hf_status ask_base(struct hf_vol_far *far, struct hf_error *err)
{
    HF_AUTO(hf_buf) answer = HF_BUF_INIT;
    json_t *properties, *streams;
    HF_TRY(hf_vol_remote_call(far->remote, HF_WIRE_BASE, hf_vol_remote_number(far->remote), NULL, 0,
                              &answer, err));
    far->asked = true;
    if (answer.len == 0)
        return HF_OK;
    HF_TRY(hf_json_parse_object(answer.data, answer.len, HF_WIRE_DOWN_MAX, "the last snapshot",
                                &far->base_answer, err));
    HF_TRY(hf_json_object(far->base_answer, "properties", &properties, err));
    HF_TRY(hf_json_array(far->base_answer, "streams", &streams, err));
    HF_TRY(fill_feed(&far->base_feed, far->remote, streams, err));
    far->base = (struct hf_base){
        .ctx = far, .feed = &far->base_feed.feed, .properties = properties, .holds = base_holds};
    return HF_OK;
}

static enum hf_status sink_base(void *ctx, const struct hf_base **out, struct hf_error *err)
{
    struct hf_vol_far *far = ctx;
    pthread_mutex_lock(&far->lock);
    enum hf_status status = far->asked ? HF_OK : ask_base(far, err);
    if (status == HF_OK)
        *out = far->base.feed ? &far->base : NULL;
    pthread_mutex_unlock(&far->lock);
    return status;
}

/* ---- from outside ---- */

enum hf_status hf_vol_far_new(struct hf_vol_remote *remote, struct hf_vol_far **out,
                              struct hf_error *err)
{
    struct hf_vol_far *far = calloc(1, sizeof *far);
    if (!far)
        return hf_error_memory(err);
    far->remote = remote;
    far->sink = (struct hf_sink){.ctx = far,
                                 .open = sink_open,
                                 .write = sink_write,
                                 .close = sink_close,
                                 .abandon = sink_abandon,
                                 .cut = sink_cut,
                                 .base = sink_base,
                                 .carry = sink_carry};
    (void)pthread_mutex_init(&far->lock, NULL); /* cannot fail with default attributes */
    *out = far;
    return HF_OK;
}

void hf_vol_far_free(struct hf_vol_far *far)
{
    if (!far)
        return;
    feed_done(&far->feed);
    feed_done(&far->base_feed);
    json_decref(far->base_answer);
    (void)pthread_mutex_destroy(&far->lock);
    free(far);
}

const struct hf_sink *hf_vol_far_sink(const struct hf_vol_far *far)
{
    return &far->sink;
}

enum hf_status hf_vol_far_feed(struct hf_vol_far *far, const json_t *streams,
                               const struct hf_feed **out, struct hf_error *err)
{
    if (!json_is_array(streams))
        return hf_error_set(err, HF_DAMAGED, "no streams were named");
    HF_TRY(fill_feed(&far->feed, far->remote, streams, err));
    *out = &far->feed.feed;
    return HF_OK;
}
