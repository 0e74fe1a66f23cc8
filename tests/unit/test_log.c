#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/terminal/log.h"
#include "base/clock.h"
#include "base/json.h"
#include "tests/support/check.h"

#include <string.h>

enum { LINE_MAX = 4096 };

/* The line as it was written, which has to be one; and as it reads. */
static json_t *line_of(const struct hf_log_about *about, const char *text, const json_t *fields)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *end;
    json_t *line = NULL;

    assert_ok(hf_log_line(&out, HF_NS_PER_S, HF_LOG_WARNING, about, text, fields, &err), &err);
    end = memchr(out.data, '\n', out.len);
    assert_ptr_equal(end, (const char *)out.data + out.len - 1);
    assert_ok(hf_json_parse_object(out.data, out.len - 1, LINE_MAX, "the line", &line, &err), &err);
    return line;
}

static void assert_has(const json_t *line, const char *key, const char *value)
{
    struct hf_error err = HF_ERROR_INIT;
    const char *found = NULL;

    assert_ok(hf_json_string(line, key, &found, &err), &err);
    assert_string_equal(found, value);
}

static void line_what_it_is_about_is_said(void **state)
{
    const struct hf_log_about about = {.run = "00ff", .job = "nightly", .source = "app"};
    HF_AUTO_JSON line = line_of(&about, "begins", NULL);

    (void)state;
    assert_int_equal(json_object_size(line), 6);
    assert_has(line, "time", "1970-01-01T00:00:01Z");
    assert_has(line, "level", "warning");
    assert_has(line, "run", "00ff");
    assert_has(line, "job", "nightly");
    assert_has(line, "source", "app");
    assert_has(line, "msg", "begins");
}

static void line_about_nothing_has_no_empty_keys(void **state)
{
    const struct hf_log_about about = {.job = ""};
    HF_AUTO_JSON line = line_of(&about, "begins", NULL);

    (void)state;
    assert_int_equal(json_object_size(line), 3);
}

/* A server's message must not end the line and begin another. */
static void line_control_characters_and_quotes_are_escaped(void **state)
{
    const struct hf_log_about about = {.source = "a\"b\\c"};
    static const char text[] = "one\n{\"level\":\"info\"}\r\t\x1b[2J\"";
    HF_AUTO_JSON line = line_of(&about, text, NULL);

    (void)state;
    assert_has(line, "source", "a\"b\\c");
    assert_has(line, "msg", text);
    assert_has(line, "level", "warning");
}

static void line_invalid_utf8_becomes_question_marks(void **state)
{
    const struct hf_log_about about = {.job = "b\xffu"};
    HF_AUTO_JSON line = line_of(&about, "k\xc3\xb6ln \xc3( \xed\xa0\x80 \xf8", NULL);

    (void)state;
    assert_has(line, "job", "b?u");
    assert_has(line, "msg", "k\xc3\xb6ln ?( ??? ?");
}

static void line_fields_do_not_replace_what_it_says(void **state)
{
    const struct hf_log_about about = {.run = "00ff"};
    HF_AUTO_JSON fields = json_pack("{s:s, s:s, s:s, s:i}", "msg", "another", "run", "1111",
                                    "level", "debug", "attempt", 2);
    HF_AUTO_JSON line = line_of(&about, "begins", fields);

    (void)state;
    assert_has(line, "msg", "begins");
    assert_has(line, "run", "00ff");
    assert_has(line, "level", "warning");
    assert_int_equal(json_integer_value(json_object_get(line, "attempt")), 2);
}

static void level_parse_takes_names_alone(void **state)
{
    enum hf_log_level level = HF_LOG_DEBUG;

    (void)state;
    for (int i = 0; i < HF_LOG_LEVELS; i++) {
        assert_true(hf_log_level_parse(hf_log_level_name((enum hf_log_level)i), &level));
        assert_int_equal(level, i);
    }
    assert_false(hf_log_level_parse("Error", &level));
    assert_false(hf_log_level_parse("", &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_what_it_is_about_is_said),
        cmocka_unit_test(line_about_nothing_has_no_empty_keys),
        cmocka_unit_test(line_control_characters_and_quotes_are_escaped),
        cmocka_unit_test(line_invalid_utf8_becomes_question_marks),
        cmocka_unit_test(line_fields_do_not_replace_what_it_says),
        cmocka_unit_test(level_parse_takes_names_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
