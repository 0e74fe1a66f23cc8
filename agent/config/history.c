#include "agent/config/history.h"

#include "base/clock.h"

static const struct hf_field fields[] = {
    {.key = "keep",
     .type = HF_FIELD_DURATION,
     .offset = offsetof(struct hf_config_history, keep),
     .min = UINT64_C(3600) * (uint64_t)HF_NS_PER_S,
     .max = UINT64_C(36500) * 86400 * (uint64_t)HF_NS_PER_S},
    {.key = "runs",
     .type = HF_FIELD_NUMBER,
     .offset = offsetof(struct hf_config_history, runs),
     .min = 1,
     .max = HF_CONFIG_HISTORY_RUNS_MAX},
    {.key = NULL},
};

enum hf_status hf_config_read_history(const struct hf_fields_file *file, const struct hf_yaml *map,
                                      struct hf_config_history *out, struct hf_error *err)
{
    return hf_fields_read(file, map, fields, "in \"history\"", out, err);
}
