#include "formats/volume/place.h"

#include "base/file.h"
#include "formats/volume/path.h"
#include "formats/volume/xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static enum hf_status fail(struct hf_error *err, const char *path, int error, const char *what)
{
    char text[HF_VOL_PATH_TEXT];
    return hf_error_sys(err, error, "%s: %s", hf_vol_path_text(text, path), what);
}

/* ---- making ---- */

/* Every directory above path. */
static enum hf_status make_parents(const struct hf_vol_place *place, const char *path,
                                   struct hf_error *err)
{
    HF_AUTO_FREE char *prefix = strdup(path);
    if (!prefix)
        return hf_error_memory(err);
    for (char *slash = strchr(prefix, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *name;
        *slash = 0;
        HF_AUTO_FD dir = hf_vol_open_parent(place->root, prefix, &name);
        if (dir < 0 || (mkdirat(dir, name, 0700) != 0 && errno != EEXIST))
            return fail(err, prefix, errno, "making the directory");
        *slash = '/';
    }
    return HF_OK;
}

/* The directory that path is in, made if need be. */
static enum hf_status open_parent(const struct hf_vol_place *place, const char *path, int *out_dir,
                                  const char **out_name, struct hf_error *err)
{
    *out_dir = hf_vol_open_parent(place->root, path, out_name);
    if (*out_dir < 0 && errno == ENOENT && place->make_parents) {
        HF_TRY(make_parents(place, path, err));
        *out_dir = hf_vol_open_parent(place->root, path, out_name);
    }
    return *out_dir < 0 ? fail(err, path, errno, "its directory") : HF_OK;
}

enum hf_status hf_vol_place_create(const struct hf_vol_place *place, const char *path, int *out_fd,
                                   struct hf_error *err)
{
    enum { FLAGS = O_RDWR | O_CREAT | O_EXCL };
    int fd = hf_vol_open(place->root, path, FLAGS, 0600);
    if (fd < 0 && errno == ENOENT && place->make_parents) {
        HF_TRY(make_parents(place, path, err));
        fd = hf_vol_open(place->root, path, FLAGS, 0600);
    }
    if (fd < 0)
        return fail(err, path, errno, "making the file");
    *out_fd = fd;
    return HF_OK;
}

enum hf_status hf_vol_place_folder(const struct hf_vol_place *place, const char *path,
                                   struct hf_error *err)
{
    const char *name;
    HF_AUTO_FD dir = -1;
    if (!*path)
        return HF_OK;
    HF_TRY(open_parent(place, path, &dir, &name, err));
    if (mkdirat(dir, name, 0700) != 0 && (errno != EEXIST || !place->make_parents))
        return fail(err, path, errno, "making the directory");
    return HF_OK;
}

/* ---- dressing ---- */

static bool not_allowed(int error)
{
    return error == EPERM || error == EACCES || error == ENOTSUP || error == EINVAL;
}

static enum hf_status set_owner(const struct hf_vol_place *place, const struct hf_vol_entry *entry,
                                const struct hf_vol_object *object, unsigned *lacks,
                                struct hf_error *err)
{
    uid_t uid = hf_vol_owners_here(&place->users, entry->uid);
    gid_t gid = hf_vol_owners_here(&place->groups, entry->gid);
    if (place->no_owner) {
        *lacks |= HF_VOL_LACKS_OWNER;
        return HF_OK;
    }
    int failed = object->fd >= 0
                     ? fchown(object->fd, uid, gid)
                     : fchownat(object->dir, object->name, uid, gid, AT_SYMLINK_NOFOLLOW);
    if (!failed)
        return HF_OK;
    if (!not_allowed(errno))
        return fail(err, entry->path, errno, "setting its owner");
    *lacks |= HF_VOL_LACKS_OWNER;
    return hf_vol_note(place->notes, HF_VOL_NOT_OWNED, entry->path, NULL, err);
}

static bool is_acl(const struct hf_vol_xattr *xattr)
{
    static const char prefix[] = "system.posix_acl_";
    return xattr->name_len > sizeof prefix - 1 &&
           memcmp(xattr->name, prefix, sizeof prefix - 1) == 0;
}

static enum hf_status set_xattrs(const struct hf_vol_place *place, const struct hf_vol_entry *entry,
                                 const struct hf_vol_object *object, unsigned *lacks,
                                 struct hf_error *err)
{
    struct hf_vol_xattr xattr;
    for (size_t at = 0; hf_vol_xattr_next(entry, &at, &xattr);) {
        char name[XATTR_NAME_MAX + 1];
        if (place->no_acl && is_acl(&xattr)) {
            *lacks |= HF_VOL_LACKS_XATTR;
            continue;
        }
        int error = hf_vol_xattr_set(object, &xattr);
        if (!error)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)xattr.name_len, xattr.name);
        if (!not_allowed(error))
            return fail(err, entry->path, error, name);
        *lacks |= HF_VOL_LACKS_XATTR;
        HF_TRY(hf_vol_note(place->notes, HF_VOL_NO_XATTR, entry->path, name, err));
    }
    return HF_OK;
}

/* Without its owner a file is not set-user-id: it would be for another user. */
static mode_t mode_of(const struct hf_vol_entry *entry, unsigned lacks)
{
    return lacks & HF_VOL_LACKS_OWNER && entry->type != HF_VOL_DIRECTORY ? entry->mode & 01777
                                                                         : entry->mode;
}

static void times_of(const struct hf_vol_entry *entry, struct timespec times[2])
{
    times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    times[1] = (struct timespec){.tv_sec = entry->mtime.s, .tv_nsec = entry->mtime.ns};
}

/* In this order: a new owner takes away set-user-id and capabilities, an ACL and the mode are one
 * thing, and everything is a change to what the times say. */
enum hf_status hf_vol_place_dress(const struct hf_vol_place *place,
                                  const struct hf_vol_entry *entry, int fd, unsigned *out_lacks,
                                  struct hf_error *err)
{
    const struct hf_vol_object object = {.fd = fd, .name = ""};
    struct timespec times[2];
    *out_lacks = 0;
    HF_TRY(set_owner(place, entry, &object, out_lacks, err));
    if (fchmod(fd, mode_of(entry, *out_lacks)) != 0)
        return fail(err, entry->path, errno, "setting its mode");
    HF_TRY(set_xattrs(place, entry, &object, out_lacks, err));
    times_of(entry, times);
    if (futimens(fd, times) != 0)
        return fail(err, entry->path, errno, "setting its times");
    return HF_OK;
}

static int make_special(const struct hf_vol_entry *entry, int dir, const char *name)
{
    dev_t device = makedev(entry->major, entry->minor);
    switch (entry->type) {
    case HF_VOL_SYMLINK:
        return symlinkat(entry->target, dir, name);
    case HF_VOL_CHARACTER:
        return mknodat(dir, name, S_IFCHR | 0600, device);
    case HF_VOL_BLOCK:
        return mknodat(dir, name, S_IFBLK | 0600, device);
    default:
        return mkfifoat(dir, name, 0600);
    }
}

enum hf_status hf_vol_place_special(const struct hf_vol_place *place,
                                    const struct hf_vol_entry *entry, unsigned *out_lacks,
                                    struct hf_error *err)
{
    struct hf_vol_object object = {.fd = -1};
    struct timespec times[2];
    HF_AUTO_FD dir = -1;
    *out_lacks = 0;
    HF_TRY(open_parent(place, entry->path, &dir, &object.name, err));
    object.dir = dir;
    if (make_special(entry, dir, object.name) != 0) {
        bool device = entry->type == HF_VOL_CHARACTER || entry->type == HF_VOL_BLOCK;
        if (!device || !not_allowed(errno))
            return fail(err, entry->path, errno, "making it");
        *out_lacks = HF_VOL_LACKS_ALL;
        return hf_vol_note(place->notes, HF_VOL_NOT_MADE, entry->path, NULL, err);
    }
    HF_TRY(set_owner(place, entry, &object, out_lacks, err));
    if (entry->type != HF_VOL_SYMLINK &&
        fchmodat(dir, object.name, mode_of(entry, *out_lacks), 0) != 0)
        return fail(err, entry->path, errno, "setting its mode");
    HF_TRY(set_xattrs(place, entry, &object, out_lacks, err));
    times_of(entry, times);
    if (utimensat(dir, object.name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return fail(err, entry->path, errno, "setting its times");
    return HF_OK;
}

enum hf_status hf_vol_place_link(const struct hf_vol_place *place, const char *target,
                                 const char *path, struct hf_error *err)
{
    const char *name, *target_name;
    HF_AUTO_FD dir = -1;
    HF_TRY(open_parent(place, path, &dir, &name, err));
    HF_AUTO_FD target_dir = hf_vol_open_parent(place->root, target, &target_name);
    if (target_dir < 0 || linkat(target_dir, target_name, dir, name, 0) != 0)
        return fail(err, path, errno, "making the hard link");
    return HF_OK;
}

/* ---- comparing ---- */

static enum hf_status differs(const struct hf_vol_place *place, const struct hf_vol_entry *entry,
                              const char *what, bool *out_same, struct hf_error *err)
{
    *out_same = false;
    return hf_vol_note(place->notes, HF_VOL_DIFFERENT, entry->path, what, err);
}

static const char *compare_stat(const struct hf_vol_place *place, const struct hf_vol_entry *entry,
                                unsigned lacks, const struct stat *st)
{
    struct hf_vol_entry found = {.path = NULL};
    if (!hf_vol_entry_stat(&found, st) || found.type != entry->type)
        return "it is of another type";
    if (found.size != entry->size)
        return "size";
    if (entry->type != HF_VOL_SYMLINK && found.mode != mode_of(entry, lacks))
        return "mode";
    if (!(lacks & HF_VOL_LACKS_OWNER) &&
        (found.uid != hf_vol_owners_here(&place->users, entry->uid) ||
         found.gid != hf_vol_owners_here(&place->groups, entry->gid)))
        return "owner";
    if (!hf_vol_time_equal(found.mtime, entry->mtime))
        return "modification time";
    if (found.major != entry->major || found.minor != entry->minor)
        return "device number";
    return NULL;
}

static bool has_target(const struct hf_vol_object *object, const char *target)
{
    size_t len = strlen(target);
    char *found = malloc(len + 1);
    ssize_t got = found ? readlinkat(object->dir, object->name, found, len + 1) : -1;
    bool same = got == (ssize_t)len && memcmp(found, target, len) == 0;
    free(found);
    return same;
}

static const char *compare_xattrs(const struct hf_vol_entry *entry,
                                  const struct hf_vol_object *object)
{
    struct hf_buf found = HF_BUF_INIT;
    size_t count;
    int error = hf_vol_xattrs_read(object, &found, &count);
    bool same = error == 0 && count == entry->xattr_count && found.len == entry->xattrs_len &&
                (count == 0 || memcmp(found.data, entry->xattrs, found.len) == 0);
    hf_buf_free(&found);
    return same ? NULL : "extended attributes";
}

enum hf_status hf_vol_place_compare(const struct hf_vol_place *place,
                                    const struct hf_vol_entry *entry, int fd, unsigned lacks,
                                    bool *out_same, struct hf_error *err)
{
    struct hf_vol_object object = {.fd = fd, .name = ""};
    struct stat st;
    HF_AUTO_FD dir = -1;
    *out_same = true;
    if (lacks & HF_VOL_LACKS_ALL)
        return HF_OK;
    if (fd < 0) {
        dir = hf_vol_open_parent(place->root, entry->path, &object.name);
        object.dir = dir;
    }
    if (fd < 0 && dir < 0)
        return differs(place, entry, "it is not there", out_same, err);
    if ((fd >= 0 ? fstat(fd, &st) : fstatat(dir, object.name, &st, AT_SYMLINK_NOFOLLOW)) != 0)
        return differs(place, entry, "it is not there", out_same, err);
    const char *what = compare_stat(place, entry, lacks, &st);
    if (!what && entry->type == HF_VOL_SYMLINK && !has_target(&object, entry->target))
        what = "where the link leads";
    if (!what && !(lacks & HF_VOL_LACKS_XATTR))
        what = compare_xattrs(entry, &object);
    return what ? differs(place, entry, what, out_same, err) : HF_OK;
}
