/* The `agent:` part of the configuration: how "holdfast agent" runs. Part of config.h. */
#ifndef HF_AGENT_CONFIG_AGENT_H
#define HF_AGENT_CONFIG_AGENT_H

#include "agent/config/fields.h"

enum {
    HF_CONFIG_RUNS_MAX = 64,
    HF_CONFIG_RUNS_DEFAULT = 2,
    HF_CONFIG_STOP_TIMEOUT_MAX = 3600,
    /* Under the ten seconds after which container engines kill what they were told to stop. */
    HF_CONFIG_STOP_TIMEOUT_DEFAULT = 8,
    HF_CONFIG_PRUNE_HOURS_MAX = 24 * 366,
    HF_CONFIG_PRUNE_HOURS_DEFAULT = 24,
};

/* Numbers are 0 where they were not given. */
struct hf_config_agent {
    char *state;           /* the state directory, or NULL */
    unsigned runs;         /* at the same time */
    unsigned stop_timeout; /* seconds from SIGTERM to SIGKILL of a run */
    unsigned prune_hours;  /* at least so long from one prune of a repository to the next */
};

enum hf_status hf_config_read_agent(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    struct hf_config_agent *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_config_agent_done(struct hf_config_agent *agent);

#endif
