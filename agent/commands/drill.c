/* holdfast drill */
#include "agent/drill/run.h"

#include "agent/commands/run.h"
#include "base/clock.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* What is drilled, worked out before anything is. */
struct plan {
    struct hf_drill_task *tasks;
    size_t count;
};

static void plan_auto(struct plan *plan)
{
    free(plan->tasks);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* repository: where it is to be had, unless the command line says; NULL: the only one. */
static enum hf_status add(struct hf_session *session, struct plan *plan, struct hf_drill_task task,
                          const char *repository, struct hf_error *err)
{
    struct hf_drill_task *more;

    HF_TRY(hf_choose_repository(session, repository, &task.chosen, err));
    for (size_t i = 0; i < plan->count; i++) {
        const struct hf_drill_task *other = &plan->tasks[i];

        if (other->job == task.job && same_text(other->source, task.source) &&
            same_text(other->snapshot, task.snapshot))
            return HF_OK; /* named twice */
    }
    more = realloc(plan->tasks, (plan->count + 1) * sizeof *more);
    if (!more)
        return hf_error_memory(err);
    plan->tasks = more;
    more[plan->count++] = task;
    return HF_OK;
}

static enum hf_status add_job(struct hf_session *session, const struct hf_config_job *job,
                              struct plan *plan, struct hf_error *err)
{
    for (size_t i = 0; i < job->sources.count; i++)
        HF_TRY(add(session, plan,
                   (struct hf_drill_task){.job = job, .source = job->sources.items[i]},
                   job->repositories.items[0], err));
    return HF_OK;
}

static enum hf_status add_all(struct hf_session *session, bool all, struct plan *plan,
                              struct hf_error *err)
{
    const struct hf_config *config = session->config;

    for (size_t i = 0; i < config->job_count; i++) {
        if (all || config->jobs[i].drill)
            HF_TRY(add_job(session, &config->jobs[i], plan, err));
    }
    if (plan->count > 0)
        return HF_OK;
    return hf_error_set(
        err, HF_USAGE,
        all ? "there is no job in %s: name snapshots to drill"
            : "no job in %s has a \"drill\": name jobs or snapshots, or use --all-jobs",
        config->file ? config->file : "the configuration (there is none)");
}

/* What is no name of the configuration and looks like no snapshot is most likely a slip. */
static enum hf_status unknown_name(const struct hf_config *config, const char *name,
                                   struct hf_error *err)
{
    const char *near;

    HF_TRY(hf_config_nearest(config, name, &near, err));
    return hf_error_set(err, HF_USAGE,
                        "there is no job or source \"%.100s\"%s%s%s; a snapshot is named as "
                        "SOURCE@latest, SOURCE@TIME or by its id",
                        name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool is_id(const char *name)
{
    return strlen(name) >= 4 && strspn(name, "0123456789abcdef") == strlen(name);
}

static enum hf_status add_snapshot(struct hf_session *session, const char *name, struct plan *plan,
                                   struct hf_error *err)
{
    const char *at = strrchr(name, '@');
    HF_AUTO_FREE char *source = strndup(name, at ? (size_t)(at - name) : 0);
    const char *home;

    if (!source)
        return hf_error_memory(err);
    if (!at && !is_id(name))
        return unknown_name(session->config, name, err);
    home = at ? hf_config_home(session->config, source) : NULL;
    return add(session, plan, (struct hf_drill_task){.snapshot = name}, home, err);
}

static enum hf_status add_operand(struct hf_session *session, const char *name, struct plan *plan,
                                  struct hf_error *err)
{
    const struct hf_config_job *job = hf_config_job(session->config, name);

    if (job)
        return add_job(session, job, plan, err);
    if (hf_config_source(session->config, name))
        return add(session, plan, (struct hf_drill_task){.source = name},
                   hf_config_home(session->config, name), err);
    return add_snapshot(session, name, plan, err);
}

static enum hf_status make_plan(struct hf_session *session, struct plan *plan, struct hf_error *err)
{
    const struct hf_strings *operands = &session->args->operands;
    bool all = session->args->given[HF_OPT_ALL_JOBS] > 0;

    if (all && operands->count > 0)
        return hf_error_set(err, HF_USAGE, "--all-jobs and names cannot be given together");
    if (operands->count == 0)
        return add_all(session, all, plan, err);
    for (size_t i = 0; i < operands->count; i++)
        HF_TRY(add_operand(session, operands->items[i], plan, err));
    return HF_OK;
}

/* After an interrupt the rest is in the report too, as not drilled. */
static enum hf_status drill_one(struct hf_session *session, const struct hf_drill_task *task,
                                struct hf_drill_report *report, struct hf_error *err)
{
    struct hf_drill_source *source;

    HF_TRY(hf_drill_report_add(report, task->source ? task->source : task->snapshot, &source, err));
    HF_TRY(hf_session_new_work(session, err));
    hf_recorder_part(session->recorder, "drill", task->source,
                     task->chosen.name ? task->chosen.name : task->chosen.place);
    hf_drill_run(session, task, source);
    if (!hf_output_is_json(session->output))
        hf_drill_source_text(source, session->output);
    hf_output_event(session->output, "drill", hf_drill_source_json(source));
    hf_recorder_part_end(session->recorder, &source->error);
    return HF_OK;
}

/* ---- how the command ends ---- */

static enum hf_status status_for(const struct hf_drill_source *worst)
{
    int code = hf_drill_exit_code(worst->verdict);

    if (hf_status_exit_code(worst->error.status) == code || worst->error.status == HF_USAGE ||
        worst->error.status == HF_CONFIG)
        return worst->error.status;
    return code == 3 ? HF_MISMATCH : code == 4 ? HF_MISSING : HF_FAILED;
}

static enum hf_status conclude(const struct hf_drill_report *report, struct hf_error *err)
{
    const struct hf_drill_source *worst = report->sources;
    size_t bad = 0;

    for (size_t i = 0; i < report->count; i++) {
        const struct hf_drill_source *source = &report->sources[i];

        bad += source->verdict != HF_DRILL_PROVEN;
        if (source->verdict > worst->verdict)
            worst = source;
    }
    if (bad == 0)
        return HF_OK;
    if (report->count == 1)
        return hf_error_set(err, status_for(worst), "drill %s: %s: %s", worst->source,
                            hf_drill_verdict_name(worst->verdict), worst->error.text);
    return hf_error_set(err, status_for(worst), "%zu of %zu drills failed, the worst: %s: %s: %s",
                        bad, report->count, worst->source, hf_drill_verdict_name(worst->verdict),
                        worst->error.text);
}

typedef enum hf_status render_fn(const struct hf_drill_report *report, struct hf_buf *out,
                                 struct hf_error *err);

static enum hf_status write_file(struct hf_session *session, enum hf_option_id option,
                                 render_fn *render, const struct hf_drill_report *report,
                                 struct hf_error *err)
{
    const char *path = hf_args_value(session->args, option);
    HF_AUTO(hf_buf) page = HF_BUF_INIT;

    if (!path)
        return HF_OK;
    HF_TRY(render(report, &page, err));
    return hf_file_replace(path, page.data, page.len, 0644, err);
}

static enum hf_status write_files(struct hf_session *session, const struct hf_drill_report *report,
                                  struct hf_error *err)
{
    HF_TRY(write_file(session, HF_OPT_JUNIT, hf_drill_report_junit, report, err));
    return write_file(session, HF_OPT_HTML, hf_drill_report_html, report, err);
}

static enum hf_status drill_all(struct hf_session *session, const struct plan *plan,
                                struct hf_drill_report *report, struct hf_error *err)
{
    for (size_t i = 0; i < plan->count; i++)
        HF_TRY(drill_one(session, &plan->tasks[i], report, err));
    return conclude(report, err);
}

/* Files are written whatever came out, above all of what failed. When they cannot be, that is what
 * the command ends with only where there is nothing worse. */
enum hf_status hf_run_drill(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_drill_report) report = {.count = 0};
    __attribute__((cleanup(plan_auto))) struct plan plan = {.count = 0};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status;

    HF_TRY(make_plan(session, &plan, err));
    report.start = hf_clock_now();
    status = drill_all(session, &plan, &report, err);
    report.end = hf_clock_now();
    if (write_files(session, &report, &why) == HF_OK)
        return status;
    if (status != HF_OK)
        hf_output_warning(session->output, "%s", why.text);
    else
        *err = why;
    return err->status;
}
