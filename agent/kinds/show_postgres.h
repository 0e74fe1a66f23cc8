/* What "show" says of a snapshot of PostgreSQL: databases, and tables with their rows and sizes. */
#ifndef HF_AGENT_KINDS_SHOW_POSTGRES_H
#define HF_AGENT_KINDS_SHOW_POSTGRES_H

#include "agent/terminal/output.h"
#include "base/stream.h"
#include "storage/repository/snapshot.h"

/* show of struct hf_kind (agent/kind.h). */
enum hf_status hf_show_postgres(struct hf_output *output, const struct hf_snapshot_info *info,
                                const struct hf_feed *feed, json_t *event,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
