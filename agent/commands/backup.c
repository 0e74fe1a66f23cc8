/* holdfast backup */
#include "storage/repository/backup.h"
#include "agent/commands/backup_plan.h"
#include "agent/commands/backup_trigger.h"
#include "agent/commands/replicate.h"
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/config/volume.h"
#include "agent/kinds/kind.h"
#include "agent/repositories/snapshots.h"
#include "agent/signals.h"
#include "base/clock.h"

#include <inttypes.h>
#include <unistd.h>

struct outcome {
    char id[HF_SNAPSHOT_ID_TEXT];
    int64_t captured;
    int64_t took;
    struct hf_backup_stats stats;
};

static enum hf_status backup_options(const struct hf_session *session,
                                     const struct hf_backup_task *task, char *host,
                                     size_t host_size, struct hf_backup_options *out,
                                     struct hf_error *err)
{
    unsigned level = 0;

    *out = (struct hf_backup_options){.source = task->source->name,
                                      .kind = task->source->kind->source->name,
                                      .host = host,
                                      .job = task->job,
                                      .tags = &session->args->values[HF_OPT_TAG],
                                      .cancel = session->cancel,
                                      .observer = hf_output_observer(session->output)};
    if (gethostname(host, host_size) != 0)
        host[0] = 0;
    host[host_size - 1] = 0;
    HF_TRY(hf_session_limits(session, &out->memory, &out->threads, &level, err));
    out->level = (int)level;
    return HF_OK;
}

/* What a kind holds itself comes out of the memory that the backup may use. */
static void share_memory(const struct hf_session *session, const struct hf_config_source *source,
                         struct hf_backup_options *options)
{
    enum { LEAST = 1 << 20 };
    uint64_t wanted = source->kind->holds ? source->kind->holds(source) : 0;
    uint64_t spare = hf_backup_spare(session->at_hand->repo, options);
    char text[HF_SIZE_TEXT], has[HF_SIZE_TEXT];

    options->beside = wanted < spare ? wanted : spare;
    if (wanted > 0 && options->beside < LEAST)
        options->beside = LEAST;
    if (wanted <= options->beside)
        return;
    hf_text_format_size(text, wanted);
    hf_text_format_size(has, options->beside);
    hf_output_warning(
        session->output,
        "source %s would hold %s, and of the memory that a backup may use %s are left "
        "for that; raise memory",
        source->name, text, has);
}

static enum hf_status capture(struct hf_session *session, struct hf_config_source *source,
                              uint64_t memory, struct hf_backup *backup,
                              struct hf_capture_result *out, struct hf_error *err)
{
    struct hf_work work = {.cancel = session->cancel,
                           .observer = hf_output_observer(session->output),
                           .memory = memory};

    HF_TRY(source->kind->prepare(session, source, err));
    HF_TRY(hf_args_number(session->args, HF_OPT_JOBS, 1, HF_CONFIG_JOBS_MAX, &work.jobs, err));
    return source->kind->source->capture(hf_kind_config(source), hf_backup_sink(backup), &work, out,
                                         err);
}

/* So that what one run stored is found together (restore.h). */
static enum hf_status name_run(json_t *properties, const char *run, struct hf_error *err)
{
    return json_object_set_new(properties, "run", json_string(run)) == 0 ? HF_OK
                                                                         : hf_error_memory(err);
}

/* Captures and commits; backup is consumed. */
static enum hf_status capture_and_commit(struct hf_session *session,
                                         struct hf_config_source *source, const char *run,
                                         uint64_t memory, struct hf_backup *backup,
                                         struct outcome *out, struct hf_error *err)
{
    struct hf_capture_result result = {.properties = NULL};
    enum hf_status status = capture(session, source, memory, backup, &result, err);

    if (status == HF_OK)
        status = name_run(result.properties, run, err);
    if (status != HF_OK) {
        hf_backup_abort(backup);
    } else {
        hf_backup_set_time(backup, result.time);
        status = hf_backup_commit(backup, result.properties, out->id, &out->stats, err);
    }
    out->captured = result.time;
    json_decref(result.properties);
    return status;
}

static enum hf_status back_up(struct hf_session *session, const struct hf_backup_task *task,
                              const char *run, struct outcome *out, struct hf_error *err)
{
    char host[256];
    struct hf_backup_options options;
    struct hf_backup *backup;
    int64_t start = hf_clock_monotonic();
    enum hf_status status;

    HF_TRY(backup_options(session, task, host, sizeof host, &options, err));
    share_memory(session, task->source, &options);
    HF_TRY(hf_backup_begin(session->at_hand->repo, &options, &backup, err));
    hf_output_begin(session->output, task->source->name);
    status = capture_and_commit(session, task->source, run, options.beside, backup, out, err);
    hf_output_end(session->output);
    out->took = hf_clock_monotonic() - start;
    return status;
}

static void report(struct hf_session *session, const struct hf_backup_task *task,
                   const struct outcome *outcome)
{
    const struct hf_backup_stats *stats = &outcome->stats;
    const char *repository = task->chosen.name ? task->chosen.name : task->chosen.place;
    char read[HF_SIZE_TEXT], fresh[HF_SIZE_TEXT], stored[HF_SIZE_TEXT];
    char took[HF_DURATION_TEXT], captured[HF_TIME_TEXT];

    hf_text_format_size(read, stats->read_bytes);
    hf_text_format_size(fresh, stats->new_bytes);
    hf_text_format_size(stored, stats->stored_bytes);
    hf_duration_format(took, outcome->took);
    hf_time_format(captured, outcome->captured);
    hf_output_news(session->output,
                   "%s: snapshot %.*s in %s: %s in %" PRIu64 " %s read, %s new, %s stored\n",
                   task->source->name, HF_SHORT_ID, outcome->id, took, read, stats->records,
                   task->source->kind->records, fresh, stored);
    hf_output_event(
        session->output, "backup",
        json_pack("{s:s, s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "source",
                  task->source->name, "repository", repository, "snapshot", outcome->id, "captured",
                  captured, "seconds", (double)outcome->took / (double)HF_NS_PER_S, "read_bytes",
                  (json_int_t)stats->read_bytes, "records", (json_int_t)stats->records, "chunks",
                  (json_int_t)stats->chunks, "new_chunks", (json_int_t)stats->new_chunks,
                  "new_bytes", (json_int_t)stats->new_bytes, "stored_bytes",
                  (json_int_t)stats->stored_bytes, "adopted_packs",
                  (json_int_t)stats->adopted_packs));
}

static enum hf_status run_task(struct hf_session *session, const struct hf_backup_task *task,
                               const char *run, struct hf_error *err)
{
    struct outcome outcome = {.took = 0};

    HF_TRY(hf_session_new_work(session, err));
    HF_TRY(hf_choose_open(session, &task->chosen, err));
    if (back_up(session, task, run, &outcome, err) != HF_OK) {
        (void)hf_session_cause(session, err);
        return hf_error_prefix(err, "backup %s", task->source->name);
    }
    report(session, task, &outcome);
    return HF_OK;
}

static enum hf_status record_task(struct hf_session *session, const struct hf_backup_task *task,
                                  const char *run, struct hf_error *err)
{
    enum hf_status status;

    hf_recorder_part(session->recorder, "backup", task->source->name,
                     task->chosen.name ? task->chosen.name : task->chosen.place);
    status = run_task(session, task, run, err);
    hf_recorder_part_end(session->recorder, err);
    return status;
}

/* One source that fails does not keep the others from being backed up; an interrupt does. */
static enum hf_status run_tasks(struct hf_session *session, const struct hf_backup_plan *plan,
                                struct hf_error *err)
{
    enum hf_status first = HF_OK;
    size_t failed = 0;

    hf_volume_recover_all(session);
    for (size_t i = 0; i < plan->count; i++) {
        struct hf_error one = HF_ERROR_INIT;

        if (record_task(session, &plan->tasks[i], hf_recorder_run(session->recorder), &one) ==
            HF_OK)
            continue;
        if (plan->count == 1 || hf_signals_interrupted()) {
            *err = one;
            return err->status;
        }
        hf_output_error(session->output, &one);
        first = first == HF_OK ? one.status : first;
        failed++;
    }
    if (failed > 0)
        return hf_error_set(err, first, "%zu of %zu backups failed", failed, plan->count);
    return HF_OK;
}

static enum hf_status run_copy(struct hf_session *session, const struct hf_backup_copy *copy,
                               struct hf_error *err)
{
    struct hf_opened *from, *to;
    struct hf_replicate what = {.sources = &copy->sources};

    HF_TRY(hf_session_new_work(session, err));
    if (hf_choose_open_beside(session, &copy->from, &from, err) != HF_OK ||
        hf_choose_open_beside(session, &copy->to, &to, err) != HF_OK) {
        hf_replicate_report_failed(session, copy->from.name, copy->to.name, err);
        return hf_error_prefix(err, "copy from %s to %s", copy->from.name, copy->to.name);
    }
    what.from = from;
    what.to = to;
    return hf_replicate(session, &what, err);
}

/* What is in the first repository is safe there; that it is not elsewhere yet is for a person to
 * know, and for the next run to do. */
static enum hf_status run_copies(struct hf_session *session, const struct hf_backup_plan *plan,
                                 struct hf_error *err)
{
    size_t failed = 0;

    for (size_t i = 0; i < plan->copy_count; i++) {
        struct hf_error one = HF_ERROR_INIT;

        if (run_copy(session, &plan->copies[i], &one) == HF_OK)
            continue;
        if (hf_signals_interrupted()) {
            *err = one;
            return err->status;
        }
        hf_output_error(session->output, &one);
        failed++;
    }
    if (failed > 0)
        return hf_error_set(err, HF_PARTIAL,
                            "%zu of %zu copies to other repositories failed; the next run copies "
                            "what is missing there",
                            failed, plan->copy_count);
    return HF_OK;
}

static enum hf_status check_tags(const struct hf_strings *tags, struct hf_error *err)
{
    if (tags->count > HF_TAGS_MAX)
        return hf_error_set(err, HF_USAGE, "--tag: at most %d tags", HF_TAGS_MAX);
    for (size_t i = 0; i < tags->count; i++)
        if (!hf_tag_is_good(tags->items[i]))
            return hf_error_set(err, HF_USAGE,
                                "--tag \"%.100s\": a tag is 1 to %d letters, digits, and any of "
                                "._-:/@+=",
                                tags->items[i], HF_TAG_MAX);
    return HF_OK;
}

/* Copies are made whatever became of the backups: they also bring what earlier ones could not. */
enum hf_status hf_run_backup(struct hf_session *session, struct hf_error *err)
{
    __attribute__((cleanup(hf_backup_locks_auto))) struct hf_backup_locks locks = {.count = 0};
    __attribute__((cleanup(hf_backup_plan_auto))) struct hf_backup_plan plan = {.count = 0};
    struct hf_error copies = HF_ERROR_INIT;
    enum hf_status status;
    bool done;

    HF_TRY(check_tags(&session->args->values[HF_OPT_TAG], err));
    HF_TRY(hf_backup_plan_make(session, &plan, err));
    hf_recorder_pass(session->recorder, true); /* if the agent runs it, its run is recorded */
    status = hf_backup_trigger(session, &done, err);
    if (done || status != HF_OK)
        return status;
    hf_recorder_pass(session->recorder, false);
    HF_TRY(hf_backup_lock(session, &locks, err));
    status = run_tasks(session, &plan, err);
    if (hf_signals_interrupted() || plan.copy_count == 0)
        return status;
    if (run_copies(session, &plan, &copies) == HF_OK)
        return status;
    if (status != HF_OK && !hf_signals_interrupted()) {
        hf_output_error(session->output, &copies);
        return status;
    }
    *err = copies;
    return err->status;
}
