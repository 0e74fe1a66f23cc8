#include "base/process_spawn.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STDERR_NEXT = 3, EXIT_NOT_RUN = 127, DESCRIPTORS_MAX = 1 << 20 };

/* What the child must know that it cannot find out safely itself. */
struct child {
    const struct hf_spawn *spawn;
    pid_t parent;
    int descriptors; /* the limit of open ones */
    int report_fd;   /* close-on-exec; carries errno when there is no exec */
};

/* Only the dispositions: handlers of this program must not run in the child. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        (void)sigaction(sig, &action, NULL); /* fails for KILL, STOP and the C library's own */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Copies above 2 first, as any of them may be one of 0 to 2 itself; dup2 drops close-on-exec. */
static bool place_standard(const struct hf_spawn *spawn)
{
    int in = fcntl(spawn->in_fd, F_DUPFD_CLOEXEC, STDERR_NEXT);
    int out = fcntl(spawn->out_fd, F_DUPFD_CLOEXEC, STDERR_NEXT);
    int err = fcntl(spawn->err_fd, F_DUPFD_CLOEXEC, STDERR_NEXT);

    return in >= 0 && out >= 0 && err >= 0 && dup2(in, STDIN_FILENO) >= 0 &&
           dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0;
}

/* Everything above 2 closes at exec but what is to be kept. */
static bool limit_descriptors(const struct child *child)
{
    if (close_range(STDERR_NEXT, ~0U, CLOSE_RANGE_CLOEXEC) < 0) { /* a kernel before 5.11 */
        for (int fd = STDERR_NEXT; fd < child->descriptors; fd++)
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    for (const int *fd = child->spawn->keep_fds; fd && *fd >= 0; fd++) {
        if (*fd >= STDERR_NEXT && fcntl(*fd, F_SETFD, 0) < 0)
            return false;
    }
    return true;
}

/* System calls themselves: the library's functions would have all threads follow, of which the
 * child has none. Groups first, as only root may drop them. */
static bool become(const struct hf_process_user *user)
{
    return !user || (syscall(SYS_setgroups, 0, NULL) == 0 &&
                     syscall(SYS_setresgid, user->gid, user->gid, user->gid) == 0 &&
                     syscall(SYS_setresuid, user->uid, user->uid, user->uid) == 0);
}

/* A session of its own: Ctrl-C reaches this program only, which then ends the child, and a child
 * that would ask on the terminal fails instead of waiting. */
static bool prepare(const struct child *child)
{
    const struct rlimit no_core = {0, 0};

    reset_signals();
    /* The signal at our death comes last: another user id would undo it. */
    if (setsid() < 0 || (child->spawn->folder && chdir(child->spawn->folder) < 0) ||
        !become(child->spawn->user) || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return false;
    if (getppid() != child->parent) { /* it died before the line above */
        errno = ESRCH;
        return false;
    }
    return setrlimit(RLIMIT_CORE, &no_core) == 0 && place_standard(child->spawn) &&
           limit_descriptors(child);
}

__attribute__((noreturn)) static void run_child(const struct child *child)
{
    const struct hf_spawn *spawn = child->spawn;
    ssize_t written;
    int sys;

    if (prepare(child))
        (void)execve(spawn->path, spawn->argv, spawn->env);
    sys = errno;
    written = write(child->report_fd, &sys, sizeof sys);
    (void)written; /* nobody is left to tell */
    _exit(EXIT_NOT_RUN);
}

static int descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > DESCRIPTORS_MAX)
        return DESCRIPTORS_MAX;
    return (int)limit.rlim_cur;
}

/* All signals are blocked over the fork: a handler that ran in the child before it is reset would
 * write to descriptors that are still shared. */
static pid_t fork_blocked(const struct child *child)
{
    sigset_t all;
    sigset_t before;
    pid_t pid;
    int sys;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        run_child(child);
    sys = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = sys;
    return pid;
}

/* The errno of a failed exec; 0 when the pipe just closed, by the exec. */
static int read_report(int fd)
{
    int sys = 0;
    ssize_t got;

    do {
        got = read(fd, &sys, sizeof sys);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof sys ? sys : 0;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

enum hf_status hf_spawn(const struct hf_spawn *spawn, pid_t *out, struct hf_error *err)
{
    HF_AUTO_FD report_end = -1;
    HF_AUTO_FD child_end = -1;
    struct child child = {.spawn = spawn, .parent = getpid(), .descriptors = descriptor_limit()};
    int ends[2];
    pid_t pid;
    int sys;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return hf_error_sys(err, errno, "%s: cannot be started", spawn->name);
    report_end = ends[0];
    child_end = child.report_fd = ends[1];
    pid = fork_blocked(&child);
    if (pid < 0)
        return hf_error_sys(err, errno, "%s: cannot be started", spawn->name);
    hf_fd_auto(&child_end);
    sys = read_report(report_end);
    if (sys == 0) {
        *out = pid;
        return HF_OK;
    }
    reap(pid);
    return hf_error_sys(err, sys, "%s: cannot be run", spawn->path);
}
