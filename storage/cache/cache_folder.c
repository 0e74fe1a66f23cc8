#include "storage/cache/cache_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SUM = 32,
    REPOSITORY_ID = 32, /* hexadecimal digits */
    NAME = HF_STORE_KEY_MAX + 1,
    TEMPORARY_STALE_S = 3600,
    DAY_S = 86400,
};

#define TEMPORARY ".new-"
/* So that those who back up caches can tell (bford.info/cachedir). */
#define TAG "CACHEDIR.TAG"
static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                          "# Copies of what holdfast's repositories hold; they can be removed.\n";

/* What is kept, and how much of the object's SHA-256 ends its name. */
static const struct kind {
    const char *prefix;
    size_t hash;
} kinds[] = {{"index/", 32}, {"snapshots/", 16}, {"proofs/", 0}, {"marks/", 32}};

static const struct kind *kind_of(const char *key)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(key, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return &kinds[i];
    return NULL;
}

bool hf_cache_keeps(const char *key)
{
    return kind_of(key) != NULL;
}

/* Said once: whoever has no room for copies has none for the next one either. */
static void note(struct hf_cache_folder *folder, const char *what, int sys)
{
    if (!atomic_exchange(&folder->noted, true))
        hf_observe(folder->observer, folder->level, "the cache is done without: %s: %s", what,
                   strerror(sys));
}

/* Names. */

static void file_name(const char *key, char out[NAME])
{
    size_t i = 0;
    for (; key[i] && i < NAME - 1; i++)
        out[i] = key[i] == '/' ? ',' : key[i];
    out[i] = '\0';
}

/* False: no copy of anything. */
static bool key_of(const char *name, char out[NAME])
{
    size_t len = strnlen(name, NAME);
    if (len == NAME || name[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = name[i] == ',' ? '/' : name[i];
    out[len] = '\0';
    return hf_cache_keeps(out);
}

/* Sums. */

static bool sum_of(const char *key, const void *data, size_t len, uint8_t out[SUM])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(ctx, key, strlen(key) + 1) == 1 &&
                EVP_DigestUpdate(ctx, data, len) == 1 && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return done;
}

/* What the store gave under a name that is its hash may be damaged: the copy must not outlive the
 * damage. */
static bool fits_name(const char *key, const void *data, size_t len)
{
    uint8_t hash[32], named[32];
    size_t part = kind_of(key)->hash;
    if (part == 0)
        return true;
    size_t key_len = strlen(key);
    return key_len > 2 * part && hf_unhex(named, part, key + key_len - 2 * part) &&
           EVP_Digest(data, len, hash, NULL, EVP_sha256(), NULL) == 1 &&
           memcmp(hash, named, part) == 0;
}

/* The folder. */

/* Calls fn for each file; what cannot be read is as good as empty. */
static void each_file(int folder, void (*fn)(void *ctx, int folder, const char *name), void *ctx)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fn(ctx, folder, entry->d_name);
    (void)closedir(dir);
}

static int64_t age_s(const struct stat *st)
{
    return hf_clock_now() / HF_NS_PER_S - st->st_mtim.tv_sec;
}

/* Counts a copy; removes what a killed process left half written. */
static void look_at_file(void *ctx, int fd, const char *name)
{
    struct hf_cache_folder *folder = ctx;
    struct stat st;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return;
    if (strncmp(name, TEMPORARY, strlen(TEMPORARY)) != 0)
        atomic_fetch_add(&folder->bytes, (uint64_t)st.st_size);
    else if (age_s(&st) > TEMPORARY_STALE_S)
        (void)unlinkat(fd, name, 0);
}

static void remove_file(void *ctx, int fd, const char *name)
{
    char key[NAME];
    (void)ctx;
    if (key_of(name, key) || strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0)
        (void)unlinkat(fd, name, 0);
}

/* Another repository's folder: what it holds goes when it was not attached to for a long time. */
static void look_at_repository(void *ctx, int root, const char *name)
{
    struct stat st;
    const char *own = ctx;
    if (strspn(name, "0123456789abcdef") != REPOSITORY_ID || name[REPOSITORY_ID] != '\0' ||
        strcmp(name, own) == 0)
        return;
    HF_AUTO_FD fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || age_s(&st) < (int64_t)HF_CACHE_UNUSED_DAYS * DAY_S)
        return;
    each_file(fd, remove_file, NULL);
    (void)unlinkat(root, name, AT_REMOVEDIR);
}

static void write_tag(int root)
{
    struct hf_error ignored = HF_ERROR_INIT;
    HF_AUTO_FD fd = openat(root, TAG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)!hf_fd_write(fd, tag, sizeof tag - 1, TAG, &ignored);
}

/* -1 and errno. */
static int open_repository(int root, const char *id)
{
    if (mkdirat(root, id, 0700) == 0)
        (void)!fchmodat(root, id, 0700, 0); /* the umask may have taken bits */
    else if (errno != EEXIST)
        return -1;
    return openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void hf_cache_folder_attach(struct hf_cache_folder *folder, const struct hf_cache_options *options)
{
    struct hf_error err = HF_ERROR_INIT;
    folder->level = options->level;
    folder->observer = options->observer;
    folder->most = options->most ? options->most : HF_CACHE_SIZE;
    if (hf_folder_make(options->folder, &err) != HF_OK) {
        hf_observe(folder->observer, folder->level, "the cache is done without: %s", err.text);
        return;
    }
    HF_AUTO_FD root = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    folder->fd = root < 0 ? -1 : open_repository(root, options->repository);
    if (folder->fd < 0) {
        note(folder, options->folder, errno);
        return;
    }
    write_tag(root);
    (void)futimens(folder->fd, NULL); /* in use: see look_at_repository */
    each_file(root, look_at_repository, (void *)(uintptr_t)options->repository);
    each_file(folder->fd, look_at_file, folder);
}

void hf_cache_folder_detach(struct hf_cache_folder *folder)
{
    if (folder->fd >= 0)
        (void)close(folder->fd);
    folder->fd = -1;
}

/* Reading. */

static bool read_exactly(int fd, size_t len, struct hf_buf *out)
{
    struct hf_error ignored = HF_ERROR_INIT;
    if (hf_buf_reserve(out, len, &ignored) != HF_OK)
        return false;
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, out->data + out->len + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    out->len += len;
    return true;
}

/* The object and its sum, of which the sum is taken off again. */
static bool read_copy(int fd, const char *key, size_t max, struct hf_buf *out)
{
    struct stat st;
    uint8_t sum[SUM];
    size_t before = out->len;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < SUM ||
        (uint64_t)st.st_size - SUM > max || !read_exactly(fd, (size_t)st.st_size, out))
        return false;
    size_t len = (size_t)st.st_size - SUM;
    if (sum_of(key, out->data + before, len, sum) &&
        memcmp(sum, out->data + before + len, SUM) == 0) {
        out->len = before + len;
        return true;
    }
    out->len = before;
    return false;
}

bool hf_cache_folder_read(struct hf_cache_folder *folder, const char *key, size_t max,
                          struct hf_buf *out)
{
    char name[NAME];
    file_name(key, name);
    /* O_NONBLOCK: a FIFO in a copy's place must not hang us; it means nothing to a file. */
    HF_AUTO_FD fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (read_copy(fd, key, max, out))
        return true;
    hf_cache_folder_remove(folder, key);
    return false;
}

/* Writing. */

/* Not synced: a copy that a crash left incomplete has the wrong sum. Returns an errno. */
static int write_copy(int folder, const char *temporary, const char *key, const void *data,
                      size_t len)
{
    uint8_t sum[SUM];
    struct hf_error err = HF_ERROR_INIT;
    if (!sum_of(key, data, len, sum))
        return EINVAL;
    HF_AUTO_FD fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    if (hf_fd_write(fd, data, len, key, &err) != HF_OK ||
        hf_fd_write(fd, sum, sizeof sum, key, &err) != HF_OK ||
        hf_fd_close(&fd, key, &err) != HF_OK)
        return err.sys ? err.sys : EIO;
    return 0;
}

/* Takes room for a copy; false: there is none. */
static bool take_room(struct hf_cache_folder *folder, uint64_t bytes)
{
    if (atomic_fetch_add(&folder->bytes, bytes) + bytes <= folder->most)
        return true;
    atomic_fetch_sub(&folder->bytes, bytes);
    return false;
}

void hf_cache_folder_write(struct hf_cache_folder *folder, const char *key, const void *data,
                           size_t len)
{
    char name[NAME], temporary[64], random[17];
    if (atomic_load(&folder->noted) || !fits_name(key, data, len) || !take_room(folder, len + SUM))
        return;
    file_name(key, name);
    hf_random_hex(random, 8);
    (void)snprintf(temporary, sizeof temporary, TEMPORARY "%ld-%s", (long)getpid(), random);
    int sys = write_copy(folder->fd, temporary, key, data, len);
    if (sys == 0)
        hf_cache_folder_remove(folder, key); /* an older copy, so that it is counted no more */
    if (sys == 0 && renameat(folder->fd, temporary, folder->fd, name) == 0)
        return;
    sys = sys ? sys : errno;
    (void)unlinkat(folder->fd, temporary, 0);
    atomic_fetch_sub(&folder->bytes, len + SUM);
    note(folder, name, sys);
}

static void remove_copy(struct hf_cache_folder *folder, const char *name)
{
    struct stat st;
    if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        unlinkat(folder->fd, name, 0) != 0)
        return;
    uint64_t size = (uint64_t)st.st_size, bytes = atomic_load(&folder->bytes);
    while (!atomic_compare_exchange_weak(&folder->bytes, &bytes, bytes > size ? bytes - size : 0))
        ;
}

void hf_cache_folder_remove(struct hf_cache_folder *folder, const char *key)
{
    char name[NAME];
    file_name(key, name);
    remove_copy(folder, name);
}

struct prune {
    struct hf_cache_folder *folder;
    const char *prefix;
    const struct hf_strings *keys;
};

static int compare(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void prune_file(void *ctx, int fd, const char *name)
{
    struct prune *prune = ctx;
    const struct hf_strings *keys = prune->keys;
    char key[NAME];
    const char *wanted = key;
    (void)fd;
    if (!key_of(name, key) || strncmp(key, prune->prefix, strlen(prune->prefix)) != 0)
        return;
    if (keys->count == 0 ||
        !bsearch(&wanted, keys->items, keys->count, sizeof *keys->items, compare))
        remove_copy(prune->folder, name);
}

void hf_cache_folder_prune(struct hf_cache_folder *folder, const char *prefix,
                           struct hf_strings *keys)
{
    struct prune prune = {.folder = folder, .prefix = prefix, .keys = keys};
    if (keys->count > 1)
        qsort(keys->items, keys->count, sizeof *keys->items, compare);
    each_file(folder->fd, prune_file, &prune);
}
