/* When a job runs: the keys of a job that schedules/ is made from. Part of job.h. */
#ifndef HF_AGENT_CONFIG_JOB_SCHEDULE_H
#define HF_AGENT_CONFIG_JOB_SCHEDULE_H

#include "agent/config/fields.h"
#include "base/clock.h"
#include "base/text.h"

struct hf_config;
struct hf_config_job;
struct hf_schedule;

enum { HF_CONFIG_RETRIES_MAX = 100, HF_CONFIG_CHAIN_MAX = 32 };
#define HF_CONFIG_JITTER_MAX (INT64_C(86400) * HF_NS_PER_S)
#define HF_CONFIG_DELAY_MAX (INT64_C(86400) * HF_NS_PER_S)
#define HF_CONFIG_JOB_TIME_MAX (INT64_C(30) * 86400 * HF_NS_PER_S)

/* What is made something of only when all keys of the job were read. */
struct hf_config_schedule {
    char *schedule; /* or NULL */
    int64_t jitter;
    struct hf_strings not_during;
};
void hf_config_schedule_auto(struct hf_config_schedule *written);

/* `retries:`, a number or a group, into a struct hf_config_job. */
enum hf_status hf_config_read_retries(const struct hf_fields_file *file,
                                      const struct hf_yaml *value, const char *where, void *out,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* The job's schedule, windows and retries, of map, its keys. */
enum hf_status hf_config_set_schedule(const struct hf_fields_file *file, const struct hf_yaml *map,
                                      const char *where, struct hf_config_schedule *written,
                                      struct hf_config_job *job,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* A schedule of map's key "schedule", for errors; what is wrong with it is said at that place. */
enum hf_status hf_config_make_schedule(const struct hf_fields_file *file, const struct hf_yaml *map,
                                       const char *where, const char *text, const char *zone,
                                       int64_t jitter, struct hf_schedule **out,
                                       struct hf_error *err) HF_WARN_UNUSED;

/* That a job does not, by way of others, wait for itself. What they follow is there. */
enum hf_status hf_config_check_after(const struct hf_fields_file *file, const struct hf_yaml *jobs,
                                     const struct hf_config *config,
                                     const struct hf_config_job *job,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
