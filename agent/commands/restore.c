/* holdfast restore */
#include "agent/commands/restore.h"
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/kinds/kind.h"
#include "agent/kinds/restore_report.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/snapshots.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static enum hf_status restore_options(const struct hf_session *session, const char *target,
                                      struct hf_restore_options *out, struct hf_error *err)
{
    const struct hf_args *args = session->args;

    if (args->given[HF_OPT_DATABASE] > 1)
        return hf_error_set(err, HF_USAGE, "option --database is given twice");
    /* The lists are borrowed from the arguments. */
    *out = (struct hf_restore_options){.target = target,
                                       .replace = args->given[HF_OPT_REPLACE] > 0,
                                       .no_owner = args->given[HF_OPT_NO_OWNER] > 0,
                                       .no_acl = args->given[HF_OPT_NO_ACL] > 0,
                                       .no_compare = args->given[HF_OPT_NO_COMPARE] > 0,
                                       .schemas = args->values[HF_OPT_SCHEMA],
                                       .tables = args->values[HF_OPT_TABLE],
                                       .patterns = hf_args_patterns(args),
                                       .numeric_owner = args->given[HF_OPT_NUMERIC_OWNER] > 0,
                                       .database = hf_args_value(args, HF_OPT_DATABASE)};
    return hf_args_large_objects(args, &out->large_objects, err);
}

static enum hf_status run_restore(struct hf_session *session, const struct hf_snapshot_info *info,
                                  const struct hf_kind *kind, const struct hf_target *target,
                                  json_t **out_report, json_t **out_fallback, struct hf_error *err)
{
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    struct hf_restore_options options;
    struct hf_work work = {.cancel = session->cancel,
                           .observer = hf_output_observer(session->output)};
    enum hf_status status;

    HF_TRY(restore_options(session, target->name, &options, err));
    HF_TRY(hf_args_number(session->args, HF_OPT_JOBS, 1, HF_CONFIG_JOBS_MAX, &work.jobs, err));
    HF_TRY(hf_snapshots_open(session, info, &snapshot, err));
    hf_output_begin(session->output, info->source);
    status = kind->source->restore(hf_kind_config(target->source), info->properties,
                                   hf_snapshot_feed(snapshot), &options, &work, out_report, err);
    hf_output_end(session->output);
    *out_fallback = hf_snapshots_tell_fallback(session, snapshot);
    return status == HF_OK ? HF_OK : hf_session_cause(session, err);
}

/* What is missing or damaged in the repository may be in another one of the job. That is asked for
 * nothing before it is needed, so the restore begins anew. */
static enum hf_status restore_with_help(struct hf_session *session,
                                        const struct hf_snapshot_info *info,
                                        const struct hf_kind *kind, const struct hf_target *target,
                                        json_t **out_report, json_t **out_fallback,
                                        struct hf_error *err)
{
    bool said = session->args->given[HF_OPT_FROM] > 0;
    size_t tried = 0;
    enum hf_status status = run_restore(session, info, kind, target, out_report, out_fallback, err);

    while (status == HF_DAMAGED && !said && hf_choose_next_from(session, info->source, &tried)) {
        struct hf_error why = HF_ERROR_INIT;

        hf_output_warning(session->output,
                          "%s; restoring once more, with what is missing or damaged from %s",
                          err->text, session->from->title);
        HF_TRY(hf_session_new_work(session, err));
        json_decref(*out_report);
        json_decref(*out_fallback);
        *out_report = *out_fallback = NULL;
        status = run_restore(session, info, kind, target, out_report, out_fallback, &why);
        if (status == HF_OK)
            return HF_OK;
        session->from = NULL; /* it did not help */
        if (status == HF_USAGE || status == HF_MISMATCH || status == HF_DENIED)
            status = HF_DAMAGED; /* no replica: the first error stands */
        else
            *err = why;
    }
    return status;
}

/* A restore is a success also where its proof cannot be kept, on a read-only repository say. */
static bool record_proof(struct hf_session *session, const char *id, const json_t *report)
{
    struct hf_error err = HF_ERROR_INIT;

    if (!hf_restore_report_proves(report))
        return false;
    if (hf_snapshot_add_proof(session->at_hand->repo, id, HF_SNAPSHOT_PROVEN, report, &err) ==
        HF_OK)
        return true;
    hf_output_warning(session->output, "the snapshot is proven, but that cannot be recorded: %s",
                      err.text);
    return false;
}

static void report_outcome(struct hf_session *session, const struct hf_snapshot_info *info,
                           const struct hf_kind *kind, json_t *report, json_t *fallback,
                           bool proven, int64_t took)
{
    char text[HF_DURATION_TEXT];

    hf_duration_format(text, took);
    if (!hf_output_is_json(session->output))
        kind->report(session->output, report);
    if (proven)
        hf_output_news(session->output, "snapshot %.*s of %s is proven, after %s\n", HF_SHORT_ID,
                       info->id, info->source, text);
    hf_output_event(session->output, "restore",
                    json_pack("{s:s, s:s, s:f, s:b, s:O, s:O?}", "snapshot", info->id, "source",
                              info->source, "seconds", (double)took / (double)HF_NS_PER_S, "proven",
                              (int)proven, "report", report, "fallback", fallback));
}

enum hf_status hf_restore_one(struct hf_session *session, const struct hf_snapshot_info *info,
                              const struct hf_kind *kind, const struct hf_target *target,
                              bool *out_proven, struct hf_error *err)
{
    HF_AUTO_JSON report = NULL;
    HF_AUTO_JSON fallback = NULL;
    int64_t start = hf_clock_monotonic();
    enum hf_status status;

    hf_recorder_part(session->recorder, "restore", info->source,
                     hf_opened_short_name(session->at_hand));
    status = restore_with_help(session, info, kind, target, &report, &fallback, err);
    *out_proven = false;
    if (status != HF_OK)
        (void)hf_error_prefix(err, "restore %s", info->source);
    if (report) {
        *out_proven = status == HF_OK && record_proof(session, info->id, report);
        report_outcome(session, info, kind, report, fallback, *out_proven,
                       hf_clock_monotonic() - start);
    }
    hf_recorder_part_end(session->recorder, err);
    return status;
}

static enum hf_status restore_snapshot(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_target) target = {.name = NULL};
    HF_AUTO(hf_snapshots) list = {.count = 0};
    const struct hf_snapshot_info *info;
    const struct hf_kind *kind;
    bool proven;

    if (session->args->given[HF_OPT_TO] > 1)
        return hf_error_set(err, HF_USAGE, "option --to is given twice");
    HF_TRY(hf_choose_and_open(session, err));
    HF_TRY(hf_snapshots_choose(session, session->args->operands.items[0], &list, &info, err));
    HF_TRY(hf_kind_find(info->kind, &kind, err));
    HF_TRY(hf_kind_check_restore_options(kind, session->args, err));
    HF_TRY(kind->target(session, hf_args_value(session->args, HF_OPT_TO), info->source,
                        hf_kind_source_of(session, info), &target, err));
    return hf_restore_one(session, info, kind, &target, &proven, err);
}

enum hf_status hf_run_restore(struct hf_session *session, struct hf_error *err)
{
    const struct hf_config_job *job =
        hf_restore_job_of(session->config, session->args->operands.items[0]);

    return job ? hf_restore_job(session, job, err) : restore_snapshot(session, err);
}
