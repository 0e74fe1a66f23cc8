#include "formats/volume/helper/serve.h"

#include "base/json.h"
#include "formats/volume/list.h"

#include <stdlib.h>
#include <string.h>

enum { STREAMS_MAX = 128, NOTE_MAX = 4096 };

struct hf_vol_serve {
    struct hf_vol_serve_options options;
    struct hf_vol_inbox inbox;
    struct {
        uint32_t id;
        struct hf_sink_stream *in; /* of the sink; or */
        struct hf_feed_stream *out;
    } streams[STREAMS_MAX]; /* both NULL: free */
    const struct hf_base *base;
    bool begun;
    json_t *result;
};

static hf_vol_wire_take_fn take;

enum hf_status hf_vol_serve_new(const struct hf_vol_serve_options *options,
                                struct hf_vol_serve **out, struct hf_error *err)
{
    struct hf_vol_serve *serve = calloc(1, sizeof *serve);
    if (!serve)
        return hf_error_memory(err);
    serve->options = *options;
    serve->inbox = (struct hf_vol_inbox){.take = take, .ctx = serve, .max = HF_WIRE_UP_MAX};
    *out = serve;
    return HF_OK;
}

static enum hf_status strange(struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "the helper says something that makes no sense here");
}

/* ---- answers ---- */

static enum hf_status send_message(struct hf_vol_serve *serve, enum hf_vol_wire_type type,
                                   uint32_t id, const void *data, size_t len, struct hf_error *err)
{
    uint8_t head[HF_WIRE_HEAD];
    if (len > HF_WIRE_DOWN_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "%zu bytes are too many to tell the helper", len);
    hf_vol_wire_head(head, type, id, len);
    HF_TRY(serve->options.send(serve->options.send_ctx, head, sizeof head, err));
    return len == 0 ? HF_OK : serve->options.send(serve->options.send_ctx, data, len, err);
}

static enum hf_status answer(struct hf_vol_serve *serve, uint32_t id, const void *data, size_t len,
                             struct hf_error *err)
{
    return send_message(serve, HF_WIRE_ANSWER, id, data, len, err);
}

/* What went wrong here is for the helper to take as its own. */
static enum hf_status refuse(struct hf_vol_serve *serve, uint32_t id, const struct hf_error *why,
                             struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_TRY(hf_buf_u8(&text, (uint8_t)why->status, err));
    HF_TRY(hf_buf_append_str(&text, why->text, err));
    return send_message(serve, HF_WIRE_REFUSAL, id, text.data, text.len, err);
}

static enum hf_status send_json(struct hf_vol_serve *serve, enum hf_vol_wire_type type, uint32_t id,
                                const json_t *json, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_TRY(hf_json_dump(json, &text, err));
    return send_message(serve, type, id, text.data, text.len, err);
}

enum hf_status hf_vol_serve_streams(const struct hf_feed *feed, json_t **out, struct hf_error *err)
{
    const struct hf_stream_info *info;
    json_t *list = json_array();
    for (size_t i = 0; list && (info = feed->info(feed->ctx, i)) != NULL; i++) {
        json_t *one =
            json_pack("[s, i, I, I, I]", info->name, (int)info->kind, (json_int_t)info->bytes,
                      (json_int_t)info->records, (json_int_t)info->chunks);
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    *out = list;
    return list ? HF_OK : hf_error_memory(err);
}

/* ---- streams ---- */

/* Where id is, or (id 0) the first that is free; STREAMS_MAX: nowhere. */
static size_t find(const struct hf_vol_serve *serve, uint32_t id)
{
    size_t i = 0;
    while (i < STREAMS_MAX && serve->streams[i].id != id)
        i++;
    return i;
}

static struct hf_sink_stream *sink_stream(const struct hf_vol_serve *serve, uint32_t id)
{
    size_t at = id ? find(serve, id) : STREAMS_MAX;
    return at < STREAMS_MAX ? serve->streams[at].in : NULL;
}

/* The text of a message, which has no NUL in it, as a string. */
static enum hf_status text_of(struct hf_buf *payload, size_t from, const char **out,
                              struct hf_error *err)
{
    if (payload->len < from || payload->len - from > HF_STREAM_NAME_MAX)
        return strange(err);
    HF_TRY(hf_buf_cstr(payload, out, err));
    *out += from;
    return strlen(*out) == payload->len - from ? HF_OK : strange(err);
}

/* A volume has these and no others. */
static bool is_ours(const char *name, enum hf_stream_kind kind)
{
    uint32_t number;
    return strcmp(name, HF_VOL_LIST) == 0
               ? kind == HF_STREAM_META
               : kind == HF_STREAM_BYTES && hf_vol_bundle_number(name, &number);
}

static enum hf_status open_sink(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                struct hf_error *err)
{
    const struct hf_sink *sink = serve->options.sink;
    size_t at = find(serve, 0);
    const char *name;
    HF_TRY(text_of(payload, 1, &name, err));
    enum hf_stream_kind kind =
        payload->data[0] == HF_STREAM_META ? HF_STREAM_META : HF_STREAM_BYTES;
    if (!sink || id == 0 || find(serve, id) < STREAMS_MAX || at == STREAMS_MAX ||
        !is_ours(name, kind))
        return strange(err);
    HF_TRY(sink->open(sink->ctx, name, kind, &serve->streams[at].in, err));
    serve->streams[at].id = id;
    return HF_OK;
}

static enum hf_status write_sink(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                 struct hf_error *err)
{
    struct hf_sink_stream *stream = sink_stream(serve, id);
    if (!stream || payload->len == 0)
        return strange(err);
    return serve->options.sink->write(stream, payload->data, payload->len, err);
}

static enum hf_status close_sink(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                 struct hf_error *err)
{
    struct hf_sink_stream *stream = sink_stream(serve, id);
    if (!stream || payload->len != 8)
        return strange(err);
    size_t at = find(serve, id);
    serve->streams[at].in = NULL;
    serve->streams[at].id = 0;
    return serve->options.sink->close(stream, hf_load_u64(payload->data), NULL, err);
}

static enum hf_status abandon_sink(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                   struct hf_error *err)
{
    struct hf_sink_stream *stream = sink_stream(serve, id);
    (void)payload;
    if (!stream)
        return strange(err);
    size_t at = find(serve, id);
    serve->streams[at].in = NULL;
    serve->streams[at].id = 0;
    serve->options.sink->abandon(stream);
    return HF_OK;
}

static enum hf_status cut_sink(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                               struct hf_error *err)
{
    struct hf_sink_stream *stream = sink_stream(serve, id);
    (void)payload;
    return stream ? serve->options.sink->cut(stream, err) : strange(err);
}

/* ---- the last snapshot ---- */

static enum hf_status carry(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                            struct hf_error *err)
{
    const struct hf_sink *sink = serve->options.sink;
    const char *name;
    (void)id;
    HF_TRY(text_of(payload, 0, &name, err));
    if (!serve->base || !serve->base->feed->find(serve->base->feed->ctx, name))
        return strange(err);
    return sink->carry(sink->ctx, name, err);
}

static enum hf_status tell_base(struct hf_vol_serve *serve, uint32_t id, struct hf_error *err)
{
    HF_AUTO_JSON streams = NULL;
    HF_AUTO_JSON base = NULL;
    if (!serve->base)
        return answer(serve, id, NULL, 0, err);
    HF_TRY(hf_vol_serve_streams(serve->base->feed, &streams, err));
    HF_TRY(hf_json_pack(&base, err, "{s:O, s:O}", "properties", serve->base->properties, "streams",
                        streams));
    return send_json(serve, HF_WIRE_ANSWER, id, base, err);
}

static enum hf_status ask_base(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                               struct hf_error *err)
{
    const struct hf_sink *sink = serve->options.sink;
    struct hf_error why = HF_ERROR_INIT;
    (void)payload;
    if (!sink)
        return strange(err);
    if (sink->base(sink->ctx, &serve->base, &why) != HF_OK)
        return refuse(serve, id, &why, err);
    return tell_base(serve, id, err);
}

static enum hf_status ask_holds(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    const char *name;
    bool holds;
    HF_TRY(text_of(payload, 0, &name, err));
    if (!serve->base || !serve->base->feed->find(serve->base->feed->ctx, name))
        return strange(err);
    if (serve->base->holds(serve->base->ctx, name, &holds, &why) != HF_OK)
        return refuse(serve, id, &why, err);
    const uint8_t byte = holds;
    return answer(serve, id, &byte, 1, err);
}

/* ---- what is read ---- */

static const struct hf_feed *feed_of(const struct hf_vol_serve *serve)
{
    return serve->base ? serve->base->feed : serve->options.feed;
}

static enum hf_status open_feed(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                struct hf_error *err)
{
    enum { FIXED = 16 };
    const struct hf_feed *feed = feed_of(serve);
    size_t at = find(serve, 0);
    struct hf_error why = HF_ERROR_INIT;
    const char *name;
    HF_TRY(text_of(payload, FIXED, &name, err));
    if (!feed || id == 0 || at == STREAMS_MAX || find(serve, id) < STREAMS_MAX ||
        !feed->find(feed->ctx, name))
        return strange(err);
    uint64_t offset = hf_load_u64(payload->data), len = hf_load_u64(payload->data + 8);
    struct hf_feed_stream **out = &serve->streams[at].out;
    enum hf_status status = len == UINT64_MAX
                                ? feed->open(feed->ctx, name, out, &why)
                                : feed->open_range(feed->ctx, name, offset, len, out, &why);
    if (status != HF_OK)
        return refuse(serve, id, &why, err);
    serve->streams[at].id = id;
    return answer(serve, id, NULL, 0, err);
}

static struct hf_feed_stream *feed_stream(const struct hf_vol_serve *serve, uint32_t id)
{
    size_t at = id ? find(serve, id) : STREAMS_MAX;
    return at < STREAMS_MAX ? serve->streams[at].out : NULL;
}

static enum hf_status next_of_feed(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                   struct hf_error *err)
{
    struct hf_feed_stream *stream =
        payload->len == 4 ? feed_stream(serve, hf_load_u32(payload->data)) : NULL;
    struct hf_error why = HF_ERROR_INIT;
    const uint8_t *data;
    size_t len;
    if (!stream)
        return strange(err);
    if (feed_of(serve)->next(stream, &data, &len, &why) != HF_OK)
        return refuse(serve, id, &why, err);
    return answer(serve, id, data, len, err);
}

static enum hf_status close_feed(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                                 struct hf_error *err)
{
    struct hf_feed_stream *stream = feed_stream(serve, id);
    (void)payload;
    if (!stream)
        return strange(err);
    size_t at = find(serve, id);
    serve->streams[at].out = NULL;
    serve->streams[at].id = 0;
    feed_of(serve)->close(stream);
    return HF_OK;
}

/* ---- the rest ---- */

static enum hf_status hello(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                            struct hf_error *err)
{
    const char *version;
    (void)id;
    HF_TRY(text_of(payload, 0, &version, err));
    if (serve->begun)
        return strange(err);
    if (strcmp(version, HF_VERSION) != 0)
        return hf_error_set(err, HF_MISSING,
                            "the helper's image has holdfast %.20s, and this is " HF_VERSION
                            ": both must be the same",
                            version);
    serve->begun = true;
    return send_json(serve, HF_WIRE_START, 0, serve->options.start, err);
}

static enum hf_status note(struct hf_vol_serve *serve, uint32_t level, struct hf_buf *payload,
                           struct hf_error *err)
{
    const char *text;
    if (level > HF_NOTE_WARNING || payload->len > NOTE_MAX)
        return strange(err);
    HF_TRY(hf_buf_cstr(payload, &text, err));
    hf_observe(serve->options.observer, (enum hf_note_level)level, "%s", text);
    return HF_OK;
}

static enum hf_status amounts(struct hf_vol_serve *serve, uint32_t expected, struct hf_buf *payload,
                              struct hf_error *err)
{
    if (payload->len != 16)
        return strange(err);
    uint64_t bytes = hf_load_u64(payload->data), items = hf_load_u64(payload->data + 8);
    if (expected)
        hf_observe_expect(serve->options.observer, bytes, items);
    else
        hf_observe_advance(serve->options.observer, bytes, items);
    return HF_OK;
}

static enum hf_status result(struct hf_vol_serve *serve, uint32_t id, struct hf_buf *payload,
                             struct hf_error *err)
{
    (void)id;
    return hf_json_parse_object(payload->data, payload->len, HF_WIRE_UP_MAX, "the helper's result",
                                &serve->result, err);
}

static enum hf_status take(void *ctx, enum hf_vol_wire_type type, uint32_t id,
                           struct hf_buf *payload, struct hf_error *err)
{
    typedef enum hf_status does(struct hf_vol_serve *, uint32_t, struct hf_buf *,
                                struct hf_error *);
    static does *const functions[HF_WIRE_TYPES] = {
        [HF_WIRE_HELLO] = hello,           [HF_WIRE_NOTE] = note,
        [HF_WIRE_EXPECT] = amounts,        [HF_WIRE_ADVANCE] = amounts,
        [HF_WIRE_OPEN] = open_sink,        [HF_WIRE_WRITE] = write_sink,
        [HF_WIRE_CLOSE] = close_sink,      [HF_WIRE_ABANDON] = abandon_sink,
        [HF_WIRE_CUT] = cut_sink,          [HF_WIRE_CARRY] = carry,
        [HF_WIRE_BASE] = ask_base,         [HF_WIRE_HOLDS] = ask_holds,
        [HF_WIRE_FEED_OPEN] = open_feed,   [HF_WIRE_FEED_NEXT] = next_of_feed,
        [HF_WIRE_FEED_CLOSE] = close_feed, [HF_WIRE_RESULT] = result,
    };
    struct hf_vol_serve *serve = ctx;
    if (!functions[type] || serve->result || (type != HF_WIRE_HELLO && !serve->begun))
        return strange(err);
    return functions[type](serve, id, payload, err);
}

enum hf_status hf_vol_serve_feed(struct hf_vol_serve *serve, const void *data, size_t len,
                                 struct hf_error *err)
{
    return hf_vol_inbox_feed(&serve->inbox, data, len, err);
}

bool hf_vol_serve_begun(const struct hf_vol_serve *serve)
{
    return serve->begun;
}

bool hf_vol_serve_ended(const struct hf_vol_serve *serve)
{
    return serve->result != NULL;
}

enum hf_status hf_vol_serve_result(const struct hf_vol_serve *serve, const json_t **out,
                                   struct hf_error *err)
{
    uint64_t status, sys;
    const char *text;
    const json_t *what = json_object_get(serve->result, "result");
    *out = json_is_object(what) ? what : NULL;
    HF_TRY(hf_json_u64(serve->result, "status", HF_PARTIAL, &status, err));
    HF_TRY(hf_json_u64(serve->result, "sys", 4095, &sys, err));
    HF_TRY(hf_json_string(serve->result, "text", &text, err));
    if (status == HF_OK)
        return HF_OK;
    (void)hf_error_set(err, (enum hf_status)status, "%s", text);
    err->sys = (int)sys;
    return err->status;
}

void hf_vol_serve_free(struct hf_vol_serve *serve)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (serve->streams[i].in)
            serve->options.sink->abandon(serve->streams[i].in);
        else if (serve->streams[i].out)
            feed_of(serve)->close(serve->streams[i].out);
    }
    hf_vol_inbox_done(&serve->inbox);
    json_decref(serve->result);
    free(serve);
}
