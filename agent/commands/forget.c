/* holdfast forget: single snapshots, or what the rules of jobs do not keep */
#include "agent/commands/run.h"
#include "agent/repositories/holders.h"
#include "agent/repositories/learn.h"
#include "agent/repositories/pins.h"
#include "agent/repositories/snapshots.h"
#include "agent/retention/retention.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* What was named: whole ids, and whose they are. */
struct wanted {
    struct hf_strings ids;
    struct hf_strings sources;
};

static void wanted_auto(struct wanted *wanted)
{
    hf_strings_free(&wanted->ids);
    hf_strings_free(&wanted->sources);
}

/* A whole id that is in no list may be of a manifest that cannot be read: with --force that is
 * enough. */
static bool may_be_unreadable(const struct hf_session *session, const struct hf_holders *holders,
                              const char *name)
{
    return session->args->given[HF_OPT_FORCE] && holders->unreadable > 0 &&
           strlen(name) == HF_SNAPSHOT_ID_TEXT - 1 &&
           strspn(name, "0123456789abcdef") == HF_SNAPSHOT_ID_TEXT - 1;
}

static enum hf_status find(const struct hf_session *session, const struct hf_holders *holders,
                           struct wanted *wanted, struct hf_error *err)
{
    const struct hf_strings *names = &session->args->operands;

    for (size_t i = 0; i < names->count; i++) {
        const struct hf_snapshot_info *info;
        struct hf_error why = HF_ERROR_INIT;
        const char *id = names->items[i];

        if (hf_holders_find(holders, id, &info, &why) == HF_OK) {
            id = info->id;
            HF_TRY(hf_strings_add(&wanted->sources, info->source, err));
        } else if (!may_be_unreadable(session, holders, id)) {
            *err = why;
            return why.status;
        }
        if (!hf_strings_contain(&wanted->ids, id))
            HF_TRY(hf_strings_add(&wanted->ids, id, err));
    }
    return HF_OK;
}

static enum hf_status refuse(const struct hf_session *session, const struct hf_holder *holder,
                             const struct hf_retention_row *row, struct hf_error *err)
{
    bool force = session->args->given[HF_OPT_FORCE];
    const struct hf_snapshot_info *info = row->info;
    HF_AUTO(hf_buf) words = HF_BUF_INIT;
    const char *text;

    if (row->pin) {
        HF_TRY(hf_pin_words(row->pin, &words, err));
        HF_TRY(hf_buf_cstr(&words, &text, err));
        return hf_error_set(err, HF_DENIED,
                            "repository %s: %.*s of %s is %s; \"holdfast unpin\" it", holder->name,
                            HF_SHORT_ID, info->id, info->source, text);
    }
    for (size_t i = 0; !force && i < row->reasons.count; i++)
        if (strncmp(row->reasons.items[i], "newest", 6) == 0)
            return hf_error_set(err, HF_DENIED,
                                "repository %s: %.*s is the %s snapshot of %s; --force removes it "
                                "all the same",
                                holder->name, HF_SHORT_ID, info->id, row->reasons.items[i],
                                info->source);
    return HF_OK;
}

/* Pins, and what is the newest: asked of retention, whose rules do not count here. */
static enum hf_status check(struct hf_session *session, const struct hf_holder *holder,
                            const struct wanted *wanted, struct hf_error *err)
{
    HF_AUTO(hf_retention_report) report = {.rows = NULL};
    const struct hf_retention_request request = {.sources = &wanted->sources, .dry_run = true};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_retention_apply(session, holder->opened, &request, &report, &why);

    if (status != HF_OK && status != HF_DAMAGED) { /* damaged: others, which stay */
        *err = why;
        return status;
    }
    for (size_t i = 0; report.rows && i < report.list.count; i++)
        if (hf_strings_contain(&wanted->ids, report.rows[i].info->id))
            HF_TRY(refuse(session, holder, &report.rows[i], err));
    return HF_OK;
}

static void tell(struct hf_session *session, const struct hf_holder *holder, const char *id,
                 const struct hf_forgotten *forgotten)
{
    bool dry_run = session->args->given[HF_OPT_DRY_RUN];
    const char *outcome = "not done";
    char until[HF_TIME_TEXT];

    hf_time_format(until, forgotten->locked_until);
    if (forgotten->outcome == HF_FORGET_GONE)
        return; /* not in this repository */
    if (forgotten->outcome == HF_FORGET_REMOVED) {
        outcome = dry_run ? "would go" : "removed";
        hf_output_news(session->output, "%s: %.*s %s\n", holder->name, HF_SHORT_ID, id,
                       dry_run ? "would be removed" : "removed");
    } else if (forgotten->outcome == HF_FORGET_PINNED) {
        outcome = "stays";
        hf_output_warning(session->output, "%s: %.*s was pinned meanwhile, and stays", holder->name,
                          HF_SHORT_ID, id);
    } else if (forgotten->outcome == HF_FORGET_LOCKED) {
        bool hold = forgotten->locked_until == INT64_MAX;

        outcome = "not yet";
        hf_output_news(session->output, "%s: %.*s is locked in the store %s%s: not yet\n",
                       holder->name, HF_SHORT_ID, id, hold ? "by a hold" : "until ",
                       hold ? "" : until);
    }
    hf_output_event(session->output, "forget",
                    json_pack("{s:s, s:s, s:s, s:s?}", "repository", holder->name, "snapshot", id,
                              "outcome", outcome, "locked_until",
                              forgotten->outcome != HF_FORGET_LOCKED ? NULL
                              : forgotten->locked_until == INT64_MAX ? "hold"
                                                                     : until));
}

static enum hf_status forget_in(struct hf_session *session, const struct hf_holder *holder,
                                const struct hf_strings *ids, struct hf_error *err)
{
    HF_AUTO_PTR(hf_lease) lease = NULL;
    size_t removed = 0;
    HF_AUTO_FREE struct hf_forgotten *outcomes = calloc(ids->count + 1, sizeof *outcomes);
    const struct hf_lease_options lease_options = {
        .mode = HF_LEASE_SHARED,
        .purpose = "forget",
        .cancel = session->cancel,
        .observer = hf_output_observer(session->output),
    };
    struct hf_forget_options options = {.dry_run = session->args->given[HF_OPT_DRY_RUN],
                                        .cancel = session->cancel};

    if (!outcomes)
        return hf_error_memory(err);
    enum hf_status status = hf_lease_take(holder->opened->repo, &lease_options, &lease, err);
    options.lease = lease;
    if (status == HF_OK) {
        status = hf_forget(holder->opened->repo, ids, &options, outcomes, err);
        for (size_t i = 0; i < ids->count; i++) {
            tell(session, holder, ids->items[i], &outcomes[i]);
            removed += outcomes[i].outcome == HF_FORGET_REMOVED;
        }
    }
    if (removed > 0 && !options.dry_run)
        hf_learn_repository(session, holder->opened);
    return status == HF_OK ? HF_OK : hf_opened_name(holder->opened, err);
}

/* ---- jobs ---- */

/* Are these jobs? Not some of them. */
static enum hf_status are_jobs(const struct hf_session *session, bool *out, struct hf_error *err)
{
    const struct hf_strings *names = &session->args->operands;
    size_t jobs = 0;

    for (size_t i = 0; i < names->count; i++)
        jobs += hf_config_job(session->config, names->items[i]) != NULL;
    if (jobs > 0 && jobs < names->count)
        return hf_error_set(err, HF_USAGE, "name either jobs or snapshots");
    *out = jobs > 0;
    return HF_OK;
}

static enum hf_status forget_by_jobs(struct hf_session *session, struct hf_error *err)
{
    const struct hf_strings *names = &session->args->operands;
    const struct hf_args *args = session->args;

    if (args->given[HF_OPT_FORCE] || args->given[HF_OPT_REPOSITORY])
        return hf_error_set(err, HF_USAGE,
                            "--force and --repository are for single snapshots; \"holdfast prune\" "
                            "takes a job and --repository");
    for (size_t i = 0; i < names->count; i++)
        HF_TRY(hf_retention_of_job(session, hf_config_job(session->config, names->items[i]),
                                   args->given[HF_OPT_DRY_RUN], err));
    return HF_OK;
}

/* ---- snapshots ---- */

static enum hf_status forget_named(struct hf_session *session, struct hf_error *err)
{
    __attribute__((cleanup(hf_holders_auto))) struct hf_holders holders = {.count = 0};
    __attribute__((cleanup(wanted_auto))) struct wanted wanted = {.ids = HF_STRINGS_INIT};

    HF_TRY(hf_holders_open(session, &holders, err));
    HF_TRY(find(session, &holders, &wanted, err));
    for (size_t i = 0; i < holders.count; i++)
        HF_TRY(check(session, &holders.items[i], &wanted, err));
    for (size_t i = 0; i < holders.count; i++)
        HF_TRY(forget_in(session, &holders.items[i], &wanted.ids, err));
    return HF_OK;
}

enum hf_status hf_run_forget(struct hf_session *session, struct hf_error *err)
{
    bool jobs;

    HF_TRY(are_jobs(session, &jobs, err));
    return jobs ? forget_by_jobs(session, err) : forget_named(session, err);
}
