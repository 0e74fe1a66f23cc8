#include "storage/local/local_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    DIR_MODE = 0700,
    FILE_MODE = 0600,
    TMP_NAME = 64,
    TMP_STALE_S = 24 * 60 * 60,
};

/* errno as an error; a store that may not be written is said in words. */
static enum hf_status write_error(const struct hf_local *local, int sys, const char *key,
                                  struct hf_error *err)
{
    if (sys == EROFS)
        return hf_error_set(err, HF_DENIED,
                            "%s: cannot write %s: the file system is mounted read-only",
                            local->store.name, key);
    if (sys == EACCES || sys == EPERM)
        return hf_error_set(err, HF_DENIED,
                            "%s: cannot write %s: no permission; run as the directory's owner",
                            local->store.name, key);
    return hf_error_sys(err, sys, "%s: cannot write %s", local->store.name, key);
}

/* The umask may have taken bits that the owner needs; it can never have added any. Returns an
 * errno. */
static int make_dir(int at, const char *path)
{
    if (mkdirat(at, path, DIR_MODE) == 0)
        return fchmodat(at, path, DIR_MODE, 0) == 0 ? 0 : errno;
    return errno == EEXIST ? 0 : errno;
}

/* fsync of a folder; file systems that have no such thing (EINVAL) keep names by themselves. */
static int sync_dir(int at, const char *path)
{
    HF_AUTO_FD fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (fsync(fd) != 0 && errno != EINVAL)
        return errno;
    return 0;
}

/* Every folder above key, the nearest first. Also those that exist already: another process may
 * have made them a moment ago and not have come to its own fsync yet. */
static int sync_parents(int root, const char *key)
{
    char path[HF_STORE_KEY_MAX + 1];
    (void)snprintf(path, sizeof path, "%s", key);
    for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
        *slash = '\0';
        int sys = sync_dir(root, path);
        if (sys != 0)
            return sys;
    }
    return sync_dir(root, ".");
}

static int make_parents(int root, const char *key)
{
    char path[HF_STORE_KEY_MAX + 1];
    (void)snprintf(path, sizeof path, "%s", key);
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int sys = make_dir(root, path);
        if (sys != 0)
            return sys;
        *slash = '/';
    }
    return 0;
}

/* A new file below tmp/, which is made when it is not there. */
static enum hf_status tmp_open(struct hf_local *local, const char *key, char name[TMP_NAME],
                               int *out, struct hf_error *err)
{
    char random[33];
    hf_random_hex(random, 16);
    (void)snprintf(name, TMP_NAME, HF_LOCAL_TMP "/%ld-%s", (long)getpid(), random);

    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = openat(local->root, name, flags, FILE_MODE);
    if (fd < 0 && errno == ENOENT) {
        int sys = make_dir(local->root, HF_LOCAL_TMP);
        if (sys != 0)
            return write_error(local, sys, key, err);
        fd = openat(local->root, name, flags, FILE_MODE);
    }
    if (fd < 0)
        return write_error(local, errno, key, err);
    *out = fd;
    return HF_OK;
}

/* A test's clock. */
static int move_time(int fd)
{
    int64_t offset = hf_clock_store_offset(), time;
    struct timespec now;
    if (offset == 0)
        return 0;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    time = (int64_t)now.tv_sec * HF_NS_PER_S + now.tv_nsec + offset;
    now = (struct timespec){.tv_sec = time / HF_NS_PER_S, .tv_nsec = time % HF_NS_PER_S};
    return futimens(fd, (const struct timespec[]){now, now});
}

/* Content on disk before any name leads to it. */
static enum hf_status tmp_fill(struct hf_local *local, int fd, const char *key, const void *data,
                               size_t len, struct hf_error *err)
{
    char what[HF_STORE_KEY_MAX + PATH_MAX];
    (void)snprintf(what, sizeof what, "%s: cannot write %s", local->store.name, key);
    HF_TRY(hf_fd_write(fd, data, len, what, err));
    if (fchmod(fd, FILE_MODE) != 0 || move_time(fd) != 0 || fsync(fd) != 0)
        return write_error(local, errno, key, err);
    return HF_OK;
}

/* Some file systems (exFAT, some network ones) have no hard links. Returns an errno. */
static int place_new(int root, const char *tmp, const char *key)
{
    if (linkat(root, tmp, root, key, 0) == 0)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return errno;
    return renameat2(root, tmp, root, key, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

static int place(int root, const char *tmp, const char *key, enum hf_put_mode mode)
{
    if (mode != HF_PUT_REPLACE)
        return place_new(root, tmp, key);
    return renameat(root, tmp, root, key) == 0 ? 0 : errno;
}

static enum hf_status put_tmp(struct hf_local *local, const char *tmp, const char *key,
                              enum hf_put_mode mode, struct hf_error *err)
{
    int sys = place(local->root, tmp, key, mode);
    if (sys == ENOENT) {
        sys = make_parents(local->root, key);
        if (sys == 0)
            sys = place(local->root, tmp, key, mode);
    }
    if (sys != 0 && sys != EEXIST)
        return write_error(local, sys, key, err);

    /* Also when it exists: whoever put it may not have come to its fsync, and our caller will
     * take HF_EXISTS of a content-named object for "it is safe there". */
    int synced = sync_parents(local->root, key);
    if (synced != 0)
        return write_error(local, synced, key, err);
    if (sys == EEXIST)
        return hf_error_set(err, HF_EXISTS, "%s: %s exists already", local->store.name, key);
    return HF_OK;
}

enum hf_status hf_local_put(struct hf_store *store, const char *key, const void *data, size_t len,
                            enum hf_put_mode mode, struct hf_error *err)
{
    struct hf_local *local = hf_local_of(store);
    char tmp[TMP_NAME];
    int fd = -1;
    HF_TRY(tmp_open(local, key, tmp, &fd, err));

    /* A crash anywhere here leaves a file in tmp/ that a later open removes. */
    enum hf_status status = tmp_fill(local, fd, key, data, len, err);
    if (close(fd) != 0 && status == HF_OK)
        status = write_error(local, errno, key, err);
    if (status == HF_OK)
        status = put_tmp(local, tmp, key, mode, err);
    (void)unlinkat(local->root, tmp, 0); /* gone already after a rename */
    return status;
}

/* Not durable yet. *out_removed: it was there. */
static enum hf_status unlink_key(struct hf_local *local, const char *key, bool *out_removed,
                                 struct hf_error *err)
{
    *out_removed = false;
    if (unlinkat(local->root, key, 0) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return HF_OK;
        if (errno == EACCES || errno == EPERM || errno == EROFS)
            return hf_error_set(err, HF_DENIED, "%s: cannot remove %s: %s", local->store.name, key,
                                errno == EROFS ? "the file system is mounted read-only"
                                               : "no permission; run as the directory's owner");
        return hf_error_sys(err, errno, "%s: cannot remove %s", local->store.name, key);
    }
    *out_removed = true;
    return HF_OK;
}

/* The folder alone: those above it have not changed. */
static enum hf_status sync_removed(struct hf_local *local, const char *key, struct hf_error *err)
{
    char path[HF_STORE_KEY_MAX + 1];
    (void)snprintf(path, sizeof path, "%s", key);
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    int sys = sync_dir(local->root, slash ? path : ".");
    return sys == 0 ? HF_OK
                    : hf_error_sys(err, sys, "%s: cannot remove %s", local->store.name, key);
}

enum hf_status hf_local_remove(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct hf_local *local = hf_local_of(store);
    bool removed;
    HF_TRY(unlink_key(local, key, &removed, err));
    return removed ? sync_removed(local, key, err) : HF_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool same_folder(const char *a, const char *b)
{
    const char *end_a = strrchr(a, '/'), *end_b = strrchr(b, '/');
    size_t len_a = end_a ? (size_t)(end_a - a) : 0, len_b = end_b ? (size_t)(end_b - b) : 0;
    return len_a == len_b && memcmp(a, b, len_a) == 0;
}

/* A folder is synced once for all that was removed from it: with thousands of packs that is what
 * takes the time. */
enum hf_status hf_local_remove_many(struct hf_store *store, const char *const *keys, size_t count,
                                    struct hf_error *err)
{
    struct hf_local *local = hf_local_of(store);
    struct hf_error first = HF_ERROR_INIT;
    size_t done = 0;
    HF_AUTO_FREE const char **removed = calloc(count + 1, sizeof *removed);
    if (!removed)
        return hf_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct hf_error why = HF_ERROR_INIT;
        bool was_there;
        if (unlink_key(local, keys[i], &was_there, &why) != HF_OK && first.status == HF_OK)
            first = why;
        if (was_there)
            removed[done++] = keys[i];
    }
    if (done > 1)
        qsort(removed, done, sizeof *removed, by_name);
    for (size_t i = 0; i < done; i++) {
        struct hf_error why = HF_ERROR_INIT;
        if (i + 1 < done && same_folder(removed[i], removed[i + 1]))
            continue;
        if (sync_removed(local, removed[i], &why) != HF_OK && first.status == HF_OK)
            first = why;
    }
    if (first.status != HF_OK)
        *err = first;
    return first.status;
}

void hf_local_clean_tmp(struct hf_local *local)
{
    int fd = openat(local->root, HF_LOCAL_TMP, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return;
    }
    int64_t limit = hf_clock_now() / HF_NS_PER_S - TMP_STALE_S;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            st.st_mtime < limit)
            (void)unlinkat(fd, entry->d_name, 0);
    }
    (void)closedir(dir);
}
