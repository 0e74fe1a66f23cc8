/* Years of random plans, outcomes, restarts and clocks: what must hold whatever happens. */
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

#include <inttypes.h>

#define MINUTE (INT64_C(60) * HF_NS_PER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define BEGIN (INT64_C(1767225600) * HF_NS_PER_S)

enum { JOBS = 5, RUNS_MAX = 2 };

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(dice_state >> 33) % sides;
}

/* What the world knows of a job: its history, and the run that goes on. */
struct job {
    struct hf_plan_past past;
    struct hf_plan_run run;
    bool runs;
    int64_t end;      /* monotonic */
    int64_t last;     /* the latest nominal time that ran to its end, or failed for good */
    int64_t demanded; /* how often it was asked for */
    int64_t starts;
};

struct world {
    struct hf_schedule *schedules[JOBS];
    struct hf_windows *windows;
    struct hf_plan_job plan_jobs[JOBS];
    struct hf_plan plan;
    struct hf_planner *planner;
    struct hf_plan_now now;
    struct job jobs[JOBS];
    unsigned running;
    bool jumps; /* the clock is set; the agent is restarted */
};

static char *const names[JOBS] = {"a", "b", "c", "d", "e"};
static char *after_a[] = {"a"};
static const struct hf_strings after = {.items = after_a, .count = 1};

static void world_init(struct world *w, bool jumps)
{
    static const char *const zones[] = {"Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu",
                                        "America/Santiago"};
    static const char *const texts[] = {"17 * * * *", "30 2 * * *", "*/20 1-4 * * *",
                                        "0 12 * * mon-fri"};
    static char *window = "mon-fri 11:00-13:30";
    const struct hf_strings lines = {.items = &window, .count = 1};
    struct hf_error err = HF_ERROR_INIT;
    size_t wrong;

    *w = (struct world){.jumps = jumps, .now = {.wall = BEGIN + dice(300) * DAY, .monotonic = 1}};
    assert_ok(hf_windows_new(&lines, "Europe/Berlin", &w->windows, &wrong, &err), &err);
    for (size_t i = 0; i < JOBS; i++) {
        struct hf_plan_job *job = &w->plan_jobs[i];

        job->name = names[i];
        job->retry = (struct hf_plan_retry){
            .limit = dice(4), .delay = MINUTE * (1 + dice(20)), .delay_max = HOUR};
        job->time_limit = dice(2) ? HOUR : 0;
        if (i == JOBS - 1) {
            job->after = &after;
            continue;
        }
        assert_ok(hf_schedule_new(texts[i], zones[dice(4)], dice(2) * 15 * MINUTE, &w->schedules[i],
                                  &err),
                  &err);
        job->schedule = w->schedules[i];
        job->windows = i == 3 ? w->windows : NULL;
    }
    w->plan = (struct hf_plan){
        .jobs = w->plan_jobs, .count = JOBS, .limit = RUNS_MAX, .seed = dice(1000)};
    assert_ok(hf_planner_new(&w->plan, w->now, &w->planner, &err), &err);
}

static void world_done(struct world *w)
{
    hf_planner_free(w->planner);
    hf_windows_free(w->windows);
    for (size_t i = 0; i < JOBS; i++)
        hf_schedule_free(w->schedules[i]);
}

static void start(struct world *w)
{
    struct hf_plan_run run;

    while (hf_planner_take(w->planner, w->now, &run)) {
        size_t i = (size_t)(run.job[0] - 'a');
        struct job *job = &w->jobs[i];

        assert_false(job->runs);
        assert_true(w->running < RUNS_MAX);
        if (i == 3 && run.reason != HF_PLAN_DEMAND)
            assert_true(hf_windows_end(w->windows, w->now.wall) == w->now.wall);
        if (run.nominal > 0 && run.reason != HF_PLAN_RETRY && run.nominal <= job->last && !w->jumps)
            fail_msg("%s runs twice for %" PRId64, run.job, run.nominal);
        assert_true(run.attempt <= w->plan_jobs[i].retry.limit + 1);
        job->run = run;
        job->runs = true;
        job->end = w->now.monotonic + dice(90) * MINUTE;
        job->starts++;
        job->past.started = w->now.wall;
        job->past.attempts = 0;
        if (run.nominal > 0)
            job->past.nominal = run.nominal;
        w->running++;
    }
}

static void end(struct world *w, struct job *job, enum hf_outcome outcome)
{
    struct hf_plan_follows follows;

    hf_planner_finish(w->planner, job->run.ticket, outcome, w->now, &follows);
    job->runs = false;
    w->running--;
    job->past.ended = w->now.wall;
    if (outcome == HF_OUTCOME_DONE)
        job->past.succeeded = w->now.wall;
    if (outcome == HF_OUTCOME_PASSING)
        job->past.attempts = job->run.attempt;
    if (!follows.retry && job->run.nominal > job->last)
        job->last = job->run.nominal;
}

static void end_some(struct world *w)
{
    struct hf_plan_run run;

    while (hf_planner_overdue(w->planner, w->now, &run)) {
        struct job *job = &w->jobs[run.job[0] - 'a'];

        assert_true(job->runs && job->run.ticket == run.ticket);
        end(w, job, HF_OUTCOME_TIME_OVER);
    }
    for (size_t i = 0; i < JOBS; i++) {
        if (w->jobs[i].runs && w->jobs[i].end <= w->now.monotonic)
            end(w, &w->jobs[i],
                dice(3) > 0 ? HF_OUTCOME_DONE
                : dice(2)   ? HF_OUTCOME_PASSING
                            : HF_OUTCOME_FAILED);
    }
}

/* The agent is killed, with its runs, and comes back after a while. */
static void restart(struct world *w)
{
    struct hf_error err = HF_ERROR_INIT;
    int64_t pause = dice(3) * 7 * HOUR;

    hf_planner_free(w->planner);
    w->planner = NULL;
    w->running = 0;
    w->now.wall += pause;
    w->now.monotonic += pause;
    assert_ok(hf_planner_new(&w->plan, w->now, &w->planner, &err), &err);
    for (size_t i = 0; i < JOBS; i++) {
        struct job *job = &w->jobs[i];

        job->past.cut_off = job->runs;
        job->runs = false;
        if (job->past.started > 0)
            hf_planner_restore(w->planner, names[i], &job->past, w->now);
        job->past.cut_off = false;
    }
}

static void happen(struct world *w)
{
    static const int64_t jumps[] = {-5 * HOUR, 5 * HOUR, -30 * HOUR, 400 * DAY, -400 * DAY, MINUTE};
    struct hf_error err = HF_ERROR_INIT;
    uint64_t ticket;
    bool running;

    if (dice(200) == 0) {
        size_t i = dice(JOBS);

        assert_ok(hf_planner_demand(w->planner, names[i], &ticket, &running, &err), &err);
        assert_true(running == w->jobs[i].runs);
        w->jobs[i].demanded++;
    }
    if (w->jumps && dice(300) == 0)
        w->now.wall += jumps[dice(6)];
    if (w->jumps && dice(300) == 0)
        restart(w);
}

/* As the agent's loop does. */
static void step(struct world *w)
{
    int64_t wait;

    start(w);
    wait = hf_planner_wait(w->planner, w->now);
    assert_in_range(wait, w->running == RUNS_MAX ? 0 : 1, HF_PLAN_WAIT);
    for (size_t i = 0; i < JOBS; i++) {
        if (w->jobs[i].runs && w->jobs[i].end - w->now.monotonic < wait)
            wait = w->jobs[i].end - w->now.monotonic;
    }
    wait = wait > 0 ? wait : 1;
    w->now.wall += wait;
    w->now.monotonic += wait;
    end_some(w);
}

/* Nothing runs any more than can have become due. */
static int64_t times_between(const struct hf_schedule *schedule, int64_t from, int64_t to)
{
    int64_t count = 0;

    for (int64_t at = hf_schedule_next(schedule, from); at <= to; count++)
        at = hf_schedule_next(schedule, at);
    return count;
}

static void planner_of_steady_clock_misses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world w;
        int64_t from;

        dice_state = seed;
        world_init(&w, false);
        from = w.now.wall;
        while (w.now.wall < from + 365 * DAY) {
            happen(&w);
            step(&w);
            /* A nominal time waits for no longer than runs, windows and retries before it take. */
            for (size_t i = 0; i < JOBS - 1; i++) {
                int64_t next = hf_schedule_next(
                    w.schedules[i], w.jobs[i].past.nominal > from ? w.jobs[i].past.nominal : from);

                if (next < w.now.wall - 12 * HOUR)
                    fail_msg("%s is missed at %" PRId64 ", seed %" PRIu64, names[i], next, seed);
            }
        }
        for (size_t i = 0; i < JOBS - 1; i++) {
            int64_t most = (times_between(w.schedules[i], from, w.now.wall) + w.jobs[i].demanded) *
                           (w.plan_jobs[i].retry.limit + 1);

            assert_in_range(w.jobs[i].starts, 20, most);
        }
        assert_true(w.jobs[JOBS - 1].starts > 0);
        world_done(&w);
    }
}

static void planner_of_any_clock_never_storms_and_goes_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct world w;
        int64_t monotonic;

        dice_state = seed;
        world_init(&w, true);
        monotonic = w.now.monotonic;
        while (w.now.monotonic < monotonic + 120 * DAY) {
            int64_t before = w.jobs[0].starts + w.jobs[1].starts + w.jobs[2].starts;
            int64_t at = w.now.monotonic;

            happen(&w);
            start(&w);
            assert_true(w.jobs[0].starts + w.jobs[1].starts + w.jobs[2].starts - before <= 3);
            step(&w);
            assert_true(w.now.monotonic > at);
        }
        /* Whatever was before: after two quiet days each schedule has run again. */
        w.jumps = false;
        for (size_t i = 0; i < JOBS; i++)
            w.jobs[i].starts = 0;
        for (int64_t end_at = w.now.monotonic + 5 * DAY; w.now.monotonic < end_at;) {
            for (size_t i = 0; i < JOBS; i++)
                w.jobs[i].last = 0;
            step(&w);
        }
        for (size_t i = 0; i < JOBS - 1; i++)
            assert_true(w.jobs[i].starts > 0);
        world_done(&w);
    }
}

static int setup(void **state)
{
    (void)state;
    return setenv("TZDIR", HF_SOURCE_DIR "/tests/unit/schedules/zoneinfo", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planner_of_steady_clock_misses_nothing),
        cmocka_unit_test(planner_of_any_clock_never_storms_and_goes_on),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
