/* What a restore reports (docs/json.md), for a person. */
#ifndef HF_AGENT_RESTORE_REPORT_H
#define HF_AGENT_RESTORE_REPORT_H

#include "agent/output.h"

/* A line a database, its notes, and its differences. report may be NULL. */
void hf_restore_report_write(struct hf_output *output, const json_t *report);

/* Whether the report proves the snapshot: everything in it was restored, compared and equal. */
bool hf_restore_report_proves(const json_t *report);

#endif
