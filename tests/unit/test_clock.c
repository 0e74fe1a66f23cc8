#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/check.h"

enum { S_2026_01_21_02 = 1768960800 };

static void clock_now_offset_moves_it(void **state)
{
    (void)state;
    int64_t before = hf_clock_now();
    assert_int_equal(setenv("HF_CLOCK_OFFSET", "-86400", 1), 0);
    int64_t moved = hf_clock_now();
    assert_true(moved < before - 86000 * HF_NS_PER_S);
    assert_true(moved >= before - 86400 * HF_NS_PER_S);
    assert_int_equal(setenv("HF_CLOCK_OFFSET", "soon", 1), 0);
    assert_true(hf_clock_now() >= before);
    assert_int_equal(setenv("HF_CLOCK_OFFSET", "9223372036854775807", 1), 0);
    assert_true(hf_clock_now() >= before);
    assert_int_equal(unsetenv("HF_CLOCK_OFFSET"), 0);
}

static void clock_monotonic_never_goes_back(void **state)
{
    (void)state;
    int64_t last = hf_clock_monotonic();
    for (int i = 0; i < 1000; i++) {
        int64_t now = hf_clock_monotonic();
        assert_true(now >= last);
        last = now;
    }
}

static void time_format_known_moments_are_right(void **state)
{
    (void)state;
    static const struct {
        int64_t time;
        const char *text;
        const char *compact;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z", "19700101T000000.000000Z"},
        {S_2026_01_21_02 * HF_NS_PER_S + 123456789, "2026-01-21T02:00:00Z",
         "20260121T020000.123456Z"},
        {-1, "1969-12-31T23:59:59Z", "19691231T235959.999999Z"},
        {INT64_MAX, "2262-04-11T23:47:16Z", "22620411T234716.854775Z"},
        {INT64_MIN, "1677-09-21T00:12:43Z", "16770921T001243.145224Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[HF_TIME_TEXT];
        hf_time_format(text, cases[i].time);
        assert_string_equal(text, cases[i].text);
        hf_time_format_compact(text, cases[i].time);
        assert_string_equal(text, cases[i].compact);
    }
}

static void assert_span(const char *text, const char *begin, const char *end)
{
    char shown[HF_TIME_TEXT];
    int64_t from;
    int64_t to;
    assert_true(hf_time_parse(text, &from, &to));
    hf_time_format(shown, from);
    assert_string_equal(shown, begin);
    hf_time_format(shown, to);
    assert_string_equal(shown, end);
}

static void time_parse_every_precision_has_its_span(void **state)
{
    (void)state;
    assert_span("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    assert_span("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    assert_span("2024-02Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
    assert_span("2026-11-21", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    assert_span("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z");
    assert_span("2026-12-31T23", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z");
    assert_span("2026-11-21T02:00", "2026-11-21T02:00:00Z", "2026-11-21T02:01:00Z");
    assert_span("2026-11-21T02:00:05Z", "2026-11-21T02:00:05Z", "2026-11-21T02:00:06Z");
    assert_span("1678", "1678-01-01T00:00:00Z", "1679-01-01T00:00:00Z");
    assert_span("2261-12-31", "2261-12-31T00:00:00Z", "2262-01-01T00:00:00Z");
}

static void time_parse_what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "latest",
                                        "26",
                                        "2026-",
                                        "2026-1",
                                        "2026-13",
                                        "2026-00",
                                        "2026-11-31",
                                        "2026-02-29",
                                        "1900-02-29",
                                        "2026-11-00",
                                        "2026-11-21 02",
                                        "2026-11-21T",
                                        "2026-11-21T24",
                                        "2026-11-21T02:60",
                                        "+2026",
                                        " 2026",
                                        "2026 ",
                                        "2026ZZ",
                                        "20261121",
                                        "1677",
                                        "2262",
                                        "9999",
                                        "0000",
                                        "2026-11-21T02:00:60",
                                        "2026--1",
                                        "2026-11-21Z02",
                                        "2026-11-2x",
                                        "2026-11-21T02:0",
                                        "2026-11-21T02:00:05.5",
                                        "2026-11-21T02:00:05+01:00"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t begin = 7;
        int64_t end = 7;
        if (hf_time_parse(wrong[i], &begin, &end))
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_true(begin == 7 && end == 7);
    }
}

static void time_parse_every_day_follows_the_last(void **state)
{
    (void)state;
    int64_t begin;
    int64_t end;
    assert_true(hf_time_parse("1678-01-01", &begin, &end));
    while (begin < INT64_C(9200000000) * HF_NS_PER_S) {
        char text[HF_TIME_TEXT];
        int64_t expected = end;
        hf_time_format(text, end);
        text[10] = 0;
        assert_true(hf_time_parse(text, &begin, &end));
        assert_true(begin == expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_now_offset_moves_it),
        cmocka_unit_test(clock_monotonic_never_goes_back),
        cmocka_unit_test(time_format_known_moments_are_right),
        cmocka_unit_test(time_parse_every_precision_has_its_span),
        cmocka_unit_test(time_parse_what_is_no_time_is_refused),
        cmocka_unit_test(time_parse_every_day_follows_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
