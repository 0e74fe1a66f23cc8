#include "storage/repository/frame.h"

#include "base/buffer.h"
#include "storage/repository/columns.h"
#include "storage/repository/frame_cipher.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    RAW_SHARE = 64, /* what a codec saves must be more than one part in so many */
    LEVEL_LOWEST = -7,
    SCRATCH_STEP = 256 << 10,
    /*
     * In a transposed chunk like values are neighbours, so at the fast levels a table of matches
     * that stays in the nearest cache finds what a larger one does: 10% to 25% less CPU for the
     * same size, give or take 2% (4% in long texts).
     */
    COLUMNS_HASH_LOG = 12,
    COLUMNS_LEVEL_FAST = 2,
};

/* Memory that grows and is never moved for what is in it. */
struct scratch {
    uint8_t *data;
    size_t cap;
};

struct hf_frame_coder {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
    int level;
    struct hf_frame_cipher cipher;
    struct hf_columns columns;
    struct scratch turned; /* a chunk transposed */
    struct scratch body;   /* a chunk compressed, or decrypted */
};

static enum hf_status scratch_room(struct scratch *scratch, size_t len, struct hf_error *err)
{
    if (scratch->cap >= len)
        return HF_OK;
    size_t cap = (len + SCRATCH_STEP - 1) / SCRATCH_STEP * SCRATCH_STEP;
    free(scratch->data);
    scratch->data = malloc(cap);
    scratch->cap = scratch->data ? cap : 0;
    return scratch->data ? HF_OK : hf_error_memory(err);
}

void hf_frame_coder_free(struct hf_frame_coder *coder)
{
    if (!coder)
        return;
    ZSTD_freeCCtx(coder->pack);
    ZSTD_freeDCtx(coder->unpack);
    hf_frame_cipher_done(&coder->cipher);
    hf_columns_free(&coder->columns);
    free(coder->turned.data);
    free(coder->body.data);
    free(coder);
}

static enum hf_status make_contexts(struct hf_frame_coder *coder, int level, struct hf_error *err)
{
    coder->level = level;
    coder->pack = ZSTD_createCCtx();
    coder->unpack = ZSTD_createDCtx();
    if (!coder->pack || !coder->unpack)
        return hf_error_memory(err);
    if (ZSTD_isError(ZSTD_CCtx_setParameter(coder->pack, ZSTD_c_compressionLevel, level)))
        return hf_error_set(err, HF_USAGE, "compression level %d is unknown to zstd", level);
    return HF_OK;
}

enum hf_status hf_frame_coder_new(int level, struct hf_frame_coder **out, struct hf_error *err)
{
    if (level < LEVEL_LOWEST || level > HF_FRAME_LEVEL_MAX)
        return hf_error_set(err, HF_USAGE, "compression level %d: levels are %d to %d", level,
                            LEVEL_LOWEST, HF_FRAME_LEVEL_MAX);
    struct hf_frame_coder *coder = calloc(1, sizeof *coder);
    if (!coder)
        return hf_error_memory(err);
    enum hf_status status = make_contexts(coder, level ? level : HF_FRAME_LEVEL, err);
    if (status != HF_OK) {
        hf_frame_coder_free(coder);
        return status;
    }
    *out = coder;
    return HF_OK;
}

/* For what is compressed next. 0: as the level has it. */
static enum hf_status tune(struct hf_frame_coder *coder, bool turned, struct hf_error *err)
{
    bool own = turned && coder->level > 0 && coder->level <= COLUMNS_LEVEL_FAST;
    if (ZSTD_isError(
            ZSTD_CCtx_setParameter(coder->pack, ZSTD_c_hashLog, own ? COLUMNS_HASH_LOG : 0)))
        return hf_error_set(err, HF_FAILED, "zstd refuses its parameters");
    return HF_OK;
}

/* zstd into coder->body. *out_len is 0 when the result is not smaller than most bytes. */
static enum hf_status compress(struct hf_frame_coder *coder, const uint8_t *data, size_t len,
                               size_t most, size_t *out_len, struct hf_error *err)
{
    HF_TRY(scratch_room(&coder->body, most, err));
    size_t got = ZSTD_compress2(coder->pack, coder->body.data, most, data, len);
    if (!ZSTD_isError(got)) {
        *out_len = got;
        return HF_OK;
    }
    if (ZSTD_getErrorCode(got) != ZSTD_error_dstSize_tooSmall)
        return hf_error_set(err, HF_FAILED, "zstd: %s", ZSTD_getErrorName(got));
    *out_len = 0;
    return HF_OK;
}

enum hf_status hf_frame_encode(struct hf_frame_coder *coder, enum hf_stream_kind kind,
                               const void *plain, size_t len, struct hf_frame_body *out,
                               struct hf_error *err)
{
    if (len == 0 || len > HF_CHUNK_PLAIN_MAX)
        return hf_error_set(err, HF_FAILED, "a chunk has 1 to %d bytes, not %zu",
                            HF_CHUNK_PLAIN_MAX, len);
    const uint8_t *from = plain;
    size_t from_len = len;
    bool turned = false;
    if (kind == HF_STREAM_ROWS && len <= HF_FRAME_COLUMNS_MOST) {
        HF_TRY(scratch_room(&coder->turned, len + HF_COLUMNS_HEAD, err));
        HF_TRY(hf_columns_split(&coder->columns, plain, len, coder->turned.data, &turned, err));
        if (turned) {
            from = coder->turned.data;
            from_len = len + HF_COLUMNS_HEAD;
        }
    }
    size_t packed = 0;
    HF_TRY(tune(coder, turned, err));
    HF_TRY(compress(coder, from, from_len, len - len / RAW_SHARE, &packed, err));
    if (packed == 0) {
        *out = (struct hf_frame_body){plain, (uint32_t)len, HF_CODEC_RAW};
        return HF_OK;
    }
    *out = (struct hf_frame_body){coder->body.data, (uint32_t)packed,
                                  turned ? HF_CODEC_COLUMNS : HF_CODEC_ZSTD};
    return HF_OK;
}

enum hf_status hf_frame_seal(struct hf_frame_coder *coder, const struct hf_pack_key *key,
                             const struct hf_frame *frame, const uint8_t *body, uint8_t *out,
                             struct hf_error *err)
{
    return hf_frame_cipher_seal(&coder->cipher, key, frame, body, out, err);
}

static enum hf_status decompress(struct hf_frame_coder *coder, const uint8_t *body, size_t len,
                                 uint8_t *out, size_t out_len, struct hf_error *err)
{
    size_t got = ZSTD_decompressDCtx(coder->unpack, out, out_len, body, len);
    if (ZSTD_isError(got))
        return hf_error_set(err, HF_DAMAGED, "a chunk does not decompress: %s",
                            ZSTD_getErrorName(got));
    if (got != out_len)
        return hf_error_set(err, HF_DAMAGED, "a chunk decompresses to %zu bytes, not %zu", got,
                            out_len);
    return HF_OK;
}

static enum hf_status decode_columns(struct hf_frame_coder *coder, const uint8_t *body, size_t len,
                                     uint8_t *plain, size_t plain_len, struct hf_error *err)
{
    size_t turned = plain_len + HF_COLUMNS_HEAD;
    HF_TRY(scratch_room(&coder->turned, turned, err));
    HF_TRY(decompress(coder, body, len, coder->turned.data, turned, err));
    return hf_columns_join(&coder->columns, coder->turned.data, turned, plain, err);
}

static enum hf_status check_frame(const struct hf_frame *frame, struct hf_error *err)
{
    if (frame->plain_len == 0 || frame->plain_len > HF_CHUNK_PLAIN_MAX ||
        frame->stored_len <= HF_FRAME_TAG || frame->stored_len - HF_FRAME_TAG > frame->plain_len)
        return hf_error_set(err, HF_DAMAGED, "a frame of %u bytes cannot hold a chunk of %u",
                            frame->stored_len, frame->plain_len);
    if (frame->codec == HF_CODEC_RAW && frame->stored_len - HF_FRAME_TAG != frame->plain_len)
        return hf_error_set(err, HF_DAMAGED, "a raw frame of %u bytes is not a chunk of %u",
                            frame->stored_len, frame->plain_len);
    return HF_OK;
}

enum hf_status hf_frame_open(struct hf_frame_coder *coder, const struct hf_pack_key *key,
                             const struct hf_frame *frame, const uint8_t *sealed, uint8_t *plain,
                             struct hf_error *err)
{
    HF_TRY(check_frame(frame, err));
    size_t len = frame->stored_len - HF_FRAME_TAG;
    if (frame->codec == HF_CODEC_RAW)
        return hf_frame_cipher_open(&coder->cipher, key, frame, sealed, plain, err);
    HF_TRY(scratch_room(&coder->body, len, err));
    HF_TRY(hf_frame_cipher_open(&coder->cipher, key, frame, sealed, coder->body.data, err));
    switch (frame->codec) {
    case HF_CODEC_ZSTD:
        return decompress(coder, coder->body.data, len, plain, frame->plain_len, err);
    case HF_CODEC_COLUMNS:
        return decode_columns(coder, coder->body.data, len, plain, frame->plain_len, err);
    default:
        return hf_error_set(err, HF_UNSUPPORTED,
                            "codec %u is of a newer format: use a newer holdfast", frame->codec);
    }
}
