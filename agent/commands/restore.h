/*
 * Restoring one snapshot, and restoring a job: every source of it, each compared, in one go.
 *
 * A job is restored as it was at one moment: from the snapshots that its last run before then made;
 * of a source that failed in that run, from the newest before it, with a warning. Main thread only.
 */
#ifndef HF_AGENT_COMMANDS_RESTORE_H
#define HF_AGENT_COMMANDS_RESTORE_H

#include "agent/kinds/kind.h"

/* Restores and compares, reports what came of it, and records the proof where there is one. */
enum hf_status hf_restore_one(struct hf_session *session, const struct hf_snapshot_info *info,
                              const struct hf_kind *kind, const struct hf_target *target,
                              bool *out_proven, struct hf_error *err) HF_WARN_UNUSED;

/* The job that an operand names (JOB, JOB@latest, JOB@TIME), or NULL. */
const struct hf_config_job *hf_restore_job_of(const struct hf_config *config, const char *operand);

/* All sources of a job, one after the other. What is wrong with the command line, or a source that
 * has no snapshot, is found before anything is restored; then one that fails is reported and leaves
 * the others alone. The first failure's status. */
enum hf_status hf_restore_job(struct hf_session *session, const struct hf_config_job *job,
                              struct hf_error *err) HF_WARN_UNUSED;

/* Which snapshot of each source of a job, as it was at before (ns): out[i] for sources->items[i],
 * NULL where there is none. Snapshots of one run bear its name in their properties ("run"). */
void hf_restore_job_choose(const struct hf_snapshots *list, const struct hf_strings *sources,
                           int64_t before, const struct hf_snapshot_info **out);

#endif
