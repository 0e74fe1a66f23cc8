#include "formats/redis/payload.h"

#include "formats/redis/crc64.h"

#include <inttypes.h>
#include <string.h>

void hf_redis_footer(uint8_t out[HF_REDIS_FOOTER], unsigned version, uint64_t crc)
{
    hf_store_u16(out, (uint16_t)version);
    hf_store_u64(out + 2, hf_crc64(crc, out, 2));
}

/* The next bytes of the string, at most left of them. */
static enum hf_status next_piece(struct hf_redis *redis, uint64_t left, const uint8_t **data,
                                 size_t *len, struct hf_error *err)
{
    HF_TRY(hf_redis_peek(redis, data, len, err));
    *len = *len < left ? *len : (size_t)left;
    return HF_OK;
}

static enum hf_status take_exactly(struct hf_redis *redis, uint8_t *out, size_t len,
                                   struct hf_error *err)
{
    while (len > 0) {
        const uint8_t *data;
        size_t part;

        HF_TRY(next_piece(redis, len, &data, &part, err));
        memcpy(out, data, part);
        hf_redis_take(redis, part);
        out += part;
        len -= part;
    }
    return HF_OK;
}

static enum hf_status damaged(struct hf_redis *redis, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "%s: what the server dumped of a key is damaged",
                        hf_redis_where(redis));
}

/* left: bytes of the value that are to come. */
static enum hf_status read_value(struct hf_redis *redis, struct hf_rdb *rdb, uint64_t left,
                                 uint64_t *crc, struct hf_error *err)
{
    while (left > 0) {
        const uint8_t *data;
        size_t len;

        HF_TRY(next_piece(redis, left, &data, &len, err));
        *crc = hf_crc64(*crc, data, len);
        HF_TRY(hf_rdb_feed(rdb, data, len, err));
        hf_redis_take(redis, len);
        left -= len;
    }
    return hf_rdb_end_value(rdb, err);
}

static enum hf_status check_footer(struct hf_redis *redis, uint64_t crc, unsigned *out_version,
                                   struct hf_error *err)
{
    uint8_t footer[HF_REDIS_FOOTER];
    uint64_t expected;

    HF_TRY(take_exactly(redis, footer, sizeof footer, err));
    HF_TRY(hf_redis_bulk_end(redis, err));
    expected = hf_load_u64(footer + 2);
    if (expected != 0 && expected != hf_crc64(crc, footer, 2))
        return damaged(redis, err);
    *out_version = hf_load_u16(footer);
    return HF_OK;
}

enum hf_status hf_redis_payload_read(struct hf_redis *redis, struct hf_rdb *rdb,
                                     struct hf_rdb_key *key, bool *out_found, struct hf_error *err)
{
    unsigned version;
    uint64_t crc;
    int64_t len;

    *out_found = false;
    HF_TRY(hf_redis_bulk(redis, &len, err));
    if (len < 0)
        return HF_OK;
    if (len < 1 + 1 + HF_REDIS_FOOTER)
        return damaged(redis, err);
    HF_TRY(take_exactly(redis, &key->type, 1, err));
    crc = hf_crc64(0, &key->type, 1);
    *out_found = true;
    if (hf_rdb_begin_value(rdb, key, err) != HF_OK ||
        read_value(redis, rdb, (uint64_t)len - 1 - HF_REDIS_FOOTER, &crc, err) != HF_OK)
        return hf_error_prefix(err, "%s", hf_redis_where(redis));
    return check_footer(redis, crc, &version, err);
}

enum hf_status hf_redis_functions_dump(struct hf_redis *redis, size_t max, struct hf_buf *out,
                                       unsigned *out_version, struct hf_error *err)
{
    int64_t len;

    HF_TRY(hf_redis_queue_words(redis, err, "FUNCTION", "DUMP", NULL));
    HF_TRY(hf_redis_flush(redis, err));
    HF_TRY(hf_redis_bulk(redis, &len, err));
    if (len < HF_REDIS_FOOTER || (uint64_t)len > max)
        return damaged(redis, err);
    len -= HF_REDIS_FOOTER;
    out->len = 0;
    HF_TRY(hf_buf_reserve(out, (size_t)len + 1, err));
    HF_TRY(take_exactly(redis, out->data, (size_t)len, err));
    out->len = (size_t)len;
    return check_footer(redis, hf_crc64(0, out->data, out->len), out_version, err);
}
