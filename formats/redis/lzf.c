#include "formats/redis/lzf.h"

#include <string.h>

enum { LONG_REFERENCE = 7, LENGTH_PENDING = 2, OFFSET_PENDING = 1 };

void hf_lzf_init(struct hf_lzf *lzf, uint64_t out_len)
{
    lzf->left = out_len;
    lzf->at = lzf->given = lzf->literal = 0;
    lzf->need = 0;
}

static enum hf_status bad(struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "a compressed string is damaged");
}

static enum hf_status give(struct hf_lzf *lzf, hf_lzf_out *out, void *ctx, struct hf_error *err)
{
    size_t len = lzf->at - lzf->given;

    if (len == 0)
        return HF_OK;
    HF_TRY(out(ctx, lzf->buffer + lzf->given, len, err));
    lzf->given = lzf->at;
    return HF_OK;
}

/* Room for len (at most a window) more; keeps the window that references may mean. */
static enum hf_status make_room(struct hf_lzf *lzf, size_t len, hf_lzf_out *out, void *ctx,
                                struct hf_error *err)
{
    if (len > lzf->left)
        return bad(err);
    lzf->left -= len;
    if (lzf->at + len <= sizeof lzf->buffer)
        return HF_OK;
    HF_TRY(give(lzf, out, ctx, err));
    memmove(lzf->buffer, lzf->buffer + lzf->at - HF_LZF_WINDOW, HF_LZF_WINDOW);
    lzf->at = lzf->given = HF_LZF_WINDOW;
    return HF_OK;
}

static enum hf_status refer(struct hf_lzf *lzf, hf_lzf_out *out, void *ctx, struct hf_error *err)
{
    size_t distance = (size_t)lzf->offset + 1;
    size_t len = (size_t)lzf->length + 2;
    const uint8_t *from;
    uint8_t *to;

    HF_TRY(make_room(lzf, len, out, ctx, err));
    if (distance > lzf->at)
        return bad(err);
    to = lzf->buffer + lzf->at;
    from = to - distance;
    if (distance >= len) {
        memcpy(to, from, len);
    } else {
        for (size_t i = 0; i < len; i++) /* what is written is read again */
            to[i] = from[i];
    }
    lzf->at += len;
    return HF_OK;
}

/* A byte that is no literal. */
static enum hf_status control(struct hf_lzf *lzf, uint8_t byte, hf_lzf_out *out, void *ctx,
                              struct hf_error *err)
{
    if (lzf->need == LENGTH_PENDING) {
        lzf->length = (uint16_t)(LONG_REFERENCE + byte);
        lzf->need = OFFSET_PENDING;
    } else if (lzf->need == OFFSET_PENDING) {
        lzf->offset = (uint16_t)(lzf->offset | byte);
        lzf->need = 0;
        return refer(lzf, out, ctx, err);
    } else if (byte < 32) {
        lzf->literal = (size_t)byte + 1;
    } else {
        lzf->length = byte >> 5;
        lzf->offset = (uint16_t)((byte & 31) << 8);
        lzf->need = lzf->length == LONG_REFERENCE ? LENGTH_PENDING : OFFSET_PENDING;
    }
    return HF_OK;
}

enum hf_status hf_lzf_feed(struct hf_lzf *lzf, const uint8_t *data, size_t len, hf_lzf_out *out,
                           void *ctx, struct hf_error *err)
{
    while (len > 0) {
        size_t part = lzf->literal < len ? lzf->literal : len;

        if (part == 0) {
            HF_TRY(control(lzf, *data++, out, ctx, err));
            len--;
            continue;
        }
        HF_TRY(make_room(lzf, part, out, ctx, err));
        memcpy(lzf->buffer + lzf->at, data, part);
        lzf->at += part;
        lzf->literal -= part;
        data += part;
        len -= part;
    }
    return give(lzf, out, ctx, err);
}

enum hf_status hf_lzf_end(const struct hf_lzf *lzf, struct hf_error *err)
{
    return lzf->left == 0 && lzf->literal == 0 && lzf->need == 0 ? HF_OK : bad(err);
}
