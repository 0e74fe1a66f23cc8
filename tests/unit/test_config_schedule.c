#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "base/clock.h"
#include "schedules/schedule.h"
#include "schedules/windows.h"
#include "tests/support/check.h"

#define HEAD "sources: {app: {volume: {path: /v}}}\nrepositories: {local: {path: /r}}\n"
#define JOB "sources: app, repositories: local"

static const char *lookup(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return NULL;
}

static enum hf_status parse(const char *text, struct hf_config **out, struct hf_error *err)
{
    return hf_config_parse("c.yaml", "/etc/hf", text, strlen(text), lookup, NULL, out, err);
}

static void parse_schedule_gives_everything(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_config) config = NULL;
    const struct hf_config_job *job;
    int64_t begin, end, at;

    (void)state;
    assert_ok(parse(HEAD "jobs:\n"
                         "  a: {" JOB ", schedule: 30 2 * * *, jitter: 5m, time_limit: 3h,\n"
                         "      timezone: Europe/Berlin, not_during: [mon-fri 08:00-18:00],\n"
                         "      retries: {limit: 5, delay: 2h}}\n"
                         "  b: {" JOB ", after: a, retries: 0}\n"
                         "  c: {" JOB "}\n",
                    &config, &err),
              &err);
    job = hf_config_job(config, "a");
    assert_true(hf_time_parse("2026-07-01T00:00:00Z", &begin, &end));
    assert_true(hf_time_parse("2026-07-01T00:30:00Z", &at, &end));
    assert_true(hf_schedule_next(job->schedule, begin) == at);
    assert_string_equal(job->timezone, "Europe/Berlin");
    assert_true(job->time_limit == 10800 * HF_NS_PER_S);
    assert_int_equal(job->retry.limit, 5);
    assert_true(job->retry.delay == 7200 * HF_NS_PER_S && job->retry.delay_max == job->retry.delay);
    assert_true(hf_time_parse("2026-07-01T06:00:00Z", &begin, &end));
    assert_true(hf_windows_end(job->windows, begin) == begin + 36000 * HF_NS_PER_S);
    job = hf_config_job(config, "b");
    assert_null(job->schedule);
    assert_string_equal(job->after.items[0], "a");
    assert_int_equal(job->retry.limit, 0);
    job = hf_config_job(config, "c");
    assert_int_equal(job->retry.limit, 3);
    assert_null(job->windows);
}

static void parse_bad_schedules_says_what_and_where(void **state)
{
    static const char *const cases[][2] = {
        {"a: {" JOB ", schedule: 61 2 * * *}",
         "c.yaml:4:52: \"schedule\" in job \"a\": minute \"61\": values are from 0 to 59"},
        {"a: {" JOB ", schedule: 0 2 30 feb *}",
         "c.yaml:4:52: \"schedule\" in job \"a\": day of the month \"30\": no month of \"feb\" has "
         "it"},
        {"a: {" JOB ", schedule: '@dayly'}",
         "c.yaml:4:52: \"schedule\" in job \"a\": \"@dayly\" is none of @hourly, @daily, @weekly, "
         "@monthly and @yearly"},
        {"a: {" JOB ", schedule: 0 2 * *}",
         "c.yaml:4:52: \"schedule\" in job \"a\": a schedule has five fields (minute, hour, day of "
         "the month, month, day of the week), not 4"},
        {"a: {" JOB ", timezone: ../../etc/passwd}",
         "c.yaml:4:52: \"timezone\" in job \"a\": \"../../etc/passwd\" is no name of a time zone, "
         "such as Europe/Berlin"},
        {"a: {" JOB ", not_during: [10:00-11:00, 8-9]}",
         "c.yaml:4:68: \"not_during\" in job \"a\": \"8-9\" is no window, such as \"08:00-18:00\" "
         "or \"mon-fri 08:00-18:00\""},
        {"a: {" JOB ", not_during: 00:00-24:00}", "c.yaml:4:54: \"not_during\" in job \"a\": the "
                                                  "windows are the whole week, so that nothing "
                                                  "could ever start"},
        {"a: {" JOB ", jitter: 5m}", "c.yaml:4:42: \"jitter\" in job \"a\" goes with \"schedule\""},
        {"a: {" JOB ", retries: many}",
         "c.yaml:4:51: \"retries\" in job \"a\" must be a number from 0 to 100, not \"many\""},
        {"a: {" JOB ", retries: {delay: 2h, max_delay: 1h}}",
         "c.yaml:4:63: \"max_delay\" of \"retries\" in job \"a\" is less than \"delay\""},
        {"a: {" JOB ", after: aa}\n  aab: {" JOB "}",
         "c.yaml:4:49: unknown job \"aa\" in job \"a\"; did you mean \"aab\"?"},
        {"a: {" JOB ", after: b, schedule: '@daily'}\n  b: {" JOB "}",
         "c.yaml:4:42: \"schedule\" and \"after\" in job \"a\" cannot be given together: a job "
         "that "
         "follows others starts when they are done"},
        {"a: {" JOB ", after: b}\n  b: {" JOB ", after: c}\n  c: {" JOB ", after: b}",
         "c.yaml:5:49: jobs wait for each other, so that none would ever start: \"b\" after \"c\" "
         "after \"b\""},
        {"a: {" JOB ", after: a}",
         "c.yaml:4:49: jobs wait for each other, so that none would ever start: \"a\" after \"a\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_config *config = NULL;
        char text[1000];

        (void)snprintf(text, sizeof text, HEAD "jobs:\n  %s\n", cases[i][0]);
        assert_int_equal(parse(text, &config, &err), HF_CONFIG);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_schedule_gives_everything),
        cmocka_unit_test(parse_bad_schedules_says_what_and_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
