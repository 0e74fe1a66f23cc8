/* What a restore reports (docs/json.md): as text for a person, and whether it is a proof. */
#ifndef HF_AGENT_KINDS_RESTORE_REPORT_H
#define HF_AGENT_KINDS_RESTORE_REPORT_H

#include "agent/terminal/output.h"

/* Of one or more databases: a line each, notes, differences. report may be NULL. */
void hf_restore_report_databases(struct hf_output *output, const json_t *report);
/* The parts that all kinds have: "notes" (texts) and "differences" (what, name, expected, found).
 */
void hf_restore_report_notes(struct hf_output *output, const json_t *notes);
void hf_restore_report_differences(struct hf_output *output, const json_t *differences);

/* Whether the report proves the snapshot: it, and each of its "databases" where it has these, is
 * "compared" and "equal" and not "partial". */
bool hf_restore_report_proves(const json_t *report);

#endif
