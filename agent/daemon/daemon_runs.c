/* The runs of the agent: begun, held back, ended. */
#include "agent/daemon/daemon_internal.h"

#include "agent/config/duration.h"
#include "agent/daemon/lock.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* Nobody asks for a prune but the backup before it. */
static const char *trigger_of(enum hf_plan_reason reason, enum hf_run_kind kind)
{
    if (kind == HF_RUN_PRUNE && reason == HF_PLAN_DEMAND)
        return "after";
    switch (reason) {
    case HF_PLAN_TIME:
        return "schedule";
    case HF_PLAN_MISSED:
        return "missed";
    case HF_PLAN_AFTER:
        return "after";
    case HF_PLAN_DEMAND:
        return "request";
    case HF_PLAN_RETRY:
        return "retry";
    }
    return "schedule";
}

#define log_run(d, r, level, fields, format, ...)                                                  \
    hf_output_log((d)->output, level, &(struct hf_log_about){.run = (r)->id, .job = (r)->subject}, \
                  fields, "%s " format, hf_run_kind_name((r)->kind), __VA_ARGS__)

static void give_up(struct hf_daemon *d, const struct hf_plan_run *due, enum hf_outcome outcome,
                    const struct hf_error *why)
{
    struct hf_plan_follows follows;

    hf_planner_finish(d->planner, due->ticket, outcome, hf_daemon_now(d), &follows);
    hf_daemon_tell_end(d, due->ticket, hf_status_exit_code(why->status), why->text);
    hf_output_log(d->output, HF_LOG_WARNING, &(struct hf_log_about){.job = due->job}, NULL, "%s",
                  why->text);
}

static bool is_run_by_others(const struct hf_daemon *d, const struct hf_agenda_item *item)
{
    char name[HF_LOCK_NAME_MAX];
    pid_t holder;

    if (!d->state || item->kind != HF_RUN_BACKUP)
        return false;
    hf_lock_job_name(name, d->config_path, item->subject);
    return hf_lock_is_held(d->state, name, &holder);
}

/* Taken by the planner, begun when whoever runs the job by hand is done: nothing tells us when, so
 * it is looked at each second. */
static bool hold(struct hf_daemon *d, const struct hf_plan_run *due)
{
    if (d->held_count == HF_CONFIG_RUNS_MAX)
        return false;
    d->held[d->held_count++] = *due;
    return true;
}

static void begin(struct hf_daemon *d, const struct hf_plan_run *due,
                  const struct hf_agenda_item *item)
{
    const struct hf_run_context context = {
        .config_file = d->config->file,
        .config_copy = d->config_copy,
        .passphrase = d->session->env_passphrase,
        .log_level = hf_args_value(d->session->args, HF_OPT_LOG_LEVEL),
        .log_json = hf_output_logs_json(d->output),
        .stop_timeout = d->config->agent.stop_timeout > 0 ? d->config->agent.stop_timeout
                                                          : HF_CONFIG_STOP_TIMEOUT_DEFAULT};
    const char *trigger = trigger_of(due->reason, item->kind);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_run *run;

    if (hf_run_start(&context, item->kind, item->subject, trigger, &run, &err) != HF_OK) {
        give_up(d, due, hf_status_retryable(err.status) ? HF_OUTCOME_PASSING : HF_OUTCOME_FAILED,
                &err);
        return;
    }
    run->ticket = due->ticket;
    run->next = d->runs;
    d->runs = run;
    log_run(d, run, HF_LOG_INFO,
            json_pack("{s:s, s:s, s:i}", "command", hf_run_kind_name(run->kind), "trigger", trigger,
                      "attempt", (int)due->attempt),
            "begins, run %.8s (%s)", run->id, trigger);
}

static void start(struct hf_daemon *d, const struct hf_plan_run *due, bool held)
{
    const struct hf_agenda_item *item = hf_agenda_named(d->agenda, due->job);
    struct hf_error err = HF_ERROR_INIT;

    if (!item) {
        (void)hf_error_set(&err, HF_NOT_FOUND, "it is not in the configuration any more");
        give_up(d, due, HF_OUTCOME_FAILED, &err);
    } else if (is_run_by_others(d, item) && hold(d, due)) {
        if (!held)
            hf_output_log(d->output, HF_LOG_INFO, &(struct hf_log_about){.job = due->job}, NULL,
                          "it is being run by another process; waiting for its end");
    } else {
        begin(d, due, item);
    }
}

static void start_held(struct hf_daemon *d)
{
    struct hf_plan_run held[HF_CONFIG_RUNS_MAX];
    size_t count = d->held_count;

    memcpy(held, d->held, count * sizeof *held);
    d->held_count = 0;
    for (size_t i = 0; i < count; i++)
        start(d, &held[i], true);
}

static struct hf_run *run_with(const struct hf_daemon *d, uint64_t ticket)
{
    struct hf_run *run = d->runs;

    while (run && run->ticket != ticket)
        run = run->next;
    return run;
}

static void end_overdue(struct hf_daemon *d, const struct hf_plan_run *over)
{
    struct hf_run *run = run_with(d, over->ticket);
    struct hf_error err = HF_ERROR_INIT;

    if (run) {
        hf_run_tell_to_stop(run, HF_RUN_OVER_TIME, hf_clock_monotonic());
        return;
    }
    for (size_t i = 0; i < d->held_count; i++) {
        if (d->held[i].ticket != over->ticket)
            continue;
        (void)hf_error_set(&err, HF_BUSY, "another process ran it for all of its time limit");
        d->held[i] = d->held[--d->held_count];
        give_up(d, over, HF_OUTCOME_TIME_OVER, &err);
        return;
    }
}

void hf_daemon_start_due(struct hf_daemon *d)
{
    struct hf_plan_run due;

    while (hf_planner_overdue(d->planner, hf_daemon_now(d), &due))
        end_overdue(d, &due);
    if (d->leaving)
        return;
    start_held(d);
    while (hf_planner_take(d->planner, hf_daemon_now(d), &due))
        start(d, &due, false);
}

static enum hf_outcome outcome_of(const struct hf_run *run)
{
    const struct hf_verdict *verdict = &run->verdict;

    if (verdict->ok)
        return HF_OUTCOME_DONE;
    if (run->stop == HF_RUN_OVER_TIME)
        return HF_OUTCOME_TIME_OVER;
    if (run->stop == HF_RUN_AGENT_LEAVES)
        return HF_OUTCOME_CANCELLED;
    if (verdict->crashed)
        return HF_OUTCOME_PASSING; /* what killed it may not be there again */
    return verdict->retryable ? HF_OUTCOME_PASSING : HF_OUTCOME_FAILED;
}

static void report_end(struct hf_daemon *d, const struct hf_run *run,
                       const struct hf_plan_follows *follows)
{
    int64_t ns = hf_clock_now() - run->began;
    char took[HF_DURATION_TEXT], wait[HF_DURATION_TEXT] = "";
    const char *kind = hf_run_kind_name(run->kind);
    json_t *fields = json_pack("{s:s, s:i, s:f}", "command", kind, "exit_code",
                               run->verdict.exit_code, "seconds", (double)ns / (double)HF_NS_PER_S);

    hf_duration_format(took, ns);
    if (follows->retry)
        hf_duration_format(wait, follows->retry_in);
    if (run->verdict.ok)
        log_run(d, run, HF_LOG_INFO, fields, "is done, run %.8s, in %s", run->id, took);
    else
        log_run(d, run, HF_LOG_ERROR, fields, "failed, run %.8s, exit status %d, in %s: %s%s%s",
                run->id, run->verdict.exit_code, took, run->verdict.error.text,
                follows->retry ? "; once more in " : "", wait);
}

void hf_daemon_on_line(void *ctx, struct hf_run *run, const char *line, size_t len)
{
    hf_daemon_tell_line(ctx, run->ticket, line, len);
}

void hf_daemon_end_run(struct hf_daemon *d, struct hf_run *run)
{
    struct hf_run **at = &d->runs;
    struct hf_plan_follows follows = {.retry = false};

    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    hf_run_end(run, hf_daemon_on_line, d);
    hf_planner_finish(d->planner, run->ticket, outcome_of(run), hf_daemon_now(d), &follows);
    report_end(d, run, &follows);
    if (run->verdict.crashed)
        hf_daemon_record_lost(d, run);
    hf_daemon_tell_end(d, run->ticket, run->verdict.exit_code,
                       run->verdict.ok ? "" : run->verdict.error.text);
    if (run->verdict.ok)
        hf_daemon_follow(d, run);
    hf_run_free(run);
}

void hf_daemon_stop_runs(struct hf_daemon *d)
{
    const struct hf_error leaving = {.status = HF_BUSY, .text = "the agent is ending"};

    for (struct hf_run *run = d->runs; run; run = run->next)
        hf_run_tell_to_stop(run, HF_RUN_AGENT_LEAVES, hf_clock_monotonic());
    for (size_t i = 0; i < d->watcher_count;) {
        if (run_with(d, d->watchers[i].ticket))
            i++;
        else
            hf_daemon_tell_end(d, d->watchers[i].ticket, hf_status_exit_code(leaving.status),
                               leaving.text);
    }
}
