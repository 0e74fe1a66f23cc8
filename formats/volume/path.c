#include "formats/volume/path.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What one system call takes of a path. */
enum { STEP = PATH_MAX - 1 };

/* Kernels before 5.6, and old sandboxes, do not have openat2: asked once. */
enum { UNKNOWN, PRESENT, ABSENT };
static atomic_int openat2_state = UNKNOWN;

static int resolve(int dir, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static bool whole_paths(int root)
{
    int state = atomic_load_explicit(&openat2_state, memory_order_relaxed);
    if (state == UNKNOWN) {
        int fd = resolve(root, ".", O_PATH, 0);
        state = fd < 0 && (errno == ENOSYS || errno == EPERM) ? ABSENT : PRESENT;
        if (fd >= 0)
            (void)close(fd);
        atomic_store_explicit(&openat2_state, state, memory_order_relaxed);
    }
    return state == PRESENT;
}

/* How much of path one call takes: as many whole parts as fit, or one without openat2. */
static size_t step_length(const char *path, bool whole)
{
    size_t len = strlen(path);
    const char *slash = NULL;
    if (!whole)
        slash = strchr(path, '/');
    else if (len > STEP)
        slash = memrchr(path, '/', STEP);
    return slash ? (size_t)(slash - path) : len;
}

static int open_step(int dir, const char *path, size_t len, bool whole, int flags, mode_t mode)
{
    char part[STEP + 1];
    if (len > STEP) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(part, path, len);
    part[len] = 0;
    return whole ? resolve(dir, part, flags, mode)
                 : openat(dir, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

static void close_kept(int fd, int root)
{
    int error = errno;
    if (fd != root)
        (void)close(fd);
    errno = error;
}

int hf_vol_open(int root, const char *path, int flags, mode_t mode)
{
    int dir = root;
    bool whole = whole_paths(root);
    if (!*path)
        return openat(root, ".", flags | O_CLOEXEC, mode);
    for (;;) {
        size_t len = step_length(path, whole);
        bool last = path[len] == 0;
        int fd = last ? open_step(dir, path, len, whole, flags, mode)
                      : open_step(dir, path, len, whole, O_PATH | O_DIRECTORY, 0);
        close_kept(dir, root);
        if (fd < 0 || last)
            return fd;
        dir = fd;
        path += len + 1;
    }
}

int hf_vol_open_parent(int root, const char *path, const char **out_name)
{
    const char *slash = strrchr(path, '/');
    if (!*path) {
        errno = EINVAL;
        return -1;
    }
    if (!slash) {
        *out_name = path;
        return openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    *out_name = slash + 1;
    char *parent = strndup(path, (size_t)(slash - path));
    if (!parent)
        return -1;
    int fd = hf_vol_open(root, parent, O_PATH | O_DIRECTORY, 0);
    int error = errno;
    free(parent);
    errno = error;
    return fd;
}

int hf_vol_path_compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (*a == *b)
        return 0;
    unsigned x = *a == '/' ? 1 : *a ? (unsigned)(uint8_t)*a + 1 : 0;
    unsigned y = *b == '/' ? 1 : *b ? (unsigned)(uint8_t)*b + 1 : 0;
    return x < y ? -1 : 1;
}

static bool part_valid(const char *part, size_t len)
{
    return len > 0 && !(len == 1 && part[0] == '.') &&
           !(len == 2 && part[0] == '.' && part[1] == '.');
}

bool hf_vol_path_valid(const char *path, size_t len)
{
    if (len == 0)
        return true;
    if (len > HF_VOL_PATH_MAX || memchr(path, 0, len))
        return false;
    for (;;) {
        const char *slash = memchr(path, '/', len);
        size_t part = slash ? (size_t)(slash - path) : len;
        if (!part_valid(path, part))
            return false;
        if (!slash)
            return true;
        path += part + 1;
        len -= part + 1;
    }
}

const char *hf_vol_path_text(char text[HF_VOL_PATH_TEXT], const char *path)
{
    enum { ENDING = 200 }; /* of a long path, the end tells most */
    size_t at = 0, len = strlen(path);
    const char *resume = len > HF_VOL_PATH_TEXT / 4 + ENDING ? path + len - ENDING : NULL;
    if (!*path)
        path = ".";
    while (*path && at < HF_VOL_PATH_TEXT - 8) {
        size_t n = hf_text_utf8(path, NULL);
        if (resume && path < resume && at > HF_VOL_PATH_TEXT / 4) {
            memcpy(text + at, "...", 3);
            at += 3;
            path = resume;
            resume = NULL;
        } else if (n == 0 || (uint8_t)*path < 0x20 || *path == 0x7f) {
            at += (size_t)snprintf(text + at, 5, "\\x%02x", (uint8_t)*path);
            path++;
        } else {
            memcpy(text + at, path, n);
            at += n;
            path += n;
        }
    }
    text[at] = 0;
    return text;
}
