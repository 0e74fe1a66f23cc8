/* What "show" says of a snapshot of Redis, and what a restore of one reported. */
#ifndef HF_AGENT_KINDS_SHOW_REDIS_H
#define HF_AGENT_KINDS_SHOW_REDIS_H

#include "agent/terminal/output.h"
#include "base/stream.h"
#include "storage/repository/snapshot.h"

/* show and report of struct hf_kind (agent/kind.h). */
enum hf_status hf_show_redis(struct hf_output *output, const struct hf_snapshot_info *info,
                             const struct hf_feed *feed, json_t *event,
                             struct hf_error *err) HF_WARN_UNUSED;
void hf_report_redis(struct hf_output *output, const json_t *report);

#endif
