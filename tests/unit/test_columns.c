#include "storage/repository/columns.h"

#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Blocks of exactly the lengths that count, so that a sanitizer sees one byte too many. */
static uint8_t *exact_copy(const void *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

static bool split(const void *data, size_t len, uint8_t **out)
{
    struct hf_columns columns = {.ends = NULL};
    struct hf_error err = HF_ERROR_INIT;
    uint8_t *in = exact_copy(data, len);
    bool fits = true;
    *out = malloc(len + HF_COLUMNS_HEAD);
    assert_non_null(*out);
    assert_ok(hf_columns_split(&columns, in, len, *out, &fits, &err), &err);
    hf_columns_free(&columns);
    free(in);
    return fits;
}

static enum hf_status join(const void *data, size_t len, uint8_t **out, struct hf_error *err)
{
    struct hf_columns columns = {.ends = NULL};
    uint8_t *in = exact_copy(data, len);
    *out = malloc(len > HF_COLUMNS_HEAD ? len - HF_COLUMNS_HEAD : 1);
    assert_non_null(*out);
    enum hf_status status = hf_columns_join(&columns, in, len, *out, err);
    hf_columns_free(&columns);
    free(in);
    return status;
}

static void assert_round_trip(const void *data, size_t len)
{
    struct hf_error err = HF_ERROR_INIT;
    uint8_t *turned, *back;
    assert_true(split(data, len, &turned));
    assert_ok(join(turned, len + HF_COLUMNS_HEAD, &back, &err), &err);
    assert_memory_equal(back, data, len);
    free(back);
    free(turned);
}

static void assert_does_not_fit(const char *text)
{
    uint8_t *out;
    assert_false(split(text, strlen(text), &out));
    free(out);
}

static void split_rows_transposed(void **state)
{
    (void)state;
    static const char rows[] = "one\ttwo\nthree\tfour\n\\N\tfive\n";
    static const char turned[] = "\2\0one\nthree\n\\N\ntwo\nfour\nfive\n";
    uint8_t *out;
    assert_true(split(rows, sizeof rows - 1, &out));
    assert_memory_equal(out, turned, sizeof turned - 1);
    free(out);
    assert_round_trip(rows, sizeof rows - 1);
}

static void split_what_is_no_table_does_not_fit(void **state)
{
    (void)state;
    assert_does_not_fit("");
    assert_does_not_fit("\n");
    assert_does_not_fit("one column\nonly\n");
    assert_does_not_fit("no\tend");
    assert_does_not_fit("no\tend\nhere\tit is");
    assert_does_not_fit("one\ttwo\nthree\n");
    assert_does_not_fit("one\ttwo\nthree\tfour\tfive\n");
    assert_does_not_fit("one\ttwo\tthree\nfour\n\tfive\tsix\n");
    assert_does_not_fit("\t\t\t\t\t\t\t\n");
}

static void append_row(struct hf_buf *rows, size_t width, uint32_t longest, uint32_t *state)
{
    struct hf_error err = HF_ERROR_INIT;
    for (size_t i = 0; i < width; i++) {
        uint32_t len = next_random(state) % longest;
        for (uint32_t k = 0; k < len; k++)
            assert_ok(hf_buf_u8(rows, (uint8_t)(' ' + next_random(state) % 224), &err), &err);
        if (next_random(state) % 8 == 0)
            assert_ok(hf_buf_append(rows, "\\t\\n\\\\", 6, &err), &err);
        assert_ok(hf_buf_append(rows, i + 1 < width ? "\t" : "\n", 1, &err), &err);
    }
}

static void split_join_random_rows_come_back(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int round = 0; round < 300; round++) {
        HF_AUTO(hf_buf) rows = HF_BUF_INIT;
        size_t width = 2 + next_random(&random) % 20;
        uint32_t longest = 4 + next_random(&random) % 60;
        uint32_t count = 1 + next_random(&random) % 50;
        while (count-- > 0)
            append_row(&rows, width, longest, &random);
        assert_round_trip(rows.data, rows.len);
    }
}

static void split_join_many_columns_come_back(void **state)
{
    (void)state;
    uint32_t random = 2;
    HF_AUTO(hf_buf) rows = HF_BUF_INIT;
    for (int row = 0; row < 20; row++)
        append_row(&rows, 1600, 6, &random);
    assert_round_trip(rows.data, rows.len);
}

static void split_join_one_row_comes_back(void **state)
{
    (void)state;
    assert_round_trip("a\tb\n", 4);
    static const char longer[] =
        "a fairly long value of more than sixteen bytes\tand another of that kind\n";
    assert_round_trip(longer, sizeof longer - 1);
}

static void split_ragged_rows_any_outcome_is_exact(void **state)
{
    (void)state;
    uint32_t random = 3;
    for (int round = 0; round < 2000; round++) {
        uint8_t data[64];
        size_t len = 1 + next_random(&random) % sizeof data;
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t) "ab\t\nabcd"[next_random(&random) % 8];
        uint8_t *out;
        bool fits = split(data, len, &out);
        free(out);
        if (fits)
            assert_round_trip(data, len);
    }
}

static void join_random_bytes_refused_or_joined(void **state)
{
    (void)state;
    uint32_t random = 4;
    for (int round = 0; round < 20000; round++) {
        struct hf_error err = HF_ERROR_INIT;
        uint8_t data[48];
        size_t len = next_random(&random) % sizeof data;
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t) "ab\n\nabc\t"[next_random(&random) % 8];
        if (len > 1) {
            data[0] = (uint8_t)(next_random(&random) % 5);
            data[1] = 0;
        }
        uint8_t *out;
        enum hf_status status = join(data, len, &out, &err);
        assert_true(status == HF_OK || status == HF_DAMAGED);
        free(out);
    }
}

static void join_impossible_forms_are_damage(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
    } cases[] = {{"", 0},
                 {"\2", 1},
                 {"\2\0", 2},
                 {"\2\0aaa", 5},
                 {"\0\0aaa\n", 6},
                 {"\1\0aaa\n", 6},
                 {"\2\0aaa\n", 6},
                 {"\xff\xff"
                  "aa\nbb\n",
                  8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hf_error err = HF_ERROR_INIT;
        uint8_t *out;
        assert_fails(join(cases[i].data, cases[i].len, &out, &err), HF_DAMAGED, &err);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_rows_transposed),
        cmocka_unit_test(split_what_is_no_table_does_not_fit),
        cmocka_unit_test(split_join_random_rows_come_back),
        cmocka_unit_test(split_join_many_columns_come_back),
        cmocka_unit_test(split_join_one_row_comes_back),
        cmocka_unit_test(split_ragged_rows_any_outcome_is_exact),
        cmocka_unit_test(join_random_bytes_refused_or_joined),
        cmocka_unit_test(join_impossible_forms_are_damage),
    };
    return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
