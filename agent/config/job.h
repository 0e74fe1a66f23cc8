/* A job of the configuration: what is backed up, to where, and when. Part of config.h. */
#ifndef HF_AGENT_CONFIG_JOB_H
#define HF_AGENT_CONFIG_JOB_H

#include "agent/config/drill.h"
#include "agent/config/fields.h"
#include "agent/config/keep.h"
#include "base/text.h"
#include "schedules/planner.h"

struct hf_config;

struct hf_config_job {
    char *name;
    struct hf_strings sources;
    struct hf_strings repositories; /* at least one; what is stored in the first is copied on */
    struct hf_keep keep;            /* no rule: everything stays */
    char *timezone;               /* of schedule, windows, keep and drill; or NULL: the machine's */
    struct hf_schedule *schedule; /* or NULL */
    struct hf_strings after;      /* jobs; at most one of schedule and after is given */
    struct hf_windows *windows;   /* in which it does not start; or NULL */
    struct hf_plan_retry retry;
    int64_t time_limit;            /* nanoseconds of a run; 0: none */
    struct hf_config_drill *drill; /* or NULL: none is asked for */
    struct hf_strings notify;      /* names of `notify:` */
    int64_t proven_within;         /* ns; an alarm is on when a proof is older; 0: never */
};

/* Everything but the name; what it refers to may come later in the file. */
enum hf_status hf_config_read_job(const struct hf_fields_file *file, const struct hf_yaml *map,
                                  const char *where, struct hf_config_job *out,
                                  struct hf_error *err) HF_WARN_UNUSED;
void hf_config_job_done(struct hf_config_job *job);

/* Whether what jobs refer to is there, when everything was read. jobs is their map. */
enum hf_status hf_config_check_jobs(const struct hf_fields_file *file, const struct hf_yaml *jobs,
                                    const struct hf_config *config,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
