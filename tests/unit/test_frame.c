#include "storage/repository/frame.h"

#include "base/random.h"
#include "base/secret.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

static int set_up(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

static struct hf_frame_coder *new_coder(void)
{
    struct hf_frame_coder *coder;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_frame_coder_new(0, &coder, &err), &err);
    return coder;
}

/* Rows of three columns that compress. */
static uint8_t *make_rows(size_t count, size_t *out_len)
{
    char *rows = malloc(count * 64);
    size_t len = 0;
    assert_non_null(rows);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(rows + len, 64, "%zu\tname %zu\t%zu\n", i, i % 7, i * i);
    *out_len = len;
    return (uint8_t *)rows;
}

struct sealed {
    struct hf_pack_key key;
    struct hf_frame frame;
    uint8_t *data;
};

static struct sealed seal(enum hf_repo_cipher cipher, enum hf_stream_kind kind,
                          const uint8_t *plain, size_t len)
{
    struct hf_frame_coder *coder = new_coder();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_frame_body body;
    struct sealed sealed = {.key.cipher = cipher};
    assert_ok(hf_frame_encode(coder, kind, plain, len, &body, &err), &err);
    hf_random_bytes(sealed.key.bytes, HF_PACK_KEY);
    hf_random_bytes(sealed.frame.id.bytes, HF_CHUNK_ID);
    sealed.frame.plain_len = (uint32_t)len;
    sealed.frame.stored_len = body.len + HF_FRAME_TAG;
    sealed.frame.codec = (uint8_t)body.codec;
    sealed.frame.number = 12345;
    sealed.data = malloc(sealed.frame.stored_len);
    assert_non_null(sealed.data);
    assert_ok(hf_frame_seal(coder, &sealed.key, &sealed.frame, body.data, sealed.data, &err), &err);
    hf_frame_coder_free(coder);
    return sealed;
}

static enum hf_status open_frame(const struct sealed *sealed, uint8_t **out, struct hf_error *err)
{
    struct hf_frame_coder *coder = new_coder();
    *out = malloc(sealed->frame.plain_len);
    enum hf_status status =
        hf_frame_open(coder, &sealed->key, &sealed->frame, sealed->data, *out, err);
    hf_frame_coder_free(coder);
    return status;
}

static void assert_round_trip(enum hf_stream_kind kind, const uint8_t *plain, size_t len,
                              enum hf_codec codec)
{
    for (int cipher = HF_CIPHER_XCHACHA20_POLY1305; cipher <= HF_CIPHER_AES_256_GCM; cipher++) {
        struct hf_error err = HF_ERROR_INIT;
        struct sealed sealed = seal((enum hf_repo_cipher)cipher, kind, plain, len);
        uint8_t *back;
        assert_int_equal(sealed.frame.codec, codec);
        assert_ok(open_frame(&sealed, &back, &err), &err);
        assert_memory_equal(back, plain, len);
        free(back);
        free(sealed.data);
    }
}

static void frame_every_codec_comes_back(void **state)
{
    (void)state;
    size_t len;
    uint8_t *rows = make_rows(20000, &len);
    uint8_t noise[5000];
    hf_random_bytes(noise, sizeof noise);
    assert_round_trip(HF_STREAM_ROWS, rows, len, HF_CODEC_COLUMNS);
    assert_round_trip(HF_STREAM_ROWS, rows, len - 1, HF_CODEC_ZSTD);
    assert_round_trip(HF_STREAM_BYTES, rows, len, HF_CODEC_ZSTD);
    assert_round_trip(HF_STREAM_BYTES, noise, sizeof noise, HF_CODEC_RAW);
    assert_round_trip(HF_STREAM_ROWS, noise, 1, HF_CODEC_RAW);
    free(rows);
}

static void encode_chunk_of_impossible_length_refused(void **state)
{
    (void)state;
    struct hf_frame_coder *coder = new_coder();
    struct hf_frame_body body;
    struct hf_error err = HF_ERROR_INIT;
    assert_fails(hf_frame_encode(coder, HF_STREAM_BYTES, "", 0, &body, &err), HF_FAILED, &err);
    hf_frame_coder_free(coder);
}

static void coder_unknown_level_refused(void **state)
{
    (void)state;
    struct hf_frame_coder *coder;
    struct hf_error err = HF_ERROR_INIT;
    assert_fails(hf_frame_coder_new(99, &coder, &err), HF_USAGE, &err);
}

/* XChaCha20-Poly1305 is the one everybody has: libsodium opens it. */
static void seal_xchacha_opened_by_libsodium(void **state)
{
    (void)state;
    static const uint8_t plain[] = "some bytes that are too short to compress";
    struct sealed sealed = seal(HF_CIPHER_XCHACHA20_POLY1305, HF_STREAM_BYTES, plain, sizeof plain);
    uint8_t nonce[24] = {0x39, 0x30}; /* 12345 */
    uint8_t ad[41];
    uint8_t back[sizeof plain];
    memcpy(ad, sealed.frame.id.bytes, 32);
    hf_store_u32(ad + 32, sealed.frame.plain_len);
    hf_store_u32(ad + 36, sealed.frame.stored_len);
    ad[40] = sealed.frame.codec;
    assert_int_equal(sealed.frame.codec, HF_CODEC_RAW);
    assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(back, NULL, NULL, sealed.data,
                                                                sealed.frame.stored_len, ad,
                                                                sizeof ad, nonce, sealed.key.bytes),
                     0);
    assert_memory_equal(back, plain, sizeof plain);
    free(sealed.data);
}

static void assert_damaged(const struct sealed *sealed)
{
    struct hf_error err = HF_ERROR_INIT;
    uint8_t *back;
    assert_fails(open_frame(sealed, &back, &err), HF_DAMAGED, &err);
    free(back);
}

static void open_every_byte_flipped_is_damage(void **state)
{
    (void)state;
    size_t len;
    uint8_t *rows = make_rows(40, &len);
    for (int cipher = HF_CIPHER_XCHACHA20_POLY1305; cipher <= HF_CIPHER_AES_256_GCM; cipher++) {
        struct sealed sealed = seal((enum hf_repo_cipher)cipher, HF_STREAM_ROWS, rows, len);
        for (size_t i = 0; i < sealed.frame.stored_len; i++) {
            sealed.data[i] ^= 1;
            assert_damaged(&sealed);
            sealed.data[i] ^= 1;
        }
        free(sealed.data);
    }
    free(rows);
}

static void open_what_the_directory_says_changed_is_damage(void **state)
{
    (void)state;
    size_t len;
    uint8_t *rows = make_rows(200, &len);
    const struct sealed sealed = seal(HF_CIPHER_XCHACHA20_POLY1305, HF_STREAM_ROWS, rows, len);
    struct sealed other = sealed;
    other.frame.number++;
    assert_damaged(&other);
    other = sealed;
    other.frame.id.bytes[31] ^= 1;
    assert_damaged(&other);
    other = sealed;
    other.frame.plain_len++;
    assert_damaged(&other);
    other = sealed;
    other.frame.stored_len--;
    assert_damaged(&other);
    other = sealed;
    other.frame.codec = HF_CODEC_ZSTD;
    assert_damaged(&other);
    other = sealed;
    other.frame.stored_len = HF_FRAME_TAG;
    assert_damaged(&other);
    other = sealed;
    other.frame.plain_len = 10;
    assert_damaged(&other);
    free(sealed.data);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_every_codec_comes_back),
        cmocka_unit_test(encode_chunk_of_impossible_length_refused),
        cmocka_unit_test(coder_unknown_level_refused),
        cmocka_unit_test(seal_xchacha_opened_by_libsodium),
        cmocka_unit_test(open_every_byte_flipped_is_damage),
        cmocka_unit_test(open_what_the_directory_says_changed_is_damage),
    };
    return cmocka_run_group_tests_name("frame", tests, set_up, NULL);
}
