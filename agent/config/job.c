#include "agent/config/job.h"

#include "agent/cli/names.h"
#include "agent/config/config.h"
#include "agent/config/job_schedule.h"
#include "base/clock.h"
#include "schedules/schedule.h"
#include "schedules/windows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum hf_status read_keep(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err)
{
    struct hf_config_job *job = out;
    char keep[256];

    (void)snprintf(keep, sizeof keep, "of \"keep\" %s", where);
    return hf_config_read_keep(file, value, keep, &job->keep, err);
}

/* A job, and what is only read to become a part of it. */
struct reading {
    struct hf_config_job job;
    struct hf_config_schedule written;
};

static enum hf_status read_drill(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const char *where, void *out, struct hf_error *err)
{
    struct hf_config_job *job = out;
    char drill[256];

    (void)snprintf(drill, sizeof drill, "of \"drill\" %s", where);
    return hf_config_read_drill(file, value, drill, &job->drill, err);
}

static const struct hf_field fields[] = {
    {.key = "sources",
     .type = HF_FIELD_TEXTS,
     .required = true,
     .offset = offsetof(struct hf_config_job, sources)},
    {.key = "repositories",
     .type = HF_FIELD_TEXTS,
     .required = true,
     .offset = offsetof(struct hf_config_job, repositories)},
    {.key = "keep", .type = HF_FIELD_OTHER, .read = read_keep},
    {.key = "schedule",
     .type = HF_FIELD_TEXT,
     .offset = offsetof(struct reading, written.schedule)},
    {.key = "timezone", .type = HF_FIELD_TEXT, .offset = offsetof(struct hf_config_job, timezone)},
    {.key = "jitter",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct reading, written.jitter),
     .min = (uint64_t)HF_NS_PER_S,
     .max = HF_CONFIG_JITTER_MAX},
    {.key = "after", .type = HF_FIELD_TEXTS, .offset = offsetof(struct hf_config_job, after)},
    {.key = "not_during",
     .type = HF_FIELD_TEXTS,
     .offset = offsetof(struct reading, written.not_during)},
    {.key = "retries", .type = HF_FIELD_OTHER, .read = hf_config_read_retries},
    {.key = "time_limit",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct hf_config_job, time_limit),
     .min = (uint64_t)HF_NS_PER_S,
     .max = HF_CONFIG_JOB_TIME_MAX},
    {.key = "drill", .type = HF_FIELD_OTHER, .read = read_drill},
    {.key = "notify", .type = HF_FIELD_TEXTS, .offset = offsetof(struct hf_config_job, notify)},
    {.key = "proven_within",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct hf_config_job, proven_within),
     .min = UINT64_C(60) * (uint64_t)HF_NS_PER_S,
     .max = UINT64_C(36500) * 86400 * (uint64_t)HF_NS_PER_S},
    {.key = NULL},
};

static enum hf_status read_schedule(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    const char *where, struct reading *reading,
                                    struct hf_error *err)
{
    struct hf_config_job *job = &reading->job;

    HF_TRY(hf_fields_read(file, map, fields, where, reading, err));
    HF_TRY(hf_config_set_schedule(file, map, where, &reading->written, job, err));
    return hf_config_set_drill_schedule(file, hf_yaml_value(map, "drill"), where, job, err);
}

enum hf_status hf_config_read_job(const struct hf_fields_file *file, const struct hf_yaml *map,
                                  const char *where, struct hf_config_job *out,
                                  struct hf_error *err)
{
    struct reading reading = {.job = *out};
    enum hf_status status = read_schedule(file, map, where, &reading, err);

    hf_config_schedule_auto(&reading.written);
    *out = reading.job; /* on failure, too: the caller frees it */
    return status;
}

void hf_config_job_done(struct hf_config_job *job)
{
    free(job->name);
    hf_strings_free(&job->sources);
    hf_strings_free(&job->repositories);
    hf_keep_done(&job->keep);
    free(job->timezone);
    hf_schedule_free(job->schedule);
    hf_strings_free(&job->after);
    hf_windows_free(job->windows);
    hf_config_drill_free(job->drill);
    hf_strings_free(&job->notify);
}

/* What looking up references takes. */
struct references {
    const struct hf_fields_file *file;
    const struct hf_config *config;
    const struct hf_yaml *jobs;
};

static enum hf_status unknown_reference(const struct references *r, const struct hf_yaml *node,
                                        const char *noun, const char *name,
                                        const char *const *known, const char *job,
                                        struct hf_error *err)
{
    const char *near = hf_text_nearest(name, known);

    if (near)
        return hf_fields_error(r->file, node, err,
                               "unknown %s \"%.100s\" in job \"%s\"; did you mean \"%s\"?", noun,
                               name, job, near);
    return hf_fields_error(r->file, node, err, "unknown %s \"%.100s\" in job \"%s\"", noun, name,
                           job);
}

static const struct hf_yaml *item_node(const struct hf_yaml *value, size_t index)
{
    return value->type == HF_YAML_LIST ? value->items[index] : value;
}

static enum hf_status check_list(const struct references *r, const struct hf_config_job *job,
                                 const char *key, const char *noun, const struct hf_strings *list,
                                 const char *const *known, struct hf_error *err)
{
    const struct hf_yaml *value = hf_yaml_value(hf_yaml_value(r->jobs, job->name), key);

    for (size_t i = 0; i < list->count; i++) {
        bool found = false;

        for (const char *const *name = known; *name && !found; name++)
            found = strcmp(*name, list->items[i]) == 0;
        if (!found)
            return unknown_reference(r, item_node(value, i), noun, list->items[i], known, job->name,
                                     err);
        for (size_t before = 0; before < i; before++) {
            if (strcmp(list->items[before], list->items[i]) == 0)
                return hf_fields_error(r->file, item_node(value, i), err,
                                       "%s \"%s\" is named twice in job \"%s\"", noun,
                                       list->items[i], job->name);
        }
    }
    return HF_OK;
}

static enum hf_status check_job(const struct references *r, const struct hf_config_job *job,
                                struct hf_error *err)
{
    const struct hf_config *config = r->config;
    HF_AUTO(hf_names) sources = HF_NAMES_INIT;
    HF_AUTO(hf_names) repositories = HF_NAMES_INIT;
    HF_AUTO(hf_names) jobs = HF_NAMES_INIT;
    HF_AUTO(hf_names) notifies = HF_NAMES_INIT;

    for (size_t i = 0; i < config->job_count; i++)
        HF_TRY(hf_names_add(&jobs, config->jobs[i].name, err));
    for (size_t i = 0; i < config->source_count; i++)
        HF_TRY(hf_names_add(&sources, config->sources[i].name, err));
    for (size_t i = 0; i < config->repository_count; i++)
        HF_TRY(hf_names_add(&repositories, config->repositories[i].name, err));
    for (size_t i = 0; i < config->notify.count; i++)
        HF_TRY(hf_names_add(&notifies, config->notify.items[i].name, err));
    if (hf_config_source(config, job->name))
        return hf_fields_error(r->file, hf_yaml_value(r->jobs, job->name), err,
                               "job \"%s\" has the name of a source; give it another one",
                               job->name);
    HF_TRY(check_list(r, job, "sources", "source", &job->sources, hf_names_list(&sources), err));
    HF_TRY(
        check_list(r, job, "notify", "notification", &job->notify, hf_names_list(&notifies), err));
    HF_TRY(check_list(r, job, "repositories", "repository", &job->repositories,
                      hf_names_list(&repositories), err));
    HF_TRY(check_list(r, job, "after", "job", &job->after, hf_names_list(&jobs), err));
    return hf_config_check_drill(r->file, config, job, err);
}

enum hf_status hf_config_check_jobs(const struct hf_fields_file *file, const struct hf_yaml *jobs,
                                    const struct hf_config *config, struct hf_error *err)
{
    struct references r = {.file = file, .config = config, .jobs = jobs};

    for (size_t i = 0; i < config->job_count; i++)
        HF_TRY(check_job(&r, &config->jobs[i], err));
    for (size_t i = 0; i < config->job_count; i++)
        HF_TRY(hf_config_check_after(file, jobs, config, &config->jobs[i], err));
    return HF_OK;
}
