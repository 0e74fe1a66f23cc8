#include "base/stream.h"
#include "base/text.h"

#include <string.h>

static bool needs_encoding(uint8_t c)
{
    return c == '/' || c == '%' || c < 0x20 || c == 0x7f;
}

/* Bytes that are not UTF-8 are encoded too: names of an SQL_ASCII database may hold any. */
static enum hf_status append_part(struct hf_buf *name, const char *part, struct hf_error *err)
{
    while (*part) {
        size_t len = hf_text_utf8(part, NULL);

        if (len == 0 || (len == 1 && needs_encoding((uint8_t)*part))) {
            HF_TRY(hf_buf_printf(name, err, "%%%02X", (uint8_t)*part));
            part++;
        } else {
            HF_TRY(hf_buf_append(name, part, len, err));
            part += len;
        }
        if (name->len > HF_STREAM_NAME_MAX)
            return hf_error_set(err, HF_UNSUPPORTED, "a stream name is longer than %d bytes",
                                HF_STREAM_NAME_MAX);
    }
    return HF_OK;
}

enum hf_status hf_stream_name_part(struct hf_buf *name, const char *part, struct hf_error *err)
{
    size_t before = name->len;
    enum hf_status status = append_part(name, part, err);

    if (status != HF_OK)
        name->len = before;
    return status;
}

static enum hf_status take_pieces(const struct hf_feed *feed, struct hf_feed_stream *stream,
                                  hf_feed_piece_fn *take, void *ctx, struct hf_error *err)
{
    for (;;) {
        const uint8_t *data;
        size_t len;

        HF_TRY(feed->next(stream, &data, &len, err));
        if (len == 0)
            return HF_OK;
        HF_TRY(take(ctx, data, len, err));
    }
}

enum hf_status hf_feed_each(const struct hf_feed *feed, const char *name, hf_feed_piece_fn *take,
                            void *ctx, struct hf_error *err)
{
    struct hf_feed_stream *stream;
    enum hf_status status;

    HF_TRY(feed->open(feed->ctx, name, &stream, err));
    status = take_pieces(feed, stream, take, ctx, err);
    feed->close(stream);
    return status;
}

struct whole {
    const char *name;
    struct hf_buf *out;
    size_t left; /* of what it may have */
    size_t max;
};

static enum hf_status append_piece(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct whole *whole = ctx;

    if (len > whole->left)
        return hf_error_set(err, HF_DAMAGED, "stream %s: larger than the %zu bytes it may have",
                            whole->name, whole->max);
    whole->left -= len;
    return hf_buf_append(whole->out, data, len, err);
}

enum hf_status hf_feed_read_all(const struct hf_feed *feed, const char *name, size_t max,
                                struct hf_buf *out, struct hf_error *err)
{
    struct whole whole = {.name = name, .out = out, .left = max, .max = max};
    size_t before = out->len;
    enum hf_status status = hf_feed_each(feed, name, append_piece, &whole, err);

    if (status != HF_OK)
        out->len = before;
    return status;
}

enum hf_status hf_sink_write_all(const struct hf_sink *sink, const char *name,
                                 enum hf_stream_kind kind, const void *data, size_t len,
                                 uint64_t records, const json_t *attrs, struct hf_error *err)
{
    struct hf_sink_stream *stream;

    HF_TRY(sink->open(sink->ctx, name, kind, &stream, err));
    if (len > 0 && sink->write(stream, data, len, err) != HF_OK) {
        sink->abandon(stream);
        return err->status;
    }
    return sink->close(stream, records, attrs, err);
}
