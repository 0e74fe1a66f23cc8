#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 65536, TEMPORARY_RANDOM = 8 };

void hf_fd_auto(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* The descriptor is gone whatever close says (Linux), also after EINTR. */
enum hf_status hf_fd_close(int *fd, const char *what, struct hf_error *err)
{
    int closing = *fd;

    *fd = -1;
    if (close(closing) < 0 && errno != EINTR)
        return hf_error_sys(err, errno, "%s", what);
    return HF_OK;
}

/* Reads until the end or one byte past max. */
static enum hf_status read_all(int fd, const char *path, size_t max, struct hf_buf *out,
                               struct hf_error *err)
{
    size_t total = 0;

    while (total <= max) {
        size_t room = max - total < READ_STEP ? max - total + 1 : READ_STEP;
        ssize_t got;

        HF_TRY(hf_buf_reserve(out, room, err));
        got = read(fd, out->data + out->len, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hf_error_sys(err, errno, "%s", path);
        if (got == 0)
            return HF_OK;
        out->len += (size_t)got;
        total += (size_t)got;
    }
    return hf_error_set(err, HF_FAILED, "%s: larger than the %zu bytes that are allowed", path,
                        max);
}

enum hf_status hf_file_read(const char *path, size_t max, struct hf_buf *out, struct hf_error *err)
{
    HF_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t before = out->len;
    enum hf_status status;

    if (fd < 0)
        return hf_error_sys(err, errno, "%s", path);
    status = read_all(fd, path, max, out, err);
    if (status != HF_OK)
        out->len = before;
    return status;
}

enum hf_status hf_fd_write(int fd, const void *data, size_t len, const char *what,
                           struct hf_error *err)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t put = write(fd, at, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN) { /* a pipe that someone else made non-blocking */
            struct pollfd room = {.fd = fd, .events = POLLOUT};

            if (poll(&room, 1, -1) < 0 && errno != EINTR)
                return hf_error_sys(err, errno, "%s", what);
            continue;
        }
        if (put < 0)
            return hf_error_sys(err, errno, "%s", what);
        at += put;
        len -= (size_t)put;
    }
    return HF_OK;
}

enum hf_status hf_folder_sync(const char *folder, struct hf_error *err)
{
    HF_AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* File systems that have no such thing (EINVAL) keep names by themselves. */
    if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
        return hf_error_sys(err, errno, "%s", folder);
    return HF_OK;
}

/* A new folder: its mode, and its name in its parent. */
static enum hf_status settle_folder(const char *folder, struct hf_error *err)
{
    char parent[PATH_MAX + 4];

    if (chmod(folder, 0700) < 0)
        return hf_error_sys(err, errno, "cannot make directory %s", folder);
    (void)snprintf(parent, sizeof parent, "%s/..", folder);
    if (hf_folder_sync(parent, err) != HF_OK)
        return hf_error_prefix(err, "cannot make directory %s", folder);
    return HF_OK;
}

enum hf_status hf_folder_make(const char *folder, struct hf_error *err)
{
    char part[PATH_MAX];
    size_t len = strlen(folder);

    if (len == 0 || len >= sizeof part)
        return hf_error_set(err, HF_USAGE, "\"%.64s\" is not the path of a directory", folder);
    memcpy(part, folder, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) == 0)
            HF_TRY(settle_folder(part, err));
        else if (errno != EEXIST)
            return hf_error_sys(err, errno, "cannot make directory %s", part);
        part[i] = folder[i];
    }
    return HF_OK;
}

static enum hf_status sync_folder_of(const char *path, struct hf_error *err)
{
    HF_AUTO_FREE char *folder = NULL;
    char *slash;

    HF_TRY(hf_text_copy(path, &folder, err));
    slash = strrchr(folder, '/');
    if (!slash)
        return hf_folder_sync(".", err);
    slash[slash == folder ? 1 : 0] = 0;
    return hf_folder_sync(folder, err);
}

/* Content and mode, on disk when it returns. The mode is set at the end because of the umask. */
static enum hf_status write_durably(const char *path, const void *data, size_t len, unsigned mode,
                                    struct hf_error *err)
{
    HF_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return hf_error_sys(err, errno, "%s", path);
    HF_TRY(hf_fd_write(fd, data, len, path, err));
    if (fchmod(fd, (mode_t)mode) < 0 || fsync(fd) < 0)
        return hf_error_sys(err, errno, "%s", path);
    return hf_fd_close(&fd, path, err);
}

/* A crash leaves at most the temporary file beside the old or the new one. */
enum hf_status hf_file_replace(const char *path, const void *data, size_t len, unsigned mode,
                               struct hf_error *err)
{
    HF_AUTO_FREE char *temporary = NULL;
    char name[2 * TEMPORARY_RANDOM + 1];
    enum hf_status status;

    hf_random_hex(name, TEMPORARY_RANDOM);
    HF_TRY(hf_text_format(&temporary, err, "%s.%s.tmp", path, name));
    status = write_durably(temporary, data, len, mode, err);
    if (status == HF_OK && rename(temporary, path) < 0)
        status = hf_error_sys(err, errno, "%s", path);
    if (status != HF_OK) {
        (void)unlink(temporary);
        return status;
    }
    return sync_folder_of(path, err);
}

enum hf_status hf_fd_memory(const char *name, int *out, struct hf_error *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0)
        return hf_error_sys(err, errno, "memory file %s", name);
    *out = fd;
    return HF_OK;
}
