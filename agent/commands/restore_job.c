/* holdfast restore JOB */
#include "agent/cli/names.h"
#include "agent/commands/restore.h"
#include "agent/config/duration.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/snapshots.h"
#include "agent/signals.h"
#include "base/clock.h"

#include <ctype.h>
#include <string.h>

/* One source: what is restored, whereto, and what came of it. */
struct task {
    struct hf_config_source *source;
    const struct hf_snapshot_info *info;
    const char *to; /* said for this one, or NULL */
    struct hf_target target;
    bool restored, proven;
    struct hf_error why;
};

struct plan {
    const struct hf_config_job *job;
    const char *everywhere; /* "", a suffix, or NULL: every source has its own */
    struct task *tasks;
    size_t count;
};

static void plan_auto(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        hf_target_auto(&plan->tasks[i].target);
    free(plan->tasks);
}

static size_t name_len(const char *operand)
{
    const char *at = strrchr(operand, '@');

    return at ? (size_t)(at - operand) : strlen(operand);
}

const struct hf_config_job *hf_restore_job_of(const struct hf_config *config, const char *operand)
{
    size_t len = name_len(operand);

    for (size_t i = 0; i < config->job_count; i++) {
        const struct hf_config_job *job = &config->jobs[i];

        if (strlen(job->name) == len && strncmp(job->name, operand, len) == 0)
            return job;
    }
    return NULL;
}

/* ---- whereto ---- */

/* The last part of a name: it cannot be mistaken for a directory or a mapping. */
static bool is_suffix(const char *to)
{
    if (!strchr("_-.", *to))
        return false;
    while (isalnum((unsigned char)*to) || (*to && strchr("_-.", *to)))
        to++;
    return !*to;
}

static enum hf_status unknown_source(const struct plan *plan, const char *to, size_t len,
                                     struct hf_error *err)
{
    HF_AUTO(hf_names) names = HF_NAMES_INIT;
    HF_AUTO_FREE char *name = strndup(to, len);
    const char *near;

    if (!name)
        return hf_error_memory(err);
    for (size_t i = 0; i < plan->count; i++)
        HF_TRY(hf_names_add(&names, plan->tasks[i].source->name, err));
    near = hf_text_nearest(name, hf_names_list(&names));
    return hf_error_set(err, HF_USAGE, "--to %.200s: job %s has no source \"%s\"%s%s%s", to,
                        plan->job->name, name, near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
}

static enum hf_status take_mapping(struct plan *plan, const char *to, const char *equals,
                                   struct hf_error *err)
{
    size_t len = (size_t)(equals - to);
    struct task *task = NULL;

    for (size_t i = 0; i < plan->count && !task; i++) {
        if (strlen(plan->tasks[i].source->name) == len &&
            strncmp(plan->tasks[i].source->name, to, len) == 0)
            task = &plan->tasks[i];
    }
    if (!task)
        return unknown_source(plan, to, len, err);
    if (task->to)
        return hf_error_set(err, HF_USAGE, "--to says twice where %s goes", task->source->name);
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->tasks[i].to && strcmp(plan->tasks[i].to, equals + 1) == 0)
            return hf_error_set(err, HF_USAGE, "--to: %s and %s cannot both go to %.200s",
                                plan->tasks[i].source->name, task->source->name, equals + 1);
    }
    task->to = equals + 1;
    return HF_OK;
}

static enum hf_status take_to(struct plan *plan, const char *to, struct hf_error *err)
{
    const char *equals = strchr(to, '=');
    bool same = strcmp(to, "same") == 0;

    if (!same && !is_suffix(to)) {
        if (equals && equals != to)
            return take_mapping(plan, to, equals, err);
        return hf_error_set(
            err, HF_USAGE,
            "--to %.200s: a job is restored to \"same\", beside it by a suffix such "
            "as _restored, or source by source, --to SOURCE=TARGET",
            to);
    }
    if (plan->everywhere)
        return hf_error_set(err, HF_USAGE, "--to says twice where all of %s goes", plan->job->name);
    plan->everywhere = same ? "" : to;
    return HF_OK;
}

static enum hf_status find_target(struct hf_session *session, const struct plan *plan,
                                  struct task *task, struct hf_error *err)
{
    const struct hf_kind *kind = task->source->kind;
    const char *name = task->source->name;

    if (task->to)
        return kind->target(session, task->to, name, task->source, &task->target, err);
    if (plan->everywhere)
        return kind->own_target(session, task->source, plan->everywhere, &task->target, err);
    return hf_error_set(err, HF_USAGE,
                        "nothing says where %s goes: --to %s=TARGET, or --to same or a suffix for "
                        "all that is not named",
                        name, name);
}

/* ---- what ---- */

static const char *run_of(const struct hf_snapshot_info *info)
{
    return json_string_value(json_object_get(info->properties, "run"));
}

/* The newest of a source before a moment; with a run, only of that run. */
static const struct hf_snapshot_info *newest(const struct hf_snapshots *list, const char *source,
                                             int64_t before, const char *run)
{
    for (size_t i = list->count; i-- > 0;) {
        const struct hf_snapshot_info *info = &list->items[i];
        const char *its = run_of(info);

        if (info->time < before && strcmp(info->source, source) == 0 &&
            (!run || (its && strcmp(its, run) == 0)))
            return info;
    }
    return NULL;
}

void hf_restore_job_choose(const struct hf_snapshots *list, const struct hf_strings *sources,
                           int64_t before, const struct hf_snapshot_info **out)
{
    const struct hf_snapshot_info *last = NULL;
    const char *run;

    for (size_t i = 0; i < sources->count; i++) {
        out[i] = newest(list, sources->items[i], before, NULL);
        if (out[i] && (!last || out[i]->time > last->time))
            last = out[i];
    }
    run = last ? run_of(last) : NULL;
    for (size_t i = 0; run && i < sources->count; i++) {
        const struct hf_snapshot_info *same = newest(list, sources->items[i], before, run);

        out[i] = same ? same : out[i];
    }
}

/* The end of what is named: all that was backed up until then counts. */
static enum hf_status moment(const char *operand, int64_t *out, struct hf_error *err)
{
    const char *at = strrchr(operand, '@');
    int64_t begin;

    *out = INT64_MAX;
    if (!at || strcmp(at + 1, "latest") == 0 || hf_time_parse(at + 1, &begin, out))
        return HF_OK;
    return hf_error_set(err, HF_USAGE,
                        "%.200s: after the @ of a job comes \"latest\" or a time such as "
                        "2026-11-21T02:00",
                        operand);
}

static enum hf_status no_snapshot(const struct task *task, const char *operand,
                                  const struct hf_snapshots *list, struct hf_error *err)
{
    const struct hf_snapshot_info *later = newest(list, task->source->name, INT64_MAX, NULL);
    char time[HF_TIME_TEXT];

    if (!later)
        return hf_error_set(err, HF_NOT_FOUND,
                            "there is no snapshot of %s; restore the other sources one by one",
                            task->source->name);
    hf_time_format(time, later->time);
    return hf_error_set(err, HF_NOT_FOUND,
                        "%.200s: there is no snapshot of %s that is so old; the newest is of %s",
                        operand, task->source->name, time);
}

/* Sources that were not stored together do not fit together, but are better than nothing. */
static void warn_of_others(struct hf_session *session, const struct plan *plan)
{
    const struct task *last = &plan->tasks[0];

    for (size_t i = 1; i < plan->count; i++) {
        if (plan->tasks[i].info->time > last->info->time)
            last = &plan->tasks[i];
    }
    for (size_t i = 0; i < plan->count; i++) {
        const char *run = run_of(last->info), *its = run_of(plan->tasks[i].info);
        char time[HF_TIME_TEXT];

        if (plan->tasks[i].info == last->info || (run && its && strcmp(run, its) == 0))
            continue;
        hf_time_format(time, plan->tasks[i].info->time);
        hf_output_warning(session->output,
                          "%s is restored as of %s: it is not in the run that stored %s",
                          plan->tasks[i].source->name, time, last->source->name);
    }
}

static enum hf_status choose_snapshots(struct hf_session *session, struct plan *plan,
                                       const struct hf_snapshots *list, struct hf_error *err)
{
    const char *operand = session->args->operands.items[0];
    HF_AUTO_FREE const struct hf_snapshot_info **found = calloc(plan->count, sizeof(void *));
    int64_t before;

    if (!found)
        return hf_error_memory(err);
    HF_TRY(moment(operand, &before, err));
    hf_restore_job_choose(list, &plan->job->sources, before, found);
    for (size_t i = 0; i < plan->count; i++) {
        struct task *task = &plan->tasks[i];

        task->info = found[i];
        if (!task->info)
            return no_snapshot(task, operand, list, err);
        if (strcmp(task->info->kind, task->source->kind->source->name) != 0)
            return hf_error_set(err, HF_USAGE,
                                "%s was a %s when its snapshot %.*s was made, and is %s now: "
                                "restore the sources one by one",
                                task->source->name, task->info->kind, HF_SHORT_ID, task->info->id,
                                task->source->kind->noun);
    }
    return HF_OK;
}

/* ---- the plan ---- */

static struct hf_config_source *source_of(struct hf_config *config, const char *name)
{
    size_t i = 0;

    while (strcmp(config->sources[i].name, name) != 0)
        i++;
    return &config->sources[i]; /* the configuration has every source of its jobs */
}

/* What would leave out parts of each source. */
static enum hf_status refuse_parts(const struct hf_args *args, struct hf_error *err)
{
    static const enum hf_option_id parts[] = {
        HF_OPT_DATABASE,         HF_OPT_SCHEMA, HF_OPT_TABLE, HF_OPT_LARGE_OBJECTS,
        HF_OPT_NO_LARGE_OBJECTS, HF_OPT_MATCH,  HF_OPT_PATH};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (args->given[parts[i]])
            return hf_error_set(err, HF_USAGE,
                                "--%s does not go with a job: restore that source by itself",
                                hf_option(parts[i])->name);
    }
    return HF_OK;
}

static enum hf_status make_plan(struct hf_session *session, struct plan *plan, struct hf_error *err)
{
    const struct hf_strings *names = &plan->job->sources, *to = &session->args->values[HF_OPT_TO];

    HF_TRY(refuse_parts(session->args, err));
    plan->tasks = calloc(names->count, sizeof *plan->tasks);
    if (!plan->tasks)
        return hf_error_memory(err);
    for (; plan->count < names->count; plan->count++)
        plan->tasks[plan->count] = (struct task){
            .source = source_of(session->config, names->items[plan->count]), .why = HF_ERROR_INIT};
    for (size_t i = 0; i < to->count; i++)
        HF_TRY(take_to(plan, to->items[i], err));
    for (size_t i = 0; i < plan->count; i++)
        HF_TRY(find_target(session, plan, &plan->tasks[i], err));
    return HF_OK;
}

/* ---- doing it ---- */

static enum hf_status run_task(struct hf_session *session, struct task *task, struct hf_error *err)
{
    HF_TRY(hf_session_new_work(session, err));
    HF_TRY(
        hf_restore_one(session, task->info, task->source->kind, &task->target, &task->proven, err));
    task->restored = true;
    return HF_OK;
}

static json_t *report_tasks(const struct plan *plan)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < plan->count; i++) {
        const struct task *task = &plan->tasks[i];
        json_t *one =
            json_pack("{s:s, s:s, s:b, s:b, s:s?}", "source", task->source->name, "snapshot",
                      task->info->id, "restored", (int)task->restored, "proven", (int)task->proven,
                      "error", task->why.status != HF_OK ? task->why.text : NULL);

        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void report(struct hf_session *session, const struct plan *plan, size_t failed, int64_t took)
{
    char text[HF_DURATION_TEXT];
    size_t proven = 0;

    for (size_t i = 0; i < plan->count; i++)
        proven += plan->tasks[i].proven;
    hf_duration_format(text, took);
    hf_output_news(session->output, "job %s: %zu of %zu sources restored, %zu proven, after %s\n",
                   plan->job->name, plan->count - failed, plan->count, proven, text);
    hf_output_event(session->output, "restore_job",
                    json_pack("{s:s, s:f, s:o}", "job", plan->job->name, "seconds",
                              (double)took / (double)HF_NS_PER_S, "sources", report_tasks(plan)));
}

static enum hf_status run_plan(struct hf_session *session, struct plan *plan, struct hf_error *err)
{
    int64_t start = hf_clock_monotonic();
    enum hf_status first = HF_OK;
    size_t failed = 0;

    for (size_t i = 0; i < plan->count; i++) {
        struct task *task = &plan->tasks[i];

        if (run_task(session, task, &task->why) == HF_OK)
            continue;
        if (hf_signals_interrupted()) {
            *err = task->why;
            return err->status;
        }
        hf_output_error(session->output, &task->why);
        first = first == HF_OK ? task->why.status : first;
        failed++;
    }
    report(session, plan, failed, hf_clock_monotonic() - start);
    if (failed > 0)
        return hf_error_set(err, first, "%zu of %zu sources of %s were not restored", failed,
                            plan->count, plan->job->name);
    return HF_OK;
}

enum hf_status hf_restore_job(struct hf_session *session, const struct hf_config_job *job,
                              struct hf_error *err)
{
    __attribute__((cleanup(plan_auto))) struct plan plan = {.job = job};
    HF_AUTO(hf_snapshots) list = {.count = 0};
    struct hf_chosen chosen = {.place = ""};

    HF_TRY(make_plan(session, &plan, err));
    HF_TRY(hf_choose_repository(session, job->repositories.items[0], &chosen, err));
    HF_TRY(hf_choose_open(session, &chosen, err));
    HF_TRY(hf_choose_open_from(session, err));
    if (hf_snapshots_load(session->at_hand->repo, NULL, hf_output_observer(session->output), &list,
                          err) != HF_OK)
        return hf_session_name_repository(session, err);
    HF_TRY(choose_snapshots(session, &plan, &list, err));
    warn_of_others(session, &plan);
    return run_plan(session, &plan, err);
}
