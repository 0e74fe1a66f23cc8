/*
 * Which runs are alive: locks on bytes of a file without content, one a run, which the system takes
 * away when the process ends, however it ends. They hold over process namespaces and do not mistake
 * a new process for an old one that had its number. Open file description locks (fcntl), so that
 * two users in one process see each other.
 */
#ifndef HF_AGENT_HISTORY_CLAIM_H
#define HF_AGENT_HISTORY_CLAIM_H

#include "base/error.h"

/* The lock file of a folder, made if need be; it is closed on exec. */
enum hf_status hf_claim_open(const char *folder, int *out_fd, struct hf_error *err) HF_WARN_UNUSED;

/* HF_BUSY when another one has it. id: hexadecimal. */
enum hf_status hf_claim_take(int fd, const char *id, struct hf_error *err) HF_WARN_UNUSED;
void hf_claim_drop(int fd, const char *id);
/* Whether another one has it; when that cannot be told, it has. */
bool hf_claim_is_taken(int fd, const char *id);

/* The turn to open or replace the database; waits at most wait_ms, then HF_BUSY. */
enum hf_status hf_claim_turn(int fd, int wait_ms, struct hf_error *err) HF_WARN_UNUSED;
void hf_claim_turn_end(int fd);

#endif
