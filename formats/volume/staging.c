#include "formats/volume/staging.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { RANDOM = 4 };

/* ---- removing ---- */

/* Whether the entry is gone; *out_below is set to a directory that is not empty. */
static int remove_entry(int dir, const char *name, char *out_below, size_t size)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return errno;
    (void)snprintf(out_below, size, "%s", name);
    return 0;
}

static int remove_entries(int dir, char *out_below, size_t size)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    int error = 0;
    *out_below = 0;
    if (!list) {
        error = errno;
        hf_fd_auto(&fd);
        return error;
    }
    while (error == 0 && !*out_below) {
        errno = 0;
        const struct dirent *entry = readdir(list);
        if (!entry) {
            error = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            error = remove_entry(dir, entry->d_name, out_below, size);
    }
    (void)closedir(list);
    return error;
}

/* Down into the first directory that is not empty, until all are, and up again by "..", which is
 * the directory it was entered from: nobody else moves things here. One is open at a time. */
int hf_vol_remove_all(int dir)
{
    char below[256];
    size_t depth = 0;
    int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    int error = at < 0 ? errno : 0;
    while (error == 0) {
        error = remove_entries(at, below, sizeof below);
        if (error || (!*below && depth == 0))
            break;
        (void)!fchmodat(at, *below ? below : ".", 0700, 0);
        int next =
            openat(at, *below ? below : "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        error = next < 0 ? errno : 0;
        depth = *below ? depth + 1 : depth - 1;
        (void)close(at);
        at = next;
    }
    if (at >= 0)
        (void)close(at);
    return error;
}

/* ---- beginning ---- */

static enum hf_status split(const char *target, char **out_parent, char **out_name,
                            struct hf_error *err)
{
    size_t len = strlen(target);
    while (len > 1 && target[len - 1] == '/')
        len--;
    const char *slash = memrchr(target, '/', len);
    const char *name = slash ? slash + 1 : target;
    size_t name_len = len - (size_t)(name - target);
    if (name_len == 0 || (name_len == 1 && *name == '.') ||
        (name_len == 2 && name[0] == '.' && name[1] == '.'))
        return hf_error_set(err, HF_USAGE, "%s: restore to a directory with a name of its own",
                            target);
    HF_TRY(hf_text_format(out_name, err, "%.*s", (int)name_len, name));
    if (!slash)
        return hf_text_copy(".", out_parent, err);
    return hf_text_format(out_parent, err, "%.*s", slash == target ? 1 : (int)(slash - target),
                          target);
}

static bool is_empty_directory(int parent, const char *name)
{
    HF_AUTO_FD fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(dup(fd)) : NULL;
    const struct dirent *entry;
    bool empty = list != NULL;
    while (list && (entry = readdir(list)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            empty = false;
    if (list)
        (void)closedir(list);
    return empty;
}

static enum hf_status check_target(const struct hf_vol_staging *staging, struct hf_error *err)
{
    struct stat st;
    if (fstatat(staging->parent, staging->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? HF_OK : hf_error_sys(err, errno, "%s", staging->path);
    if (staging->replace || is_empty_directory(staging->parent, staging->name))
        return HF_OK;
    return hf_error_set(err, HF_EXISTS,
                        "%s is there already and not empty: restore to another directory, or with "
                        "--replace, which keeps it under another name",
                        staging->path);
}

static enum hf_status make(struct hf_vol_staging *staging, struct hf_error *err)
{
    char random[2 * RANDOM + 1];
    hf_random_hex(random, RANDOM);
    HF_TRY(hf_text_format(&staging->temporary, err, "%.200s.holdfast-%s", staging->name, random));
    if (mkdirat(staging->parent, staging->temporary, 0700) != 0)
        return hf_error_sys(err, errno, "making a directory beside %s", staging->path);
    staging->root = openat(staging->parent, staging->temporary,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (staging->root < 0)
        return hf_error_sys(err, errno, "%s", staging->temporary);
    /* What it inherited would be inherited by all that is made in it. */
    (void)fremovexattr(staging->root, "system.posix_acl_default");
    (void)fremovexattr(staging->root, "system.posix_acl_access");
    return HF_OK;
}

enum hf_status hf_vol_staging_begin(const char *target, bool replace, struct hf_vol_staging *out,
                                    struct hf_error *err)
{
    struct hf_vol_staging staging = {.parent = -1, .root = -1, .replace = replace};
    HF_AUTO_FREE char *parent = NULL;
    enum hf_status status = split(target, &parent, &staging.name, err);
    if (status == HF_OK)
        status = hf_text_copy(target, &staging.path, err);
    if (status == HF_OK) {
        staging.parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (staging.parent < 0)
            status = hf_error_sys(err, errno, "%s", parent);
    }
    if (status == HF_OK)
        status = check_target(&staging, err);
    if (status == HF_OK)
        status = make(&staging, err);
    if (status != HF_OK) {
        hf_vol_staging_done(&staging);
        return status;
    }
    *out = staging;
    return HF_OK;
}

/* ---- ending ---- */

static enum hf_status move_aside(struct hf_vol_staging *staging, struct hf_error *err)
{
    char time[HF_TIME_TEXT];
    HF_AUTO_FREE char *name = NULL;
    HF_AUTO_FREE char *aside = NULL;
    hf_time_format_compact(time, hf_clock_now());
    HF_TRY(hf_text_format(&name, err, "%.200s.before-%s", staging->name, time));
    size_t folder = strlen(staging->path);
    while (folder > 1 && staging->path[folder - 1] == '/')
        folder--;
    folder -= strlen(staging->name);
    HF_TRY(hf_text_format(&aside, err, "%.*s%s", (int)folder, staging->path, name));
    if (renameat2(staging->parent, staging->name, staging->parent, name, RENAME_NOREPLACE) != 0)
        return hf_error_sys(err, errno, "renaming what was %s", staging->path);
    staging->aside = aside;
    aside = NULL;
    return HF_OK;
}

/* An empty directory is in the way of nothing: rename takes its place. */
enum hf_status hf_vol_staging_commit(struct hf_vol_staging *staging, struct hf_error *err)
{
    struct stat st;
    if (syncfs(staging->root) != 0)
        return hf_error_sys(err, errno, "%s", staging->path);
    if (staging->replace &&
        fstatat(staging->parent, staging->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        !is_empty_directory(staging->parent, staging->name))
        HF_TRY(move_aside(staging, err));
    if (renameat(staging->parent, staging->temporary, staging->parent, staging->name) != 0)
        return hf_error_sys(err, errno, "giving the restored directory its name, %s",
                            staging->path);
    staging->named = true;
    if (fsync(staging->parent) != 0)
        return hf_error_sys(err, errno, "%s", staging->path);
    return HF_OK;
}

void hf_vol_staging_discard(struct hf_vol_staging *staging)
{
    if (staging->root < 0 || staging->named)
        return;
    (void)!fchmod(staging->root, 0700);
    (void)hf_vol_remove_all(staging->root);
    (void)unlinkat(staging->parent, staging->temporary, AT_REMOVEDIR);
}

void hf_vol_staging_done(struct hf_vol_staging *staging)
{
    hf_fd_auto(&staging->root);
    hf_fd_auto(&staging->parent);
    free(staging->name);
    free(staging->temporary);
    free(staging->path);
    free(staging->aside);
    *staging = (struct hf_vol_staging){.parent = -1, .root = -1};
}
