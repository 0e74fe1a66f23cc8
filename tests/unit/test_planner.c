#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "schedules/planner.h"
#include "schedules/schedule.h"
#include "schedules/windows.h"
#include "tests/support/check.h"

#define MINUTE (INT64_C(60) * HF_NS_PER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
/* 2026-01-01T00:00Z, a Thursday. */
#define BEGIN (INT64_C(1767225600) * HF_NS_PER_S)

/* The clock of a test: both go on together, wall alone is set. */
static struct hf_plan_now now;

static void pass(int64_t span)
{
    now.wall += span;
    now.monotonic += span;
}

static struct hf_schedule *schedule_of(const char *text, int64_t jitter)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_schedule *schedule = NULL;

    assert_ok(hf_schedule_new(text, "UTC", jitter, &schedule, &err), &err);
    return schedule;
}

static struct hf_planner *planner_of(const struct hf_plan_job *jobs, size_t count, unsigned limit)
{
    const struct hf_plan plan = {.jobs = jobs, .count = count, .limit = limit, .seed = 7};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_planner *planner = NULL;

    assert_ok(hf_planner_new(&plan, now, &planner, &err), &err);
    return planner;
}

static struct hf_plan_run taken(struct hf_planner *planner, const char *job,
                                enum hf_plan_reason reason)
{
    struct hf_plan_run run = {.job = NULL};

    assert_true(hf_planner_take(planner, now, &run));
    assert_string_equal(run.job, job);
    assert_int_equal(run.reason, reason);
    return run;
}

static void assert_idle(struct hf_planner *planner)
{
    struct hf_plan_run run;

    if (hf_planner_take(planner, now, &run))
        fail_msg("%s was started", run.job);
}

static struct hf_plan_follows finish(struct hf_planner *planner, const struct hf_plan_run *run,
                                     enum hf_outcome outcome)
{
    struct hf_plan_follows follows;

    hf_planner_finish(planner, run->ticket, outcome, now, &follows);
    return follows;
}

static int setup(void **state)
{
    (void)state;
    now = (struct hf_plan_now){.wall = BEGIN, .monotonic = 12345};
    return 0;
}

static void take_at_time_starts_once(void **state)
{
    HF_AUTO_PTR(hf_schedule) at_two = schedule_of("0 2 * * *", 0);
    const struct hf_plan_job jobs[] = {{.name = "a", .schedule = at_two}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);
    struct hf_plan_run run;

    (void)state;
    assert_idle(planner);
    assert_true(hf_planner_wait(planner, now) == HF_PLAN_WAIT);
    pass(2 * HOUR - 10);
    assert_true(hf_planner_wait(planner, now) == 10);
    assert_idle(planner);
    pass(10);
    assert_true(hf_planner_wait(planner, now) == 0);
    run = taken(planner, "a", HF_PLAN_TIME);
    assert_true(run.nominal == BEGIN + 2 * HOUR);
    assert_idle(planner);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    assert_idle(planner);
    pass(DAY);
    run = taken(planner, "a", HF_PLAN_TIME);
    assert_true(run.nominal == BEGIN + DAY + 2 * HOUR);
}

static void take_after_a_long_sleep_makes_up_once(void **state)
{
    HF_AUTO_PTR(hf_schedule) each = schedule_of("*/5 * * * *", 0);
    const struct hf_plan_job jobs[] = {{.name = "a", .schedule = each}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);
    struct hf_plan_run run;

    (void)state;
    pass(400 * DAY + 3 * MINUTE);
    run = taken(planner, "a", HF_PLAN_MISSED);
    assert_true(run.nominal == BEGIN + 400 * DAY);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    assert_idle(planner);
    pass(2 * MINUTE);
    (void)taken(planner, "a", HF_PLAN_TIME);
}

static void take_while_it_runs_waits_for_the_end(void **state)
{
    HF_AUTO_PTR(hf_schedule) each = schedule_of("* * * * *", 0);
    const struct hf_plan_job jobs[] = {{.name = "a", .schedule = each}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);
    struct hf_plan_run run;

    (void)state;
    pass(MINUTE);
    run = taken(planner, "a", HF_PLAN_TIME);
    pass(10 * MINUTE);
    assert_idle(planner);
    (void)finish(planner, &run, HF_OUTCOME_FAILED);
    run = taken(planner, "a", HF_PLAN_TIME);
    assert_true(run.nominal == BEGIN + 11 * MINUTE);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    assert_idle(planner);
}

static void take_with_limit_starts_the_oldest_and_the_wanted_first(void **state)
{
    HF_AUTO_PTR(hf_schedule) at_two = schedule_of("0 2 * * *", 0);
    HF_AUTO_PTR(hf_schedule) at_one = schedule_of("0 1 * * *", 0);
    const struct hf_plan_job jobs[] = {{.name = "two", .schedule = at_two},
                                       {.name = "one", .schedule = at_one},
                                       {.name = "wanted"}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 3, 1);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_plan_run run;
    uint64_t ticket, again;
    bool running;

    (void)state;
    pass(3 * HOUR);
    assert_ok(hf_planner_demand(planner, "wanted", &ticket, &running, &err), &err);
    assert_false(running);
    assert_ok(hf_planner_demand(planner, "wanted", &again, &running, &err), &err);
    assert_true(again == ticket);
    run = taken(planner, "wanted", HF_PLAN_DEMAND);
    assert_true(run.ticket == ticket);
    assert_ok(hf_planner_demand(planner, "wanted", &again, &running, &err), &err);
    assert_true(running && again == ticket);
    assert_idle(planner);
    assert_true(hf_planner_wait(planner, now) == HF_PLAN_WAIT);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    run = taken(planner, "one", HF_PLAN_MISSED);
    assert_idle(planner);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    (void)taken(planner, "two", HF_PLAN_MISSED);
    assert_fails(hf_planner_demand(planner, "none", &ticket, &running, &err), HF_NOT_FOUND, &err);
}

static void finish_passing_retries_with_growing_delay(void **state)
{
    HF_AUTO_PTR(hf_schedule) yearly = schedule_of("@yearly", 0);
    const struct hf_plan_job jobs[] = {
        {.name = "a",
         .schedule = yearly,
         .retry = {.limit = 4, .delay = MINUTE, .delay_max = 4 * MINUTE}}};
    static const int minutes[] = {1, 2, 4, 4};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);
    struct hf_plan_follows follows;
    struct hf_plan_run run;
    uint64_t ticket;

    (void)state;
    pass(365 * DAY);
    run = taken(planner, "a", HF_PLAN_TIME);
    ticket = run.ticket;
    for (unsigned i = 0; i < 4; i++) {
        follows = finish(planner, &run, HF_OUTCOME_PASSING);
        assert_true(follows.retry);
        assert_in_range(follows.retry_in, minutes[i] * MINUTE, minutes[i] * MINUTE * 5 / 4);
        pass(follows.retry_in - 1);
        assert_idle(planner);
        assert_true(hf_planner_wait(planner, now) == 1);
        pass(1);
        run = taken(planner, "a", HF_PLAN_RETRY);
        assert_true(run.ticket == ticket && run.nominal == BEGIN + 365 * DAY);
        assert_int_equal(run.attempt, i + 2);
    }
    follows = finish(planner, &run, HF_OUTCOME_PASSING);
    assert_false(follows.retry);
    pass(DAY);
    assert_idle(planner);
}

static void finish_what_cannot_pass_is_not_retried(void **state)
{
    static const enum hf_outcome outcomes[] = {HF_OUTCOME_FAILED, HF_OUTCOME_TIME_OVER,
                                               HF_OUTCOME_CANCELLED, HF_OUTCOME_DONE};
    const struct hf_plan_job jobs[] = {
        {.name = "a", .retry = {.limit = 4, .delay = MINUTE, .delay_max = MINUTE}}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);

    (void)state;
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_plan_run run;
        uint64_t ticket;
        bool running;

        assert_ok(hf_planner_demand(planner, "a", &ticket, &running, &err), &err);
        run = taken(planner, "a", HF_PLAN_DEMAND);
        assert_false(finish(planner, &run, outcomes[i]).retry);
        pass(DAY);
        assert_idle(planner);
    }
}

static void take_next_time_stands_for_the_retry(void **state)
{
    HF_AUTO_PTR(hf_schedule) hourly = schedule_of("@hourly", 0);
    const struct hf_plan_job jobs[] = {
        {.name = "a",
         .schedule = hourly,
         .retry = {.limit = 1, .delay = 3 * HOUR, .delay_max = 3 * HOUR}}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);
    struct hf_plan_run run;

    (void)state;
    pass(HOUR);
    run = taken(planner, "a", HF_PLAN_TIME);
    assert_true(finish(planner, &run, HF_OUTCOME_PASSING).retry);
    pass(HOUR);
    run = taken(planner, "a", HF_PLAN_TIME);
    assert_int_equal(run.attempt, 1);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    assert_idle(planner);
}

static void take_after_others_follows_their_success(void **state)
{
    HF_AUTO_PTR(hf_schedule) hourly = schedule_of("@hourly", 0);
    char *names[] = {"a", "b"};
    const struct hf_strings after = {.items = names, .count = 2};
    const struct hf_plan_job jobs[] = {
        {.name = "a", .schedule = hourly}, {.name = "b"}, {.name = "c", .after = &after}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 3, 0);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_plan_run run;
    uint64_t ticket;
    bool running;

    (void)state;
    pass(HOUR);
    run = taken(planner, "a", HF_PLAN_TIME);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    assert_idle(planner);
    assert_ok(hf_planner_demand(planner, "b", &ticket, &running, &err), &err);
    run = taken(planner, "b", HF_PLAN_DEMAND);
    (void)finish(planner, &run, HF_OUTCOME_FAILED);
    assert_idle(planner);
    assert_ok(hf_planner_demand(planner, "b", &ticket, &running, &err), &err);
    run = taken(planner, "b", HF_PLAN_DEMAND);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    run = taken(planner, "c", HF_PLAN_AFTER);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    pass(HOUR);
    run = taken(planner, "a", HF_PLAN_TIME);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    assert_idle(planner); /* b has to succeed again, too */
}

static void take_in_a_window_waits_unless_wanted(void **state)
{
    HF_AUTO_PTR(hf_schedule) at_nine = schedule_of("0 9 * * *", 0);
    HF_AUTO_PTR(hf_windows) windows = NULL;
    char *line = "thu-fri 08:00-18:00";
    const struct hf_strings lines = {.items = &line, .count = 1};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_plan_job jobs[] = {{.name = "a", .schedule = at_nine}};
    HF_AUTO_PTR(hf_planner) planner = NULL;
    struct hf_plan_view view;
    struct hf_plan_run run;
    uint64_t ticket;
    size_t wrong;
    bool running;

    (void)state;
    assert_ok(hf_windows_new(&lines, "UTC", &windows, &wrong, &err), &err);
    jobs[0].windows = windows;
    planner = planner_of(jobs, 1, 0);
    pass(9 * HOUR);
    assert_idle(planner);
    assert_true(hf_planner_view(planner, 0, now, &view));
    assert_int_equal(view.state, HF_PLAN_WINDOW);
    assert_true(view.next == BEGIN + 18 * HOUR);
    pass(9 * HOUR - 1);
    assert_true(hf_planner_wait(planner, now) == 1);
    pass(1);
    run = taken(planner, "a", HF_PLAN_TIME);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    pass(16 * HOUR);
    assert_idle(planner);
    assert_ok(hf_planner_demand(planner, "a", &ticket, &running, &err), &err);
    run = taken(planner, "a", HF_PLAN_DEMAND);
    assert_true(run.nominal == BEGIN + DAY + 9 * HOUR);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    pass(12 * HOUR);
    assert_idle(planner);
    pass(11 * HOUR);
    (void)taken(planner, "a", HF_PLAN_TIME); /* Saturday is free */
}

static void overdue_is_told_once_by_monotonic_time(void **state)
{
    const struct hf_plan_job jobs[] = {{.name = "a", .time_limit = HOUR}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_plan_run run, over;
    uint64_t ticket;
    bool running;

    (void)state;
    assert_ok(hf_planner_demand(planner, "a", &ticket, &running, &err), &err);
    run = taken(planner, "a", HF_PLAN_DEMAND);
    now.wall += 5 * HOUR;
    assert_false(hf_planner_overdue(planner, now, &over));
    pass(HOUR - 1);
    assert_true(hf_planner_wait(planner, now) == 1);
    pass(1);
    assert_true(hf_planner_overdue(planner, now, &over));
    assert_true(over.ticket == run.ticket);
    assert_false(hf_planner_overdue(planner, now, &over));
    assert_idle(planner);
}

static void take_with_the_clock_set_back_never_runs_twice(void **state)
{
    HF_AUTO_PTR(hf_schedule) hourly = schedule_of("@hourly", 0);
    const struct hf_plan_job jobs[] = {{.name = "a", .schedule = hourly}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(jobs, 1, 0);
    struct hf_plan_run run;

    (void)state;
    pass(10 * HOUR);
    run = taken(planner, "a", HF_PLAN_TIME);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    now.wall -= 5 * HOUR;
    for (int i = 0; i < 5; i++, pass(HOUR))
        assert_idle(planner);
    assert_idle(planner);
    pass(HOUR);
    run = taken(planner, "a", HF_PLAN_TIME);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    now.wall += 1000 * DAY + 3 * MINUTE; /* wrong by years, and put right */
    run = taken(planner, "a", HF_PLAN_MISSED);
    (void)finish(planner, &run, HF_OUTCOME_DONE);
    assert_idle(planner);
    now.wall -= 1000 * DAY + 3 * MINUTE;
    assert_idle(planner);
    pass(HOUR);
    (void)taken(planner, "a", HF_PLAN_TIME);
}

static void restore_makes_up_what_was_missed_and_cut_off(void **state)
{
    HF_AUTO_PTR(hf_schedule) daily = schedule_of("@daily", 0);
    char *name = "done";
    const struct hf_strings after = {.items = &name, .count = 1};
    const struct hf_plan_retry retry = {.limit = 3, .delay = HOUR, .delay_max = DAY};
    const struct hf_plan_job jobs[] = {
        {.name = "done", .schedule = daily},  {.name = "missed", .schedule = daily},
        {.name = "cut", .schedule = daily},   {.name = "new", .schedule = daily},
        {.name = "retry", .retry = retry},    {.name = "given-up", .retry = retry},
        {.name = "follows", .after = &after}, {.name = "followed", .after = &after},
    };
    HF_AUTO_PTR(hf_planner) planner = NULL;
    const struct {
        const char *job;
        struct hf_plan_past past;
    } pasts[] = {
        {"done", {.nominal = BEGIN + DAY, .started = BEGIN + DAY, .succeeded = BEGIN + DAY + 5}},
        {"missed", {.nominal = BEGIN, .started = BEGIN, .succeeded = BEGIN + 5}},
        {"cut", {.nominal = BEGIN + DAY, .started = BEGIN + DAY, .cut_off = true}},
        {"retry", {.started = BEGIN + 20 * HOUR, .attempts = 2, .ended = BEGIN + DAY}},
        {"given-up", {.started = BEGIN + 20 * HOUR, .attempts = 4, .ended = BEGIN + DAY}},
        {"follows", {.started = BEGIN + 20, .succeeded = BEGIN + 30}},
        {"followed", {.started = BEGIN + DAY + 20, .succeeded = BEGIN + DAY + 30}},
        {"gone", {.started = BEGIN}},
    };

    (void)state;
    pass(DAY + HOUR);
    planner = planner_of(jobs, 8, 0);
    for (size_t i = 0; i < sizeof pasts / sizeof *pasts; i++)
        hf_planner_restore(planner, pasts[i].job, &pasts[i].past, now);
    assert_true(taken(planner, "missed", HF_PLAN_MISSED).nominal == BEGIN + DAY);
    assert_true(taken(planner, "cut", HF_PLAN_MISSED).nominal == BEGIN + DAY);
    (void)taken(planner, "follows", HF_PLAN_AFTER);
    assert_idle(planner);
    pass(3 * HOUR / 2); /* two hours and up to a quarter, of which one was over */
    assert_int_equal(taken(planner, "retry", HF_PLAN_RETRY).attempt, 3);
    assert_idle(planner);
}

static void reload_keeps_what_it_can(void **state)
{
    HF_AUTO_PTR(hf_schedule) hourly = schedule_of("@hourly", 0);
    HF_AUTO_PTR(hf_schedule) same = schedule_of("@hourly", 0);
    HF_AUTO_PTR(hf_schedule) early = schedule_of("30 0 * * *", 0);
    const struct hf_plan_job before[] = {{.name = "gone", .schedule = hourly},
                                         {.name = "stays", .schedule = hourly},
                                         {.name = "changes", .schedule = hourly}};
    const struct hf_plan_job after[] = {{.name = "changes", .schedule = early},
                                        {.name = "new", .schedule = early},
                                        {.name = "stays", .schedule = same}};
    const struct hf_plan_job twice[] = {{.name = "a"}, {.name = "a"}};
    HF_AUTO_PTR(hf_planner) planner = planner_of(before, 3, 2);
    struct hf_plan plan = {.jobs = after, .count = 3, .limit = 2};
    const struct hf_plan broken = {.jobs = twice, .count = 2};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_plan_run gone, changes;

    (void)state;
    pass(HOUR);
    gone = taken(planner, "gone", HF_PLAN_TIME);
    (void)taken(planner, "stays", HF_PLAN_TIME);
    assert_fails(hf_planner_reload(planner, &broken, now, &err), HF_CONFIG, &err);
    assert_ok(hf_planner_reload(planner, &plan, now, &err), &err);
    assert_idle(planner); /* two places are taken, one by what is gone */
    assert_string_equal(gone.job, "gone");
    (void)finish(planner, &gone, HF_OUTCOME_PASSING);
    changes = taken(planner, "changes", HF_PLAN_TIME); /* it waited already */
    assert_ok(hf_planner_reload(planner, &plan, now, &err), &err);
    (void)finish(planner, &changes, HF_OUTCOME_DONE);
    assert_idle(planner);
    plan.jobs = before;
    assert_ok(hf_planner_reload(planner, &plan, now, &err), &err);
    assert_idle(planner); /* what is new or other begins with its next time */
}

static void start_with_jitter_is_the_same_each_time(void **state)
{
    HF_AUTO_PTR(hf_schedule) daily = schedule_of("@daily", 2 * HOUR);
    int64_t first = 0;
    int late = 0;

    (void)state;
    for (int i = 1; i <= 100; i++) {
        int64_t start = hf_schedule_start(daily, 1, "a", BEGIN + i * DAY);

        assert_true(start == hf_schedule_start(daily, 1, "a", BEGIN + i * DAY));
        assert_in_range(start - BEGIN - i * DAY, 0, 2 * HOUR - 1);
        late += start - BEGIN - i * DAY > HOUR;
        first = i == 1 ? start : first;
    }
    assert_in_range(late, 25, 75);
    assert_true(first != hf_schedule_start(daily, 2, "a", BEGIN + DAY));
    assert_true(first != hf_schedule_start(daily, 1, "b", BEGIN + DAY));
    assert_true(hf_schedule_due(daily, 1, "a", BEGIN, first - 1) == HF_NEVER);
    assert_true(hf_schedule_due(daily, 1, "a", BEGIN, first) == BEGIN + DAY);
    assert_true(hf_schedule_due(daily, 1, "a", BEGIN, first + 1000 * DAY + 2 * HOUR) ==
                BEGIN + 1001 * DAY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(take_at_time_starts_once),
        TEST(take_after_a_long_sleep_makes_up_once),
        TEST(take_while_it_runs_waits_for_the_end),
        TEST(take_with_limit_starts_the_oldest_and_the_wanted_first),
        TEST(finish_passing_retries_with_growing_delay),
        TEST(finish_what_cannot_pass_is_not_retried),
        TEST(take_next_time_stands_for_the_retry),
        TEST(take_after_others_follows_their_success),
        TEST(take_in_a_window_waits_unless_wanted),
        TEST(overdue_is_told_once_by_monotonic_time),
        TEST(take_with_the_clock_set_back_never_runs_twice),
        TEST(restore_makes_up_what_was_missed_and_cut_off),
        TEST(reload_keeps_what_it_can),
        TEST(start_with_jitter_is_the_same_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
