#include "formats/postgres/feed_rows.h"

#include "formats/postgres/restore_input.h"

#include <string.h>

enum { ROW_MAX = 64 << 20 };

/* Hands over the whole rows that are in pending, and keeps the rest. */
static enum hf_status take_rows(struct hf_buf *pending, hf_pg_row_fn *take, void *ctx,
                                struct hf_error *err)
{
    size_t at = 0;
    const uint8_t *newline;

    while (at < pending->len &&
           (newline = memchr(pending->data + at, '\n', pending->len - at)) != NULL) {
        size_t len = (size_t)(newline - (pending->data + at));

        HF_TRY(take(ctx, (const char *)pending->data + at, len, err));
        at += len + 1;
    }
    if (at > 0)
        memmove(pending->data, pending->data + at, pending->len - at);
    pending->len -= at;
    if (pending->len > ROW_MAX)
        return hf_error_set(err, HF_DAMAGED, "a row is above 64 MiB");
    return HF_OK;
}

static enum hf_status read_rows(const struct hf_feed *feed, struct hf_feed_stream *stream,
                                struct hf_cancel *cancel, hf_pg_row_fn *take, void *ctx,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) pending = HF_BUF_INIT;

    for (;;) {
        const uint8_t *data;
        size_t len;

        HF_TRY(hf_cancel_check(cancel, err));
        HF_TRY(feed->next(stream, &data, &len, err));
        if (len == 0)
            break;
        HF_TRY(hf_buf_append(&pending, data, len, err));
        HF_TRY(take_rows(&pending, take, ctx, err));
    }
    if (pending.len > 0)
        return hf_error_set(err, HF_DAMAGED, "it ends in the middle of a row");
    return HF_OK;
}

enum hf_status hf_pg_feed_rows(const struct hf_feed *feed, const char *database, const char *what,
                               struct hf_cancel *cancel, hf_pg_row_fn *take, void *ctx,
                               struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    struct hf_feed_stream *stream = NULL;
    enum hf_status status;

    HF_TRY(hf_pg_input_stream_name(&name, database, what, err));
    if (!feed->find(feed->ctx, (const char *)name.data))
        return HF_OK;
    HF_TRY(feed->open(feed->ctx, (const char *)name.data, &stream, err));
    status = read_rows(feed, stream, cancel, take, ctx, err);
    feed->close(stream);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "stream %s", (const char *)name.data);
}
