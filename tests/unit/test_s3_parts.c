/* The small pure pieces below the S3 store: XML, retry policy, rate limit, checksums. */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/pool.h"
#include "storage/s3/checksum.h"
#include "storage/s3/limit.h"
#include "storage/s3/retry.h"
#include "storage/s3/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define MS (HF_NS_PER_S / 1000)

/* Writes "path=text;" for each element. */
static enum hf_status note(void *ctx, const char *path, const char *text, struct hf_error *err)
{
    return hf_buf_printf(ctx, err, "%s=%s;", path, text);
}

static void assert_reads(const char *xml, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_xml_parse(xml, strlen(xml), note, &out, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, expected);
}

static void parse_gives_paths_and_texts(void **state)
{
    (void)state;
    assert_reads("<?xml version=\"1.0\"?><A xmlns=\"urn:x\"><B>one</B><s:C>t&amp;w&#x6f;</s:C>"
                 "<D><E/></D>\n</A>",
                 "A/B=one;A/C=t&wo;A/D/E=;A/D=;A=\n;");
}

static void assert_refused(const void *xml, size_t len, const char *why)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_fails(hf_xml_parse(xml, len, note, &out, &err), HF_DAMAGED, &err);
    assert_contains(err.text, why);
}

static void parse_refuses_what_is_no_answer(void **state)
{
    (void)state;
    const char *const bad[] = {"",         "hello",        "<A>",         "<A></B>",
                               "<A/><B/>", "\xff\xfe\xff", "<A>\x01</A>", "<A>&x;</A>",
                               "<A b></A>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i], strlen(bad[i]), "no XML");
    const char *bomb = "<!DOCTYPE a [<!ENTITY b \"cccc\"><!ENTITY d \"&b;&b;\">]><a>&d;</a>";
    assert_refused(bomb, strlen(bomb), "document type");
}

static void parse_bounds_depth_and_length(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) deep = HF_BUF_INIT;
    for (int i = 0; i <= HF_XML_DEPTH; i++)
        assert_ok(hf_buf_append_str(&deep, "<a>", &err), &err);
    assert_refused(deep.data, deep.len, "in one another");
    HF_AUTO(hf_buf) lengthy = HF_BUF_INIT;
    assert_ok(hf_buf_append_str(&lengthy, "<a>", &err), &err);
    for (int i = 0; i <= HF_XML_TEXT; i++)
        assert_ok(hf_buf_append_str(&lengthy, "x", &err), &err);
    assert_refused(lengthy.data, lengthy.len, "longer text");
}

static enum hf_status refuse(void *ctx, const char *path, const char *text, struct hf_error *err)
{
    (void)ctx;
    (void)text;
    return hf_error_set(err, HF_MISMATCH, "not %s", path);
}

static void parse_callback_error_is_the_result(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    assert_fails(hf_xml_parse("<a><b/></a>", 11, refuse, NULL, &err), HF_MISMATCH, &err);
    assert_string_equal(err.text, "not a/b");
}

static const struct hf_retry_policy policy = {
    .base = 100 * MS, .cap = 1000 * MS, .budget = 60000 * MS};

static void again_bounds_double_up_to_the_cap(void **state)
{
    (void)state;
    const int64_t bounds[] = {100 * MS, 200 * MS, 400 * MS, 800 * MS, 1000 * MS, 1000 * MS};
    struct hf_retry retry;
    hf_retry_begin(&retry, &policy);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        int64_t pause = -1;
        struct hf_retry copy = retry;
        assert_true(hf_retry_again(&copy, 5, 0, 0, &pause));
        assert_int_equal(pause, 0);
        assert_true(hf_retry_again(&retry, 5, 0, UINT32_MAX, &pause));
        assert_int_equal(pause, bounds[i]);
    }
}

static void again_server_asks_for_a_pause_gets_it(void **state)
{
    (void)state;
    struct hf_retry retry;
    int64_t pause = 0;
    hf_retry_begin(&retry, &policy);
    assert_true(hf_retry_again(&retry, 0, 7000 * MS, 0, &pause));
    assert_int_equal(pause, 7000 * MS);
}

static void again_budget_is_time_without_progress(void **state)
{
    (void)state;
    struct hf_retry retry;
    int64_t pause = 0;
    hf_retry_begin(&retry, &policy);
    assert_true(hf_retry_again(&retry, 1000 * MS, 0, 0, &pause));
    assert_true(hf_retry_again(&retry, 60500 * MS, 0, UINT32_MAX, &pause));
    assert_true(pause <= 500 * MS); /* the last try is within the budget */
    struct hf_retry spent = retry;
    assert_false(hf_retry_again(&spent, 61000 * MS, 0, 0, &pause));
    hf_retry_progress(&retry);
    assert_true(hf_retry_again(&retry, 61000 * MS, 0, 0, &pause));
}

static void reserve_spreads_over_time(void **state)
{
    (void)state;
    struct hf_limit limit;
    hf_limit_init(&limit, 1000000);
    int64_t now = 100 * HF_NS_PER_S;
    int64_t turn = hf_limit_reserve(&limit, 1000000, now);
    assert_int_equal(turn, now); /* the first may go at once */
    turn = hf_limit_reserve(&limit, 1000000, now);
    assert_in_range(turn, now + 900 * MS, now + 1000 * MS);
    turn = hf_limit_reserve(&limit, 1, now);
    assert_in_range(turn, now + 1900 * MS, now + 2000 * MS);
    /* An hour of rest is not made up for. */
    now += 3600 * HF_NS_PER_S;
    assert_int_equal(hf_limit_reserve(&limit, 1000000, now), now);
    assert_true(hf_limit_reserve(&limit, 1, now) >= now + 900 * MS);
    hf_limit_done(&limit);
}

static void reserve_without_a_rate_never_waits(void **state)
{
    (void)state;
    struct hf_limit limit;
    hf_limit_init(&limit, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(hf_limit_reserve(&limit, SIZE_MAX / 2, 5), 5);
    hf_limit_done(&limit);
}

enum { THREADS = 4, PIECES = 10, PIECE = 10000, RATE = 2000000 };

static enum hf_status take_pieces(void *arg, size_t index, struct hf_error *err)
{
    (void)index;
    (void)err;
    for (int i = 0; i < PIECES; i++)
        hf_limit_take(arg, PIECE, NULL);
    return HF_OK;
}

static void take_by_many_threads_keeps_the_rate(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_limit limit;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    hf_limit_init(&limit, RATE);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    int64_t begin = hf_clock_monotonic();
    assert_ok(hf_pool_start(THREADS, take_pieces, NULL, &limit, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    int64_t took = hf_clock_monotonic() - begin;
    int64_t fair = (int64_t)THREADS * PIECES * PIECE * HF_NS_PER_S / RATE;
    assert_true(took >= fair - 60 * MS);
    hf_limit_done(&limit);
}

static void checksums_are_the_known_ones(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    uint8_t sha256[HF_SHA256];
    uint8_t md5[HF_MD5];
    char text[HF_CHECKSUM_BASE64];
    assert_ok(hf_checksum_sha256("abc", 3, sha256, &err), &err);
    hf_checksum_base64(text, sha256, sizeof sha256);
    assert_string_equal(text, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    assert_ok(hf_checksum_md5("abc", 3, md5, &err), &err);
    hf_checksum_base64(text, md5, sizeof md5);
    assert_string_equal(text, "kAFQmDzST7DWlj99KOF/cg==");
    /* RFC 3720, B.4 */
    uint8_t zeroes[32] = {0};
    assert_int_equal(hf_checksum_crc32c(zeroes, sizeof zeroes), 0x8a9136aa);
    assert_int_equal(hf_checksum_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(hf_checksum_crc32c("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_gives_paths_and_texts),
        cmocka_unit_test(parse_refuses_what_is_no_answer),
        cmocka_unit_test(parse_bounds_depth_and_length),
        cmocka_unit_test(parse_callback_error_is_the_result),
        cmocka_unit_test(again_bounds_double_up_to_the_cap),
        cmocka_unit_test(again_server_asks_for_a_pause_gets_it),
        cmocka_unit_test(again_budget_is_time_without_progress),
        cmocka_unit_test(reserve_spreads_over_time),
        cmocka_unit_test(reserve_without_a_rate_never_waits),
        cmocka_unit_test(take_by_many_threads_keeps_the_rate),
        cmocka_unit_test(checksums_are_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
