#include "formats/postgres/copy_text.h"

#include <string.h>

static char escape_of(char c)
{
    switch (c) {
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\v':
        return 'v';
    default:
        return '\0';
    }
}

enum hf_status hf_pg_text_field(struct hf_buf *out, bool first, const char *value, size_t len,
                                struct hf_error *err)
{
    size_t plain = 0;

    if (!first)
        HF_TRY(hf_buf_u8(out, '\t', err));
    if (!value)
        return hf_buf_append_str(out, "\\N", err);
    for (size_t i = 0; i < len; i++) {
        char escape = escape_of(value[i]);

        if (!escape)
            continue;
        HF_TRY(hf_buf_append(out, value + plain, i - plain, err));
        HF_TRY(hf_buf_append(out, (char[]){'\\', escape}, 2, err));
        plain = i + 1;
    }
    return hf_buf_append(out, value + plain, len - plain, err);
}

enum hf_status hf_pg_text_end(struct hf_buf *out, struct hf_error *err)
{
    return hf_buf_u8(out, '\n', err);
}

enum hf_status hf_pg_text_row(struct hf_buf *out, const char *const *values, size_t count,
                              struct hf_error *err)
{
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_pg_text_field(out, i == 0, values[i], values[i] ? strlen(values[i]) : 0, err));
    return hf_pg_text_end(out, err);
}

void hf_pg_rows_init(struct hf_pg_rows *rows, const void *data, size_t len)
{
    rows->at = data;
    rows->left = len;
    rows->torn = false;
}

bool hf_pg_rows_next(struct hf_pg_rows *rows, const char **out, size_t *out_len)
{
    const char *end;

    if (rows->left == 0)
        return false;
    end = memchr(rows->at, '\n', rows->left);
    if (!end) {
        rows->torn = true;
        return false;
    }
    *out = rows->at;
    *out_len = (size_t)(end - rows->at);
    rows->left -= *out_len + 1;
    rows->at = end + 1;
    return true;
}

/* The byte that backslash and c stand for, or NUL when that is nothing COPY writes. */
static char unescape(char c)
{
    switch (c) {
    case '\\':
        return '\\';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return '\0';
    }
}

/* Unescapes a field to at, which has room for it and a NUL. NULL when it is not well-formed. */
static char *unescape_field(const char *field, size_t len, char *at)
{
    for (size_t i = 0; i < len; i++) {
        char c = field[i];

        if (c == '\\')
            c = ++i < len ? unescape(field[i]) : '\0';
        if (c == '\0')
            return NULL;
        *at++ = c;
    }
    *at++ = '\0';
    return at;
}

static enum hf_status damaged(const char *what, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "%s: a row is not what was written", what);
}

enum hf_status hf_pg_text_split(const char *row, size_t len, const char *what,
                                struct hf_buf *storage, const char **fields, size_t count,
                                struct hf_error *err)
{
    const char *end = row + len;
    char *at;

    storage->len = 0;
    HF_TRY(hf_buf_reserve(storage, len + count, err)); /* unescaping never makes it longer */
    at = (char *)storage->data;
    for (size_t i = 0; i < count; i++) {
        const char *tab = memchr(row, '\t', (size_t)(end - row));
        const char *stop = tab ? tab : end;

        if ((tab != NULL) != (i + 1 < count))
            return damaged(what, err);
        if (stop - row == 2 && row[0] == '\\' && row[1] == 'N') {
            fields[i] = NULL;
        } else {
            fields[i] = at;
            at = unescape_field(row, (size_t)(stop - row), at);
            if (!at)
                return damaged(what, err);
        }
        row = tab ? tab + 1 : end;
    }
    storage->len = (size_t)(at - (char *)storage->data);
    return HF_OK;
}
