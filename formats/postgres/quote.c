#include "formats/postgres/quote.h"

#include <string.h>

/* text between two marks, with each mark inside doubled. */
static enum hf_status doubled(struct hf_buf *out, const char *text, char mark, struct hf_error *err)
{
    HF_TRY(hf_buf_u8(out, (uint8_t)mark, err));
    for (;;) {
        const char *next = strchr(text, mark);

        if (!next)
            break;
        HF_TRY(hf_buf_append(out, text, (size_t)(next - text) + 1, err));
        HF_TRY(hf_buf_u8(out, (uint8_t)mark, err));
        text = next + 1;
    }
    HF_TRY(hf_buf_append_str(out, text, err));
    return hf_buf_u8(out, (uint8_t)mark, err);
}

enum hf_status hf_pg_quote_ident(struct hf_buf *out, const char *name, struct hf_error *err)
{
    return doubled(out, name, '"', err);
}

enum hf_status hf_pg_quote_qualified(struct hf_buf *out, const char *schema, const char *name,
                                     struct hf_error *err)
{
    HF_TRY(doubled(out, schema, '"', err));
    HF_TRY(hf_buf_u8(out, '.', err));
    return doubled(out, name, '"', err);
}

enum hf_status hf_pg_quote_literal(struct hf_buf *out, const char *text, struct hf_error *err)
{
    return doubled(out, text, '\'', err);
}

enum hf_status hf_pg_quote_columns(struct hf_buf *out, const struct hf_strings *columns,
                                   struct hf_error *err)
{
    for (size_t i = 0; i < columns->count; i++) {
        HF_TRY(hf_buf_append_str(out, i ? ", " : "(", err));
        HF_TRY(hf_pg_quote_ident(out, columns->items[i], err));
    }
    return columns->count ? hf_buf_u8(out, ')', err) : HF_OK;
}

enum hf_status hf_pg_quote_array(struct hf_buf *out, const char *const *items, size_t count,
                                 struct hf_error *err)
{
    HF_TRY(hf_buf_u8(out, '{', err));
    for (size_t i = 0; i < count; i++) {
        HF_TRY(hf_buf_append_str(out, i ? ",\"" : "\"", err));
        for (const char *c = items[i]; *c; c++) {
            if (*c == '"' || *c == '\\')
                HF_TRY(hf_buf_u8(out, '\\', err));
            HF_TRY(hf_buf_u8(out, (uint8_t)*c, err));
        }
        HF_TRY(hf_buf_u8(out, '"', err));
    }
    return hf_buf_u8(out, '}', err);
}
