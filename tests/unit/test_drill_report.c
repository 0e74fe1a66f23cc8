#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/drill/markup.h"
#include "agent/drill/report.h"
#include "base/clock.h"
#include "base/text.h"
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

static struct hf_drill_source *add(struct hf_drill_report *report, const char *name,
                                   enum hf_drill_verdict verdict)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_drill_source *source = NULL;

    assert_ok(hf_drill_report_add(report, name, &source, &err), &err);
    source->verdict = verdict;
    return source;
}

static void verdict_of_several_is_the_worst(void **state)
{
    struct hf_drill_report report;

    (void)state;
    hf_drill_report_init(&report);
    assert_int_equal(hf_drill_report_verdict(&report), HF_DRILL_PROVEN);
    (void)add(&report, "a", HF_DRILL_LIMIT_MISSED);
    assert_int_equal(hf_drill_report_verdict(&report), HF_DRILL_LIMIT_MISSED);
    (void)add(&report, "b", HF_DRILL_BAD_BACKUP);
    (void)add(&report, "c", HF_DRILL_BAD_ENVIRONMENT);
    assert_int_equal(hf_drill_report_verdict(&report), HF_DRILL_BAD_BACKUP);
    hf_drill_report_done(&report);
    assert_int_equal(report.count, 0);
}

static void exit_code_of_verdict_is_never_confused(void **state)
{
    (void)state;
    assert_int_equal(hf_drill_exit_code(HF_DRILL_PROVEN), 0);
    assert_int_equal(hf_drill_exit_code(HF_DRILL_LIMIT_MISSED), 1);
    assert_int_equal(hf_drill_exit_code(HF_DRILL_INTERRUPTED), 1);
    assert_int_equal(hf_drill_exit_code(HF_DRILL_BAD_ENVIRONMENT), 4);
    assert_int_equal(hf_drill_exit_code(HF_DRILL_ASSERTION_FAILED), 3);
    assert_int_equal(hf_drill_exit_code(HF_DRILL_BAD_BACKUP), 3);
}

static void limit_missed_needs_a_limit_and_a_measure(void **state)
{
    struct hf_drill_limit limit = {.limit = 10, .measured = 11, .known = false};

    (void)state;
    assert_false(hf_drill_limit_missed(&limit));
    limit.known = true;
    assert_true(hf_drill_limit_missed(&limit));
    limit.measured = 10;
    assert_false(hf_drill_limit_missed(&limit));
    limit.limit = 0;
    assert_false(hf_drill_limit_missed(&limit));
}

static void fill(struct hf_drill_source *s)
{
    struct hf_error err = HF_ERROR_INIT;

    assert_ok(hf_text_copy("postgres", &s->kind, &err), &err);
    assert_ok(hf_text_copy("0123456789abcdef0123456789abcdef", &s->snapshot, &err), &err);
    s->start = 5000 * HF_NS_PER_S;
    s->captured = 1000 * HF_NS_PER_S;
    s->steps[HF_DRILL_STEP_RESTORE] = (struct hf_drill_step){
        .outcome = HF_DRILL_DONE, .start = 5001 * HF_NS_PER_S, .end = 5004 * HF_NS_PER_S};
    s->compared = s->equal = true;
    s->records = 7;
    s->records_noun = "rows";
    s->rpo = (struct hf_drill_limit){
        .limit = 1000 * HF_NS_PER_S, .measured = 4000 * HF_NS_PER_S, .known = true};
    s->assertions = calloc(1, sizeof *s->assertions);
    assert_non_null(s->assertions);
    s->assertion_count = 1;
    s->assertions[0].held = HF_DRILL_HOLDS_NOT;
    assert_ok(hf_text_copy("sql: select false", &s->assertions[0].what, &err), &err);
    assert_ok(hf_text_copy("true", &s->assertions[0].expected, &err), &err);
    assert_ok(hf_text_copy("false", &s->assertions[0].found, &err), &err);
    (void)hf_error_set(&s->error, HF_MISMATCH, "an assertion does not hold");
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void json_of_a_drill_has_every_part(void **state)
{
    struct hf_drill_report report;
    struct hf_drill_source *s;
    json_t *json;

    (void)state;
    hf_drill_report_init(&report);
    s = add(&report, "app", HF_DRILL_ASSERTION_FAILED);
    fill(s);
    json = hf_drill_source_json(s);
    assert_non_null(json);
    assert_string_equal(text_of(json, "verdict"), "assertion failed");
    assert_string_equal(text_of(json, "captured"), "1970-01-01T00:16:40Z");
    assert_true(json_is_null(json_object_get(json, "end")));
    assert_int_equal(json_array_size(json_object_get(json, "steps")), HF_DRILL_STEPS);
    assert_string_equal(text_of(json_array_get(json_object_get(json, "assertions"), 0), "found"),
                        "false");
    assert_true(json_is_true(json_object_get(json_object_get(json, "rpo"), "missed")));
    assert_true(json_is_null(json_object_get(json_object_get(json, "rto"), "limit_seconds")));
    assert_string_equal(text_of(json_object_get(json, "error"), "status"), "does not match");
    json_decref(json);
    hf_drill_report_done(&report);
}

static void markup_text_of_hostile_bytes_is_escaped(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const char *text = NULL;

    (void)state;
    assert_ok(hf_markup_text(&out, "<a href=\"x\">&\x01\x7f\xff\xc3\xa9\t", &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text,
                        "&lt;a href=&quot;x&quot;&gt;&amp;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "\xc3\xa9\t");
}

/* Every verdict but "proven" leaves a suite that is not green, even with nothing else filled in. */
static void junit_of_a_drill_that_is_not_proven_is_not_green(void **state)
{
    (void)state;
    for (enum hf_drill_verdict v = HF_DRILL_PROVEN; v <= HF_DRILL_BAD_BACKUP; v++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        struct hf_drill_report report;
        const char *text = NULL;

        hf_drill_report_init(&report);
        (void)add(&report, "app", v);
        assert_ok(hf_drill_report_junit(&report, &out, &err), &err);
        assert_ok(hf_buf_cstr(&out, &text, &err), &err);
        assert_int_equal(strstr(text, "failures=\"0\" errors=\"0\"") != NULL, v == HF_DRILL_PROVEN);
        assert_ok(hf_drill_report_html(&report, &out, &err), &err);
        hf_drill_report_done(&report);
    }
}

static void text_of_a_drill_tells_a_person_why(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_output_options options = {.results = tmpfile(), .messages = stderr};
    struct hf_output *output = NULL;
    struct hf_drill_report report;
    struct hf_drill_source *s;
    char text[4096];
    size_t len;

    (void)state;
    options.events = options.results;
    assert_non_null(options.results);
    assert_ok(hf_output_new(&options, &output, &err), &err);
    hf_drill_report_init(&report);
    s = add(&report, "app", HF_DRILL_ASSERTION_FAILED);
    fill(s);
    hf_drill_source_text(s, output);
    assert_ok(hf_output_flush(output, &err), &err);
    rewind(options.results);
    len = fread(text, 1, sizeof text - 1, options.results);
    text[len] = '\0';
    assert_non_null(strstr(text, "7 rows"));
    assert_non_null(strstr(text, "HOLDS NOT  sql: select false"));
    assert_non_null(strstr(text, "found    false"));
    assert_non_null(strstr(text, "MORE than the limit"));
    assert_non_null(strstr(text, "ASSERTION FAILED: an assertion does not hold"));
    assert_non_null(strstr(text, hf_drill_advice(HF_DRILL_ASSERTION_FAILED)));
    hf_output_free(output);
    (void)fclose(options.results);
    hf_drill_report_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict_of_several_is_the_worst),
        cmocka_unit_test(exit_code_of_verdict_is_never_confused),
        cmocka_unit_test(limit_missed_needs_a_limit_and_a_measure),
        cmocka_unit_test(json_of_a_drill_has_every_part),
        cmocka_unit_test(markup_text_of_hostile_bytes_is_escaped),
        cmocka_unit_test(junit_of_a_drill_that_is_not_proven_is_not_green),
        cmocka_unit_test(text_of_a_drill_tells_a_person_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
