#include "formats/redis/packed.h"

#include "base/buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { END = 0xff };

static enum hf_status bad(struct hf_error *err, const char *what)
{
    return hf_error_set(err, HF_DAMAGED, "a %s is damaged", what);
}

static enum hf_status give_integer(int64_t number, hf_packed_out *out, void *ctx,
                                   struct hf_error *err)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, number);

    return out(ctx, (const uint8_t *)text, (size_t)len, err);
}

/* The lowest bits of number as a signed integer. */
static int64_t signed_bits(uint64_t number, unsigned bits)
{
    uint64_t sign = UINT64_C(1) << ((bits - 1) & 63);

    return (int64_t)(((number & (sign + (sign - 1))) ^ sign) - sign);
}

static uint64_t little(const uint8_t *data, size_t len)
{
    uint64_t number = 0;

    for (size_t i = len; i-- > 0;)
        number = number << 8 | data[i];
    return number;
}

/* An element that is no string: how many bytes behind its first, and its value's bits. */
static size_t listpack_integer_len(uint8_t first)
{
    static const uint8_t lens[] = {2, 3, 4, 8}; /* f1 to f4: 16, 24, 32, 64 bits */

    return first >= 0xf1 && first <= 0xf4 ? lens[first - 0xf1] : 0;
}

/* Bytes of the length that stands behind an element of len bytes. */
static size_t listpack_back_len(size_t len)
{
    return len < 128 ? 1 : len < 16384 ? 2 : len < 2097152 ? 3 : len < 268435456 ? 4 : 5;
}

/* The string at an element's begin: bytes before it (0: it is no string), and its length. */
static size_t listpack_string(const uint8_t *at, size_t left, size_t *len)
{
    if ((at[0] & 0xc0) == 0x80) {
        *len = at[0] & 0x3f;
        return 1;
    }
    if ((at[0] & 0xf0) == 0xe0 && left >= 2) {
        *len = (size_t)(at[0] & 0x0f) << 8 | at[1];
        return 2;
    }
    if (at[0] == 0xf0 && left >= 5) {
        *len = hf_load_u32(at + 1);
        return 5;
    }
    return 0;
}

/* One element. *out_used: all of its bytes. */
static enum hf_status listpack_element(const uint8_t *at, size_t left, hf_packed_out *out,
                                       void *ctx, size_t *out_used, struct hf_error *err)
{
    size_t len = 0, head = listpack_string(at, left, &len), all;
    size_t integer = listpack_integer_len(at[0]);

    if (head > 0)
        all = head + len;
    else if (at[0] < 0x80)
        all = 1;
    else if ((at[0] & 0xe0) == 0xc0)
        all = 2;
    else if (integer > 0)
        all = 1 + integer;
    else
        return bad(err, "listpack");
    if (len > left || all > left || all + listpack_back_len(all) > left)
        return bad(err, "listpack");
    *out_used = all + listpack_back_len(all);
    if (head > 0)
        return out(ctx, at + head, len, err);
    if (at[0] < 0x80)
        return give_integer(at[0], out, ctx, err);
    if (integer == 0)
        return give_integer(signed_bits((uint64_t)(at[0] & 0x1f) << 8 | at[1], 13), out, ctx, err);
    return give_integer(signed_bits(little(at + 1, integer), (unsigned)integer * 8), out, ctx, err);
}

static enum hf_status read_listpack(const uint8_t *data, size_t len, hf_packed_out *out, void *ctx,
                                    struct hf_error *err)
{
    size_t at = 6; /* total bytes: 4, elements: 2 */

    if (len < 7 || hf_load_u32(data) != len || data[len - 1] != END)
        return bad(err, "listpack");
    while (at < len - 1) {
        size_t used;

        HF_TRY(listpack_element(data + at, len - 1 - at, out, ctx, &used, err));
        at += used;
    }
    return HF_OK;
}

/* Bytes before the string of a ziplist's entry, and its length; 0: it is an integer. */
static size_t ziplist_string(const uint8_t *at, size_t left, size_t *len)
{
    switch (at[0] >> 6) {
    case 0:
        *len = at[0];
        return 1;
    case 1:
        *len = left >= 2 ? (size_t)(at[0] & 0x3f) << 8 | at[1] : SIZE_MAX;
        return 2;
    case 2:
        *len = left >= 5 ? (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4]
                         : SIZE_MAX;
        return 5;
    default:
        return 0;
    }
}

static enum hf_status ziplist_integer(const uint8_t *at, size_t left, hf_packed_out *out, void *ctx,
                                      size_t *out_used, struct hf_error *err)
{
    size_t len;

    switch (at[0]) {
    case 0xc0:
        len = 2;
        break;
    case 0xd0:
        len = 4;
        break;
    case 0xe0:
        len = 8;
        break;
    case 0xf0:
        len = 3;
        break;
    case 0xfe:
        len = 1;
        break;
    default: /* f1 to fd: 0 to 12 */
        *out_used = 1;
        if (at[0] < 0xf1 || at[0] > 0xfd)
            return bad(err, "ziplist");
        return give_integer(at[0] - 0xf1, out, ctx, err);
    }
    if (left < 1 + len)
        return bad(err, "ziplist");
    *out_used = 1 + len;
    return give_integer(signed_bits(little(at + 1, len), (unsigned)len * 8), out, ctx, err);
}

static enum hf_status read_ziplist(const uint8_t *data, size_t len, hf_packed_out *out, void *ctx,
                                   struct hf_error *err)
{
    size_t at = 10; /* bytes: 4, last: 4, entries: 2 */

    if (len < 11 || hf_load_u32(data) != len || data[len - 1] != END)
        return bad(err, "ziplist");
    while (at < len - 1) {
        size_t text = 0, head, left;

        at += data[at] == 0xfe ? 5 : 1; /* the previous one's length */
        if (at >= len - 1)
            return bad(err, "ziplist");
        left = len - 1 - at;
        head = ziplist_string(data + at, left, &text);
        if (head == 0) {
            size_t used;

            HF_TRY(ziplist_integer(data + at, left, out, ctx, &used, err));
            at += used;
            continue;
        }
        if (head > left || text > left - head)
            return bad(err, "ziplist");
        HF_TRY(out(ctx, data + at + head, text, err));
        at += head + text;
    }
    return HF_OK;
}

static enum hf_status read_intset(const uint8_t *data, size_t len, hf_packed_out *out, void *ctx,
                                  struct hf_error *err)
{
    size_t width = len >= 8 ? hf_load_u32(data) : 0;
    size_t count = len >= 8 ? hf_load_u32(data + 4) : 0;

    if ((width != 2 && width != 4 && width != 8) || len - 8 != width * count)
        return bad(err, "intset");
    for (size_t i = 0; i < count; i++)
        HF_TRY(give_integer(signed_bits(little(data + 8 + i * width, width), (unsigned)width * 8),
                            out, ctx, err));
    return HF_OK;
}

/* A length: one byte, or fe and four. 0 bytes: it does not fit. */
static size_t zipmap_length(const uint8_t *data, size_t left, size_t *out)
{
    if (left >= 1 && data[0] < 0xfe) {
        *out = data[0];
        return 1;
    }
    if (left >= 5 && data[0] == 0xfe) {
        *out = hf_load_u32(data + 1);
        return 5;
    }
    return 0;
}

static enum hf_status read_zipmap(const uint8_t *data, size_t len, hf_packed_out *out, void *ctx,
                                  struct hf_error *err)
{
    size_t at = 1; /* entries, if fewer than 254 */
    bool value = false;

    if (len < 2 || data[len - 1] != END)
        return bad(err, "zipmap");
    for (; at < len - 1; value = !value) {
        size_t text, spare = 0, head = zipmap_length(data + at, len - 1 - at, &text);

        if (head == 0)
            return bad(err, "zipmap");
        at += head;
        if (value) /* a byte says how many bytes behind the value are not used */
            spare = data[at++];
        if (at > len - 1 || text > len - 1 - at || spare > len - 1 - at - text)
            return bad(err, "zipmap");
        HF_TRY(out(ctx, data + at, text, err));
        at += text + spare;
    }
    return value ? bad(err, "zipmap") : HF_OK;
}

enum hf_status hf_packed_read(enum hf_packed_kind kind, const uint8_t *data, size_t len,
                              hf_packed_out *out, void *ctx, struct hf_error *err)
{
    switch (kind) {
    case HF_PACKED_LISTPACK:
        return read_listpack(data, len, out, ctx, err);
    case HF_PACKED_ZIPLIST:
        return read_ziplist(data, len, out, ctx, err);
    case HF_PACKED_INTSET:
        return read_intset(data, len, out, ctx, err);
    default:
        return read_zipmap(data, len, out, ctx, err);
    }
}
