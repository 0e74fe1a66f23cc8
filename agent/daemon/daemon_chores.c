/* What follows a good run, and what the history says of earlier ones. */
#include "agent/daemon/daemon_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* ---- rhythms ---- */

/* NULL: no memory; then it is as if it had never been done. */
static struct hf_rhythm *rhythm(struct hf_daemon *d, const char *name)
{
    struct hf_error ignored = HF_ERROR_INIT;
    struct hf_rhythm *more;

    for (size_t i = 0; i < d->rhythm_count; i++) {
        if (strcmp(d->rhythms[i].name, name) == 0)
            return &d->rhythms[i];
    }
    more = realloc(d->rhythms, (d->rhythm_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    d->rhythms = more;
    more[d->rhythm_count] = (struct hf_rhythm){.name = NULL};
    if (hf_text_copy(name, &more[d->rhythm_count].name, &ignored) != HF_OK)
        return NULL;
    return &more[d->rhythm_count++];
}

void hf_daemon_forget_rhythms(struct hf_daemon *d)
{
    for (size_t i = 0; i < d->rhythm_count; i++)
        free(d->rhythms[i].name);
    free(d->rhythms);
}

/* item NULL: it is not in the configuration any more. */
static void done_at(struct hf_daemon *d, const struct hf_agenda_item *item, int64_t when)
{
    struct hf_rhythm *r = item ? rhythm(d, item->name) : NULL;

    if (r && when > r->last)
        r->last = when;
}

/* A clock that was set back does not hold it up: what was done in the future was not done. */
static bool is_time(struct hf_daemon *d, const char *name, int64_t every)
{
    const struct hf_rhythm *r = rhythm(d, name);
    int64_t now = hf_clock_now();

    return !r || r->last == 0 || r->last > now || now - r->last >= every;
}

/* A prune costs as much whether it removes one snapshot or a thousand. */
static void ask_for_prune(struct hf_daemon *d, const char *job)
{
    const struct hf_agenda_item *item = hf_agenda_find(d->agenda, HF_RUN_PRUNE, job);
    int64_t every = d->config->agent.prune_every;
    struct hf_error err = HF_ERROR_INIT;
    uint64_t ticket;
    bool running;

    if (!item || !is_time(d, item->name, every > 0 ? every : HF_CONFIG_PRUNE_EVERY_DEFAULT))
        return;
    if (hf_planner_demand(d->planner, item->name, &ticket, &running, &err) != HF_OK)
        hf_output_warning(d->output, "%s: %s", item->name, err.text);
}

void hf_daemon_follow(struct hf_daemon *d, const struct hf_run *run)
{
    if (run->kind == HF_RUN_BACKUP)
        ask_for_prune(d, run->subject);
    else if (run->kind == HF_RUN_PRUNE)
        done_at(d, hf_agenda_find(d->agenda, run->kind, run->subject), run->began);
}

/* ---- the history ---- */

struct past {
    struct hf_plan_past past;
    bool first;   /* the newest run was seen */
    bool failing; /* all that were seen failed, and may be tried again */
};

/* Newest first. A run that was cut off is made up, unless a person began it and ended it. */
static enum hf_status on_run(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    struct past *p = ctx;
    bool cut = run->outcome == HF_HISTORY_RUNNING || run->outcome == HF_HISTORY_CANCELLED ||
               run->outcome == HF_HISTORY_KILLED;
    bool failed = run->outcome == HF_HISTORY_FAILED && hf_status_retryable(run->status);

    (void)err;
    if (!p->first) {
        p->past.started = run->start;
        p->past.cut_off = cut && run->trigger && strcmp(run->trigger, "manual") != 0;
    }
    if (!cut && p->past.nominal == 0)
        p->past.nominal = run->start;
    if (failed && (!p->first || p->failing)) {
        p->past.attempts++;
        p->past.ended = p->first ? p->past.ended : run->end;
        p->failing = run->trigger && strcmp(run->trigger, "retry") == 0;
    } else {
        p->failing = false;
    }
    if (run->outcome == HF_HISTORY_DONE && p->past.succeeded == 0)
        p->past.succeeded = run->end;
    p->first = true;
    return HF_OK;
}

enum { RUNS_LOOKED_AT = 50 };

static enum hf_status remember_item(struct hf_daemon *d, struct hf_history *history,
                                    const struct hf_agenda_item *item, struct hf_error *err)
{
    const struct hf_history_query query = {
        .command = hf_run_kind_name(item->kind), .job = item->subject, .limit = RUNS_LOOKED_AT};
    struct past p = {.first = false};

    HF_TRY(hf_history_runs(history, &query, on_run, &p, err));
    if (item->kind == HF_RUN_PRUNE)
        done_at(d, item, p.past.succeeded);
    else if (p.first)
        hf_planner_restore(d->planner, item->name, &p.past, hf_daemon_now(d));
    return HF_OK;
}

static enum hf_status open_history(struct hf_daemon *d, struct hf_history **out,
                                   struct hf_error *err)
{
    const struct hf_history_options options = {
        .folder = d->state, .mode = HF_HISTORY_WRITE, .observer = hf_output_observer(d->output)};

    if (!d->state)
        return hf_error_set(err, HF_NOT_FOUND, "there is no state directory");
    return hf_history_open(&options, out, err);
}

static enum hf_status remember(struct hf_daemon *d, struct hf_error *err)
{
    HF_AUTO_PTR(hf_history) history = NULL;

    HF_TRY(open_history(d, &history, err));
    for (size_t i = 0; i < d->agenda->count; i++)
        HF_TRY(remember_item(d, history, &d->agenda->items[i], err));
    return HF_OK;
}

void hf_daemon_remember(struct hf_daemon *d)
{
    struct hf_error err = HF_ERROR_INIT;

    if (remember(d, &err) != HF_OK)
        hf_output_warning(d->output,
                          "the history cannot be read: %s; jobs go on with their next times, and "
                          "what was missed before now is not made up",
                          err.text);
}

void hf_daemon_record_lost(struct hf_daemon *d, const struct hf_run *run)
{
    HF_AUTO_PTR(hf_history) history = NULL;
    struct hf_error err = HF_ERROR_INIT;

    if (open_history(d, &history, &err) != HF_OK ||
        hf_history_lost(history, run->id, run->verdict.error.text, &err) != HF_OK)
        hf_output_warning(d->output, "the history does not know how run %.8s ended: %s", run->id,
                          err.text);
}
