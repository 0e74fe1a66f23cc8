#include "storage/repository/header.h"

#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t repo_id[HF_REPO_ID] = "a repository's i";

static struct hf_keyset *make(struct hf_repo_header *header, struct hf_buf *bytes)
{
    struct hf_keyset *keys = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_crypto_init(&err), HF_OK);
    assert_int_equal(hf_keyset_generate(repo_id, &keys, &err), HF_OK);
    *header = (struct hf_repo_header){.format = 1,
                                      .cipher = HF_CIPHER_AES_256_GCM,
                                      .chunk_min = HF_CHUNK_MIN,
                                      .chunk_avg = HF_CHUNK_AVG,
                                      .chunk_max = HF_CHUNK_MAX};
    memcpy(header->id, repo_id, sizeof repo_id);
    hf_header_sign(header, keys->sign_sk);
    assert_int_equal(hf_header_render(header, bytes, &err), HF_OK);
    return keys;
}

static void render_and_parse_give_the_same_header(void **state)
{
    (void)state;
    struct hf_repo_header header;
    struct hf_repo_header again;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO_PTR(hf_keyset) keys = make(&header, &bytes);
    assert_int_equal(hf_header_parse(bytes.data, bytes.len, &again, &err), HF_OK);
    assert_memory_equal(&again, &header, sizeof header);
    assert_int_equal(hf_header_verify(&again, keys->sign_pk, &err), HF_OK);
}

static void parse_every_bit_flipped_fails(void **state)
{
    (void)state;
    struct hf_repo_header header;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO_PTR(hf_keyset) keys = make(&header, &bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct hf_repo_header again;
            bytes.data[i] ^= (uint8_t)(1u << bit);
            enum hf_status status = hf_header_parse(bytes.data, bytes.len, &again, &err);
            if (status == HF_OK)
                status = hf_header_verify(&again, keys->sign_pk, &err);
            assert_true(status == HF_DAMAGED || status == HF_UNSUPPORTED);
            bytes.data[i] ^= (uint8_t)(1u << bit);
        }
    }
}

static void parse_every_truncation_is_damage(void **state)
{
    (void)state;
    struct hf_repo_header header;
    struct hf_repo_header again;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO_PTR(hf_keyset) keys = make(&header, &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(hf_header_parse(bytes.data, len, &again, &err), HF_DAMAGED);
}

static void parse_newer_format_is_unsupported(void **state)
{
    (void)state;
    static const char *const newer[] = {
        "{\"format\":2,\"type\":\"holdfast repository\"}",
        "{\"format\":77,\"type\":\"holdfast repository\",\"surprise\":[1,2]}",
    };
    struct hf_repo_header header;
    struct hf_error err = HF_ERROR_INIT;
    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
        assert_int_equal(hf_header_parse(newer[i], strlen(newer[i]), &header, &err),
                         HF_UNSUPPORTED);
        assert_non_null(strstr(err.text, "newer holdfast"));
    }
}

static enum hf_status parse_with(void (*change)(struct hf_repo_header *), struct hf_error *err)
{
    struct hf_repo_header header;
    struct hf_repo_header again;
    HF_AUTO(hf_buf) before = HF_BUF_INIT;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO_PTR(hf_keyset) keys = make(&header, &before);
    change(&header);
    hf_header_sign(&header, keys->sign_sk);
    assert_int_equal(hf_header_render(&header, &bytes, err), HF_OK);
    return hf_header_parse(bytes.data, bytes.len, &again, err);
}

static void min_too_low(struct hf_repo_header *h)
{
    h->chunk_min = 1023;
}
static void min_not_below_avg(struct hf_repo_header *h)
{
    h->chunk_min = h->chunk_avg;
}
static void avg_no_power_of_two(struct hf_repo_header *h)
{
    h->chunk_avg++;
}
static void max_not_above_avg(struct hf_repo_header *h)
{
    h->chunk_max = h->chunk_avg;
}
static void max_too_high(struct hf_repo_header *h)
{
    h->chunk_max = HF_CHUNK_MAX_HIGHEST + 1;
}
static void format_zero(struct hf_repo_header *h)
{
    h->format = 0;
}

static void parse_out_of_bounds_is_damage(void **state)
{
    (void)state;
    void (*const changes[])(struct hf_repo_header *) = {
        min_too_low,       min_not_below_avg, avg_no_power_of_two,
        max_not_above_avg, max_too_high,      format_zero,
    };
    struct hf_error err = HF_ERROR_INIT;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        assert_int_equal(parse_with(changes[i], &err), HF_DAMAGED);
}

static void parse_other_forms_of_the_same_are_damage(void **state)
{
    (void)state;
    struct hf_repo_header header;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO_PTR(hf_keyset) keys = make(&header, &bytes);
    assert_int_equal(hf_buf_append(&bytes, "\n", 1, &err), HF_OK);
    assert_int_equal(hf_header_parse(bytes.data, bytes.len, &header, &err), HF_DAMAGED);
}

static void verify_by_another_key_is_damage(void **state)
{
    (void)state;
    struct hf_repo_header header;
    struct hf_repo_header other;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO(hf_buf) other_bytes = HF_BUF_INIT;
    HF_AUTO_PTR(hf_keyset) keys = make(&header, &bytes);
    HF_AUTO_PTR(hf_keyset) other_keys = make(&other, &other_bytes);
    assert_int_equal(hf_header_verify(&header, other_keys->sign_pk, &err), HF_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(render_and_parse_give_the_same_header),
        cmocka_unit_test(parse_every_bit_flipped_fails),
        cmocka_unit_test(parse_every_truncation_is_damage),
        cmocka_unit_test(parse_newer_format_is_unsupported),
        cmocka_unit_test(parse_out_of_bounds_is_damage),
        cmocka_unit_test(parse_other_forms_of_the_same_are_damage),
        cmocka_unit_test(verify_by_another_key_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
