/*
 * Locks of this machine, in the state directory: one agent, and one run of a job. They are locks on
 * files (flock), so that the system takes them away with the process that has them, however it
 * ends: none is ever left over. The file says who has it.
 */
#ifndef HF_AGENT_DAEMON_LOCK_H
#define HF_AGENT_DAEMON_LOCK_H

#include "base/error.h"

#include <sys/types.h>

enum { HF_LOCK_NAME_MAX = 160 };

/* STATE/locks/NAME.lock, made where it is not there. *out is the descriptor that holds it; closing
 * it gives the lock up. HF_BUSY, with the process in out_holder (0: unknown), when it is taken. */
enum hf_status hf_lock_take(const char *state, const char *name, int *out, pid_t *out_holder,
                            struct hf_error *err) HF_WARN_UNUSED;
/* Whether somebody has it, and who (0: unknown). What cannot be found out is "nobody". */
bool hf_lock_is_held(const char *state, const char *name, pid_t *out_holder);

/* The lock of a job. Configurations may share a state directory: the file's path is part of it. */
void hf_lock_job_name(char out[HF_LOCK_NAME_MAX], const char *config_file, const char *job);

#endif
