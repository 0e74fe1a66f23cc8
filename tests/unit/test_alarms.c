#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/history/alarms.h"
#include "agent/metrics/text.h"
#include "base/clock.h"
#include "base/secret.h"
#include "tests/support/check.h"

#include <string.h>

#define DAY (INT64_C(86400) * HF_NS_PER_S)

static const char text[] = "repositories: {local: {path: /v}, off: {path: /w}}\n"
                           "sources:\n"
                           "  app: {volume: {path: /srv}}\n"
                           "  web: {volume: {path: /www}}\n"
                           "jobs:\n"
                           "  nightly: {sources: [app, web], repositories: local,"
                           " proven_within: 8d}\n"
                           "  free: {sources: web, repositories: off}\n";

struct fixture {
    struct hf_config *config;
    struct hf_alarms alarms; /* of app and web, in this order */
};

static const char *lookup(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return NULL;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct hf_error err = HF_ERROR_INIT;

    assert_non_null(f);
    assert_ok(hf_crypto_init(&err), &err);
    assert_ok(
        hf_config_parse("c.yaml", "/etc/hf", text, strlen(text), lookup, NULL, &f->config, &err),
        &err);
    assert_ok(hf_alarms_make(f->config, &f->alarms, &err), &err);
    assert_int_equal(f->alarms.count, 2);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    hf_alarms_free(&f->alarms);
    hf_config_free(f->config);
    free(f);
    return 0;
}

static void learn(struct fixture *f, const char *repository, int64_t proven, int64_t first)
{
    hf_alarms_learn(&f->alarms, f->config, repository, "app", proven, first);
}

static void judge_proof_is_old_only_beyond_its_limit(void **state)
{
    struct fixture *f = *state;

    learn(f, "local", 100 * DAY, 1 * DAY);
    hf_alarms_judge(&f->alarms, 108 * DAY);
    assert_false(f->alarms.items[0].on);
    hf_alarms_judge(&f->alarms, 108 * DAY + 1);
    assert_true(f->alarms.items[0].on);
    learn(f, "local", 105 * DAY, 0);
    hf_alarms_judge(&f->alarms, 108 * DAY + 1);
    assert_false(f->alarms.items[0].on);
}

static void judge_never_proven_counts_from_its_oldest_snapshot(void **state)
{
    struct fixture *f = *state;

    learn(f, "local", 0, 12 * DAY);
    learn(f, "local", 0, 10 * DAY);
    learn(f, "local", 0, 14 * DAY);
    hf_alarms_judge(&f->alarms, 18 * DAY);
    assert_false(f->alarms.items[0].on);
    hf_alarms_judge(&f->alarms, 18 * DAY + 1);
    assert_true(f->alarms.items[0].on);
}

static void judge_source_without_a_snapshot_is_no_alarm(void **state)
{
    struct fixture *f = *state;

    hf_alarms_judge(&f->alarms, 1000 * DAY);
    assert_false(f->alarms.items[0].on);
    assert_false(f->alarms.items[1].on);
}

static void learn_proofs_elsewhere_and_of_others_do_not_count(void **state)
{
    struct fixture *f = *state;

    learn(f, "local", 0, 1 * DAY);
    learn(f, "off", 100 * DAY, 1 * DAY);
    hf_alarms_learn(&f->alarms, f->config, "local", "web", 100 * DAY, 1 * DAY);
    hf_alarms_judge(&f->alarms, 101 * DAY);
    assert_true(f->alarms.items[0].on);
    assert_false(f->alarms.items[1].on);
}

/* A proof from a clock that was ahead is not old. */
static void judge_proof_in_the_future_is_no_alarm(void **state)
{
    struct fixture *f = *state;

    learn(f, "local", 200 * DAY, 1 * DAY);
    hf_alarms_judge(&f->alarms, 100 * DAY);
    assert_false(f->alarms.items[0].on);
}

static void text_names_source_age_job_and_limit(void **state)
{
    struct fixture *f = *state;
    char said[HF_ALARM_TEXT];

    learn(f, "local", 0, 80 * DAY);
    hf_alarm_text(&f->alarms.items[0], 92 * DAY, said);
    assert_contains(said, "app was never proven");
    learn(f, "local", 80 * DAY, 0);
    hf_alarm_text(&f->alarms.items[0], 92 * DAY, said);
    assert_string_equal(said, "app was last proven 12 days ago; job nightly allows 8 days");
}

/* ---- as metrics ---- */

static void metrics_label_is_escaped_and_valid(void **state)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *label = NULL;

    (void)state;
    assert_ok(hf_metrics_label(&out, "a\"b\\c\nd \xc3\xb6 \xff.", &err), &err);
    assert_ok(hf_buf_cstr(&out, &label, &err), &err);
    assert_string_equal(label, "a\\\"b\\\\c\\nd \xc3\xb6 ?.");
}

static void metrics_without_a_history_say_so(void **state)
{
    struct fixture *f = *state;
    const struct hf_metrics metrics = {.config = f->config, .now = 2 * DAY, .started = DAY};
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *page = NULL;

    assert_ok(hf_metrics_text(&metrics, &out, &err), &err);
    assert_ok(hf_buf_cstr(&out, &page, &err), &err);
    assert_contains(page, "\nholdfast_history_up 0\n");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(judge_proof_is_old_only_beyond_its_limit),
        TEST(judge_never_proven_counts_from_its_oldest_snapshot),
        TEST(judge_source_without_a_snapshot_is_no_alarm),
        TEST(learn_proofs_elsewhere_and_of_others_do_not_count),
        TEST(judge_proof_in_the_future_is_no_alarm),
        TEST(text_names_source_age_job_and_limit),
        TEST(metrics_label_is_escaped_and_valid),
        TEST(metrics_without_a_history_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
