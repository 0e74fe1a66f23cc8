#include "agent/retention/retention.h"

#include "agent/repositories/choose.h"
#include "agent/repositories/learn.h"
#include "base/clock.h"
#include "schedules/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct retention {
    const struct hf_session *session;
    const struct hf_opened *opened;
    const struct hf_retention_request *request;
    struct hf_retention_report *report;
    struct hf_lease *lease; /* NULL: a dry run where none can be taken */
    int64_t now;            /* by the store's clock */
};

void hf_retention_report_free(struct hf_retention_report *report)
{
    for (size_t i = 0; report->rows && i < report->list.count; i++)
        hf_strings_free(&report->rows[i].reasons);
    free(report->rows);
    hf_snapshots_free(&report->list);
    hf_pins_free(&report->pins);
    hf_strings_free(&report->held);
    *report = (struct hf_retention_report){.rows = NULL};
}

/* ---- a source ---- */

/* A source, its snapshots, and the rules that count for them. */
struct group {
    struct hf_retention_snapshot *snapshots;
    size_t *rows; /* of each snapshot */
    size_t count;
    struct hf_retention_policy *policies;
    struct hf_zone **zones; /* of each policy, or NULL */
    size_t policy_count;
};

static void group_auto(struct group *group)
{
    for (size_t i = 0; group->zones && i < group->policy_count; i++)
        hf_zone_free(group->zones[i]);
    free(group->zones);
    free(group->snapshots);
    free(group->rows);
    free(group->policies);
}

static enum hf_status add_policy(struct group *group, const char *job, const struct hf_keep *keep,
                                 const char *timezone, struct hf_error *err)
{
    struct hf_zone **zone = &group->zones[group->policy_count];

    HF_TRY(hf_zone_load(timezone, zone, err));
    group->policies[group->policy_count++] = (struct hf_retention_policy){
        .job = job, .keep = keep, .offset = hf_zone_offset, .zone = *zone};
    return HF_OK;
}

static enum hf_status add_policies(const struct retention *r, const char *source,
                                   struct group *group, struct hf_error *err)
{
    const struct hf_config *config = r->session->config;
    const struct hf_retention_request *request = r->request;

    if (request->keep)
        return add_policy(group, "--keep", request->keep, NULL, err);
    for (size_t i = 0; i < config->job_count; i++) {
        const struct hf_config_job *job = &config->jobs[i];
        bool here =
            request->sources ||
            (request->repository && hf_strings_contain(&job->repositories, request->repository));

        if (here && hf_strings_contain(&job->sources, source))
            HF_TRY(add_policy(group, job->name, &job->keep, job->timezone, err));
    }
    return HF_OK;
}

/* The root of a volume is there in any case. */
static bool is_empty(const struct hf_snapshot_info *info)
{
    return info->records <= (strcmp(info->kind, "volume") == 0 ? 1 : 0);
}

static void add_snapshot(struct retention *r, size_t index, struct group *group)
{
    struct hf_retention_row *row = &r->report->rows[index];
    const struct hf_snapshot_info *info = row->info;

    group->rows[group->count] = index;
    group->snapshots[group->count++] = (struct hf_retention_snapshot){
        .id = info->id,
        .job = info->job,
        .tags = &info->tags,
        .time = info->time,
        .earliest = info->earliest,
        .latest = info->latest,
        .empty = is_empty(info),
        .proven = info->state == HF_SNAPSHOT_PROVEN,
        .pinned = row->pin != NULL,
        .unclear = info->unclear,
    };
}

static enum hf_status make_group(struct retention *r, const char *source, struct group *group,
                                 struct hf_error *err)
{
    const struct hf_snapshots *list = &r->report->list;

    group->snapshots = calloc(list->count + 1, sizeof *group->snapshots);
    group->rows = calloc(list->count + 1, sizeof *group->rows);
    group->policies = calloc(r->session->config->job_count + 1, sizeof *group->policies);
    group->zones = calloc(r->session->config->job_count + 1, sizeof(struct hf_zone *));
    if (!group->snapshots || !group->rows || !group->policies || !group->zones)
        return hf_error_memory(err);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].source, source) == 0)
            add_snapshot(r, i, group);
    return add_policies(r, source, group, err);
}

/* Moves what was judged into the rows. */
static void take_verdicts(struct retention *r, const struct group *group,
                          struct hf_retention_verdicts *verdicts)
{
    for (size_t i = 0; i < verdicts->count; i++) {
        struct hf_retention_row *row = &r->report->rows[group->rows[i]];

        row->judged = true;
        row->keep = verdicts->items[i].keep;
        row->doubt = verdicts->items[i].doubt;
        row->reasons = verdicts->items[i].reasons;
        verdicts->items[i].reasons = (struct hf_strings)HF_STRINGS_INIT;
    }
}

static enum hf_status judge_source(struct retention *r, const char *source, struct hf_error *err)
{
    __attribute__((cleanup(group_auto))) struct group group = {.count = 0};
    HF_AUTO(hf_retention_verdicts) verdicts = {.items = NULL};
    const struct hf_retention_request *request = r->request;

    HF_TRY(make_group(r, source, &group, err));
    const struct hf_retention_question question = {
        .snapshots = group.snapshots,
        .count = group.count,
        .policies = group.policies,
        .policy_count = group.policy_count,
        .adopt = request->keep || (request->named && hf_strings_contain(request->named, source)),
        .now = r->now,
    };
    HF_TRY(hf_retention_judge(&question, &verdicts, err));
    if (verdicts.held)
        HF_TRY(hf_strings_add(&r->report->held, source, err));
    take_verdicts(r, &group, &verdicts);
    return HF_OK;
}

static enum hf_status judge_all(struct retention *r, struct hf_error *err)
{
    const struct hf_strings *wanted = r->request->sources;
    HF_AUTO(hf_strings) done = HF_STRINGS_INIT;

    for (size_t i = 0; i < r->report->list.count; i++) {
        const char *source = r->report->list.items[i].source;

        if (hf_strings_contain(&done, source) || (wanted && !hf_strings_contain(wanted, source)))
            continue;
        HF_TRY(hf_strings_add(&done, source, err));
        HF_TRY(judge_source(r, source, err));
    }
    return HF_OK;
}

/* ---- letting go ---- */

static enum hf_status stop_for_unreadable(struct retention *r, struct hf_error *err)
{
    size_t unreadable = r->report->list.unreadable;
    char reason[80];

    (void)snprintf(reason, sizeof reason, "%zu snapshot%s cannot be read", unreadable,
                   hf_text_plural(unreadable));
    for (size_t i = 0; unreadable > 0 && i < r->report->list.count; i++) {
        struct hf_retention_row *row = &r->report->rows[i];

        if (!row->judged || row->keep)
            continue;
        row->keep = true;
        HF_TRY(hf_strings_add(&row->reasons, reason, err));
    }
    return HF_OK;
}

static void count_rows(struct hf_retention_report *report)
{
    for (size_t i = 0; i < report->list.count; i++) {
        const struct hf_retention_row *row = &report->rows[i];
        enum hf_forget_outcome outcome = row->forgotten.outcome;

        if (!row->judged)
            continue;
        if (!row->keep && (outcome == HF_FORGET_REMOVED || outcome == HF_FORGET_GONE)) {
            report->gone++;
            continue;
        }
        report->kept++;
        if (row->keep || outcome != HF_FORGET_LOCKED)
            continue;
        if (report->locked++ == 0 || row->forgotten.locked_until < report->locked_until)
            report->locked_until = row->forgotten.locked_until;
    }
}

static enum hf_status let_go(struct retention *r, struct hf_error *err)
{
    HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
    HF_AUTO_FREE struct hf_forgotten *outcomes = NULL;
    const struct hf_forget_options options = {
        .lease = r->lease, .dry_run = r->request->dry_run, .cancel = r->session->cancel};
    struct hf_retention_report *report = r->report;
    size_t next = 0;

    for (size_t i = 0; i < report->list.count; i++)
        if (report->rows[i].judged && !report->rows[i].keep)
            HF_TRY(hf_strings_add(&ids, report->rows[i].info->id, err));
    if (ids.count == 0)
        return HF_OK;
    outcomes = calloc(ids.count, sizeof *outcomes);
    if (!outcomes)
        return hf_error_memory(err);
    for (size_t i = 0; !r->lease && i < ids.count; i++)
        outcomes[i].outcome = HF_FORGET_REMOVED; /* a dry run: as far as that can be known */
    enum hf_status status =
        r->lease ? hf_forget(r->opened->repo, &ids, &options, outcomes, err) : HF_OK;
    for (size_t i = 0; i < report->list.count; i++)
        if (report->rows[i].judged && !report->rows[i].keep)
            report->rows[i].forgotten = outcomes[next++];
    return status;
}

/* ---- all of it ---- */

static enum hf_status load(struct retention *r, struct hf_error *err)
{
    struct hf_retention_report *report = r->report;
    const struct hf_observer *observer = hf_output_observer(r->session->output);

    /* Pins after snapshots: one that is put in between is seen. */
    HF_TRY(hf_snapshots_load(r->opened->repo, NULL, observer, &report->list, err));
    HF_TRY(hf_pins_load(r->opened->repo, observer, &report->pins, err));
    report->rows = calloc(report->list.count + 1, sizeof *report->rows);
    if (!report->rows)
        return hf_error_memory(err);
    for (size_t i = 0; i < report->list.count; i++) {
        const struct hf_pin *pin = hf_pins_find(&report->pins, report->list.items[i].id);

        report->rows[i].info = &report->list.items[i];
        report->rows[i].pin = hf_pin_holds(pin, r->now) ? pin : NULL;
    }
    return HF_OK;
}

static enum hf_status run(struct retention *r, struct hf_error *err)
{
    enum hf_status status;

    HF_TRY(load(r, err));
    HF_TRY(judge_all(r, err));
    HF_TRY(stop_for_unreadable(r, err));
    status = let_go(r, err);
    count_rows(r->report);
    HF_TRY(status);
    if (r->report->list.unreadable == 0)
        return HF_OK;
    return hf_error_set(err, HF_DAMAGED,
                        "%zu snapshot%s cannot be read, and may be of any source: nothing was "
                        "removed; \"holdfast check\" tells more, \"holdfast forget --force ID\" "
                        "removes one that is lost",
                        r->report->list.unreadable, hf_text_plural(r->report->list.unreadable));
}

static enum hf_status take_lease(struct retention *r, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    const struct hf_lease_options options = {
        .mode = HF_LEASE_SHARED,
        .purpose = "retention",
        .cancel = r->session->cancel,
        .observer = hf_output_observer(r->session->output),
    };
    enum hf_status status = hf_lease_take(r->opened->repo, &options, &r->lease, &why);

    r->now = hf_clock_now();
    if (status == HF_OK)
        r->now = hf_lease_reckon(r->lease);
    if (status == HF_OK || (status == HF_DENIED && r->request->dry_run))
        return HF_OK;
    *err = why;
    return status;
}

enum hf_status hf_retention_apply(struct hf_session *session, const struct hf_opened *opened,
                                  const struct hf_retention_request *request,
                                  struct hf_retention_report *out, struct hf_error *err)
{
    struct retention r = {.session = session, .opened = opened, .request = request, .report = out};

    *out = (struct hf_retention_report){.rows = NULL};
    enum hf_status status = take_lease(&r, err);
    if (status == HF_OK)
        status = run(&r, err);
    if (r.lease)
        hf_lease_release(r.lease);
    if (out->gone > 0 && !request->dry_run)
        hf_learn_repository(session, opened);
    return status == HF_OK ? HF_OK : hf_opened_name(opened, err);
}

static enum hf_status run_in(struct hf_session *session, const struct hf_config_job *job,
                             const char *repository, bool dry_run, struct hf_error *err)
{
    HF_AUTO(hf_retention_report) report = {.rows = NULL};
    const struct hf_retention_request request = {
        .repository = repository, .sources = &job->sources, .dry_run = dry_run};
    struct hf_error ignored = HF_ERROR_INIT;
    struct hf_chosen chosen;
    struct hf_opened *opened;

    HF_TRY(hf_choose_named(session, repository, &chosen, err));
    HF_TRY(hf_choose_open_beside(session, &chosen, &opened, err));
    enum hf_status status = hf_retention_apply(session, opened, &request, &report, err);
    if (status != HF_OK) {
        (void)!hf_retention_tell(session, repository, &request, &report, &ignored);
        return status;
    }
    return hf_retention_tell(session, repository, &request, &report, err);
}

enum hf_status hf_retention_of_job(struct hf_session *session, const struct hf_config_job *job,
                                   bool dry_run, struct hf_error *err)
{
    enum hf_status first = HF_OK;

    for (size_t i = 0; hf_keep_given(&job->keep) && i < job->repositories.count; i++) {
        struct hf_error one = HF_ERROR_INIT;

        if (run_in(session, job, job->repositories.items[i], dry_run, &one) == HF_OK)
            continue;
        (void)hf_session_cause(session, &one);
        (void)hf_error_prefix(&one, "retention of job %s", job->name);
        if (first != HF_OK) {
            hf_output_error(session->output, &one);
            continue;
        }
        first = one.status;
        *err = one;
    }
    return first;
}
