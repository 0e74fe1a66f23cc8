#include "formats/postgres/script.h"

#include "base/file.h"
#include "formats/postgres/quote.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_AT = 1 << 18, ROW_MAX = 64 << 20 };

enum hf_status hf_pg_script_flush(struct hf_pg_script *script, struct hf_error *err)
{
    HF_TRY(hf_fd_write(script->fd, script->out.data, script->out.len, "the script", err));
    script->out.len = 0;
    return HF_OK;
}

static enum hf_status flush_when_full(struct hf_pg_script *script, struct hf_error *err)
{
    return script->out.len >= FLUSH_AT ? hf_pg_script_flush(script, err) : HF_OK;
}

enum hf_status hf_pg_script_bytes(struct hf_pg_script *script, const void *data, size_t len,
                                  struct hf_error *err)
{
    if (len >= FLUSH_AT) {
        HF_TRY(hf_pg_script_flush(script, err));
        return hf_fd_write(script->fd, data, len, "the script", err);
    }
    HF_TRY(hf_buf_append(&script->out, data, len, err));
    return flush_when_full(script, err);
}

enum hf_status hf_pg_script_put(struct hf_pg_script *script, struct hf_error *err,
                                const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int len;
    enum hf_status status;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return hf_error_memory(err);
    status = hf_pg_script_bytes(script, text, (size_t)len, err);
    free(text);
    return status;
}

enum hf_status hf_pg_script_ident(struct hf_pg_script *script, const char *name,
                                  struct hf_error *err)
{
    return hf_pg_quote_ident(&script->out, name, err);
}

enum hf_status hf_pg_script_qualified(struct hf_pg_script *script, const char *schema,
                                      const char *name, struct hf_error *err)
{
    return hf_pg_quote_qualified(&script->out, schema, name, err);
}

enum hf_status hf_pg_script_literal(struct hf_pg_script *script, const char *text,
                                    struct hf_error *err)
{
    return hf_pg_quote_literal(&script->out, text, err);
}

/* Hands over the whole rows that are in pending, and keeps the rest. */
static enum hf_status take_rows(struct hf_pg_script *script, struct hf_buf *pending,
                                hf_pg_stream_row_fn *take, struct hf_error *err)
{
    size_t at = 0;
    const uint8_t *newline;

    while (at < pending->len &&
           (newline = memchr(pending->data + at, '\n', pending->len - at)) != NULL) {
        size_t len = (size_t)(newline - (pending->data + at));

        HF_TRY(take(script, (const char *)pending->data + at, len, err));
        at += len + 1;
    }
    if (at > 0)
        memmove(pending->data, pending->data + at, pending->len - at);
    pending->len -= at;
    if (pending->len > ROW_MAX)
        return hf_error_set(err, HF_DAMAGED, "a row is above 64 MiB");
    return HF_OK;
}

static enum hf_status read_rows(struct hf_pg_script *script, struct hf_feed_stream *stream,
                                hf_pg_stream_row_fn *take, struct hf_error *err)
{
    HF_AUTO(hf_buf) pending = HF_BUF_INIT;

    for (;;) {
        const uint8_t *data;
        size_t len;

        HF_TRY(hf_cancel_check(script->work->cancel, err));
        HF_TRY(script->feed->next(stream, &data, &len, err));
        if (len == 0)
            break;
        HF_TRY(hf_buf_append(&pending, data, len, err));
        HF_TRY(take_rows(script, &pending, take, err));
    }
    if (pending.len > 0)
        return hf_error_set(err, HF_DAMAGED, "it ends in the middle of a row");
    return HF_OK;
}

enum hf_status hf_pg_script_rows(struct hf_pg_script *script, const char *what,
                                 hf_pg_stream_row_fn *take, struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    struct hf_feed_stream *stream = NULL;
    enum hf_status status;

    HF_TRY(hf_pg_input_stream_name(&name, script->input.database, what, err));
    if (!script->feed->find(script->feed->ctx, (const char *)name.data))
        return HF_OK;
    HF_TRY(script->feed->open(script->feed->ctx, (const char *)name.data, &stream, err));
    status = read_rows(script, stream, take, err);
    script->feed->close(stream);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "stream %s", (const char *)name.data);
}
