#include "formats/redis/record.h"

#include <sodium.h>

enum hf_status hf_redis_record_head(struct hf_buf *out, const struct hf_rdb_key *key,
                                    struct hf_error *err)
{
    uint8_t length[HF_RDB_LENGTH_MAX];

    if (key->expiry >= 0) {
        HF_TRY(hf_buf_u8(out, HF_RDB_EXPIRY_MS, err));
        HF_TRY(hf_buf_u64(out, (uint64_t)key->expiry, err));
    }
    HF_TRY(hf_buf_u8(out, key->type, err));
    HF_TRY(hf_buf_append(out, length, hf_rdb_put_length(length, key->len), err));
    return hf_buf_append(out, key->text, key->len, err);
}

size_t hf_redis_record_head_len(const struct hf_rdb_key *key)
{
    uint8_t length[HF_RDB_LENGTH_MAX];

    return (key->expiry >= 0 ? 9U : 0U) + 1 + hf_rdb_put_length(length, key->len) + key->len;
}

size_t hf_redis_hint_put(uint8_t out[HF_REDIS_HINT_MAX], const struct hf_rdb_key *key)
{
    out[0] = 0;
    if (key->freq >= 0) {
        out[0] = HF_RDB_FREQ;
        out[1] = (uint8_t)key->freq;
        return 2;
    }
    if (key->idle < 0)
        return 1;
    out[0] = HF_RDB_IDLE;
    return 1 + hf_rdb_put_length(out + 1, (uint64_t)key->idle);
}

size_t hf_redis_hint_get(const uint8_t *data, size_t len, struct hf_rdb_key *key)
{
    uint64_t idle;
    int taken;

    if (len == 0)
        return 0;
    if (data[0] == 0)
        return 1;
    if (data[0] == HF_RDB_FREQ && len >= 2) {
        key->freq = data[1];
        return 2;
    }
    taken = data[0] == HF_RDB_IDLE ? hf_rdb_length(data + 1, len - 1, &idle) : 0;
    if (taken <= 0)
        return 0;
    key->idle = (int64_t)(idle & INT64_MAX);
    return 1 + (size_t)taken;
}

uint64_t hf_redis_key_hash(const void *text, size_t len)
{
    /* No secret: it only has to spread, and to be the same tomorrow. */
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "holdfast redis 1";
    uint8_t hash[crypto_shorthash_BYTES];

    (void)crypto_shorthash(hash, text, len, key);
    return hf_load_u64(hash);
}

unsigned hf_redis_type_version(enum hf_rdb_flavour flavour, uint8_t type)
{
    if (type >= HF_RDB_HASH_EXPIRY_RC)
        return flavour == HF_RDB_VALKEY ? 80 : 12;
    if (type >= HF_RDB_SET_LISTPACK)
        return 11;
    return type >= HF_RDB_HASH_LISTPACK ? 10 : 9;
}
