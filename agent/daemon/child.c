#include "agent/daemon/child.h"

#include "base/file.h"
#include "base/process_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The program that runs, also when its file was replaced meanwhile. */
#define SELF "/proc/self/exe"

/* A pipe holds 64 KiB, and one read takes as much; who still writes then is not waited for. */
enum { PIPE_READS = 3 };

static bool is_set_by(const struct hf_strings *env, const char *variable)
{
    size_t name = strcspn(variable, "=");

    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], variable, name) == 0 && env->items[i][name] == '=')
            return true;
    }
    return false;
}

/* Pointers only: the values stay where they are. */
static enum hf_status make_environment(const struct hf_strings *added, char ***out,
                                       struct hf_error *err)
{
    size_t count = added->count + 1;
    char **at;

    for (char **var = environ; *var; var++)
        count++;
    *out = at = calloc(count, sizeof *at);
    if (!at)
        return hf_error_memory(err);
    for (char **var = environ; *var; var++) {
        if (!is_set_by(added, *var))
            *at++ = *var;
    }
    for (size_t i = 0; i < added->count; i++)
        *at++ = added->items[i];
    return HF_OK;
}

static enum hf_status make_arguments(const struct hf_strings *args, char ***out,
                                     struct hf_error *err)
{
    static char name[] = "holdfast";
    char **argv = calloc(args->count + 2, sizeof *argv);

    if (!argv)
        return hf_error_memory(err);
    argv[0] = name;
    for (size_t i = 0; i < args->count; i++)
        argv[i + 1] = args->items[i];
    *out = argv;
    return HF_OK;
}

static enum hf_status make_pipe(int *our_end, int *child_end, struct hf_error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return hf_error_sys(err, errno, "pipe");
    *our_end = ends[0];
    *child_end = ends[1];
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? hf_error_sys(err, errno, "pipe") : HF_OK;
}

static enum hf_status spawn(struct hf_child *child, char **argv, char **env, const int *keep_fds,
                            struct hf_error *err)
{
    HF_AUTO_FD null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    HF_AUTO_FD out_end = -1;
    HF_AUTO_FD err_end = -1;
    struct hf_spawn spawn = {
        .name = "holdfast", .path = SELF, .argv = argv, .env = env, .keep_fds = keep_fds};

    if (null_fd < 0)
        return hf_error_sys(err, errno, "/dev/null");
    HF_TRY(make_pipe(&child->out_fd, &out_end, err));
    HF_TRY(make_pipe(&child->err_fd, &err_end, err));
    spawn.in_fd = null_fd;
    spawn.out_fd = out_end;
    spawn.err_fd = err_end;
    return hf_spawn(&spawn, &child->pid, err);
}

enum hf_status hf_child_start(const struct hf_strings *args, const struct hf_strings *env,
                              const int *keep_fds, struct hf_child *out, struct hf_error *err)
{
    char **argv = NULL, **environment = NULL;
    enum hf_status status;

    *out = (struct hf_child){.out_fd = -1,
                             .err_fd = -1,
                             .lines = {.max = HF_CHILD_LINE_MAX},
                             .log_lines = {.max = HF_CHILD_LOG_MAX}};
    status = make_arguments(args, &argv, err);
    if (status == HF_OK)
        status = make_environment(env, &environment, err);
    if (status == HF_OK)
        status = spawn(out, argv, environment, keep_fds, err);
    free(environment);
    free(argv);
    return status;
}

void hf_child_signal(const struct hf_child *child, int number)
{
    if (child->pid > 0 && kill(-child->pid, number) < 0)
        (void)kill(child->pid, number);
}

void hf_child_tell_time_over(const struct hf_child *child)
{
    if (child->pid > 0)
        (void)kill(child->pid, SIGUSR1);
}

static void keep_words(struct hf_child *child, const char *line, size_t len)
{
    size_t drop, keep;

    if (len == 0 || *line == '{')
        return;
    if (len > HF_CHILD_WORDS - 1) {
        line += len - (HF_CHILD_WORDS - 1);
        len = HF_CHILD_WORDS - 1;
    }
    keep = child->words_len;
    drop = keep + 1 + len > HF_CHILD_WORDS ? keep + 1 + len - HF_CHILD_WORDS : 0;
    keep -= drop;
    memmove(child->words, child->words + drop, keep);
    if (keep > 0)
        child->words[keep++] = ' ';
    for (size_t i = 0; i < len; i++)
        child->words[keep++] = (char)((unsigned char)line[i] < ' ' ? ' ' : line[i]);
    child->words_len = keep;
    child->words[keep] = 0;
}

/* The end of the line takes the place of its NUL: one write a line, so that those of several
 * processes do not get mixed up. */
static void pass_on(char *line, size_t len)
{
    struct hf_error ignored = HF_ERROR_INIT;

    line[len] = '\n';
    (void)(hf_fd_write(STDERR_FILENO, line, len + 1, "standard error", &ignored) == HF_OK);
}

static void read_log(struct hf_child *child)
{
    struct hf_error ignored = HF_ERROR_INIT;
    bool end = false;
    const char *line;
    size_t len;

    if (child->err_fd < 0)
        return;
    if (hf_lines_read(&child->log_lines, child->err_fd, &end, &ignored) != HF_OK || end) {
        hf_fd_auto(&child->err_fd);
        (void)(hf_lines_add(&child->log_lines, "\n", 1, &ignored) == HF_OK);
    }
    while ((line = hf_lines_next(&child->log_lines, &len)) != NULL) {
        keep_words(child, line, len);
        if (len > 0)
            pass_on((char *)line, len);
    }
}

/* A pipe that cannot be read any more has nothing to say: its end is judged by what was said. */
void hf_child_read(struct hf_child *child)
{
    struct hf_error ignored = HF_ERROR_INIT;
    bool end = false;

    read_log(child);
    if (child->out_fd < 0)
        return;
    if (hf_lines_read(&child->lines, child->out_fd, &end, &ignored) != HF_OK || end)
        hf_fd_auto(&child->out_fd);
}

static int wait_for(struct hf_child *child)
{
    int how = 0;

    while (waitpid(child->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    child->pid = 0;
    return how;
}

/* The group is told before its leader is waited for: until then its number cannot be another's. */
int hf_child_reap(struct hf_child *child)
{
    int how;

    hf_child_signal(child, SIGKILL);
    how = wait_for(child);
    for (int i = 0; i < PIPE_READS; i++)
        hf_child_read(child);
    return how;
}

void hf_child_done(struct hf_child *child)
{
    if (child->pid > 0) {
        hf_child_signal(child, SIGKILL);
        (void)wait_for(child);
    }
    hf_fd_auto(&child->out_fd);
    hf_fd_auto(&child->err_fd);
    hf_lines_done(&child->lines);
    hf_lines_done(&child->log_lines);
}
