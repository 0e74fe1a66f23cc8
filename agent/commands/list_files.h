/* What is in a snapshot of a volume: "holdfast list SNAPSHOT". */
#ifndef HF_AGENT_COMMANDS_LIST_FILES_H
#define HF_AGENT_COMMANDS_LIST_FILES_H

#include "agent/session.h"

/* Whether an operand of list means a snapshot, not a source: those have no "@". */
bool hf_list_is_snapshot(const char *operand);
/* A line, or with --json an event, for each file of the snapshot that the operand names and --path
 * chooses. A writer's key is enough. */
enum hf_status hf_list_files(struct hf_session *session, struct hf_error *err) HF_WARN_UNUSED;

#endif
