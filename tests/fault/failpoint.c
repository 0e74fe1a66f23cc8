/*
 * failpoint.so: makes the n-th call of a kind fail, or ends the process there. By LD_PRELOAD, told
 * by the environment:
 *
 *   HF_FAIL_CALL   which calls count, separated by commas:
 *                    alloc      memory asked for by the program's own code: malloc, calloc,
 * realloc, reallocarray, strdup, strndup, vasprintf alloc-any  the same by anything, libraries too
 *                    write      write, pwrite, writev
 *                    truncate   ftruncate, fallocate, posix_fallocate
 *                    sync       fsync, fdatasync (of files and of folders)
 *                    create     open with O_CREAT or O_TMPFILE
 *                    mkdir, rename, link, unlink (and rmdir)
 *                    files      all but alloc
 *   HF_FAIL_UNDER  only calls on paths below this folder (all but alloc; the default is any path,
 *                  also pipes and sockets)
 *   HF_FAIL_AT     "7": the 7th call; "7+": the 7th and all after it; absent or 0: only count
 *   HF_FAIL_HOW    what happens there:
 *                    ENOSPC, EIO, EDQUOT, EACCES, EROFS, EMFILE, ENOMEM, EINTR or a number: the
 * call is not made and fails with this errno (alloc: always ENOMEM) kill       SIGKILL before the
 * call kill-after SIGKILL once the call was made tear       of a write half the bytes are written,
 * then SIGKILL; else as kill exit       _exit(98) before the call HF_FAIL_REPORT a file that is
 * written when the failpoint fires and at the end of the process: count 41 fired 1 call rename
 * /repo/packs/… It is not written when the process ends by _exit or a signal of its own.
 *
 * A driver runs once with HF_FAIL_AT absent to learn the count, then for each n up to it; or counts
 * n up until a run reports "fired 0". With several threads the order of calls differs from run to
 * run: the n-th is then some call, not always the same one. failpoint.py does this for Python.
 *
 * Only the process that is started with these variables is concerned: they and LD_PRELOAD are taken
 * out of its environment, so that its children run undisturbed. (So put no wrapper in between.)
 *
 * The program must be built without AddressSanitizer: its allocator has to come first, and is then
 * the one that is called. This library itself is always built plain. "files" works with ASan when
 * libasan.so stands before this library in LD_PRELOAD.
 *
 * System calls are made directly, so that nothing here depends on what else was preloaded. What the
 * C library does inside itself (stdio) is not seen.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "tests/fault/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_HERE = 98 };

static const struct {
    const char *name;
    unsigned kinds;
} kind_names[] = {{"alloc", FP_ALLOC},   {"alloc-any", FP_ALLOC_ANY}, {"write", FP_WRITE},
                  {"sync", FP_SYNC},     {"truncate", FP_TRUNCATE},   {"create", FP_CREATE},
                  {"mkdir", FP_MKDIR},   {"rename", FP_RENAME},       {"link", FP_LINK},
                  {"unlink", FP_UNLINK}, {"files", FP_FILES}};

enum how { FAIL, KILL, KILL_AFTER, TEAR, EXIT };

static const struct {
    const char *name;
    enum how how;
    int sys;
} how_names[] = {{"ENOSPC", FAIL, ENOSPC},
                 {"EIO", FAIL, EIO},
                 {"EDQUOT", FAIL, EDQUOT},
                 {"EACCES", FAIL, EACCES},
                 {"EROFS", FAIL, EROFS},
                 {"EMFILE", FAIL, EMFILE},
                 {"ENOMEM", FAIL, ENOMEM},
                 {"EINTR", FAIL, EINTR},
                 {"kill", KILL, 0},
                 {"tear", TEAR, 0},
                 {"kill-after", KILL_AFTER, 0},
                 {"exit", EXIT, 0}};

/* A preloaded library has no other place for its state. Written by the constructor, before the
 * program has threads; the counters are atomic. */
static struct {
    bool armed;
    unsigned kinds;
    char under[PATH_MAX]; /* as the kernel names it; empty: anywhere */
    unsigned long at;     /* 0: never */
    bool and_after;
    enum how how;
    int sys;
    char report[PATH_MAX];
    long pid;                /* a fork of the program reports nothing */
    uintptr_t program_begin; /* the program's own code */
    uintptr_t program_end;
} config;
static atomic_ulong count;
static atomic_bool fired;
static char where[PATH_MAX + 64]; /* by the first thread that fired */

/* ---- set up ---- */

__attribute__((noreturn, format(printf, 1, 2))) static void refuse(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fputs("failpoint: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    _exit(2);
}

static unsigned kinds_of(const char *text)
{
    unsigned kinds = 0;

    while (*text) {
        size_t len = strcspn(text, ",");
        unsigned found = 0;

        for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
            if (strlen(kind_names[i].name) == len && strncmp(kind_names[i].name, text, len) == 0)
                found = kind_names[i].kinds;
        }
        if (!found)
            refuse("HF_FAIL_CALL: unknown call in \"%s\"", text);
        kinds |= found;
        text += len + (text[len] == ',' ? 1 : 0);
    }
    return kinds;
}

static void set_how(const char *text)
{
    char *end;

    for (size_t i = 0; i < sizeof how_names / sizeof how_names[0]; i++) {
        if (strcmp(how_names[i].name, text) == 0) {
            config.how = how_names[i].how;
            config.sys = how_names[i].sys;
            return;
        }
    }
    config.how = FAIL;
    config.sys = (int)strtol(text, &end, 10);
    if (config.sys <= 0 || *end)
        refuse("HF_FAIL_HOW: unknown \"%s\"", text);
}

static void set_at(const char *text)
{
    char *end;

    config.at = strtoul(text, &end, 10);
    config.and_after = *end == '+';
    if (end == text || (*end && strcmp(end, "+") != 0))
        refuse("HF_FAIL_AT: not a number: \"%s\"", text);
}

/* The first object is the program; its loaded segments lie together. */
static int note_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    config.program_begin = UINTPTR_MAX;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        if (begin < config.program_begin)
            config.program_begin = begin;
        if (end > config.program_end)
            config.program_end = end;
    }
    return 1;
}

static void take_from_environment(void)
{
    static const char *const names[] = {"HF_FAIL_CALL", "HF_FAIL_UNDER",  "HF_FAIL_AT",
                                        "HF_FAIL_HOW",  "HF_FAIL_REPORT", "LD_PRELOAD"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unsetenv(names[i]);
}

__attribute__((constructor)) static void set_up(void)
{
    const char *call = getenv("HF_FAIL_CALL");
    const char *under = getenv("HF_FAIL_UNDER");
    const char *at = getenv("HF_FAIL_AT");
    const char *how = getenv("HF_FAIL_HOW");
    const char *report = getenv("HF_FAIL_REPORT");

    if (!call)
        refuse("HF_FAIL_CALL is not set");
    config.kinds = kinds_of(call);
    if (under && *under && !realpath(under, config.under))
        refuse("HF_FAIL_UNDER: %s: %s", under, strerror(errno));
    if (at && *at)
        set_at(at);
    set_how(how && *how ? how : "EIO");
    if (report && (report[0] != '/' || strlen(report) >= sizeof config.report))
        refuse("HF_FAIL_REPORT: an absolute path is needed");
    if (report)
        memcpy(config.report, report, strlen(report) + 1);
    (void)dl_iterate_phdr(note_program, NULL);
    take_from_environment();
    config.pid = syscall(SYS_getpid);
    config.armed = true;
}

/* ---- report ---- */

/* No memory is asked for: this may run inside malloc. Whole each time, in one write. */
static void write_report(void)
{
    char text[sizeof where + 128];
    int len;
    long fd;

    if (!config.report[0] || syscall(SYS_getpid) != config.pid)
        return;
    len = snprintf(text, sizeof text, "count %lu\nfired %d\n%s", atomic_load(&count),
                   atomic_load(&fired) ? 1 : 0, where);
    fd = syscall(SYS_openat, AT_FDCWD, config.report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                 0600);
    if (fd < 0)
        return;
    (void)syscall(SYS_write, fd, text, len);
    (void)syscall(SYS_close, fd);
}

/* ---- judgement ---- */

void fp_die(void)
{
    for (;;)
        (void)syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

static bool is_counted(void)
{
    unsigned long n = atomic_fetch_add(&count, 1) + 1;

    return config.at > 0 && (n == config.at || (config.and_after && n > config.at));
}

/* A call of a kind that counts, on a path that counts. */
static enum fp_verdict judge(const char *call, const char *path)
{
    if (!is_counted())
        return FP_GO;
    if (!atomic_exchange(&fired, true)) {
        (void)snprintf(where, sizeof where, "call %s %s\n", call, path);
        write_report();
    }
    switch (config.how) {
    case KILL:
        fp_die();
    case EXIT:
        (void)syscall(SYS_exit_group, EXIT_HERE);
        return FP_NOT_MADE;
    case KILL_AFTER:
        return FP_DIE_AFTER;
    case TEAR:
        return FP_HALF;
    default:
        errno = config.sys;
        return FP_NOT_MADE;
    }
}

static bool concerns(enum fp_kind kind)
{
    return config.armed && (config.kinds & kind);
}

static bool is_under(const char *path)
{
    size_t len = strlen(config.under);

    if (len == 0)
        return true;
    return strncmp(path, config.under, len) == 0 && (path[len] == '/' || path[len] == 0);
}

/* The kernel's name of what a descriptor is; at least "?". */
static void name_of_fd(int fd, char out[PATH_MAX])
{
    char link[64];
    long len;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    if (len <= 0) {
        out[0] = '?';
        len = 1;
    }
    out[len] = 0;
}

enum fp_verdict fp_judge_fd(enum fp_kind kind, const char *call, int fd)
{
    char path[PATH_MAX];
    int saved = errno;

    if (!concerns(kind))
        return FP_GO;
    name_of_fd(fd, path);
    errno = saved;
    return is_under(path) ? judge(call, path) : FP_GO;
}

/* Absolute, by the folder that the path is relative to. That folder is opened to have the kernel
 * resolve links on the way; where it cannot be, the text itself has to do. */
static void absolute(int dir, const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    char folder[PATH_MAX] = ".";
    size_t len;
    long fd;

    (void)snprintf(out, PATH_MAX, "%s", path);
    if (slash)
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + 1), path);
    fd = syscall(SYS_openat, dir, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    name_of_fd((int)fd, out);
    (void)syscall(SYS_close, fd);
    len = strlen(out);
    (void)snprintf(out + len, PATH_MAX - len, "/%s", last);
}

enum fp_verdict fp_judge_path(enum fp_kind kind, const char *call, int dir, const char *path)
{
    char whole[PATH_MAX];
    int saved = errno;

    if (!concerns(kind))
        return FP_GO;
    absolute(dir, path, whole);
    errno = saved;
    return is_under(whole) ? judge(call, whole) : FP_GO;
}

bool fp_no_memory(const char *call, const void *by)
{
    uintptr_t at = (uintptr_t)by;
    bool own = at >= config.program_begin && at < config.program_end;
    enum fp_verdict verdict;

    if (!concerns(FP_ALLOC_ANY) && !(own && concerns(FP_ALLOC)))
        return false;
    verdict = judge(call, own ? "program" : "library");
    if (verdict == FP_GO)
        return false;
    if (verdict != FP_NOT_MADE)
        fp_die();
    errno = ENOMEM;
    return true;
}

__attribute__((destructor)) static void finish(void)
{
    if (config.armed)
        write_report();
}
