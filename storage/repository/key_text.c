/* Recipients and identities as text: prefix ‖ base32(key ‖ checksum). */
#include "storage/repository/key_record.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    CHECKSUM = 3, /* so that 35 bytes are 56 digits exactly: no text means the same as another */
    BODY = HF_KEY_SIZE + CHECKSUM,
    DIGITS = BODY * 8 / 5,
};
_Static_assert(BODY * 8 % 5 == 0, "no spare bits");

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static void checksum(const char *prefix, const uint8_t *key, uint8_t out[CHECKSUM])
{
    crypto_hash_sha256_state state;
    uint8_t sum[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)prefix, strlen(prefix));
    (void)crypto_hash_sha256_update(&state, key, HF_KEY_SIZE);
    (void)crypto_hash_sha256_final(&state, sum);
    memcpy(out, sum, CHECKSUM);
    sodium_memzero(&state, sizeof state);
}

void hf_key_text_encode(const char *prefix, const uint8_t key[HF_KEY_SIZE],
                        char out[HF_KEY_TEXT_MAX])
{
    uint8_t body[BODY];
    memcpy(body, key, HF_KEY_SIZE);
    checksum(prefix, key, body + HF_KEY_SIZE);
    int n = snprintf(out, HF_KEY_TEXT_MAX - DIGITS, "%s", prefix);
    char *at = out + n;
    for (size_t i = 0; i < DIGITS; i++) {
        unsigned value = 0;
        for (size_t bit = 5 * i; bit < 5 * i + 5; bit++)
            value = value << 1 | ((unsigned)body[bit / 8] >> (7 - bit % 8) & 1u);
        *at++ = digits[value];
    }
    *at = '\0';
    sodium_memzero(body, sizeof body);
}

static bool decode_digits(const char *text, uint8_t body[BODY])
{
    memset(body, 0, BODY);
    for (size_t i = 0; i < DIGITS; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        unsigned value = (unsigned)(digit - digits);
        for (size_t bit = 0; bit < 5; bit++)
            if (value >> (4 - bit) & 1u)
                body[(5 * i + bit) / 8] |= (uint8_t)(0x80u >> ((5 * i + bit) % 8));
    }
    return true;
}

enum hf_status hf_key_text_decode(const char *prefix, const char *text, size_t len,
                                  uint8_t out[HF_KEY_SIZE], struct hf_error *err)
{
    size_t prefix_len = strlen(prefix);
    if (len < prefix_len || memcmp(text, prefix, prefix_len) != 0)
        return hf_error_set(err, HF_USAGE, "it does not begin with %s", prefix);
    if (len != prefix_len + DIGITS)
        return hf_error_set(err, HF_USAGE, "it has %zu characters, %zu are right", len,
                            prefix_len + DIGITS);
    uint8_t body[BODY];
    uint8_t sum[CHECKSUM];
    bool ok = decode_digits(text + prefix_len, body);
    if (ok) {
        checksum(prefix, body, sum);
        ok = memcmp(sum, body + HF_KEY_SIZE, CHECKSUM) == 0;
    }
    if (ok)
        memcpy(out, body, HF_KEY_SIZE);
    sodium_memzero(body, sizeof body);
    if (!ok)
        return hf_error_set(err, HF_USAGE, "it was mistyped: its checksum does not fit");
    return HF_OK;
}
