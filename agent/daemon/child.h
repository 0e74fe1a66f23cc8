/*
 * A run of the agent: this program once more, as a child process that cannot take the agent down.
 *
 * What it writes is read without blocking, beside everything else the agent waits for. Its standard
 * output is its reports, one JSON object a line (docs/json.md); of standard error the last bytes
 * are kept, for what a crash leaves there. It is a process group of its own, gets SIGTERM when the
 * agent dies, and is waited for by the agent alone (hf_child_reap). One thread.
 */
#ifndef HF_AGENT_DAEMON_CHILD_H
#define HF_AGENT_DAEMON_CHILD_H

#include "agent/daemon/lines.h"
#include "base/text.h"

#include <sys/types.h>

enum { HF_CHILD_LINE_MAX = 1 << 20, HF_CHILD_LOG_MAX = 65536, HF_CHILD_WORDS = 1024 };

struct hf_child {
    pid_t pid;  /* 0: it was waited for */
    int out_fd; /* -1: there is no more */
    int err_fd;
    struct hf_lines lines;     /* of reports */
    struct hf_lines log_lines; /* of its log */
    size_t words_len;
    char words[HF_CHILD_WORDS + 1]; /* its last words, without line ends */
};

/* args: what comes after the program's name. env: "NAME=value" beside the agent's own. keep_fds:
 * descriptors that it gets, too; ends with -1. *out is to be released with hf_child_done in any
 * case. */
enum hf_status hf_child_start(const struct hf_strings *args, const struct hf_strings *env,
                              const int *keep_fds, struct hf_child *out,
                              struct hf_error *err) HF_WARN_UNUSED;
/* To all of its process group. */
void hf_child_signal(const struct hf_child *child, int number);
/* To it alone: the signal that ends it, which follows, is for its time limit (agent/signals.h). */
void hf_child_tell_time_over(const struct hf_child *child);
/* Takes what is in its pipes; lines are then there to be asked for. */
void hf_child_read(struct hf_child *child);
/* When it has ended (waitid says so): kills what it left in its group, waits for it and takes the
 * rest of what it wrote. The status as waitpid gives it. */
int hf_child_reap(struct hf_child *child);
/* Kills and waits for it if it was not waited for. */
void hf_child_done(struct hf_child *child);

#endif
