/*
 * One run of a job at a time, on this machine: "backup JOB" is a request to the agent where one
 * runs, and takes the job's lock where it runs itself.
 */
#ifndef HF_AGENT_COMMANDS_BACKUP_TRIGGER_H
#define HF_AGENT_COMMANDS_BACKUP_TRIGGER_H

#include "agent/session.h"

/*
 * When jobs, and nothing but jobs, are to be backed up as the configuration has it, and the agent
 * of this configuration runs: asks it for them, one after the other, says what it says, and has
 * what came of them as its own result. *out_done false: nothing was asked; go on without the agent.
 * An interrupt ends the waiting, not the run.
 */
enum hf_status hf_backup_trigger(struct hf_session *session, bool *out_done,
                                 struct hf_error *err) HF_WARN_UNUSED;

/* The locks of the jobs that are backed up, for as long as the process lives or until released.
 * HF_BUSY when one is being run. A state directory that cannot be used is a warning. */
struct hf_backup_locks {
    int *fds;
    size_t count;
};
enum hf_status hf_backup_lock(struct hf_session *session, struct hf_backup_locks *out,
                              struct hf_error *err) HF_WARN_UNUSED;
void hf_backup_locks_auto(struct hf_backup_locks *locks);

#endif
