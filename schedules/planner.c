#include "schedules/planner.h"

#include "base/clock.h"
#include "base/text.h"
#include "schedules/schedule.h"
#include "schedules/windows.h"

#include <stdlib.h>
#include <string.h>

/* A run that starts this long after its time was missed, rather than late by a tick. */
#define LATE (INT64_C(120) * HF_NS_PER_S)

/* What is known of a job. */
struct state {
    char *name;
    const struct hf_plan_job *job; /* NULL: it is gone, and only its run is left */
    int64_t mark;                  /* nominal times are handled until here */
    int64_t next, next_start;      /* the nominal time after mark, and its start */
    /* Of plan.stamp: order, whatever the clock did. */
    int64_t started, succeeded;
    bool waits;
    bool demanded;
    int64_t due;        /* wall clock: the place in the queue */
    int64_t not_before; /* monotonic: for a retry */
    bool runs;
    bool told;              /* that it is overdue */
    int64_t end_by;         /* monotonic, with a time limit */
    struct hf_plan_run run; /* that waits, or runs */
};

struct hf_planner {
    struct hf_plan plan;
    struct state **states; /* those of the plan in its order, then those that are gone */
    size_t count;
    unsigned running;
    uint64_t tickets;
    int64_t stamp;
};

static void state_free(struct state *state)
{
    if (!state)
        return;
    free(state->name);
    free(state);
}

void hf_planner_free(struct hf_planner *planner)
{
    if (!planner)
        return;
    for (size_t i = 0; i < planner->count; i++)
        state_free(planner->states[i]);
    free(planner->states);
    free(planner);
}

static struct state *find(const struct hf_planner *planner, const char *name)
{
    for (size_t i = 0; i < planner->count; i++) {
        if (strcmp(planner->states[i]->name, name) == 0)
            return planner->states[i];
    }
    return NULL;
}

static const struct hf_plan_job *find_job(const struct hf_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->jobs[i].name, name) == 0)
            return &plan->jobs[i];
    }
    return NULL;
}

static enum hf_status check_plan(const struct hf_plan *plan, struct hf_error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct hf_plan_job *job = &plan->jobs[i];

        if (find_job(plan, job->name) != job)
            return hf_error_set(err, HF_CONFIG, "job \"%s\" is planned twice", job->name);
        for (size_t k = 0; job->after && k < job->after->count; k++) {
            if (!find_job(plan, job->after->items[k]))
                return hf_error_set(err, HF_CONFIG, "job \"%s\" follows \"%s\", which is none",
                                    job->name, job->after->items[k]);
        }
    }
    return HF_OK;
}

/* Later than all before, and than the wall clock where that is right. */
static int64_t stamp(struct hf_planner *planner, int64_t wall)
{
    planner->stamp = wall > planner->stamp ? wall : planner->stamp + 1;
    return planner->stamp;
}

static void set_mark(const struct hf_planner *planner, struct state *state, int64_t mark)
{
    const struct hf_schedule *schedule = state->job->schedule;

    state->mark = mark;
    state->next = schedule ? hf_schedule_next(schedule, mark) : HF_NEVER;
    state->next_start = state->next;
    if (state->next < HF_NEVER)
        state->next_start =
            hf_schedule_start(schedule, planner->plan.seed, state->name, state->next);
}

static enum hf_status state_new(struct hf_planner *planner, const struct hf_plan_job *job,
                                int64_t wall, struct state **out, struct hf_error *err)
{
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return hf_error_memory(err);
    enum hf_status status = hf_text_copy(job->name, &state->name, err);
    if (status != HF_OK) {
        free(state);
        return status;
    }
    state->started = stamp(planner, wall);
    *out = state;
    return HF_OK;
}

/* A job of a plan, which is new, or has another row in another plan. */
static void adopt(const struct hf_planner *planner, struct state *state,
                  const struct hf_plan_job *job, int64_t wall)
{
    const struct hf_plan_job *old = state->job;

    state->job = job;
    if (!old || !hf_schedule_same(old->schedule, job->schedule))
        set_mark(planner, state, wall);
    else
        set_mark(planner, state, state->mark);
    if (state->waits && state->run.reason == HF_PLAN_RETRY &&
        state->run.attempt > job->retry.limit + 1)
        state->waits = false;
}

enum hf_status hf_planner_reload(struct hf_planner *planner, const struct hf_plan *plan,
                                 struct hf_plan_now now, struct hf_error *err)
{
    size_t count = 0, old_count = planner->count;
    struct state **states;
    enum hf_status status = check_plan(plan, err);

    if (status != HF_OK)
        return status;
    states = calloc(plan->count + old_count + 1, sizeof(struct state *));
    if (!states)
        return hf_error_memory(err);
    for (; count < plan->count; count++) {
        states[count] = find(planner, plan->jobs[count].name);
        if (!states[count] &&
            state_new(planner, &plan->jobs[count], now.wall, &states[count], err) != HF_OK)
            break;
    }
    if (count < plan->count) { /* no memory: what is new goes again, nothing was changed yet */
        for (size_t i = 0; i < count; i++) {
            if (!find(planner, states[i]->name))
                state_free(states[i]);
        }
        free(states);
        return err->status;
    }
    planner->plan = *plan;
    for (size_t i = 0; i < old_count; i++) {
        struct state *state = planner->states[i];

        if (find_job(plan, state->name))
            continue;
        state->job = NULL;
        state->waits = false;
        if (state->runs)
            states[count++] = state;
        else
            state_free(state);
    }
    free(planner->states);
    planner->states = states;
    planner->count = count;
    for (size_t i = 0; i < plan->count; i++)
        adopt(planner, states[i], &plan->jobs[i], now.wall);
    return HF_OK;
}

enum hf_status hf_planner_new(const struct hf_plan *plan, struct hf_plan_now now,
                              struct hf_planner **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_planner) planner = calloc(1, sizeof *planner);

    if (!planner)
        return hf_error_memory(err);
    HF_TRY(hf_planner_reload(planner, plan, now, err));
    *out = planner;
    planner = NULL;
    return HF_OK;
}

/* A request for a run. */
static void request(struct hf_planner *planner, struct state *state, enum hf_plan_reason reason,
                    int64_t nominal, int64_t due)
{
    state->waits = true;
    state->demanded = false;
    state->due = due;
    state->not_before = INT64_MIN;
    state->run = (struct hf_plan_run){.job = state->name,
                                      .ticket = ++planner->tickets,
                                      .reason = reason,
                                      .nominal = nominal,
                                      .attempt = 1};
}

/* Doubles with each attempt that failed, and up to a quarter more. */
static int64_t retry_delay(const struct hf_planner *planner, const struct state *state)
{
    const struct hf_plan_retry *retry = &state->job->retry;
    int64_t delay = retry->delay;

    for (unsigned i = 1; i < state->run.attempt && delay < retry->delay_max; i++)
        delay = delay > retry->delay_max / 2 ? retry->delay_max : delay * 2;
    if (delay > retry->delay_max)
        delay = retry->delay_max;
    if (delay < 4)
        return delay;
    return delay + (int64_t)(hf_schedule_hash(planner->plan.seed, state->name,
                                              state->run.nominal + state->run.attempt) %
                             (uint64_t)(delay / 4));
}

/* After an attempt that failed in a way that can pass. False when there are no retries left. */
static bool retry(const struct hf_planner *planner, struct state *state, struct hf_plan_now now,
                  int64_t passed, int64_t *out_delay)
{
    int64_t delay;

    if (!state->job || state->run.attempt > state->job->retry.limit)
        return false;
    delay = retry_delay(planner, state);
    delay = passed < 0 ? delay : passed < delay ? delay - passed : 0;
    state->waits = true;
    state->demanded = false;
    state->due = now.wall;
    state->not_before = now.monotonic + delay;
    state->run.reason = HF_PLAN_RETRY;
    state->run.attempt++;
    *out_delay = delay;
    return true;
}

void hf_planner_restore(struct hf_planner *planner, const char *job,
                        const struct hf_plan_past *past, struct hf_plan_now now)
{
    struct state *state = find(planner, job);
    int64_t delay;

    if (!state || !state->job)
        return;
    if (past->nominal > 0)
        set_mark(planner, state, past->nominal);
    if (past->started > 0)
        state->started = past->started;
    state->succeeded = past->succeeded;
    (void)stamp(planner, past->started > past->succeeded ? past->started : past->succeeded);
    if (past->cut_off) {
        request(planner, state, HF_PLAN_MISSED, past->nominal, past->started);
    } else if (past->attempts > 0) {
        request(planner, state, HF_PLAN_RETRY, past->nominal, past->ended);
        state->run.attempt = past->attempts;
        state->waits = retry(planner, state, now, now.wall - past->ended, &delay);
    }
}

static bool follows_are_done(const struct hf_planner *planner, const struct state *state)
{
    const struct hf_strings *after = state->job->after;

    for (size_t i = 0; after && i < after->count; i++) {
        if (find(planner, after->items[i])->succeeded <= state->started)
            return false;
    }
    return after && after->count > 0;
}

/* A nominal time has come: a run for it, or what waits stands for it, too. */
static void come(struct hf_planner *planner, struct state *state, int64_t wall)
{
    int64_t due =
        hf_schedule_due(state->job->schedule, planner->plan.seed, state->name, state->mark, wall);
    int64_t start;
    enum hf_plan_reason reason;

    if (due == HF_NEVER)
        return;
    start = hf_schedule_start(state->job->schedule, planner->plan.seed, state->name, due);
    reason = wall - start > LATE ? HF_PLAN_MISSED : HF_PLAN_TIME;
    set_mark(planner, state, due);
    if (!state->waits) {
        request(planner, state, reason, due, start);
        return;
    }
    state->run.nominal = due;
    if (state->run.reason == HF_PLAN_RETRY) {
        state->run.reason = reason;
        state->run.attempt = 1;
        state->not_before = INT64_MIN;
    }
}

/* What has become due of a job since somebody looked last. */
static void look(struct hf_planner *planner, struct state *state, struct hf_plan_now now)
{
    if (!state->job)
        return;
    if (state->mark > now.wall && state->mark - now.wall > HF_PLAN_FUTURE)
        set_mark(planner, state, now.wall);
    if (state->runs)
        return;
    if (state->next_start <= now.wall)
        come(planner, state, now.wall);
    if (!state->waits && follows_are_done(planner, state))
        request(planner, state, HF_PLAN_AFTER, 0, now.wall);
}

/* Nanoseconds until a run that waits may start, if there is a free place. */
static int64_t held(const struct state *state, struct hf_plan_now now)
{
    if (state->demanded)
        return 0;
    if (state->not_before > now.monotonic)
        return state->not_before - now.monotonic;
    if (state->job->windows)
        return hf_windows_end(state->job->windows, now.wall) - now.wall;
    return 0;
}

static bool has_place(const struct hf_planner *planner)
{
    return planner->plan.limit == 0 || planner->running < planner->plan.limit;
}

static bool is_before(const struct state *a, const struct state *b)
{
    return a->demanded != b->demanded ? a->demanded : a->due < b->due;
}

static struct state *first_waiting(struct hf_planner *planner, struct hf_plan_now now)
{
    struct state *first = NULL;

    for (size_t i = 0; i < planner->count; i++) {
        struct state *state = planner->states[i];

        look(planner, state, now);
        if (state->waits && !state->runs && (!first || is_before(state, first)) &&
            held(state, now) <= 0)
            first = state;
    }
    return first;
}

bool hf_planner_take(struct hf_planner *planner, struct hf_plan_now now, struct hf_plan_run *out)
{
    struct state *state = first_waiting(planner, now);

    if (!state || !has_place(planner))
        return false;
    state->waits = false;
    state->demanded = false;
    state->runs = true;
    state->told = false;
    state->started = stamp(planner, now.wall);
    state->run.time_limit = state->job->time_limit;
    state->end_by = now.monotonic + state->run.time_limit;
    planner->running++;
    *out = state->run;
    return true;
}

bool hf_planner_overdue(struct hf_planner *planner, struct hf_plan_now now, struct hf_plan_run *out)
{
    for (size_t i = 0; i < planner->count; i++) {
        struct state *state = planner->states[i];

        if (!state->runs || state->told || state->run.time_limit == 0 ||
            state->end_by > now.monotonic)
            continue;
        state->told = true;
        *out = state->run;
        return true;
    }
    return false;
}

/* Nanoseconds until something is to be done about a job. */
static int64_t wait_for(const struct hf_planner *planner, const struct state *state,
                        struct hf_plan_now now)
{
    int64_t wait = HF_PLAN_WAIT;
    int64_t other = HF_PLAN_WAIT;

    if (state->runs)
        return state->run.time_limit > 0 && !state->told ? state->end_by - now.monotonic : wait;
    if (state->job->schedule && state->next_start < HF_NEVER)
        wait = state->next_start - now.wall;
    if (state->waits)
        other = held(state, now);
    /* What is free to start waits for a place, which is somebody's end. */
    if (other <= 0 && !has_place(planner))
        other = HF_PLAN_WAIT;
    return other < wait ? other : wait;
}

int64_t hf_planner_wait(struct hf_planner *planner, struct hf_plan_now now)
{
    int64_t wait = HF_PLAN_WAIT;

    for (size_t i = 0; i < planner->count; i++) {
        int64_t one;

        look(planner, planner->states[i], now);
        one = wait_for(planner, planner->states[i], now);
        if (one < wait)
            wait = one;
    }
    return wait > 0 ? wait : 0;
}

void hf_planner_finish(struct hf_planner *planner, uint64_t ticket, enum hf_outcome outcome,
                       struct hf_plan_now now, struct hf_plan_follows *out)
{
    *out = (struct hf_plan_follows){.retry = false};
    for (size_t i = 0; i < planner->count; i++) {
        struct state *state = planner->states[i];

        if (!state->runs || state->run.ticket != ticket)
            continue;
        state->runs = false;
        planner->running--;
        if (outcome == HF_OUTCOME_DONE)
            state->succeeded = stamp(planner, now.wall);
        else if (outcome == HF_OUTCOME_PASSING)
            out->retry = retry(planner, state, now, -1, &out->retry_in);
        if (!state->job) {
            state_free(state);
            planner->states[i] = planner->states[--planner->count];
        }
        return;
    }
}

enum hf_status hf_planner_demand(struct hf_planner *planner, const char *job, uint64_t *out_ticket,
                                 bool *out_running, struct hf_error *err)
{
    struct state *state = find(planner, job);

    if (!state || (!state->job && !state->runs))
        return hf_error_set(err, HF_NOT_FOUND, "there is no job \"%.100s\"", job);
    if (!state->runs) {
        if (!state->waits)
            request(planner, state, HF_PLAN_DEMAND, 0, INT64_MIN);
        state->run.reason = HF_PLAN_DEMAND;
        state->demanded = true;
    }
    *out_ticket = state->run.ticket;
    *out_running = state->runs;
    return HF_OK;
}

bool hf_planner_view(struct hf_planner *planner, size_t index, struct hf_plan_now now,
                     struct hf_plan_view *out)
{
    struct state *state;
    int64_t wait;

    if (index >= planner->plan.count)
        return false;
    state = planner->states[index];
    look(planner, state, now);
    *out = (struct hf_plan_view){.job = state->name, .next = state->next_start};
    if (state->runs) {
        out->state = HF_PLAN_RUNNING;
    } else if (state->waits) {
        wait = held(state, now);
        out->state = wait <= 0                           ? HF_PLAN_QUEUED
                     : state->not_before > now.monotonic ? HF_PLAN_BACKOFF
                                                         : HF_PLAN_WINDOW;
        out->next = now.wall + (wait > 0 ? wait : 0);
    }
    return true;
}
