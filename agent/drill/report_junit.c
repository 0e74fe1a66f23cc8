/*
 * A drill's report as JUnit XML, in the form that GitHub, GitLab and Jenkins all read: a testsuite
 * a source; a <failure> is a backup that is bad, an <error> a drill that could not be held.
 */
#include "agent/drill/markup.h"
#include "agent/drill/report.h"
#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum outcome { PASSED, FAILURE, ERROR, SKIPPED, OUTCOMES };

struct test {
    const char *name;
    enum outcome outcome;
    int64_t took;
    const char *message; /* of a failure or an error, in a line */
    const char *expected, *found;
};

/* Gets one test after the other. */
struct suite {
    const struct hf_drill_source *source;
    struct hf_buf *out; /* NULL: they are only counted */
    size_t counts[OUTCOMES];
};

static enum hf_status put_seconds(struct hf_buf *out, const char *name, int64_t took,
                                  struct hf_error *err)
{
    return hf_buf_printf(out, err, " %s=\"%" PRId64 ".%03" PRId64 "\"", name, took / HF_NS_PER_S,
                         took % HF_NS_PER_S / 1000000);
}

static enum hf_status put_outcome(const struct suite *suite, const struct test *test,
                                  struct hf_error *err)
{
    struct hf_buf *out = suite->out;
    const char *element = test->outcome == FAILURE ? "failure" : "error";
    const char *advice = hf_drill_advice(suite->source->verdict);

    if (test->outcome == SKIPPED)
        return hf_buf_append_str(out, "<skipped/>", err);
    if (test->outcome == PASSED)
        return HF_OK;
    HF_TRY(hf_buf_printf(out, err, "<%s type=\"%s\"", element,
                         hf_drill_verdict_name(suite->source->verdict)));
    HF_TRY(hf_markup_put(out, " message=\"", test->message, "\">", err));
    HF_TRY(hf_markup_put(out, "", test->message, "\n", err));
    if (test->expected) {
        HF_TRY(hf_markup_put(out, "expected: ", test->expected, "\n", err));
        HF_TRY(hf_markup_put(out, "found: ", test->found ? test->found : "nothing", "\n", err));
    }
    HF_TRY(hf_markup_put(out, "", advice, "", err));
    return hf_buf_printf(out, err, "</%s>", element);
}

static enum hf_status add(struct suite *suite, const struct test *test, struct hf_error *err)
{
    suite->counts[test->outcome]++;
    if (!suite->out)
        return HF_OK;
    HF_TRY(hf_markup_put(suite->out, "    <testcase classname=\"drill.", suite->source->source,
                         "\"", err));
    HF_TRY(hf_markup_put(suite->out, " name=\"", test->name, "\"", err));
    HF_TRY(put_seconds(suite->out, "time", test->took, err));
    HF_TRY(hf_buf_append_str(suite->out, ">", err));
    HF_TRY(put_outcome(suite, test, err));
    return hf_buf_append_str(suite->out, "</testcase>\n", err);
}

/* What a verdict other than proven is for whoever reads test results. */
static enum outcome outcome_of(enum hf_drill_verdict verdict)
{
    return verdict == HF_DRILL_BAD_ENVIRONMENT || verdict == HF_DRILL_INTERRUPTED ? ERROR : FAILURE;
}

static enum hf_status add_restore(struct suite *suite, struct hf_error *err)
{
    const struct hf_drill_source *s = suite->source;
    const struct hf_drill_step *step = &s->steps[HF_DRILL_STEP_RESTORE];
    struct test restore = {.name = "restore", .message = s->error.text};
    struct test compare = {.name = "compare", .message = s->error.text};

    if (step->start && step->end > step->start)
        restore.took = step->end - step->start;
    if (!s->compared) {
        compare.outcome = SKIPPED;
        restore.outcome = s->verdict == HF_DRILL_PROVEN ? PASSED : outcome_of(s->verdict);
    } else if (!s->equal) {
        compare.outcome = FAILURE;
    }
    HF_TRY(add(suite, &restore, err));
    return add(suite, &compare, err);
}

static enum hf_status add_assertion(struct suite *suite, const struct hf_drill_assertion *a,
                                    struct hf_error *err)
{
    static const enum outcome outcomes[] = {
        [HF_DRILL_NOT_ASKED] = SKIPPED, [HF_DRILL_HOLDS] = PASSED, [HF_DRILL_HOLDS_NOT] = FAILURE};
    struct test test = {.name = a->what,
                        .outcome = outcomes[a->held],
                        .took = a->took,
                        .message = "the assertion does not hold",
                        .expected = a->expected,
                        .found = a->found};

    return add(suite, &test, err);
}

static enum hf_status add_limit(struct suite *suite, const char *name,
                                const struct hf_drill_limit *limit, struct hf_error *err)
{
    struct test test = {.name = name, .message = "more than the limit"};

    if (!limit->limit)
        return HF_OK;
    test.outcome = !limit->known ? SKIPPED : hf_drill_limit_missed(limit) ? FAILURE : PASSED;
    return add(suite, &test, err);
}

static enum hf_status add_tests(struct suite *suite, struct hf_error *err)
{
    const struct hf_drill_source *s = suite->source;
    struct test whole = {.name = "drill", .message = s->error.text};

    HF_TRY(add_restore(suite, err));
    for (size_t i = 0; i < s->assertion_count; i++)
        HF_TRY(add_assertion(suite, &s->assertions[i], err));
    HF_TRY(add_limit(suite, "recovery time", &s->rto, err));
    HF_TRY(add_limit(suite, "recovery point", &s->rpo, err));
    /* Whatever else went wrong: no suite of a drill that is not proven is all green. */
    if (s->verdict != HF_DRILL_PROVEN && suite->counts[FAILURE] + suite->counts[ERROR] == 0) {
        whole.outcome = outcome_of(s->verdict);
        return add(suite, &whole, err);
    }
    return HF_OK;
}

static enum hf_status put_counts(struct hf_buf *out, const size_t counts[OUTCOMES],
                                 struct hf_error *err)
{
    return hf_buf_printf(out, err, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"",
                         counts[PASSED] + counts[FAILURE] + counts[ERROR] + counts[SKIPPED],
                         counts[FAILURE], counts[ERROR], counts[SKIPPED]);
}

static enum hf_status put_property(struct hf_buf *out, const char *name, const char *value,
                                   struct hf_error *err)
{
    if (!value)
        return HF_OK;
    HF_TRY(hf_markup_put(out, "      <property name=\"", name, "\"", err));
    return hf_markup_put(out, " value=\"", value, "\"/>\n", err);
}

static enum hf_status put_suite(struct hf_buf *out, const struct hf_drill_source *s,
                                const size_t counts[OUTCOMES], struct hf_error *err)
{
    struct suite suite = {.source = s, .out = out};
    char start[HF_TIME_TEXT];

    hf_time_format(start, s->start);
    start[strcspn(start, "Z")] = '\0'; /* the schema has no zone; it is UTC */
    HF_TRY(hf_markup_put(out, "  <testsuite name=\"drill of ", s->source, "\"", err));
    HF_TRY(hf_buf_printf(out, err, " timestamp=\"%s\"", start));
    HF_TRY(put_counts(out, counts, err));
    HF_TRY(put_seconds(out, "time", s->end > s->start ? s->end - s->start : 0, err));
    HF_TRY(hf_buf_append_str(out, ">\n    <properties>\n", err));
    HF_TRY(put_property(out, "verdict", hf_drill_verdict_name(s->verdict), err));
    HF_TRY(put_property(out, "kind", s->kind, err));
    HF_TRY(put_property(out, "job", s->job, err));
    HF_TRY(put_property(out, "repository", s->repository, err));
    HF_TRY(put_property(out, "snapshot", s->snapshot, err));
    HF_TRY(put_property(out, "scratch", s->scratch, err));
    HF_TRY(hf_buf_append_str(out, "    </properties>\n", err));
    HF_TRY(add_tests(&suite, err));
    return hf_buf_append_str(out, "  </testsuite>\n", err);
}

enum hf_status hf_drill_report_junit(const struct hf_drill_report *report, struct hf_buf *out,
                                     struct hf_error *err)
{
    size_t all[OUTCOMES] = {0};

    for (size_t i = 0; i < report->count; i++) {
        struct suite counted = {.source = &report->sources[i]};

        HF_TRY(add_tests(&counted, err));
        for (size_t o = 0; o < OUTCOMES; o++)
            all[o] += counted.counts[o];
    }
    HF_TRY(hf_buf_append_str(out,
                             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                             "<testsuites name=\"holdfast drill\"",
                             err));
    HF_TRY(put_counts(out, all, err));
    HF_TRY(put_seconds(out, "time", report->end > report->start ? report->end - report->start : 0,
                       err));
    HF_TRY(hf_buf_append_str(out, ">\n", err));
    for (size_t i = 0; i < report->count; i++) {
        struct suite counted = {.source = &report->sources[i]};

        HF_TRY(add_tests(&counted, err));
        HF_TRY(put_suite(out, &report->sources[i], counted.counts, err));
    }
    return hf_buf_append_str(out, "</testsuites>\n", err);
}
