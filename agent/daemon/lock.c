#include "agent/daemon/lock.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { PID_TEXT = 24, PATH_HASH = 8 };

static enum hf_status open_lock(const char *state, const char *name, int *out, struct hf_error *err)
{
    HF_AUTO_FREE char *folder = NULL, *path = NULL;

    HF_TRY(hf_text_format(&folder, err, "%s/locks", state));
    HF_TRY(hf_text_format(&path, err, "%s/%s.lock", folder, name));
    HF_TRY(hf_folder_make(folder, err));
    *out = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *out >= 0 ? HF_OK : hf_error_sys(err, errno, "%s", path);
}

/* Only a hint for a person: a file system that is full must not keep the lock from being taken.
 * What is there only in part does not end with a line end, and is not believed. */
static void write_holder(int fd)
{
    char text[PID_TEXT];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) != len)
        return;
}

static pid_t read_holder(int fd)
{
    char text[PID_TEXT] = "";
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    char *end;
    long pid;

    if (got <= 0)
        return 0;
    pid = strtol(text, &end, 10);
    return *end == '\n' && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

enum hf_status hf_lock_take(const char *state, const char *name, int *out, pid_t *out_holder,
                            struct hf_error *err)
{
    HF_AUTO_FD fd = -1;

    HF_TRY(open_lock(state, name, &fd, err));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return hf_error_sys(err, errno, "%s/locks/%s.lock", state, name);
        *out_holder = read_holder(fd);
        return hf_error_set(err, HF_BUSY, "process %ld has the lock \"%s\"", (long)*out_holder,
                            name);
    }
    write_holder(fd);
    *out = fd;
    fd = -1;
    return HF_OK;
}

bool hf_lock_is_held(const char *state, const char *name, pid_t *out_holder)
{
    struct hf_error ignored = HF_ERROR_INIT;
    HF_AUTO_FD fd = -1;

    if (open_lock(state, name, &fd, &ignored) != HF_OK)
        return false;
    /* Shared: two that only look do not take each other for one who has it. */
    if (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return false;
    *out_holder = read_holder(fd);
    return true;
}

void hf_lock_job_name(char out[HF_LOCK_NAME_MAX], const char *config_file, const char *job)
{
    HF_AUTO_FREE char *whole = config_file ? realpath(config_file, NULL) : NULL;
    const char *path = whole ? whole : "";
    uint8_t hash[crypto_generichash_BYTES_MIN];
    char hex[2 * PATH_HASH + 1];

    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)path, strlen(path), NULL, 0);
    hf_hex(hex, hash, PATH_HASH);
    (void)snprintf(out, HF_LOCK_NAME_MAX, "job-%s-%s", job, hex);
}
