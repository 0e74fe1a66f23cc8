#include "agent/drill/run.h"

#include "agent/drill/assert.h"
#include "agent/drill/scratch.h"
#include "agent/kinds/restore_report.h"
#include "agent/repositories/snapshots.h"
#include "agent/signals.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const struct hf_config_scratch nothing_said;

/* A drill while it goes on. */
struct drill {
    struct hf_session *session;
    const struct hf_drill_task *task;
    struct hf_drill_source *report;
    const struct hf_config_job *job;     /* or NULL */
    const struct hf_config_drill *drill; /* the job's, or NULL: all by default */
    struct hf_snapshots list;
    const struct hf_snapshot_info *info; /* in list */
    const struct hf_kind *kind;
    struct hf_scratch scratch;
    bool scratch_begun;
    bool scratch_broke; /* it no longer answered after a restore that failed */
};

/* ---- steps ---- */

static void step_begin(struct drill *d, enum hf_drill_step_id id)
{
    d->report->steps[id].outcome = HF_DRILL_RUNNING;
    d->report->steps[id].start = hf_clock_now();
}

/* An interrupted step stays as running: it did not fail. */
static enum hf_status step_end(struct drill *d, enum hf_drill_step_id id, enum hf_status status,
                               const struct hf_error *err)
{
    struct hf_drill_step *step = &d->report->steps[id];
    struct hf_error ignored = HF_ERROR_INIT;

    step->end = hf_clock_now();
    if (status == HF_OK) {
        step->outcome = HF_DRILL_DONE;
    } else if (status != HF_CANCELLED) {
        step->outcome = HF_DRILL_FAILED;
        (void)!hf_text_copy(err->text, &step->text, &ignored);
    }
    return status;
}

/* ---- whose drill it is ---- */

static const struct hf_config_job *job_of(const struct hf_config *config, const char *source)
{
    for (size_t i = 0; i < config->job_count; i++) {
        if (config->jobs[i].drill && hf_strings_contain(&config->jobs[i].sources, source))
            return &config->jobs[i];
    }
    return NULL;
}

/* Takes the limits and assertions of a job, if there is one. */
static enum hf_status adopt(struct drill *d, const struct hf_config_job *job, struct hf_error *err)
{
    struct hf_drill_source *report = d->report;

    d->job = job;
    if (!job)
        return HF_OK;
    HF_TRY(hf_text_copy(job->name, &report->job, err));
    d->drill = job->drill;
    if (!d->drill)
        return HF_OK;
    report->rto.limit = d->drill->rto;
    report->rpo.limit = d->drill->rpo;
    return hf_drill_assertions_add(d->drill, report, err);
}

static enum hf_status begin(struct drill *d, struct hf_error *err)
{
    const struct hf_drill_task *task = d->task;
    const struct hf_config *config = d->session->config;
    const struct hf_config_job *job = task->job;

    HF_TRY(hf_text_copy(task->chosen.name ? task->chosen.name : task->chosen.place,
                        &d->report->repository, err));
    if (!job && task->source)
        job = job_of(config, task->source);
    return adopt(d, job, err);
}

/* ---- the snapshot ---- */

static const struct hf_snapshot_info *newest_of(const struct hf_snapshots *list, const char *source)
{
    for (size_t i = list->count; i-- > 0;) {
        if (strcmp(list->items[i].source, source) == 0)
            return &list->items[i];
    }
    return NULL;
}

/* A source that has no snapshot could not be recovered: that is no fault of the drill's place. */
static enum hf_status no_snapshot(const struct drill *d, struct hf_error *err)
{
    if (d->list.unreadable > 0)
        return hf_error_set(
            err, HF_DAMAGED, "there is no snapshot of %s that can be read; %zu manifest%s damaged",
            d->task->source, d->list.unreadable, d->list.unreadable == 1 ? " is" : "s are");
    return hf_error_set(err, HF_MISMATCH, "there is no snapshot of %s", d->task->source);
}

static enum hf_status choose_snapshot(struct drill *d, struct hf_error *err)
{
    if (d->task->snapshot) {
        enum hf_status status =
            hf_snapshots_choose(d->session, d->task->snapshot, &d->list, &d->info, err);

        if (status == HF_NOT_FOUND) /* that there is no backup is no fault of the drill's place */
            err->status = status = HF_MISMATCH;
        return status;
    }
    HF_TRY(hf_snapshots_load(d->session->at_hand->repo, NULL,
                             hf_output_observer(d->session->output), &d->list, err));
    d->info = newest_of(&d->list, d->task->source);
    return d->info ? HF_OK : no_snapshot(d, err);
}

/* Newer ones may be among what cannot be read. */
static void note_unreadable(struct drill *d)
{
    if (d->list.unreadable > 0)
        (void)json_array_append_new(
            d->report->notes,
            json_sprintf("%zu manifest%s could not be read, of whatever source: see \"holdfast "
                         "check\"",
                         d->list.unreadable, hf_text_plural(d->list.unreadable)));
}

/* A snapshot that was named by its id says only now what it is of. */
static enum hf_status name_source(struct drill *d, struct hf_error *err)
{
    char *name;

    HF_TRY(hf_text_copy(d->info->source, &name, err));
    free(d->report->source);
    d->report->source = name;
    return d->job ? HF_OK : adopt(d, job_of(d->session->config, name), err);
}

static enum hf_status describe_snapshot(struct drill *d, struct hf_error *err)
{
    struct hf_drill_source *report = d->report;
    const struct hf_snapshot_info *newest = newest_of(&d->list, d->info->source);

    HF_TRY(hf_kind_find(d->info->kind, &d->kind, err));
    HF_TRY(name_source(d, err));
    HF_TRY(hf_text_copy(d->info->kind, &report->kind, err));
    HF_TRY(hf_text_copy(d->info->id, &report->snapshot, err));
    report->captured = d->info->time;
    report->bytes = d->info->bytes;
    report->records = d->info->records;
    report->records_noun = d->kind->records;
    report->rpo.known = true;
    report->rpo.measured = report->start - newest->time;
    note_unreadable(d);
    return HF_OK;
}

static enum hf_status find(struct drill *d, struct hf_error *err)
{
    struct hf_session *session = d->session;

    HF_TRY(hf_choose_open(session, &d->task->chosen, err));
    HF_TRY(hf_choose_open_from(session, err));
    HF_TRY(choose_snapshot(d, err));
    return describe_snapshot(d, err);
}

/* ---- restoring ---- */

static const struct hf_config_scratch *scratch_config(const struct drill *d)
{
    const struct hf_config_drill *drill = d->drill;

    if (!drill)
        return &nothing_said;
    return d->kind == &hf_kind_postgres ? &drill->postgres
           : d->kind == &hf_kind_redis  ? &drill->redis
                                        : &drill->volume;
}

static struct hf_scratch_request request_of(const struct drill *d)
{
    return (struct hf_scratch_request){.session = d->session,
                                       .info = d->info,
                                       .config = scratch_config(d),
                                       .notes = d->report->notes};
}

static enum hf_status open_scratch(struct drill *d, struct hf_error *err)
{
    const struct hf_scratch_request request = request_of(d);
    enum hf_status status;

    d->scratch_begun = true;
    status = hf_scratch_open(&request, &d->scratch, err);
    if (d->scratch.title)
        HF_TRY(hf_text_copy(d->scratch.title, &d->report->scratch, err));
    return status;
}

/* What one pass restored beside what earlier ones did: "databases" is all that there is several of.
 */
static enum hf_status merge(json_t **all, json_t *one, struct hf_error *err)
{
    json_t *list = json_object_get(*all, "databases");

    if (!*all) {
        *all = json_incref(one);
        return HF_OK;
    }
    if (!one)
        return HF_OK;
    if (json_array_extend(list, json_object_get(one, "databases")) != 0 ||
        (!json_is_true(json_object_get(one, "equal")) &&
         json_object_set_new(*all, "equal", json_false()) != 0))
        return hf_error_memory(err);
    return HF_OK;
}

static enum hf_status remember_roles(struct drill *d, const json_t *report, struct hf_error *err)
{
    const json_t *database, *role;
    size_t i, k;

    json_array_foreach (json_object_get(report, "databases"), i, database) {
        json_array_foreach (json_object_get(database, "roles"), k, role) {
            HF_TRY(hf_strings_add(&d->scratch.roles, json_string_value(role), err));
        }
    }
    return HF_OK;
}

static enum hf_status restore_one(struct drill *d, struct hf_snapshot *snapshot,
                                  struct hf_restore_options *options, struct hf_error *err)
{
    struct hf_work work = {.cancel = d->session->cancel,
                           .observer = hf_output_observer(d->session->output)};
    HF_AUTO_JSON report = NULL;
    struct hf_error ignored = HF_ERROR_INIT;
    enum hf_status status;

    HF_TRY(hf_args_number(d->session->args, HF_OPT_JOBS, 1, HF_CONFIG_JOBS_MAX, &work.jobs, err));
    status = d->kind->source->restore(hf_kind_config(&d->scratch.target), d->info->properties,
                                      hf_snapshot_feed(snapshot), options, &work, &report, err);
    if (status == HF_OK) {
        HF_TRY(remember_roles(d, report, err));
        return merge(&d->report->restored, report, err);
    }
    (void)!merge(&d->report->restored, report, &ignored);
    return status;
}

/* All as it was called; or each database by itself, of which one that differs does not keep the
 * others from being tried. */
static enum hf_status restore_all(struct drill *d, struct hf_snapshot *snapshot,
                                  struct hf_error *err)
{
    const json_t *databases = json_object_get(d->info->properties, "databases");
    struct hf_restore_options options = {.target = d->scratch.name};
    struct hf_error first = HF_ERROR_INIT;

    if (d->scratch.names.count == 0)
        return restore_one(d, snapshot, &options, err);
    for (size_t i = 0; i < d->scratch.names.count; i++) {
        enum hf_status status;

        options = (struct hf_restore_options){
            .target = d->scratch.names.items[i], .no_owner = true, .no_acl = true};
        HF_TRY(hf_json_string(json_array_get(databases, i), "name", &options.database, err));
        status = restore_one(d, snapshot, &options, err);
        if (status == HF_MISMATCH && first.status == HF_OK)
            first = *err;
        else if (status != HF_OK && status != HF_MISMATCH)
            return status;
    }
    if (first.status != HF_OK)
        *err = first;
    return first.status;
}

static void tell_fallback(struct drill *d, struct hf_snapshot *snapshot)
{
    HF_AUTO_JSON fell = hf_snapshots_tell_fallback(d->session, snapshot);

    if (json_is_object(fell))
        (void)json_array_append_new(d->report->notes,
                                    json_sprintf("what was missing or damaged was read from %s",
                                                 json_string_value(json_object_get(fell, "from"))));
}

static enum hf_status restore(struct drill *d, struct hf_error *err)
{
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    struct hf_drill_source *report = d->report;
    struct hf_error broke = HF_ERROR_INIT;
    enum hf_status status;

    HF_TRY(hf_snapshots_open(d->session, d->info, &snapshot, err));
    hf_output_begin(d->session->output, d->info->source);
    status = restore_all(d, snapshot, err);
    hf_output_end(d->session->output);
    tell_fallback(d, snapshot);
    report->compared = json_is_true(json_object_get(report->restored, "compared"));
    report->equal = hf_restore_report_proves(report->restored) && status == HF_OK;
    if (status == HF_OK && !report->equal)
        return hf_error_set(err, HF_MISMATCH, "the snapshot was restored in part only");
    if (status != HF_OK && !hf_signals_interrupted() &&
        hf_scratch_probe(&d->scratch, &broke) != HF_OK)
        d->scratch_broke = true;
    return status;
}

static enum hf_status run_restore(struct drill *d, struct hf_error *err)
{
    struct hf_drill_limit *rto = &d->report->rto;
    int64_t start = hf_clock_monotonic();
    enum hf_status status = restore(d, err);

    rto->measured = hf_clock_monotonic() - start;
    rto->known = status == HF_OK;
    return status == HF_OK ? HF_OK : hf_session_cause(d->session, err);
}

static enum hf_status ask_assertions(struct drill *d, struct hf_error *err)
{
    const struct hf_scratch_request request = request_of(d);

    return hf_drill_assertions_ask(d->drill, &request, &d->scratch, d->report, err);
}

/* ---- the verdict ---- */

static size_t count_held_not(const struct hf_drill_source *report)
{
    size_t count = 0;

    for (size_t i = 0; i < report->assertion_count; i++)
        count += report->assertions[i].held == HF_DRILL_HOLDS_NOT;
    return count;
}

static enum hf_drill_verdict blame(const struct drill *d, enum hf_status status)
{
    bool restoring = d->report->steps[HF_DRILL_STEP_RESTORE].outcome == HF_DRILL_FAILED;

    switch (status) {
    case HF_CANCELLED:
        return HF_DRILL_INTERRUPTED;
    case HF_DAMAGED:
    case HF_MISMATCH:
        return HF_DRILL_BAD_BACKUP;
    case HF_FAILED:
    case HF_NOT_FOUND:
    case HF_EXISTS:
        return restoring && !d->scratch_broke ? HF_DRILL_BAD_BACKUP : HF_DRILL_BAD_ENVIRONMENT;
    default:
        return HF_DRILL_BAD_ENVIRONMENT;
    }
}

static void miss_limits(struct hf_drill_source *report)
{
    bool slow = hf_drill_limit_missed(&report->rto), old = hf_drill_limit_missed(&report->rpo);

    if (!slow && !old)
        return;
    report->verdict = HF_DRILL_LIMIT_MISSED;
    (void)hf_error_set(
        &report->error, HF_FAILED, "%s%s%s", slow ? "the recovery took longer than rto allows" : "",
        slow && old ? ", and " : "", old ? "the newest snapshot is older than rpo allows" : "");
}

/* status and err: of the steps up to the assertions. */
static void judge(struct drill *d, enum hf_status status, const struct hf_error *err)
{
    struct hf_drill_source *report = d->report;
    size_t held_not = count_held_not(report);

    if (status != HF_OK) {
        report->verdict = blame(d, status);
        report->error = *err;
    } else if (held_not > 0) {
        report->verdict = HF_DRILL_ASSERTION_FAILED;
        (void)hf_error_set(&report->error, HF_MISMATCH, "%zu of %zu assertions %s not hold",
                           held_not, report->assertion_count, held_not == 1 ? "does" : "do");
    } else {
        report->verdict = HF_DRILL_PROVEN;
        miss_limits(report);
    }
}

/* ---- the whole ---- */

static enum hf_status take_step(struct drill *d, enum hf_drill_step_id id,
                                enum hf_status (*work)(struct drill *, struct hf_error *),
                                struct hf_error *err)
{
    enum hf_status status;

    HF_TRY(hf_cancel_check(d->session->cancel, err));
    step_begin(d, id);
    status = work(d, err);
    if (status != HF_OK)
        status = hf_session_cause(d->session, err);
    return step_end(d, id, status, err);
}

static enum hf_status prove(struct drill *d, struct hf_error *err)
{
    HF_TRY(take_step(d, HF_DRILL_STEP_FIND, find, err));
    HF_TRY(take_step(d, HF_DRILL_STEP_SCRATCH, open_scratch, err));
    HF_TRY(take_step(d, HF_DRILL_STEP_RESTORE, run_restore, err));
    if (d->report->assertion_count == 0)
        return HF_OK;
    return take_step(d, HF_DRILL_STEP_ASSERT, ask_assertions, err);
}

/* Also after an interrupt, so not as other steps. A target that stays is a bad environment, if
 * nothing worse was found. */
static void clean_up(struct drill *d)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_drill_source *report = d->report;

    if (!d->scratch_begun)
        return;
    step_begin(d, HF_DRILL_STEP_CLEANUP);
    if (step_end(d, HF_DRILL_STEP_CLEANUP, hf_scratch_close(&d->scratch, &err), &err) == HF_OK)
        return;
    (void)hf_error_prefix(&err, "removing the scratch target");
    if (report->verdict == HF_DRILL_PROVEN || report->verdict == HF_DRILL_LIMIT_MISSED) {
        report->verdict = HF_DRILL_BAD_ENVIRONMENT;
        report->error = err;
    }
}

/* A drill is a success also where its proof cannot be kept, on a read-only repository say. */
static void record(struct drill *d)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON json = NULL;
    enum hf_status status;

    if (!d->report->equal || count_held_not(d->report) > 0 ||
        (d->report->verdict != HF_DRILL_PROVEN && d->report->verdict != HF_DRILL_LIMIT_MISSED))
        return;
    step_begin(d, HF_DRILL_STEP_RECORD);
    json = hf_drill_source_json(d->report);
    status = json ? hf_snapshot_add_proof(d->session->at_hand->repo, d->info->id,
                                          HF_SNAPSHOT_PROVEN, json, &err)
                  : hf_error_memory(&err);
    d->report->recorded = step_end(d, HF_DRILL_STEP_RECORD, status, &err) == HF_OK;
    if (!d->report->recorded)
        hf_output_warning(d->session->output,
                          "the snapshot is proven, but that cannot be recorded: %s", err.text);
}

void hf_drill_run(struct hf_session *session, const struct hf_drill_task *task,
                  struct hf_drill_source *report)
{
    struct drill d = {.session = session, .task = task, .report = report};
    struct hf_error err = HF_ERROR_INIT;
    enum hf_status status;

    report->start = hf_clock_now();
    status = begin(&d, &err);
    if (status == HF_OK)
        status = prove(&d, &err);
    judge(&d, status, &err);
    clean_up(&d);
    report->end = hf_clock_now();
    record(&d);
    hf_snapshots_free(&d.list);
    report->end = hf_clock_now();
}
