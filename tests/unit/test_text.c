#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

static void strings_add_many_are_kept_in_order(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) list = HF_STRINGS_INIT;
    for (int i = 0; i < 100; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "item %d", i);
        assert_ok(hf_strings_add(&list, text, &err), &err);
    }
    assert_int_equal(list.count, 100);
    assert_string_equal(list.items[99], "item 99");
    assert_true(hf_strings_contain(&list, "item 50"));
    assert_false(hf_strings_contain(&list, "item"));
}

static void strings_free_empty_is_nothing(void **state)
{
    (void)state;
    struct hf_strings list = HF_STRINGS_INIT;
    hf_strings_free(&list);
    assert_false(hf_strings_contain(&list, ""));
}

static void text_format_any_length_is_whole(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_FREE char *text = NULL;
    HF_AUTO_FREE char *copy = NULL;
    assert_ok(hf_text_format(&text, &err, "%05000d", 1), &err);
    assert_int_equal(strlen(text), 5000);
    assert_ok(hf_text_copy(text, &copy, &err), &err);
    assert_string_equal(copy, text);
}

static void text_utf8_valid_characters_are_measured(void **state)
{
    (void)state;
    uint32_t code;
    assert_int_equal(hf_text_utf8("a", &code), 1);
    assert_int_equal(code, 'a');
    assert_int_equal(hf_text_utf8("\xc3\xa9x", &code), 2);
    assert_int_equal(code, 0xe9);
    assert_int_equal(hf_text_utf8("\xe2\x82\xac", &code), 3);
    assert_int_equal(code, 0x20ac);
    assert_int_equal(hf_text_utf8("\xf4\x8f\xbf\xbf", &code), 4);
    assert_int_equal(code, 0x10ffff);
    assert_int_equal(hf_text_utf8("\xf0\x9f\x98\x80", NULL), 4);
}

static void text_utf8_anything_else_is_zero(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",             /* the end */
        "\x80",         /* no lead */
        "\xc3",         /* cut */
        "\xe2\x82",     /* cut */
        "\xc3z",        /* no continuation */
        "\xc0\x80",     /* longer than need be */
        "\xe0\x9f\xbf", /* the same */
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* past the last */
        "\xff\xff\xff\xff",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(hf_text_utf8(wrong[i], NULL), 0);
}

static void text_match_patterns_match_like_a_shell(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        {"public.orders", "public.orders", true},
        {"public.orders", "public.Orders", false},
        {"public.orders", "public.orders2", false},
        {"public.orders", "public.order", false},
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "anything/at.all", true},
        {"a*", "abc", true},
        {"*c", "abc", true},
        {"a*c*e", "abcde", true},
        {"a*c*e", "abcd", false},
        {"*aab", "aaaaaab", true},
        {"**a**", "bab", true},
        {"?", "", false},
        {"?", "a", true},
        {"?", "\xc3\xa9", true}, /* a character, not a byte */
        {"??", "\xc3\xa9", false},
        {"?", "\xff", true},
        {"[abc]x", "bx", true},
        {"[abc]x", "dx", false},
        {"[a-c]", "b", true},
        {"[a-c]", "d", false},
        {"[!a-c]", "d", true},
        {"[^a-c]", "b", false},
        {"[!a]", "", false},
        {"[]]", "]", true},
        {"[!]]", "]", false},
        {"[a-]", "-", true},
        {"[*]", "*", true},
        {"[*]", "a", false},
        {"[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", true},
        {"[abc", "[abc", true},
        {"[abc", "a", false},
        {"*[0-9]", "part_7", true},
        {"*[0-9]", "part_x", false},
        {"\\*", "\\anything", true}, /* a backslash is a character */
        {"*.tmp", ".tmp", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (hf_text_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].text);
    }
}

/* What is exponential in a naive matcher ends at once. */
static void text_match_many_stars_end_soon(void **state)
{
    (void)state;
    char text[2001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_false(hf_text_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void text_nearest_slips_are_recognised(void **state)
{
    (void)state;
    static const char *const names[] = {"host",          "port",     "password",
                                        "password_file", "schedule", NULL};
    assert_string_equal(hf_text_nearest("hots", names), "host");
    assert_string_equal(hf_text_nearest("Host", names), "host");
    assert_string_equal(hf_text_nearest("pasword", names), "password");
    assert_string_equal(hf_text_nearest("passwordfile", names), "password_file");
    assert_string_equal(hf_text_nearest("shedule", names), "schedule");
    assert_string_equal(hf_text_nearest("port", names), "port");
}

static void text_nearest_far_names_are_none(void **state)
{
    (void)state;
    static const char *const names[] = {"host", "port", "x", NULL};
    static const char *const none[] = {NULL};
    char longer[1000];
    memset(longer, 'h', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_null(hf_text_nearest("retention", names));
    assert_null(hf_text_nearest("y", names));
    assert_null(hf_text_nearest("", names));
    assert_null(hf_text_nearest(longer, names));
    assert_null(hf_text_nearest("host", none));
}

static void text_parse_size_sizes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"200", 200},
        {"200B", 200},
        {"16MiB", UINT64_C(16) << 20},
        {"16 MiB", UINT64_C(16) << 20},
        {"20kB", 20000},
        {"20KB", 20000},
        {"64K", 65536},
        {"256m", UINT64_C(256) << 20},
        {"1.5 GiB", UINT64_C(3) << 29},
        {"0.1kB", 100},
        {"1.999GB", 1999000000},
        {"2TiB", UINT64_C(2) << 40},
        {"15EiB", UINT64_C(15) << 60},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes;
        if (!hf_text_parse_size(cases[i].text, &bytes) || bytes != cases[i].bytes)
            fail_msg("%s", cases[i].text);
    }
}

static void text_parse_size_anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",      "MiB",  "-1",    "+1",    " 1",
                                        "1 ",    "1x",   "1.5",   "1.5B",  "1.",
                                        ".5k",   "1,5k", "1KiBs", "1 k B", "1e3",
                                        "16EiB", "0x10", "1BB",   "1iB",   "99999999999999999999",
                                        "1\tk",  "inf"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t bytes = 7;
        if (hf_text_parse_size(wrong[i], &bytes))
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(bytes, 7);
    }
}

static void text_format_size_is_short_and_rounded(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {(UINT64_C(1) << 20) - 1, "1.0 MiB"}, /* not 1024.0 KiB */
        {UINT64_C(1503238554), "1.4 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[HF_SIZE_TEXT];
        hf_text_format_size(text, cases[i].bytes);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_add_many_are_kept_in_order),
        cmocka_unit_test(strings_free_empty_is_nothing),
        cmocka_unit_test(text_format_any_length_is_whole),
        cmocka_unit_test(text_utf8_valid_characters_are_measured),
        cmocka_unit_test(text_utf8_anything_else_is_zero),
        cmocka_unit_test(text_match_patterns_match_like_a_shell),
        cmocka_unit_test(text_match_many_stars_end_soon),
        cmocka_unit_test(text_nearest_slips_are_recognised),
        cmocka_unit_test(text_nearest_far_names_are_none),
        cmocka_unit_test(text_parse_size_sizes_are_read),
        cmocka_unit_test(text_parse_size_anything_else_is_refused),
        cmocka_unit_test(text_format_size_is_short_and_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
