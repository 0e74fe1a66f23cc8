/* `history:` of the configuration: how long runs are remembered. Part of config.h. */
#ifndef HF_AGENT_CONFIG_HISTORY_H
#define HF_AGENT_CONFIG_HISTORY_H

#include "agent/config/fields.h"

enum { HF_CONFIG_HISTORY_RUNS_MAX = 1000000 };

struct hf_config_history {
    int64_t keep;  /* ns; 0: the default (agent/history/history.h) */
    unsigned runs; /* 0: the default */
};

enum hf_status hf_config_read_history(const struct hf_fields_file *file, const struct hf_yaml *map,
                                      struct hf_config_history *out,
                                      struct hf_error *err) HF_WARN_UNUSED;

#endif
