#include "base/process.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/process_spawn.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PIPE_SIZE = 1 << 20,
    POLL_WITHOUT_PIDFD_MS = 20,
    TERMINATE_GRACE_MS = 3000,
    NS_PER_MS = 1000000,
};

struct hf_process {
    char *name;
    pid_t pid;
    int pid_fd; /* readable when the child ended; -1 where the kernel has none */
    int out_fd; /* -1: there is none, or its end was seen */
    int err_fd; /* the same */
    struct hf_cancel *cancel;
    size_t tail_len;
    char tail[HF_PROCESS_STDERR];
};

/* ---- start ---- */

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static enum hf_status find_in_path(const char *name, char **out, struct hf_error *err)
{
    const char *at = getenv("PATH");

    for (at = at ? at : "/usr/local/bin:/usr/bin:/bin"; *at;) {
        size_t len = strcspn(at, ":");
        HF_AUTO_FREE char *path = NULL;

        if (len > 0) { /* an empty part would be the current folder: never */
            HF_TRY(hf_text_format(&path, err, "%.*s/%s", (int)len, at, name));
            if (is_program(path)) {
                *out = path;
                path = NULL;
                return HF_OK;
            }
        }
        at += len + (at[len] == ':' ? 1 : 0);
    }
    return hf_error_set(err, HF_MISSING,
                        "%s: there is no such program in PATH; install it, or give its full path",
                        name);
}

static enum hf_status find_program(const char *name, char **out, struct hf_error *err)
{
    if (!strchr(name, '/'))
        return find_in_path(name, out, err);
    if (!is_program(name))
        return hf_error_set(err, HF_MISSING, "%s: there is no such program", name);
    return hf_text_copy(name, out, err);
}

static bool same_variable(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return strncmp(a, b, len) == 0 && b[len] == '=';
}

static bool is_overridden(const char *variable, const char *const *added)
{
    for (; added && *added; added++) {
        if (same_variable(*added, variable))
            return true;
    }
    return false;
}

/* Pointers only: the values, a password among them, stay where they are. */
static enum hf_status merge_environment(const char *const *added, char ***out, struct hf_error *err)
{
    size_t count = 1;
    char **merged;
    char **at;

    for (char **var = environ; *var; var++)
        count++;
    for (const char *const *var = added; var && *var; var++)
        count++;
    merged = at = calloc(count, sizeof *merged);
    if (!merged)
        return hf_error_memory(err);
    for (char **var = environ; *var; var++) {
        if (!is_overridden(*var, added))
            *at++ = *var;
    }
    for (const char *const *var = added; var && *var; var++)
        *at++ = (char *)*var;
    *out = merged;
    return HF_OK;
}

/* Our end does not block: poll says when to read. */
static enum hf_status make_pipe(int *our_end, int *child_end, struct hf_error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return hf_error_sys(err, errno, "pipe");
    *our_end = ends[0];
    *child_end = ends[1];
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        return hf_error_sys(err, errno, "pipe");
    (void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_SIZE); /* faster, where the limit allows */
    return HF_OK;
}

static enum hf_status spawn_with_pipes(struct hf_process *process,
                                       const struct hf_process_options *options,
                                       struct hf_spawn *spawn, struct hf_error *err)
{
    HF_AUTO_FD null_fd = -1;
    HF_AUTO_FD out_end = -1;
    HF_AUTO_FD err_end = -1;

    if (options->in_fd < 0) {
        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null_fd < 0)
            return hf_error_sys(err, errno, "/dev/null");
    }
    if (options->out_fd < 0)
        HF_TRY(make_pipe(&process->out_fd, &out_end, err));
    HF_TRY(make_pipe(&process->err_fd, &err_end, err));
    spawn->in_fd = options->in_fd < 0 ? null_fd : options->in_fd;
    spawn->out_fd = options->out_fd < 0 ? out_end : options->out_fd;
    spawn->err_fd = err_end;
    HF_TRY(hf_spawn(spawn, &process->pid, err));
    process->pid_fd = pidfd_open(process->pid, 0);
    return HF_OK;
}

static void release(struct hf_process *process)
{
    hf_fd_auto(&process->out_fd);
    hf_fd_auto(&process->err_fd);
    hf_fd_auto(&process->pid_fd);
    free(process->name);
    free(process);
}

static enum hf_status start(struct hf_process *process, const struct hf_process_options *options,
                            struct hf_error *err)
{
    HF_AUTO_FREE char *path = NULL;
    const char *slash = strrchr(options->argv[0], '/');
    struct hf_spawn spawn = {
        .keep_fds = options->keep_fds, .user = options->user, .folder = options->folder};
    enum hf_status status;
    char **env;

    HF_TRY(hf_text_copy(slash ? slash + 1 : options->argv[0], &process->name, err));
    HF_TRY(find_program(options->argv[0], &path, err));
    HF_TRY(merge_environment(options->env, &env, err));
    spawn.name = process->name;
    spawn.path = path;
    spawn.argv = (char *const *)options->argv;
    spawn.env = env;
    status = spawn_with_pipes(process, options, &spawn, err);
    free(env);
    return status;
}

enum hf_status hf_process_start(const struct hf_process_options *options, struct hf_process **out,
                                struct hf_error *err)
{
    struct hf_process *process = calloc(1, sizeof *process);
    enum hf_status status;

    if (!process)
        return hf_error_memory(err);
    process->pid_fd = process->out_fd = process->err_fd = -1;
    process->cancel = options->cancel;
    status = start(process, options, err);
    if (status != HF_OK) {
        release(process);
        return status;
    }
    *out = process;
    return HF_OK;
}

/* ---- while it runs ---- */

static void keep_tail(struct hf_process *process, const char *data, size_t len)
{
    size_t keep;

    if (len > HF_PROCESS_STDERR) {
        data += len - HF_PROCESS_STDERR;
        len = HF_PROCESS_STDERR;
    }
    keep = HF_PROCESS_STDERR - len;
    if (keep > process->tail_len)
        keep = process->tail_len;
    memmove(process->tail, process->tail + process->tail_len - keep, keep);
    memcpy(process->tail + keep, data, len);
    process->tail_len = keep + len;
}

/* What can be had without waiting; *len 0 and *fd still open: nothing now. Closes *fd at its end.
 */
static enum hf_status read_now(int *fd, void *data, size_t room, size_t *len, const char *name,
                               struct hf_error *err)
{
    ssize_t got;

    *len = 0;
    do {
        got = read(*fd, data, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return HF_OK;
    if (got < 0)
        return hf_error_sys(err, errno, "%s: output", name);
    if (got == 0)
        hf_fd_auto(fd);
    *len = (size_t)got;
    return HF_OK;
}

/* What is in the pipe now. Not more than it holds: who never stops writing must not keep us from
 * looking at anything else. */
static enum hf_status drain(struct hf_process *process, int *fd, bool keep, struct hf_error *err)
{
    char piece[4096];
    size_t len = 1;

    for (size_t total = 0; *fd >= 0 && len > 0 && total < PIPE_SIZE; total += len) {
        HF_TRY(read_now(fd, piece, sizeof piece, &len, process->name, err));
        if (keep)
            keep_tail(process, piece, len);
    }
    return HF_OK;
}

/* Ended, but not yet reaped: its process id cannot be someone else's. */
static bool has_ended(const struct hf_process *process)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return errno == ECHILD;
    return info.si_pid != 0;
}

/* To all of its session, which is its process group. */
static void send_signal(const struct hf_process *process, int sig)
{
    if (kill(-process->pid, sig) < 0)
        (void)kill(process->pid, sig);
}

/* Until it writes, ends, or the work is cancelled; timeout as poll takes it. */
static enum hf_status wait_event(struct hf_process *process, bool for_end, int timeout,
                                 struct hf_error *err)
{
    struct pollfd fds[] = {
        {.fd = process->out_fd, .events = POLLIN},
        {.fd = process->err_fd, .events = POLLIN},
        {.fd = process->cancel ? hf_cancel_fd(process->cancel) : -1, .events = POLLIN},
        {.fd = for_end ? process->pid_fd : -1, .events = POLLIN},
    };

    if (for_end && process->pid_fd < 0 && (timeout < 0 || timeout > POLL_WITHOUT_PIDFD_MS))
        timeout = POLL_WITHOUT_PIDFD_MS;
    if (poll(fds, sizeof fds / sizeof fds[0], timeout) < 0 && errno != EINTR)
        return hf_error_sys(err, errno, "%s: poll", process->name);
    return HF_OK;
}

static enum hf_status check_cancel(struct hf_process *process, struct hf_error *err)
{
    if (!process->cancel || hf_cancel_check(process->cancel, err) == HF_OK)
        return HF_OK;
    send_signal(process, SIGTERM);
    return err->status;
}

enum hf_status hf_process_read(struct hf_process *process, void *data, size_t len, size_t *out_len,
                               struct hf_error *err)
{
    size_t got = 0;

    while (process->out_fd >= 0 && len > 0) {
        HF_TRY(check_cancel(process, err));
        HF_TRY(drain(process, &process->err_fd, true, err));
        HF_TRY(read_now(&process->out_fd, data, len, &got, process->name, err));
        if (got > 0)
            break;
        if (process->out_fd >= 0)
            HF_TRY(wait_event(process, false, -1, err));
    }
    *out_len = got;
    return HF_OK;
}

/* ---- the end ---- */

/* Reads on while it waits, so that the child never stands before a full pipe. What the child wrote
 * before its end is in the pipes then; a descendant that holds them open is not waited for. */
static enum hf_status wait_end(struct hf_process *process, struct hf_error *err)
{
    bool ended;

    do {
        ended = has_ended(process);
        HF_TRY(drain(process, &process->out_fd, false, err));
        HF_TRY(drain(process, &process->err_fd, true, err));
        if (!ended) {
            HF_TRY(check_cancel(process, err));
            HF_TRY(wait_event(process, true, -1, err));
        }
    } while (!ended);
    return HF_OK;
}

bool hf_process_has_ended(struct hf_process *process)
{
    struct hf_error ignored = HF_ERROR_INIT;
    bool ended = has_ended(process);

    (void)!drain(process, &process->out_fd, false, &ignored);
    (void)!drain(process, &process->err_fd, true, &ignored);
    return ended;
}

static enum hf_status reap(struct hf_process *process, int *out_status, struct hf_error *err)
{
    while (waitpid(process->pid, out_status, 0) < 0) {
        if (errno != EINTR)
            return hf_error_sys(err, errno, "%s: its end cannot be learned", process->name);
    }
    return HF_OK;
}

void hf_process_kill(struct hf_process *process)
{
    struct hf_error ignored = HF_ERROR_INIT;
    int64_t deadline;
    int status;

    if (!process)
        return;
    send_signal(process, SIGTERM);
    process->cancel = NULL; /* it has been heard */
    deadline = hf_clock_monotonic() + (int64_t)TERMINATE_GRACE_MS * NS_PER_MS;
    while (!has_ended(process)) {
        int64_t left_ms = (deadline - hf_clock_monotonic()) / NS_PER_MS;

        if (left_ms <= 0 || wait_event(process, true, (int)left_ms, &ignored) != HF_OK ||
            drain(process, &process->out_fd, false, &ignored) != HF_OK ||
            drain(process, &process->err_fd, true, &ignored) != HF_OK)
            break;
    }
    send_signal(process, SIGKILL); /* also for descendants that outlived it */
    (void)reap(process, &status, &ignored);
    release(process);
}

/* One line of at most HF_PROCESS_STDERR bytes. A beginning that was cut in a line goes up to the
 * line's end, if something is behind it. */
static void take_last_words(const struct hf_process *process, char out[HF_PROCESS_STDERR + 1])
{
    const char *at = process->tail;
    size_t len = process->tail_len;

    if (len == HF_PROCESS_STDERR) {
        const char *line_end = memchr(at, '\n', len - 1);

        if (line_end) {
            len -= (size_t)(line_end + 1 - at);
            at = line_end + 1;
        }
    }
    while (len > 0 && (unsigned char)at[len - 1] <= ' ')
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)((unsigned char)at[i] < ' ' || at[i] == 0x7f ? ' ' : at[i]);
    out[len] = 0;
}

static const char *separator(const char *words)
{
    return *words ? ": " : "";
}

enum hf_status hf_process_finish_code(struct hf_process *process, int *out_code,
                                      char last_words[HF_PROCESS_STDERR + 1], struct hf_error *err)
{
    char words[HF_PROCESS_STDERR + 1];
    enum hf_status status = wait_end(process, err);
    int how = 0;

    if (status != HF_OK) {
        hf_process_kill(process);
        return status;
    }
    status = reap(process, &how, err);
    take_last_words(process, words);
    if (status == HF_OK && WIFSIGNALED(how))
        status = hf_error_set(err, HF_FAILED, "%s: killed by signal %d (%s)%s%s", process->name,
                              WTERMSIG(how), strsignal(WTERMSIG(how)), separator(words), words);
    release(process);
    if (status != HF_OK)
        return status;
    *out_code = WEXITSTATUS(how);
    if (last_words)
        memcpy(last_words, words, sizeof words);
    return HF_OK;
}

enum hf_status hf_process_finish(struct hf_process *process, struct hf_error *err)
{
    HF_AUTO_FREE char *name = NULL;
    char words[HF_PROCESS_STDERR + 1];
    int code;

    if (hf_text_copy(process->name, &name, err) != HF_OK) {
        hf_process_kill(process);
        return err->status;
    }
    HF_TRY(hf_process_finish_code(process, &code, words, err));
    if (code == 0)
        return HF_OK;
    return hf_error_set(err, HF_FAILED, "%s: exited with status %d%s%s", name, code,
                        separator(words), words);
}
