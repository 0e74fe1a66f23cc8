/*
 * The fork and exec below base/process.h, for it and for whoever waits for many children at once:
 * safe in a process of many threads, so that between the two only async-signal-safe calls are made
 * and no memory is touched but the child's own stack.
 */
#ifndef HF_BASE_PROCESS_SPAWN_H
#define HF_BASE_PROCESS_SPAWN_H

#include "base/process.h"

#include <sys/types.h>

struct hf_spawn {
    const char *name; /* for errors */
    const char *path;
    char *const *argv;
    char *const *env;
    int in_fd, out_fd, err_fd;          /* become 0, 1 and 2 */
    const int *keep_fds;                /* ends with -1; may be NULL */
    const struct hf_process_user *user; /* or NULL */
    const char *folder;                 /* or NULL */
};

/* HF_OK once the program runs (the exec was done); otherwise no child is left. */
enum hf_status hf_spawn(const struct hf_spawn *spawn, pid_t *out,
                        struct hf_error *err) HF_WARN_UNUSED;

#endif
