/*
 * A child process that is always waited for, and whose exit status is always looked at.
 *
 * Standard input is /dev/null (or in_fd); standard output is a pipe to us (or out_fd); standard
 * error is kept (its last HF_PROCESS_STDERR bytes) for the error text. The child gets SIGTERM when
 * this process dies, core dumps are off in it, and every descriptor other than 0-2 and those in
 * keep_fds is closed. It has default signal dispositions and a session of its own: no terminal to
 * ask on, and a Ctrl-C reaches us only.
 *
 * Thread rule: one thread starts, reads and finishes a struct hf_process, and that thread must not
 * end before: the kernel sends the SIGTERM above when the *thread* that started the child ends.
 * SIGCHLD must not be ignored in this process.
 */
#ifndef HF_BASE_PROCESS_H
#define HF_BASE_PROCESS_H

#include "base/cancel.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { HF_PROCESS_STDERR = 1024 };

/* Another user to run as, with no groups but gid. */
struct hf_process_user {
    unsigned uid, gid;
};

struct hf_process_options {
    const char *const *argv;  /* argv[0] is a path, or a name looked up in PATH */
    const char *const *env;   /* "NAME=value" added to the environment; NULL-ended; may be NULL */
    int in_fd;                /* -1: /dev/null */
    int out_fd;               /* -1: a pipe, read with hf_process_read */
    const int *keep_fds;      /* ends with -1; may be NULL */
    struct hf_cancel *cancel; /* may be NULL; when it fires the child is terminated */
    const struct hf_process_user *user; /* NULL: ours; only root may change it */
    const char *folder;                 /* to run in; NULL: ours */
};

struct hf_process;

/* HF_MISSING when the program is not there. options are borrowed for the call only, but cancel. The
 * program runs when this returns HF_OK. */
enum hf_status hf_process_start(const struct hf_process_options *options, struct hf_process **out,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Up to len bytes of its output, as soon as there are some; 0 at the end (and with an out_fd).
 * HF_CANCELLED once cancel fired; the child was then told to end. */
enum hf_status hf_process_read(struct hf_process *process, void *data, size_t len, size_t *out_len,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Whether it has ended, to be asked while it is waited for by other means; it is still to be
 * finished or killed. Keeps what it wrote to standard error meanwhile. */
bool hf_process_has_ended(struct hf_process *process);
/* Waits, frees, and is HF_FAILED with the program's name, status and last words unless it exited
 * with 0. Output that was not read is thrown away. HF_CANCELLED when cancel fired before the end;
 * the child was then terminated. */
enum hf_status hf_process_finish(struct hf_process *process, struct hf_error *err) HF_WARN_UNUSED;
/* Like hf_process_finish, but the exit code is the caller's to judge; a signal is an error.
 * last_words may be NULL; its line ends and other control characters are blanks. */
enum hf_status hf_process_finish_code(struct hf_process *process, int *out_code,
                                      char last_words[HF_PROCESS_STDERR + 1],
                                      struct hf_error *err) HF_WARN_UNUSED;
/* Terminates (SIGTERM, then SIGKILL), waits and frees. Takes NULL. */
void hf_process_kill(struct hf_process *process);
HF_DEFINE_AUTO_PTR(hf_process, hf_process_kill)

#endif
