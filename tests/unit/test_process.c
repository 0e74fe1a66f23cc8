#include "base/clock.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/process.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define SHELL(script)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        "/bin/sh", "-c", (script), NULL                                                            \
    }

static struct hf_process *start(const struct hf_process_options *options)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_process *process;
    assert_ok(hf_process_start(options, &process, &err), &err);
    return process;
}

static struct hf_process *start_shell(const char *script)
{
    return start(&(struct hf_process_options){.argv = SHELL(script), .in_fd = -1, .out_fd = -1});
}

static enum hf_status read_all(struct hf_process *process, struct hf_buf *out, struct hf_error *err)
{
    for (;;) {
        char piece[1000];
        size_t len;
        HF_TRY(hf_process_read(process, piece, sizeof piece, &len, err));
        if (len == 0)
            return HF_OK;
        HF_TRY(hf_buf_append(out, piece, len, err));
    }
}

static void assert_output(struct hf_process *process, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const char *text;
    assert_ok(read_all(process, &out, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, expected);
    assert_ok(hf_process_finish(process, &err), &err);
}

static void process_read_output_is_read_to_its_end(void **state)
{
    (void)state;
    assert_output(start_shell("echo one; echo two"), "one\ntwo\n");
    assert_output(start_shell("exit 0"), "");
}

static void process_start_name_is_found_in_path(void **state)
{
    (void)state;
    static const char *const argv[] = {"printf", "%s,", "a b", "c", NULL};
    assert_output(start(&(struct hf_process_options){.argv = argv, .in_fd = -1, .out_fd = -1}),
                  "a b,c,");
}

static void process_start_missing_program_is_missing(void **state)
{
    (void)state;
    static const char *const names[] = {"hf-no-such-program", "/nonexistent/pg_dump", "/etc/passwd",
                                        "/tmp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_process *process = NULL;
        const char *const argv[] = {names[i], NULL};
        struct hf_process_options options = {.argv = argv, .in_fd = -1, .out_fd = -1};
        assert_fails(hf_process_start(&options, &process, &err), HF_MISSING, &err);
        assert_contains(err.text, names[i]);
        assert_null(process);
    }
}

/* It is there and may be executed, but the kernel cannot: the failure comes through the pipe. */
static void process_start_exec_failure_is_reported(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_process *process = NULL;
    char folder[CHECK_PATH];
    char path[2 * CHECK_PATH];
    check_folder(folder);
    (void)snprintf(path, sizeof path, "%s/program", folder);
    assert_ok(hf_file_replace(path,
                              "\x7f"
                              "ELF?",
                              5, 0755, &err),
              &err);
    const char *const argv[] = {path, NULL};
    struct hf_process_options options = {.argv = argv, .in_fd = -1, .out_fd = -1};
    assert_int_not_equal(hf_process_start(&options, &process, &err), HF_OK);
    assert_int_equal(err.sys, ENOEXEC);
    assert_contains(err.text, path);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void process_finish_failure_has_status_and_last_words(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_process *process = start_shell("echo 'no such table' >&2; exit 3");
    assert_fails(hf_process_finish(process, &err), HF_FAILED, &err);
    assert_string_equal(err.text, "sh: exited with status 3: no such table");
    process = start_shell("exit 4");
    assert_fails(hf_process_finish(process, &err), HF_FAILED, &err);
    assert_string_equal(err.text, "sh: exited with status 4");
}

static void process_finish_signal_is_an_error(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    int code = -1;
    assert_fails(hf_process_finish(start_shell("kill -9 $$"), &err), HF_FAILED, &err);
    assert_contains(err.text, "sh: killed by signal 9");
    assert_fails(hf_process_finish_code(start_shell("echo oh >&2; kill -15 $$"), &code, NULL, &err),
                 HF_FAILED, &err);
    assert_contains(err.text, ": oh");
    assert_int_equal(code, -1);
}

static void process_finish_code_is_the_callers_to_judge(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    char words[HF_PROCESS_STDERR + 1];
    int code;
    struct hf_process *process = start_shell("printf 'a\\nb\\033\\n\\n' >&2; exit 7");
    assert_ok(hf_process_finish_code(process, &code, words, &err), &err);
    assert_int_equal(code, 7);
    assert_string_equal(words, "a b");
}

static void process_finish_only_the_last_of_stderr_is_kept(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    char words[HF_PROCESS_STDERR + 1];
    int code;
    struct hf_process *process =
        start_shell("i=0; while [ $i -lt 3000 ]; do echo \"line $i\" >&2; i=$((i+1)); done");
    assert_ok(hf_process_finish_code(process, &code, words, &err), &err);
    assert_true(strlen(words) > HF_PROCESS_STDERR - 32);
    assert_memory_equal(words, "line ", 5);
    assert_string_equal(words + strlen(words) - 9, "line 2999");
}

static void process_finish_one_long_line_of_stderr_is_cut(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    char words[HF_PROCESS_STDERR + 1];
    int code;
    struct hf_process *process = start_shell("printf '%05000dX' 0 >&2");
    assert_ok(hf_process_finish_code(process, &code, words, &err), &err);
    assert_int_equal(strlen(words), HF_PROCESS_STDERR);
    assert_int_equal(words[HF_PROCESS_STDERR - 1], 'X');
}

/* More than a pipe holds on both sides, in turn: who reads only one of them stands still. */
static void process_read_both_pipes_full_no_deadlock(void **state)
{
    (void)state;
    static const char script[] = "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero;"
                                 "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero";
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_process *process = start_shell(script);
    assert_ok(read_all(process, &out, &err), &err);
    assert_int_equal(out.len, 6000000);
    assert_ok(hf_process_finish(process, &err), &err);
    assert_ok(hf_process_finish(start_shell(script), &err), &err); /* unread */
}

static void process_finish_does_not_wait_for_descendants(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    char number[32] = {0};
    size_t len;
    struct hf_process *process = start_shell("sleep 600 & echo $!");
    assert_ok(hf_process_read(process, number, sizeof number - 1, &len, &err), &err);
    assert_ok(hf_process_finish(process, &err), &err);
    pid_t descendant = (pid_t)strtol(number, NULL, 10);
    assert_true(descendant > 0);
    assert_int_equal(kill(descendant, SIGKILL), 0); /* it runs still */
}

static void process_start_environment_is_added_and_replaced(void **state)
{
    (void)state;
    static const char *const env[] = {"HF_ADDED=new", "HF_KNOWN=other", NULL};
    assert_int_equal(setenv("HF_KNOWN", "old", 1), 0);
    assert_int_equal(setenv("HF_KNOWN_TOO", "stays", 1), 0);
    assert_output(start(&(struct hf_process_options){
                      .argv = SHELL("echo $HF_ADDED $HF_KNOWN $HF_KNOWN_TOO; env | grep -c HF_K"),
                      .env = env,
                      .in_fd = -1,
                      .out_fd = -1}),
                  "new other stays\n2\n");
}

static void process_start_descriptors_are_closed_but_those_kept(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_FD kept = -1;
    HF_AUTO_FD closed = open("/dev/null", O_RDONLY); /* without close-on-exec */
    HF_AUTO_FREE char *script = NULL;
    int opened;
    assert_ok(hf_fd_memory("kept", &opened, &err), &err);
    kept = opened;
    assert_ok(hf_fd_write(kept, "inside", 6, "kept", &err), &err);
    assert_ok(hf_text_format(&script, &err,
                             "cat /proc/self/fd/%d; test -e /proc/self/fd/%d || echo ' gone'", kept,
                             closed),
              &err);
    const int keep[] = {kept, -1};
    assert_output(start(&(struct hf_process_options){
                      .argv = SHELL(script), .in_fd = -1, .out_fd = -1, .keep_fds = keep}),
                  "inside gone\n");
    assert_true(fcntl(kept, F_GETFD) & FD_CLOEXEC); /* still, here */
}

static void process_start_given_descriptors_are_used(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    int in;
    int to;
    char path[64];
    char none[4];
    size_t len = 1;
    assert_ok(hf_fd_memory("in", &in, &err), &err);
    assert_ok(hf_fd_memory("to", &to, &err), &err);
    assert_ok(hf_fd_write(in, "through", 7, "in", &err), &err);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    struct hf_process *process =
        start(&(struct hf_process_options){.argv = SHELL("cat"), .in_fd = in, .out_fd = to});
    assert_ok(hf_process_read(process, none, sizeof none, &len, &err), &err);
    assert_int_equal(len, 0);
    assert_ok(hf_process_finish(process, &err), &err);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", to);
    assert_ok(hf_file_read(path, 100, &out, &err), &err);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data, "through", 7);
    assert_int_equal(close(in), 0);
    assert_int_equal(close(to), 0);
}

/* As in a service that was started with 0 to 2 closed. */
static void process_start_with_closed_standard_descriptors_works(void **state)
{
    (void)state;
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_int_equal(close(STDIN_FILENO), 0);
    struct hf_process *process = start_shell("cat; echo out");
    if (saved >= 0)
        assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    assert_output(process, "out\n");
    if (saved >= 0)
        assert_int_equal(close(saved), 0);
}

static void process_start_child_has_clean_surroundings(void **state)
{
    (void)state;
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    assert_output(start_shell("ulimit -c; grep -E 'Sig(Ign|Blk)' /proc/$$/status | tr -d '\\t\\n';"
                              "test \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$ && echo ' own'"),
                  "0\nSigBlk:0000000000000000SigIgn:0000000000000000 own\n");
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
}

static void process_read_cancel_ends_the_child(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    HF_AUTO_PTR(hf_process)
    process = start(&(struct hf_process_options){
        .argv = SHELL("echo ready; sleep 600"), .in_fd = -1, .out_fd = -1, .cancel = cancel});
    char word[6];
    size_t len;
    assert_ok(hf_process_read(process, word, sizeof word, &len, &err), &err);
    hf_cancel_interrupt(cancel);
    assert_fails(read_all(process, &out, &err), HF_CANCELLED, &err);
    assert_string_equal(err.text, "interrupted");
}

/* A descendant that outlives the child writes on and on: neither end waits for it. */
static void process_finish_and_kill_noise_does_not_hold_them(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    struct hf_process *process = start(&(struct hf_process_options){
        .argv = SHELL("yes >&2 & yes"), .in_fd = -1, .out_fd = -1, .cancel = cancel});
    hf_cancel_interrupt(cancel);
    assert_fails(hf_process_finish(process, &err), HF_CANCELLED, &err);
    hf_process_kill(start_shell("yes >&2 & yes"));
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    assert_int_equal(closedir(folder), 0);
    return count;
}

static void process_every_end_leaves_no_descriptor(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_process *process;
    size_t before = count_descriptors();
    static const char *const missing[] = {"/nonexistent", NULL};
    struct hf_process_options options = {.argv = missing, .in_fd = -1, .out_fd = -1};
    assert_ok(hf_process_finish(start_shell("exit 0"), &err), &err);
    assert_fails(hf_process_finish(start_shell("exit 1"), &err), HF_FAILED, &err);
    assert_fails(hf_process_start(&options, &process, &err), HF_MISSING, &err);
    hf_process_kill(start_shell("exec sleep 600"));
    assert_int_equal(count_descriptors(), before);
}

struct cancelled {
    struct hf_cancel *cancel;
    struct hf_process *process;
};

/* Thread 0 starts and waits; thread 1 stops the work, be it before, during or after the start. */
static enum hf_status finish_or_cancel(void *arg, size_t index, struct hf_error *err)
{
    struct cancelled *c = arg;
    if (index == 1) {
        (void)hf_error_set(err, HF_IO, "elsewhere");
        return HF_IO;
    }
    struct hf_process_options options = {
        .argv = SHELL("exec sleep 600"), .in_fd = -1, .out_fd = -1, .cancel = c->cancel};
    HF_TRY(hf_process_start(&options, &c->process, err));
    return hf_process_finish(c->process, err);
}

static void process_finish_cancel_ends_the_child(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_cancel) cancel = NULL;
        struct hf_pool *pool;
        assert_ok(hf_cancel_new(&cancel, &err), &err);
        struct cancelled c = {.cancel = cancel};
        int64_t before = hf_clock_monotonic();
        assert_ok(hf_pool_start(2, finish_or_cancel, NULL, &c, cancel, &pool, &err), &err);
        assert_fails(hf_pool_join(pool, &err), HF_IO, &err);
        assert_true(hf_clock_monotonic() - before < 60 * HF_NS_PER_S);
    }
}

static void process_kill_child_that_ignores_sigterm_ends(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_process *process = start_shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    char word[6];
    size_t len;
    assert_ok(hf_process_read(process, word, sizeof word, &len, &err), &err);
    hf_process_kill(process);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    hf_process_kill(NULL);
}

static void process_kill_takes_descendants_along(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    char number[32] = {0};
    size_t len;
    struct hf_process *process = start_shell("sleep 600 & echo $!; wait");
    assert_ok(hf_process_read(process, number, sizeof number - 1, &len, &err), &err);
    pid_t descendant = (pid_t)strtol(number, NULL, 10);
    assert_true(descendant > 0);
    /* Becomes ours when its parent goes, so that its end can be waited for. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    hf_process_kill(process);
    int how;
    assert_int_equal(waitpid(descendant, &how, 0), descendant);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* Forks a holder of a child, kills the holder, and sees the child go with it. */
static void process_start_child_ends_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t holder = fork();
    if (holder == 0) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_process *process;
        struct hf_process_options options = {
            .argv = SHELL("echo r; exec sleep 600"), .in_fd = -1, .out_fd = ends[1]};
        (void)close(ends[0]);
        if (hf_process_start(&options, &process, &err) != HF_OK)
            _exit(1);
        (void)close(ends[1]);
        for (;;)
            (void)pause();
    }
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    while (read(ends[0], &byte, 1) > 0) /* ends when the last one that could write is gone */
        continue;
    assert_int_equal(close(ends[0]), 0);
}

static enum hf_status run_many(void *arg, size_t index, struct hf_error *err)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        HF_AUTO_PTR(hf_process) process = NULL;
        struct hf_process_options options = {
            .argv = SHELL("echo words >&2; printf %1000d 5"), .in_fd = -1, .out_fd = -1};
        HF_TRY(hf_process_start(&options, &process, err));
        HF_TRY(read_all(process, &out, err));
        struct hf_process *ending = process;
        process = NULL;
        HF_TRY(hf_process_finish(ending, err));
        if (out.len != 1000)
            return hf_error_set(err, HF_MISMATCH, "thread %zu: %zu bytes", index, out.len);
    }
    return HF_OK;
}

static void process_start_from_many_threads_works(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(4, run_many, NULL, NULL, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
}

static void process_start_with_a_folder_runs_there(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_process *process = start(&(struct hf_process_options){
        .argv = SHELL("pwd -P"), .in_fd = -1, .out_fd = -1, .folder = "/"});

    (void)state;
    assert_ok(read_all(process, &out, &err), &err);
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.data, "/\n", 2);
    assert_ok(hf_process_finish(process, &err), &err);
}

static void process_start_in_a_folder_that_is_not_there_fails(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_process_options options = {
        .argv = SHELL("true"), .in_fd = -1, .out_fd = -1, .folder = "/nowhere/at/all"};
    struct hf_process *process = NULL;

    (void)state;
    assert_int_not_equal(hf_process_start(&options, &process, &err), HF_OK);
    assert_null(process);
}

/* Ids and groups as the child itself sees them, and that it still ends with its parent is the test
 * of drills that are killed. */
static void process_start_as_another_user_has_no_right_of_ours(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const struct hf_process_user user = {.uid = 65534, .gid = 65534};
    struct hf_process *process;

    (void)state;
    if (geteuid() != 0)
        skip();
    process = start(&(struct hf_process_options){.argv = SHELL("id -u; id -g; id -G"),
                                                 .in_fd = -1,
                                                 .out_fd = -1,
                                                 .user = &user,
                                                 .folder = "/"});
    assert_ok(read_all(process, &out, &err), &err);
    assert_int_equal(out.len, 18);
    assert_memory_equal(out.data, "65534\n65534\n65534\n", 18);
    assert_ok(hf_process_finish(process, &err), &err);
}

static void process_has_ended_is_true_once_it_has(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_process *process = start_shell("read line; exit 0");
    struct hf_process *waits = start_shell("exec sleep 600");
    char byte;
    size_t len = 1;

    (void)state;
    while (len > 0) /* its end closes its output, and is there at once or almost */
        assert_ok(hf_process_read(process, &byte, 1, &len, &err), &err);
    while (!hf_process_has_ended(process))
        continue;
    assert_false(hf_process_has_ended(waits));
    assert_int_not_equal(hf_process_finish(process, &err), HF_CANCELLED);
    hf_process_kill(waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_read_output_is_read_to_its_end),
        cmocka_unit_test(process_start_name_is_found_in_path),
        cmocka_unit_test(process_start_missing_program_is_missing),
        cmocka_unit_test(process_start_exec_failure_is_reported),
        cmocka_unit_test(process_finish_failure_has_status_and_last_words),
        cmocka_unit_test(process_finish_signal_is_an_error),
        cmocka_unit_test(process_finish_code_is_the_callers_to_judge),
        cmocka_unit_test(process_finish_only_the_last_of_stderr_is_kept),
        cmocka_unit_test(process_finish_one_long_line_of_stderr_is_cut),
        cmocka_unit_test(process_read_both_pipes_full_no_deadlock),
        cmocka_unit_test(process_finish_does_not_wait_for_descendants),
        cmocka_unit_test(process_start_environment_is_added_and_replaced),
        cmocka_unit_test(process_start_descriptors_are_closed_but_those_kept),
        cmocka_unit_test(process_start_given_descriptors_are_used),
        cmocka_unit_test(process_start_with_closed_standard_descriptors_works),
        cmocka_unit_test(process_start_child_has_clean_surroundings),
        cmocka_unit_test(process_read_cancel_ends_the_child),
        cmocka_unit_test(process_finish_and_kill_noise_does_not_hold_them),
        cmocka_unit_test(process_every_end_leaves_no_descriptor),
        cmocka_unit_test(process_finish_cancel_ends_the_child),
        cmocka_unit_test(process_kill_child_that_ignores_sigterm_ends),
        cmocka_unit_test(process_kill_takes_descendants_along),
        cmocka_unit_test(process_start_child_ends_with_its_parent),
        cmocka_unit_test(process_start_from_many_threads_works),
        cmocka_unit_test(process_start_with_a_folder_runs_there),
        cmocka_unit_test(process_start_in_a_folder_that_is_not_there_fails),
        cmocka_unit_test(process_start_as_another_user_has_no_right_of_ours),
        cmocka_unit_test(process_has_ended_is_true_once_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
