#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/fault/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long then(enum fp_verdict verdict, long result)
{
    if (verdict == FP_DIE_AFTER)
        fp_die();
    return result;
}

/* What a torn call other than a write does. */
static bool is_stopped(enum fp_verdict verdict)
{
    if (verdict == FP_HALF)
        fp_die();
    return verdict == FP_NOT_MADE;
}

#define PUBLIC __attribute__((visibility("default")))

/* ---- files ---- */

PUBLIC ssize_t write(int fd, const void *data, size_t len)
{
    enum fp_verdict verdict = fp_judge_fd(FP_WRITE, "write", fd);

    if (verdict == FP_NOT_MADE)
        return -1;
    if (verdict == FP_HALF) {
        (void)syscall(SYS_write, fd, data, len / 2);
        fp_die();
    }
    return then(verdict, syscall(SYS_write, fd, data, len));
}

PUBLIC ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    enum fp_verdict verdict = fp_judge_fd(FP_WRITE, "pwrite", fd);

    if (verdict == FP_NOT_MADE)
        return -1;
    if (verdict == FP_HALF) {
        (void)syscall(SYS_pwrite64, fd, data, len / 2, offset);
        fp_die();
    }
    return then(verdict, syscall(SYS_pwrite64, fd, data, len, offset));
}

PUBLIC ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return pwrite64(fd, data, len, offset);
}

PUBLIC ssize_t writev(int fd, const struct iovec *pieces, int n)
{
    enum fp_verdict verdict = fp_judge_fd(FP_WRITE, "writev", fd);

    if (verdict == FP_NOT_MADE)
        return -1;
    if (verdict == FP_HALF) {
        (void)syscall(SYS_writev, fd, pieces, n / 2);
        fp_die();
    }
    return then(verdict, syscall(SYS_writev, fd, pieces, n));
}

PUBLIC int ftruncate64(int fd, off64_t len)
{
    enum fp_verdict verdict = fp_judge_fd(FP_TRUNCATE, "ftruncate", fd);

    return is_stopped(verdict) ? -1 : (int)then(verdict, syscall(SYS_ftruncate, fd, len));
}

PUBLIC int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}

PUBLIC int fallocate64(int fd, int mode, off64_t offset, off64_t len)
{
    enum fp_verdict verdict = fp_judge_fd(FP_TRUNCATE, "fallocate", fd);

    return is_stopped(verdict) ? -1
                               : (int)then(verdict, syscall(SYS_fallocate, fd, mode, offset, len));
}

PUBLIC int fallocate(int fd, int mode, off_t offset, off_t len)
{
    return fallocate64(fd, mode, offset, len);
}

/* Returns the error. */
PUBLIC int posix_fallocate64(int fd, off64_t offset, off64_t len)
{
    int saved = errno;
    int failed = fallocate64(fd, 0, offset, len) < 0 ? errno : 0;

    errno = saved;
    return failed;
}

PUBLIC int posix_fallocate(int fd, off_t offset, off_t len)
{
    return posix_fallocate64(fd, offset, len);
}

PUBLIC int fsync(int fd)
{
    enum fp_verdict verdict = fp_judge_fd(FP_SYNC, "fsync", fd);

    return is_stopped(verdict) ? -1 : (int)then(verdict, syscall(SYS_fsync, fd));
}

PUBLIC int fdatasync(int fd)
{
    enum fp_verdict verdict = fp_judge_fd(FP_SYNC, "fdatasync", fd);

    return is_stopped(verdict) ? -1 : (int)then(verdict, syscall(SYS_fdatasync, fd));
}

static bool creates(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    enum fp_verdict verdict = creates(flags) ? fp_judge_path(FP_CREATE, "open", dir, path) : FP_GO;

    return is_stopped(verdict) ? -1
                               : (int)then(verdict, syscall(SYS_openat, dir, path, flags, mode));
}

/* The mode is there only when the call may create. */
#define TAKE_MODE(mode, flags)                                                                     \
    do {                                                                                           \
        va_list args_;                                                                             \
        va_start(args_, flags);                                                                    \
        (mode) = creates(flags) ? va_arg(args_, mode_t) : 0;                                       \
        va_end(args_);                                                                             \
    } while (0)

PUBLIC int openat64(int dir, const char *path, int flags, ...)
{
    mode_t mode;

    TAKE_MODE(mode, flags);
    return open_at(dir, path, flags, mode);
}

PUBLIC int openat(int dir, const char *path, int flags, ...)
{
    mode_t mode;

    TAKE_MODE(mode, flags);
    return open_at(dir, path, flags, mode);
}

PUBLIC int open64(const char *path, int flags, ...)
{
    mode_t mode;

    TAKE_MODE(mode, flags);
    return open_at(AT_FDCWD, path, flags, mode);
}

PUBLIC int open(const char *path, int flags, ...)
{
    mode_t mode;

    TAKE_MODE(mode, flags);
    return open_at(AT_FDCWD, path, flags, mode);
}

PUBLIC int creat64(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

PUBLIC int creat(const char *path, mode_t mode)
{
    return creat64(path, mode);
}

PUBLIC int mkdirat(int dir, const char *path, mode_t mode)
{
    enum fp_verdict verdict = fp_judge_path(FP_MKDIR, "mkdir", dir, path);

    return is_stopped(verdict) ? -1 : (int)then(verdict, syscall(SYS_mkdirat, dir, path, mode));
}

PUBLIC int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* Judged by the new name. */
PUBLIC int renameat2(int from_dir, const char *from, int dir, const char *path, unsigned flags)
{
    enum fp_verdict verdict = fp_judge_path(FP_RENAME, "rename", dir, path);

    return is_stopped(verdict)
               ? -1
               : (int)then(verdict, syscall(SYS_renameat2, from_dir, from, dir, path, flags));
}

PUBLIC int renameat(int from_dir, const char *from, int dir, const char *path)
{
    return renameat2(from_dir, from, dir, path, 0);
}

PUBLIC int rename(const char *from, const char *path)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, path, 0);
}

PUBLIC int linkat(int from_dir, const char *from, int dir, const char *path, int flags)
{
    enum fp_verdict verdict = fp_judge_path(FP_LINK, "link", dir, path);

    return is_stopped(verdict)
               ? -1
               : (int)then(verdict, syscall(SYS_linkat, from_dir, from, dir, path, flags));
}

PUBLIC int link(const char *from, const char *path)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, path, 0);
}

PUBLIC int unlinkat(int dir, const char *path, int flags)
{
    enum fp_verdict verdict = fp_judge_path(FP_UNLINK, "unlink", dir, path);

    return is_stopped(verdict) ? -1 : (int)then(verdict, syscall(SYS_unlinkat, dir, path, flags));
}

PUBLIC int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

PUBLIC int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* ---- memory ---- */

/* glibc's own, under the names that nothing replaces. */
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t n, size_t len);
void *__libc_realloc(void *block, size_t len);

PUBLIC void *malloc(size_t len)
{
    return fp_no_memory("malloc", __builtin_return_address(0)) ? NULL : __libc_malloc(len);
}

PUBLIC void *calloc(size_t n, size_t len)
{
    return fp_no_memory("calloc", __builtin_return_address(0)) ? NULL : __libc_calloc(n, len);
}

PUBLIC void *realloc(void *block, size_t len)
{
    return fp_no_memory("realloc", __builtin_return_address(0)) ? NULL : __libc_realloc(block, len);
}

PUBLIC void *reallocarray(void *block, size_t n, size_t len)
{
    size_t bytes;

    if (fp_no_memory("reallocarray", __builtin_return_address(0)))
        return NULL;
    if (__builtin_mul_overflow(n, len, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(block, bytes);
}

static char *copy(const char *text, size_t len)
{
    char *block = __libc_malloc(len + 1);

    if (block) {
        memcpy(block, text, len);
        block[len] = 0;
    }
    return block;
}

PUBLIC char *strdup(const char *text)
{
    return fp_no_memory("strdup", __builtin_return_address(0)) ? NULL : copy(text, strlen(text));
}

PUBLIC char *strndup(const char *text, size_t len)
{
    return fp_no_memory("strndup", __builtin_return_address(0)) ? NULL
                                                                : copy(text, strnlen(text, len));
}

static int format_new(char **out, const char *format, va_list args)
{
    va_list again;
    char *text;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        return -1;
    text = __libc_malloc((size_t)len + 1);
    if (!text)
        return -1;
    *out = text;
    return vsnprintf(text, (size_t)len + 1, format, args);
}

PUBLIC int vasprintf(char **out, const char *format, va_list args)
{
    return fp_no_memory("vasprintf", __builtin_return_address(0)) ? -1
                                                                  : format_new(out, format, args);
}

/* What -D_FORTIFY_SOURCE makes of it. */
int __vasprintf_chk(char **out, int flag, const char *format, va_list args);
PUBLIC int __vasprintf_chk(char **out, int flag, const char *format, va_list args)
{
    (void)flag;
    return fp_no_memory("vasprintf", __builtin_return_address(0)) ? -1
                                                                  : format_new(out, format, args);
}
