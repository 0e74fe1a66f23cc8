#include "agent/config/agent.h"

#include <stdlib.h>

static const struct hf_field agent_fields[] = {
    {.key = "state", .type = HF_FIELD_PATH, .offset = offsetof(struct hf_config_agent, state)},
    {.key = "runs",
     .type = HF_FIELD_NUMBER,
     .offset = offsetof(struct hf_config_agent, runs),
     .min = 1,
     .max = HF_CONFIG_RUNS_MAX},
    {.key = "stop_timeout",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct hf_config_agent, stop_timeout),
     .min = HF_NS_PER_S,
     .max = HF_CONFIG_STOP_TIMEOUT_MAX},
    {.key = "prune_every",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct hf_config_agent, prune_every),
     .min = HF_CONFIG_PRUNE_EVERY_MIN,
     .max = HF_CONFIG_PRUNE_EVERY_MAX},
    {.key = NULL},
};

enum hf_status hf_config_read_agent(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    struct hf_config_agent *out, struct hf_error *err)
{
    return hf_fields_read(file, map, agent_fields, "in \"agent\"", out, err);
}

void hf_config_agent_done(struct hf_config_agent *agent)
{
    free(agent->state);
}
