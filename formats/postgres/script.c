#include "formats/postgres/script.h"

#include "base/file.h"
#include "formats/postgres/feed_rows.h"
#include "formats/postgres/quote.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_AT = 1 << 18 };

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

struct rows {
    struct hf_pg_script *script;
    hf_pg_stream_row_fn *take;
};

static enum hf_status take_row(void *ctx, const char *row, size_t len, struct hf_error *err)
{
    const struct rows *rows = ctx;

    return rows->take(rows->script, row, len, err);
}

enum hf_status hf_pg_script_rows(struct hf_pg_script *script, const char *what,
                                 hf_pg_stream_row_fn *take, struct hf_error *err)
{
    struct rows rows = {.script = script, .take = take};

    return hf_pg_feed_rows(script->feed, script->input.database, what, script->work->cancel,
                           take_row, &rows, err);
}
