#include "formats/postgres/digest.h"

#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct hf_pg_digest_key key = {{1, 2, 3}};

static struct hf_pg_digest_sum digest_in_pieces(const char *text, size_t piece)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg_digest_sum sum;
    struct hf_pg_digest d;
    size_t len = strlen(text);

    hf_pg_digest_init(&d, &key);
    for (size_t at = 0; at < len; at += piece)
        assert_int_equal(
            hf_pg_digest_feed(&d, text + at, len - at < piece ? len - at : piece, &err), HF_OK);
    assert_int_equal(hf_pg_digest_end(&d, &sum, &err), HF_OK);
    hf_pg_digest_done(&d);
    return sum;
}

static void feed_any_pieces_gives_same_digest(void **state)
{
    const char *text = "1\tone\n2\ttwo\n\n\n3\t\\N\nlast line, longer than the others\n";
    struct hf_pg_digest_sum whole = digest_in_pieces(text, strlen(text));

    (void)state;
    assert_int_equal(whole.rows, 6);
    for (size_t piece = 1; piece < strlen(text); piece++) {
        struct hf_pg_digest_sum sum = digest_in_pieces(text, piece);
        assert_true(hf_pg_digest_equal(&sum, &whole));
    }
}

static void feed_other_order_gives_same_digest(void **state)
{
    struct hf_pg_digest_sum a = digest_in_pieces("a\nb\nc\nc\n", 3);
    struct hf_pg_digest_sum b = digest_in_pieces("c\nb\nc\na\n", 2);

    (void)state;
    assert_true(hf_pg_digest_equal(&a, &b));
}

static void feed_changed_row_gives_other_digest(void **state)
{
    struct hf_pg_digest_sum a = digest_in_pieces("a\nb\n", 8);
    struct hf_pg_digest_sum b = digest_in_pieces("a\nB\n", 8);
    struct hf_pg_digest_sum c = digest_in_pieces("a\nb\nb\n", 8);
    struct hf_pg_digest_sum d = digest_in_pieces("ab\n\n", 8);

    (void)state;
    assert_false(hf_pg_digest_equal(&a, &b));
    assert_false(hf_pg_digest_equal(&a, &c));
    assert_false(hf_pg_digest_equal(&a, &d));
}

static void add_parts_equals_whole(void **state)
{
    struct hf_pg_digest_sum whole = digest_in_pieces("a\nb\nc\n", 9);
    struct hf_pg_digest_sum sum = digest_in_pieces("c\na\n", 9);
    struct hf_pg_digest_sum part = digest_in_pieces("b\n", 9);

    (void)state;
    hf_pg_digest_add(&sum, &part);
    assert_true(hf_pg_digest_equal(&sum, &whole));
}

static void add_carries_into_high_half(void **state)
{
    struct hf_pg_digest_sum sum = {.rows = 1, .low = UINT64_MAX, .high = 4};
    struct hf_pg_digest_sum one = {.rows = 1, .low = 1, .high = 2};
    char text[HF_PG_DIGEST_TEXT];

    (void)state;
    hf_pg_digest_add(&sum, &one);
    hf_pg_digest_text(text, &sum);
    assert_string_equal(text, "00000000000000070000000000000000");
}

static void end_in_middle_of_line_is_damaged(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg_digest_sum sum;
    struct hf_pg_digest d;

    (void)state;
    hf_pg_digest_init(&d, &key);
    assert_int_equal(hf_pg_digest_feed(&d, "a\nb", 3, &err), HF_OK);
    assert_int_equal(hf_pg_digest_end(&d, &sum, &err), HF_DAMAGED);
    hf_pg_digest_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed_any_pieces_gives_same_digest),
        cmocka_unit_test(feed_other_order_gives_same_digest),
        cmocka_unit_test(feed_changed_row_gives_other_digest),
        cmocka_unit_test(add_parts_equals_whole),
        cmocka_unit_test(add_carries_into_high_half),
        cmocka_unit_test(end_in_middle_of_line_is_damaged),
    };
    struct hf_error err = HF_ERROR_INIT;

    if (hf_crypto_init(&err) != HF_OK)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
