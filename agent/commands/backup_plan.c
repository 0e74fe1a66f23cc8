#include "agent/commands/backup_plan.h"

#include "agent/kinds/kind.h"

#include <stdlib.h>
#include <string.h>

void hf_backup_plan_auto(struct hf_backup_plan *plan)
{
    for (size_t i = 0; i < plan->url_count; i++)
        hf_config_source_done(&plan->urls[i]);
    for (size_t i = 0; i < plan->copy_count; i++)
        hf_strings_free(&plan->copies[i].sources);
    free(plan->urls);
    free(plan->tasks);
    free(plan->copies);
}

static bool same_repository(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static enum hf_status add_task(struct hf_backup_plan *plan, struct hf_config_source *source,
                               const char *repository, const char *job, struct hf_error *err)
{
    struct hf_backup_task *more;

    for (size_t i = 0; i < plan->count; i++) {
        if (plan->tasks[i].source != source ||
            !same_repository(plan->tasks[i].repository, repository))
            continue;
        if (plan->tasks[i].job != job) /* named twice, by two jobs for example */
            plan->tasks[i].job = NULL;
        return HF_OK;
    }
    more = realloc(plan->tasks, (plan->count + 1) * sizeof *more);
    if (!more)
        return hf_error_memory(err);
    plan->tasks = more;
    more[plan->count++] =
        (struct hf_backup_task){.source = source, .repository = repository, .job = job};
    return HF_OK;
}

static struct hf_config_source *source_of(struct hf_config *config, const char *name)
{
    for (size_t i = 0; i < config->source_count; i++) {
        if (strcmp(config->sources[i].name, name) == 0)
            return &config->sources[i];
    }
    return NULL;
}

static enum hf_status unknown_name(const struct hf_config *config, const char *name,
                                   struct hf_error *err)
{
    const char *near;

    HF_TRY(hf_config_nearest(config, name, &near, err));
    if (near)
        return hf_error_set(err, HF_USAGE,
                            "there is no job or source \"%.100s\"; did you mean \"%s\"?", name,
                            near);
    return hf_error_set(err, HF_USAGE,
                        "there is no job or source \"%.100s\" in %s; a database is given as "
                        "postgresql://USER@HOST/DATABASE",
                        name, config->file ? config->file : "a configuration file");
}

static enum hf_status add_job(struct hf_session *session, const struct hf_config_job *job,
                              struct hf_backup_plan *plan, struct hf_error *err)
{
    for (size_t i = 0; i < job->sources.count; i++) {
        const char *name = job->sources.items[i];
        struct hf_config_source *source = source_of(session->config, name);

        if (!source)
            return unknown_name(session->config, name, err);
        HF_TRY(add_task(plan, source, job->repositories.items[0], job->name, err));
    }
    return HF_OK;
}

static enum hf_status add_everything(struct hf_session *session, struct hf_backup_plan *plan,
                                     struct hf_error *err)
{
    struct hf_config *config = session->config;

    if (config->source_count == 0)
        return hf_error_set(err, HF_USAGE,
                            "nothing to back up: name a postgresql:// URL, or write a "
                            "configuration file with sources%s%s",
                            config->file ? "; there are none in " : "",
                            config->file ? config->file : "");
    HF_TRY(hf_kind_refuse_url_options(session->args, config->sources[0].name, err));
    for (size_t i = 0; i < config->job_count; i++)
        HF_TRY(add_job(session, &config->jobs[i], plan, err));
    for (size_t i = 0; i < config->source_count && config->job_count == 0; i++)
        HF_TRY(add_task(plan, &config->sources[i], NULL, NULL, err));
    return HF_OK;
}

static enum hf_status add_operand(struct hf_session *session, const char *operand,
                                  struct hf_backup_plan *plan, struct hf_error *err)
{
    const struct hf_config_job *job = hf_config_job(session->config, operand);
    struct hf_config_source *source = source_of(session->config, operand);

    if (hf_kind_of_url(operand)) {
        struct hf_config_source *made = &plan->urls[plan->url_count++];

        HF_TRY(hf_kind_source_of_url(session, operand, made, err));
        return add_task(plan, made, NULL, NULL, err);
    }
    if (!job && !source)
        return unknown_name(session->config, operand, err);
    HF_TRY(hf_kind_refuse_url_options(session->args, operand, err));
    return job ? add_job(session, job, plan, err) : add_task(plan, source, NULL, NULL, err);
}

/* The plan's copy from one to another. */
static enum hf_status get_copy(struct hf_backup_plan *plan, const struct hf_chosen *from,
                               const struct hf_chosen *to, struct hf_backup_copy **out,
                               struct hf_error *err)
{
    struct hf_backup_copy *more;

    for (size_t i = 0; i < plan->copy_count; i++) {
        *out = &plan->copies[i];
        if (strcmp((*out)->from.place, from->place) == 0 &&
            strcmp((*out)->to.place, to->place) == 0)
            return HF_OK;
    }
    more = realloc(plan->copies, (plan->copy_count + 1) * sizeof *more);
    if (!more)
        return hf_error_memory(err);
    plan->copies = more;
    *out = &more[plan->copy_count++];
    **out = (struct hf_backup_copy){.from = *from, .to = *to, .sources = HF_STRINGS_INIT};
    return HF_OK;
}

static enum hf_status add_copies(struct hf_session *session, const struct hf_config_job *job,
                                 const char *source, struct hf_backup_plan *plan,
                                 struct hf_error *err)
{
    struct hf_chosen from, to;

    for (size_t i = 1; i < job->repositories.count; i++) {
        struct hf_backup_copy *copy;

        HF_TRY(hf_choose_named(session, job->repositories.items[0], &from, err));
        HF_TRY(hf_choose_named(session, job->repositories.items[i], &to, err));
        HF_TRY(get_copy(plan, &from, &to, &copy, err));
        if (!hf_strings_contain(&copy->sources, source))
            HF_TRY(hf_strings_add(&copy->sources, source, err));
    }
    return HF_OK;
}

/* What is stored where a job stores it, goes where the job copies it. */
static enum hf_status plan_copies(struct hf_session *session, struct hf_backup_plan *plan,
                                  struct hf_error *err)
{
    const struct hf_config *config = session->config;

    for (size_t i = 0; i < plan->count; i++) {
        const struct hf_backup_task *task = &plan->tasks[i];

        for (size_t j = 0; j < config->job_count; j++) {
            const struct hf_config_job *job = &config->jobs[j];

            if (hf_strings_contain(&job->sources, task->source->name) &&
                same_repository(job->repositories.items[0], task->repository))
                HF_TRY(add_copies(session, job, task->source->name, plan, err));
        }
    }
    return HF_OK;
}

/* One snapshot holds one source, and --name names one. */
static enum hf_status check_names(const struct hf_backup_plan *plan, struct hf_error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct hf_backup_task *a = &plan->tasks[i], *b = &plan->tasks[j];

            if (a->source != b->source && strcmp(a->source->name, b->source->name) == 0)
                return hf_error_set(err, HF_USAGE,
                                    "two sources would have the name \"%s\"; back them up one by "
                                    "one, with --name",
                                    a->source->name);
        }
    }
    return HF_OK;
}

enum hf_status hf_backup_plan_make(struct hf_session *session, struct hf_backup_plan *out,
                                   struct hf_error *err)
{
    const struct hf_strings *operands = &session->args->operands;

    *out = (struct hf_backup_plan){.count = 0};
    out->urls = calloc(operands->count + 1, sizeof *out->urls);
    if (!out->urls)
        return hf_error_memory(err);
    if (operands->count == 0)
        HF_TRY(add_everything(session, out, err));
    for (size_t i = 0; i < operands->count; i++)
        HF_TRY(add_operand(session, operands->items[i], out, err));
    for (size_t i = 0; i < out->count; i++) {
        struct hf_backup_task *task = &out->tasks[i];

        if (!task->repository)
            task->repository = hf_config_home(session->config, task->source->name);
        HF_TRY(hf_choose_repository(session, task->repository, &task->chosen, err));
    }
    HF_TRY(check_names(out, err));
    return session->args->given[HF_OPT_REPOSITORY] ? HF_OK : plan_copies(session, out, err);
}
