/*
 * What runs when: a state machine over jobs, without threads, clocks or I/O.
 *
 * The agent tells it what happened (a run ended, somebody asked for one, the configuration
 * changed) and asks what is to be done now. Its loop:
 *
 *     while (hf_planner_take(planner, now, &run))     start run
 *     while (hf_planner_overdue(planner, now, &run))  end run: it is over its time limit
 *     sleep for hf_planner_wait(planner, now), or until something happens
 *     a run has ended: hf_planner_finish(planner, run.ticket, outcome, now, &what_follows)
 *
 * Rules:
 * - A nominal time of a job's schedule is handled once. How far they are handled is a mark, the
 *   nominal time of the last run; it only moves forward. Times missed since (the agent was down,
 * the machine slept, the clock was set forward, the run before took too long) are made up by one
 * run, which stands for the latest of them.
 * - The clock set back: nothing runs again until it has passed the mark. A mark more than a day in
 *   the future (HF_PLAN_FUTURE) was made by a clock that was wrong; it is taken back to now, lest
 *   the job never run again. Limits and delays count monotonic time, which is not set.
 * - One run of a job at a time, at most plan.limit runs of all jobs. What waits starts in the order
 *   in which it became due, what somebody asked for before the rest.
 * - after: a job that follows others starts once each time all of them have succeeded since it
 *   started last. A job that failed, was done in part, ran out of time or was cancelled starts
 *   nothing; its next success does, be it a retry, a later time or a run that somebody asked for.
 *   Followers have no part in the retries of what they follow, and retry on their own.
 * - windows: no run starts in them; what becomes due waits for their end. Runs that were asked for
 *   start all the same.
 * - Retries are for outcomes that can pass (HF_OUTCOME_PASSING), after retry.delay, twice that,
 * four times that, to at most retry.delay_max, with up to a quarter more by hash, so that hosts do
 * not retry all at once. When the next nominal time comes first, that run stands for the retry.
 * - A job seen for the first time, without a past, starts with its next nominal time, and so does
 *   one whose schedule a reload changed.
 *
 * Threads: one at a time. Jobs of a plan and what they point to are borrowed until the planner got
 * another plan, or is freed.
 */
#ifndef HF_SCHEDULES_PLANNER_H
#define HF_SCHEDULES_PLANNER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_schedule;
struct hf_windows;
struct hf_strings;

#define HF_PLAN_FUTURE (INT64_C(25) * 3600 * 1000000000)

/* Both in nanoseconds: since 1970 UTC (hf_clock_now), and of a clock that is never set
 * (hf_clock_monotonic). */
struct hf_plan_now {
    int64_t wall;
    int64_t monotonic;
};

struct hf_plan_retry {
    unsigned limit; /* retries, not attempts; 0: none */
    int64_t delay;  /* before the first; doubles */
    int64_t delay_max;
};

/* What the planner has to know of a job, or of whatever else runs on a schedule. */
struct hf_plan_job {
    const char *name;                   /* unique */
    const struct hf_schedule *schedule; /* or NULL: when it is asked for, or after others */
    const struct hf_strings *after;     /* names of jobs of this plan; or NULL, or empty */
    const struct hf_windows *windows;   /* or NULL */
    struct hf_plan_retry retry;
    int64_t time_limit; /* nanoseconds of one run; 0: none */
};

struct hf_plan {
    const struct hf_plan_job *jobs;
    size_t count;
    unsigned limit; /* runs at the same time; 0: any number */
    uint64_t seed;  /* of this host, for jitter */
};

/* What history knows of a job. Moments of the wall clock; 0: never. */
struct hf_plan_past {
    int64_t nominal;   /* the latest one of its runs */
    int64_t started;   /* when its last run did */
    int64_t succeeded; /* when its last run that did so ended */
    unsigned attempts; /* of its last run, when that ended as HF_OUTCOME_PASSING; otherwise 0 */
    int64_t ended;     /* when that was */
    bool cut_off;      /* its last run was cut off by the end of the agent: it is made up */
};

enum hf_outcome {
    HF_OUTCOME_DONE,
    HF_OUTCOME_PASSING,   /* failed, and trying again may help */
    HF_OUTCOME_FAILED,    /* failed, and it would not */
    HF_OUTCOME_TIME_OVER, /* ended for its time limit */
    HF_OUTCOME_CANCELLED, /* ended because somebody wanted so */
};

enum hf_plan_reason {
    HF_PLAN_TIME,   /* its nominal time */
    HF_PLAN_MISSED, /* made up: its nominal time was missed */
    HF_PLAN_AFTER,  /* the jobs it follows have succeeded */
    HF_PLAN_DEMAND, /* somebody asked */
    HF_PLAN_RETRY,
};

struct hf_plan_run {
    const char *job;    /* as in the plan; valid until the run is finished, whatever is reloaded */
    uint64_t ticket;    /* of this run; the retries of it have it, too */
    int64_t nominal;    /* the time of the schedule it stands for, for hf_plan_past; 0: none */
    int64_t time_limit; /* nanoseconds; 0: none */
    enum hf_plan_reason reason;
    unsigned attempt; /* from 1 */
};

struct hf_planner;

/* A copy of nothing but names is made: see above what is borrowed. HF_CONFIG when a job is named
 * twice, or follows one that is not there. */
enum hf_status hf_planner_new(const struct hf_plan *plan, struct hf_plan_now now,
                              struct hf_planner **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_planner_free(struct hf_planner *planner);
HF_DEFINE_AUTO_PTR(hf_planner, hf_planner_free)

/* After hf_planner_new, before anything else: what was before the agent started. A job that the
 * plan does not have is passed over. */
void hf_planner_restore(struct hf_planner *planner, const char *job,
                        const struct hf_plan_past *past, struct hf_plan_now now);

/* Another plan. What runs goes on, also if its job is gone; what waits stays if its job does. On
 * failure the old plan stands. */
enum hf_status hf_planner_reload(struct hf_planner *planner, const struct hf_plan *plan,
                                 struct hf_plan_now now, struct hf_error *err) HF_WARN_UNUSED;

/* The next run to be started now; false when there is none. It counts as started. */
bool hf_planner_take(struct hf_planner *planner, struct hf_plan_now now, struct hf_plan_run *out);

/* The next run that is over its time limit now, each once; false when there is none. It counts as
 * running until it is finished, with HF_OUTCOME_TIME_OVER. */
bool hf_planner_overdue(struct hf_planner *planner, struct hf_plan_now now,
                        struct hf_plan_run *out);

/* Nanoseconds until take or overdue may have something, if nothing happens before; at most
 * HF_PLAN_WAIT, so that a clock that was set is noticed. */
#define HF_PLAN_WAIT (INT64_C(60) * 1000000000)
int64_t hf_planner_wait(struct hf_planner *planner, struct hf_plan_now now);

struct hf_plan_follows {
    bool retry;       /* the ticket stays: there will be another attempt */
    int64_t retry_in; /* nanoseconds; it may wait longer, for a window or its turn */
};

/* A run that was taken has ended (or could not be started). A ticket that is not running is passed
 * over. */
void hf_planner_finish(struct hf_planner *planner, uint64_t ticket, enum hf_outcome outcome,
                       struct hf_plan_now now, struct hf_plan_follows *out);

/* Somebody wants a run now. When the job runs already, that is the run (*out_running); when it
 * waits for a window, a retry or its turn, it does so no longer than for a free place. The ticket
 * tells how it ended. HF_NOT_FOUND when there is no such job. */
enum hf_status hf_planner_demand(struct hf_planner *planner, const char *job, uint64_t *out_ticket,
                                 bool *out_running, struct hf_error *err) HF_WARN_UNUSED;

enum hf_plan_state {
    HF_PLAN_IDLE,    /* until next */
    HF_PLAN_WINDOW,  /* due, in a window */
    HF_PLAN_QUEUED,  /* due, no free place */
    HF_PLAN_BACKOFF, /* to be retried at next */
    HF_PLAN_RUNNING,
};

struct hf_plan_view {
    const char *job;
    enum hf_plan_state state;
    int64_t next; /* wall clock: when it starts next, as far as is known; HF_NEVER */
};

/* How job index of the plan stands; false when there is none. */
bool hf_planner_view(struct hf_planner *planner, size_t index, struct hf_plan_now now,
                     struct hf_plan_view *out);

#endif
