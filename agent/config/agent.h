/* The `agent:` part of the configuration: how "holdfast agent" runs. Part of config.h. */
#ifndef HF_AGENT_CONFIG_AGENT_H
#define HF_AGENT_CONFIG_AGENT_H

#include "agent/config/fields.h"
#include "base/clock.h"

enum {
    HF_CONFIG_RUNS_MAX = 64,
    HF_CONFIG_RUNS_DEFAULT = 2,
};

#define HF_CONFIG_STOP_TIMEOUT_MAX (INT64_C(3600) * HF_NS_PER_S)
/* Under the ten seconds after which container engines kill what they were told to stop. */
#define HF_CONFIG_STOP_TIMEOUT_DEFAULT (INT64_C(8) * HF_NS_PER_S)
#define HF_CONFIG_PRUNE_EVERY_MIN (INT64_C(3600) * HF_NS_PER_S)
#define HF_CONFIG_PRUNE_EVERY_MAX (INT64_C(366) * 86400 * HF_NS_PER_S)
#define HF_CONFIG_PRUNE_EVERY_DEFAULT (INT64_C(86400) * HF_NS_PER_S)

/* Numbers are 0 where they were not given. */
struct hf_config_agent {
    char *state;          /* the state directory, or NULL */
    unsigned runs;        /* at the same time */
    int64_t stop_timeout; /* from SIGTERM to SIGKILL of a run */
    int64_t prune_every;  /* at least so long from one prune of a job to the next */
};

enum hf_status hf_config_read_agent(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    struct hf_config_agent *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_config_agent_done(struct hf_config_agent *agent);

#endif
