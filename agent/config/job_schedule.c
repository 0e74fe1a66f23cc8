/* When a job runs (job.h). */
#include "agent/config/job_schedule.h"

#include "agent/config/config.h"
#include "schedules/schedule.h"
#include "schedules/windows.h"
#include "schedules/zone.h"

#include <stdio.h>
#include <stdlib.h>

static const struct hf_plan_retry usual_retry = {
    .limit = 3, .delay = INT64_C(60) * HF_NS_PER_S, .delay_max = INT64_C(3600) * HF_NS_PER_S};

static const struct hf_field retry_fields[] = {
    {.key = "limit",
     .type = HF_FIELD_NUMBER,
     .offset = offsetof(struct hf_plan_retry, limit),
     .min = 0,
     .max = HF_CONFIG_RETRIES_MAX},
    {.key = "delay",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct hf_plan_retry, delay),
     .min = (uint64_t)HF_NS_PER_S,
     .max = HF_CONFIG_DELAY_MAX},
    {.key = "max_delay",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct hf_plan_retry, delay_max),
     .min = (uint64_t)HF_NS_PER_S,
     .max = HF_CONFIG_DELAY_MAX},
    {.key = NULL},
};

enum hf_status hf_config_read_retries(const struct hf_fields_file *file,
                                      const struct hf_yaml *value, const char *where, void *out,
                                      struct hf_error *err)
{
    struct hf_config_job *job = out;
    /* "retries: 5" is short for its limit. */
    struct hf_field limit[] = {retry_fields[0], {.key = NULL}};
    struct hf_yaml key = {.type = HF_YAML_SCALAR, .text = (char[]){"retries"}};
    struct hf_yaml *pair[] = {&key, (struct hf_yaml *)value};
    struct hf_yaml map = {.type = HF_YAML_MAP, .items = pair, .count = 2};

    limit[0].key = "retries";
    job->retry = usual_retry;
    if (value->type == HF_YAML_SCALAR)
        return hf_fields_read(file, &map, limit, where, &job->retry, err);
    HF_TRY(hf_fields_read(file, value, retry_fields, where, &job->retry, err));
    if (job->retry.delay > job->retry.delay_max && !hf_yaml_key(value, "max_delay"))
        job->retry.delay_max = job->retry.delay;
    if (job->retry.delay > job->retry.delay_max)
        return hf_fields_error(file, hf_fields_key(value, "max_delay"), err,
                               "\"max_delay\" of \"retries\" %s is less than \"delay\"", where);
    return HF_OK;
}

/* An error of schedules/ gets its place. */
static enum hf_status at_key(const struct hf_fields_file *file, const struct hf_yaml *node,
                             const char *key, const char *where, const struct hf_error *why,
                             struct hf_error *err)
{
    if (why->status == HF_NO_MEMORY)
        return hf_error_memory(err);
    return hf_fields_error(file, node, err, "\"%s\" %s: %s", key, where, why->text);
}

static enum hf_status check_zone(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, const char *name, struct hf_error *err)
{
    HF_AUTO_PTR(hf_zone) zone = NULL;
    struct hf_error why = HF_ERROR_INIT;

    if (!name || hf_zone_load(name, &zone, &why) == HF_OK)
        return HF_OK;
    return at_key(file, hf_yaml_value(map, "timezone"), "timezone", where, &why, err);
}

enum hf_status hf_config_make_schedule(const struct hf_fields_file *file, const struct hf_yaml *map,
                                       const char *where, const char *text, const char *zone,
                                       int64_t jitter, struct hf_schedule **out,
                                       struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;

    if (hf_schedule_new(text, zone, jitter, out, &why) == HF_OK)
        return HF_OK;
    return at_key(file, hf_yaml_value(map, "schedule"), "schedule", where, &why, err);
}

static enum hf_status make_windows(const struct hf_fields_file *file, const struct hf_yaml *map,
                                   const char *where, const struct hf_strings *lines,
                                   struct hf_config_job *job, struct hf_error *err)
{
    const struct hf_yaml *value = hf_yaml_value(map, "not_during");
    struct hf_error why = HF_ERROR_INIT;
    size_t line;

    if (lines->count == 0 ||
        hf_windows_new(lines, job->timezone, &job->windows, &line, &why) == HF_OK)
        return HF_OK;
    return at_key(file, value->type == HF_YAML_LIST ? value->items[line] : value, "not_during",
                  where, &why, err);
}

enum hf_status hf_config_set_schedule(const struct hf_fields_file *file, const struct hf_yaml *map,
                                      const char *where, struct hf_config_schedule *written,
                                      struct hf_config_job *job, struct hf_error *err)
{
    if (written->schedule && job->after.count > 0)
        return hf_fields_error(file, hf_fields_key(map, "after"), err,
                               "\"schedule\" and \"after\" %s cannot be given together: a job "
                               "that follows others starts when they are done",
                               where);
    if (written->jitter > 0 && !written->schedule)
        return hf_fields_error(file, hf_fields_key(map, "jitter"), err,
                               "\"jitter\" %s goes with \"schedule\"", where);
    if (!hf_yaml_key(map, "retries"))
        job->retry = usual_retry;
    HF_TRY(check_zone(file, map, where, job->timezone, err));
    if (written->schedule)
        HF_TRY(hf_config_make_schedule(file, map, where, written->schedule, job->timezone,
                                       written->jitter, &job->schedule, err));
    return make_windows(file, map, where, &written->not_during, job, err);
}

void hf_config_schedule_auto(struct hf_config_schedule *written)
{
    free(written->schedule);
    hf_strings_free(&written->not_during);
}

/* The path that is looked at, from job to job. */
struct chain {
    const struct hf_config_job *jobs[HF_CONFIG_CHAIN_MAX];
    size_t count;
};

static enum hf_status circle(const struct hf_fields_file *file, const struct hf_yaml *jobs,
                             const struct chain *chain, size_t from, struct hf_error *err)
{
    char text[1024];
    size_t len = 0;

    for (size_t i = from; i < chain->count && len < sizeof text; i++)
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "\"%s\" after ", chain->jobs[i]->name);
    return hf_fields_error(file,
                           hf_yaml_value(hf_yaml_value(jobs, chain->jobs[from]->name), "after"),
                           err, "jobs wait for each other, so that none would ever start: %s\"%s\"",
                           text, chain->jobs[from]->name);
}

static enum hf_status walk(const struct hf_fields_file *file, const struct hf_yaml *jobs,
                           const struct hf_config *config, struct chain *chain,
                           struct hf_error *err)
{
    const struct hf_config_job *last = chain->jobs[chain->count - 1];

    for (size_t i = 0; i < last->after.count; i++) {
        const struct hf_config_job *next = hf_config_job(config, last->after.items[i]);

        for (size_t k = 0; k < chain->count; k++) {
            if (chain->jobs[k] == next)
                return circle(file, jobs, chain, k, err);
        }
        if (chain->count == HF_CONFIG_CHAIN_MAX)
            return hf_fields_error(file, hf_yaml_value(jobs, last->name), err,
                                   "more than %d jobs follow one another", HF_CONFIG_CHAIN_MAX);
        chain->jobs[chain->count++] = next;
        HF_TRY(walk(file, jobs, config, chain, err));
        chain->count--;
    }
    return HF_OK;
}

enum hf_status hf_config_check_after(const struct hf_fields_file *file, const struct hf_yaml *jobs,
                                     const struct hf_config *config,
                                     const struct hf_config_job *job, struct hf_error *err)
{
    struct chain chain = {.jobs = {job}, .count = 1};

    return walk(file, jobs, config, &chain, err);
}
