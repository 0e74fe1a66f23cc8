#include "formats/redis/rdb_walk.h"

#include "base/buffer.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENCODED_INT8 = 0, ENCODED_INT16 = 1, ENCODED_INT32 = 2, ENCODED_LZF = 3 };
enum { MODULE_EOF, MODULE_SINT, MODULE_UINT, MODULE_FLOAT, MODULE_DOUBLE, MODULE_STRING };

void hf_rdb_walk_init(struct hf_rdb_walk *walk)
{
    *walk = (struct hf_rdb_walk){.at = ""};
}

void hf_rdb_walk_done(struct hf_rdb_walk *walk)
{
    free(walk->lzf);
}

void hf_rdb_walk_begin(struct hf_rdb_walk *walk, const char *program,
                       const struct hf_rdb_visitor *visitor, void *ctx)
{
    walk->at = program;
    walk->depth = 0;
    walk->skip = 0;
    walk->visitor = visitor;
    walk->ctx = ctx;
}

int hf_rdb_length(const uint8_t *data, size_t len, uint64_t *out)
{
    uint64_t wide;
    uint32_t narrow;

    if (len < 1)
        return 0;
    switch (data[0] >> 6) {
    case 0:
        *out = data[0];
        return 1;
    case 1:
        if (len < 2)
            return 0;
        *out = (uint64_t)(data[0] & 0x3f) << 8 | data[1];
        return 2;
    case 2:
        if (data[0] == 0x80 && len >= 5) {
            memcpy(&narrow, data + 1, sizeof narrow);
            *out = be32toh(narrow);
            return 5;
        }
        if (data[0] == 0x81 && len >= 9) {
            memcpy(&wide, data + 1, sizeof wide);
            *out = be64toh(wide);
            return 9;
        }
        /* An unknown first byte is told as an encoding that nobody knows. */
        return data[0] <= 0x81 ? 0 : -1 - 0xff;
    default:
        return -1 - (data[0] & 0x3f);
    }
}

size_t hf_rdb_put_length(uint8_t data[HF_RDB_LENGTH_MAX], uint64_t length)
{
    uint32_t narrow = htobe32((uint32_t)length);
    uint64_t wide = htobe64(length);

    if (length < 64) {
        data[0] = (uint8_t)length;
        return 1;
    }
    if (length < 16384) {
        data[0] = (uint8_t)(0x40 | length >> 8);
        data[1] = (uint8_t)length;
        return 2;
    }
    if (length <= UINT32_MAX) {
        data[0] = 0x80;
        memcpy(data + 1, &narrow, sizeof narrow);
        return 5;
    }
    data[0] = 0x81;
    memcpy(data + 1, &wide, sizeof wide);
    return 9;
}

static enum hf_status bad(struct hf_error *err, const char *what)
{
    return hf_error_set(err, HF_DAMAGED, "%s is no such thing as RDB has", what);
}

/* Strings. */

static enum hf_status give_text(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct hf_rdb_walk *walk = ctx;

    return walk->visitor->text(walk->ctx, data, len, false, err);
}

static bool wants_text(const struct hf_rdb_walk *walk)
{
    return walk->visitor && walk->visitor->text;
}

/* A piece of the content of the string that was begun; it ends when skip becomes 0. */
static enum hf_status pass_content(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                   struct hf_error *err)
{
    walk->skip -= len;
    if (!wants_text(walk))
        return HF_OK;
    if (!walk->packed)
        return walk->visitor->text(walk->ctx, data, len, walk->skip == 0, err);
    HF_TRY(hf_lzf_feed(walk->lzf, data, len, give_text, walk, err));
    if (walk->skip > 0)
        return HF_OK;
    HF_TRY(hf_lzf_end(walk->lzf, err));
    return walk->visitor->text(walk->ctx, NULL, 0, true, err);
}

static enum hf_status give_integer(struct hf_rdb_walk *walk, int64_t number, struct hf_error *err)
{
    char text[24];
    int len;

    if (!wants_text(walk))
        return HF_OK;
    len = snprintf(text, sizeof text, "%" PRId64, number);
    return walk->visitor->text(walk->ctx, (const uint8_t *)text, (size_t)len, true, err);
}

/* The two lengths of a compressed string, behind its first byte. *out_used 0: more is needed. */
static enum hf_status begin_packed(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                   size_t *out_used, struct hf_error *err)
{
    uint64_t packed = 0, plain = 0;
    int first = hf_rdb_length(data + 1, len - 1, &packed);
    int second = first > 0 ? hf_rdb_length(data + 1 + first, len - 1 - (size_t)first, &plain) : 0;

    if (first < 0 || second < 0)
        return bad(err, "a compressed string's length");
    *out_used = 0;
    if (second == 0)
        return HF_OK;
    if (packed == 0)
        return bad(err, "an empty compressed string");
    if (wants_text(walk)) {
        if (!walk->lzf && !(walk->lzf = malloc(sizeof *walk->lzf)))
            return hf_error_memory(err);
        hf_lzf_init(walk->lzf, plain);
    }
    walk->skip = packed;
    walk->packed = true;
    *out_used = 1 + (size_t)first + (size_t)second;
    return HF_OK;
}

static enum hf_status encoded_string(struct hf_rdb_walk *walk, int encoding, const uint8_t *data,
                                     size_t len, size_t *out_used, struct hf_error *err)
{
    static const uint8_t sizes[] = {1, 2, 4};

    if (encoding == ENCODED_LZF)
        return begin_packed(walk, data, len, out_used, err);
    if (encoding > ENCODED_LZF)
        return bad(err, "a string's encoding");
    *out_used = 0;
    if (len < 1U + sizes[encoding])
        return HF_OK;
    *out_used = 1U + sizes[encoding];
    if (encoding == ENCODED_INT8)
        return give_integer(walk, (int8_t)data[1], err);
    if (encoding == ENCODED_INT16)
        return give_integer(walk, (int16_t)hf_load_u16(data + 1), err);
    return give_integer(walk, (int32_t)hf_load_u32(data + 1), err);
}

/* The head of a string; its content follows in skip. */
static enum hf_status begin_string(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                   size_t *out_used, struct hf_error *err)
{
    uint64_t content = 0;
    int taken = hf_rdb_length(data, len, &content);

    if (taken < 0)
        return encoded_string(walk, -1 - taken, data, len, out_used, err);
    *out_used = (size_t)taken;
    if (taken == 0)
        return HF_OK;
    walk->skip = content;
    walk->packed = false;
    if (content == 0 && wants_text(walk))
        return walk->visitor->text(walk->ctx, NULL, 0, true, err);
    return HF_OK;
}

/* The other tokens. Each: *out_used 0 when more bytes are needed. */

static enum hf_status take_number(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                  uint64_t *out, size_t *out_used, struct hf_error *err)
{
    int taken = hf_rdb_length(data, len, out);

    if (taken < 0)
        return bad(err, "a length");
    *out_used = (size_t)taken;
    if (taken > 0 && walk->visitor && walk->visitor->number)
        return walk->visitor->number(walk->ctx, *out, err);
    return HF_OK;
}

static enum hf_status take_bytes(struct hf_rdb_walk *walk, size_t count, const uint8_t *data,
                                 size_t len, size_t *out_used, struct hf_error *err)
{
    *out_used = len < count ? 0 : count;
    if (*out_used > 0 && walk->visitor && walk->visitor->bytes)
        return walk->visitor->bytes(walk->ctx, data, count, err);
    return HF_OK;
}

/* One byte of length, with three values for what has no digits. A double's text has at most 24
 * characters; whatever is longer is none. */
static enum hf_status take_real(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                size_t *out_used, struct hf_error *err)
{
    static const char *const special[] = {"nan", "inf", "-inf"};
    char text[HF_RDB_TOKEN_MAX];
    bool tell = walk->visitor && walk->visitor->real;

    *out_used = 0;
    if (len < 1)
        return HF_OK;
    if (data[0] >= 253) {
        *out_used = 1;
        return tell ? walk->visitor->real(walk->ctx, special[data[0] - 253], err) : HF_OK;
    }
    if (data[0] >= HF_RDB_TOKEN_MAX - 1)
        return bad(err, "a number");
    if (len < 1U + data[0])
        return HF_OK;
    *out_used = 1U + data[0];
    memcpy(text, data + 1, data[0]);
    text[data[0]] = '\0';
    return tell ? walk->visitor->real(walk->ctx, text, err) : HF_OK;
}

/* A field of a module's value is a length that says what it is, and that. */
static enum hf_status take_module(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                  size_t *out_used, struct hf_error *err)
{
    static const size_t sizes[] = {[MODULE_FLOAT] = 4, [MODULE_DOUBLE] = 8};
    uint64_t what = 0, number = 0;
    int taken = hf_rdb_length(data, len, &what);
    size_t more = 0;

    *out_used = 0;
    if (taken == 0)
        return HF_OK;
    if (taken < 0 || what > MODULE_STRING)
        return bad(err, "a module's field");
    data += taken;
    len -= (size_t)taken;
    if (what == MODULE_SINT || what == MODULE_UINT)
        HF_TRY(take_number(walk, data, len, &number, &more, err));
    else if (what == MODULE_STRING)
        HF_TRY(begin_string(walk, data, len, &more, err));
    else if (what != MODULE_EOF)
        HF_TRY(take_bytes(walk, sizes[what], data, len, &more, err));
    if (what != MODULE_EOF && more == 0)
        return HF_OK;
    if (what == MODULE_EOF)
        walk->at++;
    *out_used = (size_t)taken + more;
    return HF_OK;
}

static enum hf_status end_loop(struct hf_rdb_walk *walk, struct hf_error *err)
{
    walk->depth--;
    if (walk->visitor && walk->visitor->loop_end)
        return walk->visitor->loop_end(walk->ctx, err);
    return HF_OK;
}

static const char *behind_loop(const char *body)
{
    unsigned open = 1;

    for (; open > 0; body++) {
        if (*body == '(')
            open++;
        else if (*body == ')')
            open--;
    }
    return body;
}

static enum hf_status begin_loop(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                 size_t *out_used, struct hf_error *err)
{
    uint64_t count = 0;

    HF_TRY(take_number(walk, data, len, &count, out_used, err));
    if (*out_used == 0)
        return HF_OK;
    walk->at++;
    walk->loops[walk->depth].body = walk->at;
    walk->loops[walk->depth++].left = count;
    if (count > 0)
        return HF_OK;
    walk->at = behind_loop(walk->at);
    return end_loop(walk, err);
}

/* One token. Moves on in the program unless more bytes are needed. */
static enum hf_status take_token(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                 size_t *out_used, struct hf_error *err)
{
    uint64_t number = 0;

    switch (*walk->at) {
    case 's':
        HF_TRY(begin_string(walk, data, len, out_used, err));
        break;
    case 'l':
        HF_TRY(take_number(walk, data, len, &number, out_used, err));
        break;
    case '1':
    case '4':
    case '8':
        HF_TRY(take_bytes(walk, (size_t)(*walk->at - '0'), data, len, out_used, err));
        break;
    case 'x':
        HF_TRY(take_bytes(walk, 16, data, len, out_used, err));
        break;
    case 'd':
        HF_TRY(take_real(walk, data, len, out_used, err));
        break;
    case '(':
        return begin_loop(walk, data, len, out_used, err);
    default: /* 'm' */
        return take_module(walk, data, len, out_used, err);
    }
    if (*out_used > 0)
        walk->at++;
    return HF_OK;
}

/* At a ')': once more, or on. */
static enum hf_status turn(struct hf_rdb_walk *walk, struct hf_error *err)
{
    if (--walk->loops[walk->depth - 1].left > 0) {
        walk->at = walk->loops[walk->depth - 1].body;
        return HF_OK;
    }
    walk->at++;
    return end_loop(walk, err);
}

enum hf_status hf_rdb_walk_feed(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                size_t *out_used, struct hf_error *err)
{
    const uint8_t *at = data, *end = data + len;

    for (;;) {
        size_t used = 0;

        if (walk->skip > 0) {
            size_t part =
                walk->skip < (uint64_t)(end - at) ? (size_t)walk->skip : (size_t)(end - at);

            if (part > 0)
                HF_TRY(pass_content(walk, at, part, err));
            at += part;
            if (walk->skip > 0)
                break;
        }
        while (*walk->at == ')')
            HF_TRY(turn(walk, err));
        if (*walk->at == '\0' || at == end)
            break;
        HF_TRY(take_token(walk, at, (size_t)(end - at), &used, err));
        if (used == 0)
            break;
        at += used;
    }
    *out_used = (size_t)(at - data);
    return HF_OK;
}
