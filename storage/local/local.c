#include "storage/local/local.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "storage/local/local_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum hf_status read_error(const struct hf_store *store, int sys, const char *key,
                                 struct hf_error *err)
{
    if (sys == ENOENT || sys == ENOTDIR)
        return hf_error_set(err, HF_NOT_FOUND, "%s: %s is not there", store->name, key);
    return hf_error_sys(err, sys, "%s: cannot read %s", store->name, key);
}

static enum hf_status look_at_object(const struct hf_store *store, int fd, const char *key,
                                     uint64_t *out_size, struct hf_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return read_error(store, errno, key, err);
    if (!S_ISREG(st.st_mode))
        return hf_error_set(err, HF_NOT_FOUND, "%s: %s is not a file", store->name, key);
    *out_size = (uint64_t)st.st_size;
    return HF_OK;
}

static enum hf_status open_object(struct hf_store *store, const char *key, int *out_fd,
                                  uint64_t *out_size, struct hf_error *err)
{
    /* O_NONBLOCK: a FIFO in an object's place must not hang us; it means nothing to a file. */
    int fd = openat(hf_local_of(store)->root, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return read_error(store, errno, key, err);
    enum hf_status status = look_at_object(store, fd, key, out_size, err);
    if (status != HF_OK) {
        (void)close(fd);
        return status;
    }
    *out_fd = fd;
    return HF_OK;
}

/* The bytes are known to be there, but for a file cut short meanwhile. */
static enum hf_status read_range(struct hf_store *store, int fd, const char *key, uint64_t offset,
                                 size_t len, struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_reserve(out, len, err));
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, out->data + out->len + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return read_error(store, errno, key, err);
        if (n == 0)
            return hf_error_set(err, HF_DAMAGED, "%s: %s ends before its size", store->name, key);
        done += (size_t)n;
    }
    out->len += len;
    return HF_OK;
}

static enum hf_status local_get(struct hf_store *store, const char *key, uint64_t offset,
                                size_t len, struct hf_buf *out, struct hf_error *err)
{
    HF_AUTO_FD fd = -1;
    uint64_t size = 0;
    HF_TRY(open_object(store, key, &fd, &size, err));
    if (offset > size || len > size - offset)
        return hf_error_set(
            err, HF_DAMAGED, "%s: %s is truncated: it has %llu bytes, %zu are wanted at %llu",
            store->name, key, (unsigned long long)size, len, (unsigned long long)offset);
    return read_range(store, fd, key, offset, len, out, err);
}

static enum hf_status local_get_all(struct hf_store *store, const char *key, size_t max,
                                    struct hf_buf *out, struct hf_error *err)
{
    HF_AUTO_FD fd = -1;
    uint64_t size = 0;
    HF_TRY(open_object(store, key, &fd, &size, err));
    if (size > max)
        return hf_error_set(err, HF_DAMAGED, "%s: %s has %llu bytes, at most %zu can be right",
                            store->name, key, (unsigned long long)size, max);
    return read_range(store, fd, key, 0, (size_t)size, out, err);
}

static void fill_stat(const struct stat *st, struct hf_store_stat *out)
{
    int64_t mtime = (int64_t)st->st_mtim.tv_sec * HF_NS_PER_S + st->st_mtim.tv_nsec;
    *out = (struct hf_store_stat){.size = (uint64_t)st->st_size, .mtime = mtime};
}

static enum hf_status local_stat(struct hf_store *store, const char *key, struct hf_store_stat *out,
                                 struct hf_error *err)
{
    struct stat st;
    if (fstatat(hf_local_of(store)->root, key, &st, 0) != 0)
        return read_error(store, errno, key, err);
    if (!S_ISREG(st.st_mode))
        return hf_error_set(err, HF_NOT_FOUND, "%s: %s is not a file", store->name, key);
    fill_stat(&st, out);
    return HF_OK;
}

struct walk {
    struct hf_store *store;
    const char *prefix;
    hf_store_list_fn *fn;
    void *ctx;
};

static enum hf_status walk_dir(const struct walk *walk, const char *path, struct hf_error *err);

/* Could key be, or lie above, something that begins with the prefix? */
static bool prefix_meets(const char *prefix, const char *key)
{
    size_t p = strlen(prefix);
    size_t k = strlen(key);
    return strncmp(prefix, key, p < k ? p : k) == 0;
}

static enum hf_status walk_entry(const struct walk *walk, const char *path, const char *name,
                                 struct hf_error *err)
{
    char key[HF_STORE_KEY_MAX + 2];
    int n = snprintf(key, sizeof key, "%s%s%s", path, path[0] ? "/" : "", name);
    /* What cannot be an object (lost+found, tmp/, editors' leftovers) is none. */
    if (n < 0 || (size_t)n >= sizeof key || !hf_store_key_valid(key) ||
        !prefix_meets(walk->prefix, key))
        return HF_OK;

    struct stat st;
    if (fstatat(hf_local_of(walk->store)->root, key, &st, 0) != 0)
        return errno == ENOENT ? HF_OK : read_error(walk->store, errno, key, err);
    if (S_ISDIR(st.st_mode))
        return walk_dir(walk, key, err);
    if (!S_ISREG(st.st_mode) || strncmp(walk->prefix, key, strlen(walk->prefix)) != 0)
        return HF_OK;
    struct hf_store_stat stat;
    fill_stat(&st, &stat);
    return walk->fn(walk->ctx, key, &stat, err);
}

/* Depth is bounded by HF_STORE_KEY_PARTS, also where symbolic links make a circle. */
static enum hf_status walk_dir(const struct walk *walk, const char *path, struct hf_error *err)
{
    int fd = openat(hf_local_of(walk->store)->root, path[0] ? path : ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? HF_OK
                   : hf_error_sys(err, errno, "%s: cannot list %s", walk->store->name, path);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int sys = errno;
        (void)close(fd);
        return hf_error_sys(err, sys, "%s: cannot list %s", walk->store->name, path);
    }
    enum hf_status status = HF_OK;
    while (status == HF_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno != 0)
            status = hf_error_sys(err, errno, "%s: cannot list %s", walk->store->name, path);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = walk_entry(walk, path, entry->d_name, err);
    }
    (void)closedir(dir);
    return status;
}

static enum hf_status local_list(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                                 void *ctx, struct hf_error *err)
{
    struct walk walk = {.store = store, .prefix = prefix, .fn = fn, .ctx = ctx};
    char path[HF_STORE_KEY_MAX + 1];
    (void)snprintf(path, sizeof path, "%s", prefix);
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    else
        path[0] = '\0';
    return walk_dir(&walk, path, err);
}

static void local_close(struct hf_store *store)
{
    struct hf_local *local = hf_local_of(store);
    (void)close(local->root);
    free(local);
}

static const struct hf_store_driver local_driver = {
    .put = hf_local_put,
    .get = local_get,
    .get_all = local_get_all,
    .list = local_list,
    .stat = local_stat,
    .remove = hf_local_remove,
    .remove_many = hf_local_remove_many,
    .close = local_close,
};

static enum hf_status open_root(const char *path, int *out, struct hf_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        *out = fd;
        return HF_OK;
    }
    if (errno == ENOENT)
        return hf_error_set(err, HF_NOT_FOUND, "there is no directory %s", path);
    if (errno == ENOTDIR)
        return hf_error_set(err, HF_USAGE, "%s is not a directory", path);
    return hf_error_sys(err, errno, "cannot open directory %s", path);
}

enum hf_status hf_local_open(const char *path, enum hf_local_mode mode, struct hf_store **out,
                             struct hf_error *err)
{
    if (mode == HF_LOCAL_CREATE)
        HF_TRY(hf_folder_make(path, err));

    HF_AUTO_FD root = -1;
    HF_TRY(open_root(path, &root, err));
    HF_AUTO_FREE char *name = NULL;
    HF_TRY(hf_text_format(&name, err, "directory %s", path));
    HF_AUTO_FREE struct hf_local *local = calloc(1, sizeof *local);
    if (!local)
        return hf_error_memory(err);
    HF_TRY(hf_store_setup(&local->store, &local_driver, name, err));
    local->root = root;
    root = -1;
    hf_local_clean_tmp(local);
    *out = &local->store;
    local = NULL;
    return HF_OK;
}
