/* The rows of the history that metrics and page are made of, copied out of it. For text.h alone. */
#ifndef HF_AGENT_METRICS_FACTS_H
#define HF_AGENT_METRICS_FACTS_H

#include "agent/history/alarms.h"
#include "agent/history/history.h"

struct hf_facts {
    struct hf_history_last *lasts;
    size_t last_count;
    struct hf_history_holding *holdings;
    size_t holding_count;
    struct hf_alarms alarms;
    uint64_t running;
};

/* Bounded by HF_METRICS_ROWS_MAX of each; what is beyond is left out. */
enum hf_status hf_facts_load(struct hf_history *history, const struct hf_config *config,
                             int64_t now, struct hf_facts *out,
                             struct hf_error *err) HF_WARN_UNUSED;
void hf_facts_auto(struct hf_facts *facts);

#endif
