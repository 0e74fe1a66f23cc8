#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

void hf_buf_free(struct hf_buf *buf)
{
    free(buf->data);
    *buf = (struct hf_buf)HF_BUF_INIT;
}

enum hf_status hf_buf_reserve(struct hf_buf *buf, size_t extra, struct hf_error *err)
{
    size_t need;
    size_t cap;
    uint8_t *data;

    if (extra <= buf->cap - buf->len)
        return HF_OK;
    if (__builtin_add_overflow(buf->len, extra, &need) || need > PTRDIFF_MAX)
        return hf_error_memory(err);
    /* Doubling keeps appending linear; one large request gets what it asks for. */
    cap = buf->cap > need / 2 ? buf->cap * 2 : need;
    if (cap < FIRST_CAP)
        cap = FIRST_CAP;
    data = realloc(buf->data, cap);
    if (!data)
        return hf_error_memory(err);
    buf->data = data;
    buf->cap = cap;
    return HF_OK;
}

enum hf_status hf_buf_append(struct hf_buf *buf, const void *data, size_t len, struct hf_error *err)
{
    if (len == 0)
        return HF_OK;
    HF_TRY(hf_buf_reserve(buf, len, err));
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return HF_OK;
}

enum hf_status hf_buf_append_str(struct hf_buf *buf, const char *text, struct hf_error *err)
{
    return hf_buf_append(buf, text, strlen(text), err);
}

enum hf_status hf_buf_printf(struct hf_buf *buf, struct hf_error *err, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return hf_error_set(err, HF_FAILED, "text cannot be formatted");
    HF_TRY(hf_buf_reserve(buf, (size_t)len + 1, err));
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return HF_OK;
}

enum hf_status hf_buf_u8(struct hf_buf *buf, uint8_t v, struct hf_error *err)
{
    return hf_buf_append(buf, &v, sizeof v, err);
}

enum hf_status hf_buf_u16(struct hf_buf *buf, uint16_t v, struct hf_error *err)
{
    uint8_t field[sizeof v];

    hf_store_u16(field, v);
    return hf_buf_append(buf, field, sizeof field, err);
}

enum hf_status hf_buf_u32(struct hf_buf *buf, uint32_t v, struct hf_error *err)
{
    uint8_t field[sizeof v];

    hf_store_u32(field, v);
    return hf_buf_append(buf, field, sizeof field, err);
}

enum hf_status hf_buf_u64(struct hf_buf *buf, uint64_t v, struct hf_error *err)
{
    uint8_t field[sizeof v];

    hf_store_u64(field, v);
    return hf_buf_append(buf, field, sizeof field, err);
}

enum hf_status hf_buf_cstr(struct hf_buf *buf, const char **out, struct hf_error *err)
{
    HF_TRY(hf_buf_reserve(buf, 1, err));
    buf->data[buf->len] = 0;
    *out = (const char *)buf->data;
    return HF_OK;
}

void hf_store_u16(uint8_t *at, uint16_t v)
{
    at[0] = (uint8_t)v;
    at[1] = (uint8_t)(v >> 8);
}

void hf_store_u32(uint8_t *at, uint32_t v)
{
    hf_store_u16(at, (uint16_t)v);
    hf_store_u16(at + 2, (uint16_t)(v >> 16));
}

void hf_store_u64(uint8_t *at, uint64_t v)
{
    hf_store_u32(at, (uint32_t)v);
    hf_store_u32(at + 4, (uint32_t)(v >> 32));
}

uint16_t hf_load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t hf_load_u32(const uint8_t *at)
{
    return hf_load_u16(at) | (uint32_t)hf_load_u16(at + 2) << 16;
}

uint64_t hf_load_u64(const uint8_t *at)
{
    return hf_load_u32(at) | (uint64_t)hf_load_u32(at + 4) << 32;
}

void hf_reader_init(struct hf_reader *r, const void *data, size_t len)
{
    r->at = data;
    r->left = len;
    r->bad = false;
}

const uint8_t *hf_reader_bytes(struct hf_reader *r, size_t len)
{
    /* Zero bytes of nothing are there too, and the caller tells NULL from them. */
    static const uint8_t nothing[1];
    const uint8_t *at = r->at ? r->at : nothing;

    if (r->bad || len > r->left) {
        r->bad = true;
        return NULL;
    }
    r->at = at + len;
    r->left -= len;
    return at;
}

uint8_t hf_reader_u8(struct hf_reader *r)
{
    const uint8_t *at = hf_reader_bytes(r, 1);

    return at ? *at : 0;
}

uint16_t hf_reader_u16(struct hf_reader *r)
{
    const uint8_t *at = hf_reader_bytes(r, 2);

    return at ? hf_load_u16(at) : 0;
}

uint32_t hf_reader_u32(struct hf_reader *r)
{
    const uint8_t *at = hf_reader_bytes(r, 4);

    return at ? hf_load_u32(at) : 0;
}

uint64_t hf_reader_u64(struct hf_reader *r)
{
    const uint8_t *at = hf_reader_bytes(r, 8);

    return at ? hf_load_u64(at) : 0;
}

bool hf_reader_ok(const struct hf_reader *r)
{
    return !r->bad;
}

bool hf_reader_done(const struct hf_reader *r)
{
    return !r->bad && r->left == 0;
}

void hf_hex(char *text, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * len] = 0;
}

enum { NO_DIGIT = 16 };

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a' + 10);
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A' + 10);
    return NO_DIGIT;
}

bool hf_unhex(uint8_t *data, size_t len, const char *text)
{
    if (strnlen(text, 2 * len + 1) != 2 * len)
        return false;
    for (size_t i = 0; i < 2 * len; i++) {
        if (digit_of(text[i]) == NO_DIGIT)
            return false;
    }
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
    return true;
}
