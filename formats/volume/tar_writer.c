#include "formats/volume/tar_writer.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/volume/acl.h"
#include "formats/volume/path.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 << 10, LAST_BLOCK = 10240, ZEROS = 64 << 10 };

struct hf_vol_tar {
    struct archive *archive;
    struct archive_entry *member;
    int fd;
    struct hf_error write_error; /* of the descriptor: says more than libarchive can */
    const struct hf_vol_owners *users, *groups;
    locale_t locale, before;
    struct hf_buf path;

    /* Of the file that is being written. */
    uint64_t size, at;
    struct hf_vol_extent *extents;
    size_t extent, extent_count, extent_cap;
    bool sparse;
};

void hf_vol_tar_free(struct hf_vol_tar *tar)
{
    if (tar->member)
        archive_entry_free(tar->member);
    if (tar->archive)
        (void)archive_write_free(tar->archive);
    if (tar->locale) {
        (void)uselocale(tar->before);
        freelocale(tar->locale);
    }
    hf_buf_free(&tar->path);
    free(tar->extents);
    free(tar);
}

static la_ssize_t write_out(struct archive *archive, void *ctx, const void *data, size_t len)
{
    struct hf_vol_tar *tar = ctx;
    if (hf_fd_write(tar->fd, data, len, "writing the tar", &tar->write_error) == HF_OK)
        return (la_ssize_t)len;
    archive_set_error(archive, tar->write_error.sys, "%s", tar->write_error.text);
    return -1;
}

static enum hf_status check(struct hf_vol_tar *tar, la_ssize_t result, struct hf_error *err)
{
    if (result >= ARCHIVE_WARN)
        return HF_OK;
    if (tar->write_error.status != HF_OK) {
        *err = tar->write_error;
        return err->status;
    }
    const char *why = archive_error_string(tar->archive);
    return hf_error_set(err, HF_FAILED, "writing the tar: %s", why ? why : "libarchive failed");
}

/* libarchive looks at the locale to know what names are written in. */
static enum hf_status set_locale(struct hf_vol_tar *tar, struct hf_error *err)
{
    tar->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!tar->locale)
        return hf_error_set(err, HF_MISSING, "this system has no locale C.UTF-8");
    tar->before = uselocale(tar->locale);
    return HF_OK;
}

enum hf_status hf_vol_tar_open(int fd, const struct hf_vol_owners *users,
                               const struct hf_vol_owners *groups, struct hf_vol_tar **out,
                               struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_tar) tar = calloc(1, sizeof *tar);
    if (!tar)
        return hf_error_memory(err);
    tar->fd = fd;
    tar->users = users;
    tar->groups = groups;
    HF_TRY(set_locale(tar, err));
    tar->archive = archive_write_new();
    tar->member = archive_entry_new();
    if (!tar->archive || !tar->member)
        return hf_error_memory(err);
    HF_TRY(check(tar, archive_write_set_format_pax(tar->archive), err));
    HF_TRY(check(tar, archive_write_set_options(tar->archive, "pax:xattrheader=SCHILY"), err));
    HF_TRY(check(tar, archive_write_set_bytes_per_block(tar->archive, BLOCK), err));
    HF_TRY(check(tar, archive_write_set_bytes_in_last_block(tar->archive, LAST_BLOCK), err));
    HF_TRY(check(tar, archive_write_open(tar->archive, tar, NULL, write_out, NULL), err));
    *out = tar;
    tar = NULL;
    return HF_OK;
}

/* ---- heads ---- */

static enum hf_status set_path(struct hf_vol_tar *tar, const char *path, bool is_directory,
                               struct hf_error *err)
{
    const char *text;
    tar->path.len = 0;
    HF_TRY(hf_buf_append_str(&tar->path, *path ? path : ".", err));
    if (is_directory)
        HF_TRY(hf_buf_append(&tar->path, "/", 1, err));
    HF_TRY(hf_buf_cstr(&tar->path, &text, err));
    archive_entry_copy_pathname(tar->member, text);
    return HF_OK;
}

static void set_type(struct hf_vol_tar *tar, const struct hf_vol_entry *entry)
{
    static const unsigned types[] = {
        [HF_VOL_DIRECTORY] = AE_IFDIR, [HF_VOL_FILE] = AE_IFREG,      [HF_VOL_SYMLINK] = AE_IFLNK,
        [HF_VOL_HARD_LINK] = AE_IFREG, [HF_VOL_CHARACTER] = AE_IFCHR, [HF_VOL_BLOCK] = AE_IFBLK,
        [HF_VOL_FIFO] = AE_IFIFO};
    archive_entry_set_filetype(tar->member, types[entry->type]);
    archive_entry_set_perm(tar->member, (__LA_MODE_T)entry->mode);
    if (entry->type == HF_VOL_SYMLINK)
        archive_entry_copy_symlink(tar->member, entry->target);
    if (entry->type == HF_VOL_HARD_LINK)
        archive_entry_copy_hardlink(tar->member, entry->target);
    if (entry->type == HF_VOL_CHARACTER || entry->type == HF_VOL_BLOCK) {
        archive_entry_set_rdevmajor(tar->member, entry->major);
        archive_entry_set_rdevminor(tar->member, entry->minor);
    }
}

static void set_xattrs(struct hf_vol_tar *tar, const struct hf_vol_entry *entry)
{
    struct hf_vol_xattr xattr;
    for (size_t at = 0; hf_vol_xattr_next(entry, &at, &xattr);) {
        char name[256];
        if (hf_vol_acl_to_archive(&xattr, tar->member))
            continue;
        memcpy(name, xattr.name, xattr.name_len);
        name[xattr.name_len] = 0;
        archive_entry_xattr_add_entry(tar->member, name, xattr.value, xattr.len);
    }
}

static enum hf_status set_content(struct hf_vol_tar *tar, const struct hf_vol_entry *entry,
                                  struct hf_error *err)
{
    tar->size = entry->size;
    tar->at = 0;
    tar->sparse = entry->sparse;
    tar->extent = 0;
    tar->extent_count = entry->extent_count;
    archive_entry_set_size(tar->member, (int64_t)entry->size);
    if (entry->extent_count > tar->extent_cap) {
        struct hf_vol_extent *more =
            realloc(tar->extents, entry->extent_count * sizeof *tar->extents);
        if (!more)
            return hf_error_memory(err);
        tar->extents = more;
        tar->extent_cap = entry->extent_count;
    }
    for (size_t i = 0; i < entry->extent_count; i++) {
        tar->extents[i] = entry->extents[i];
        archive_entry_sparse_add_entry(tar->member, (int64_t)entry->extents[i].offset,
                                       (int64_t)entry->extents[i].len);
    }
    if (entry->sparse && entry->extent_count == 0)
        archive_entry_sparse_add_entry(tar->member, (int64_t)entry->size, 0);
    return HF_OK;
}

/* libarchive writes "seconds.nanoseconds" as they are given, but before 1970 a decimal number has
 * its fraction on the other side. (-1 s and a fraction would need a negative zero; it loses that.)
 */
static void set_mtime(struct hf_vol_tar *tar, struct hf_vol_time mtime)
{
    if (mtime.s < 0 && mtime.ns > 0)
        mtime = (struct hf_vol_time){mtime.s + 1, mtime.s == -1 ? 0 : 1000000000 - mtime.ns};
    archive_entry_set_mtime(tar->member, mtime.s, (long)mtime.ns);
}

enum hf_status hf_vol_tar_add(struct hf_vol_tar *tar, const struct hf_vol_entry *entry,
                              const char *path, struct hf_error *err)
{
    archive_entry_clear(tar->member);
    HF_TRY(set_path(tar, path, entry->type == HF_VOL_DIRECTORY, err));
    set_type(tar, entry);
    archive_entry_set_uid(tar->member, entry->uid);
    archive_entry_set_gid(tar->member, entry->gid);
    archive_entry_set_uname(tar->member, hf_vol_owners_name(tar->users, entry->uid));
    archive_entry_set_gname(tar->member, hf_vol_owners_name(tar->groups, entry->gid));
    set_mtime(tar, entry->mtime);
    archive_entry_set_size(tar->member, 0);
    if (entry->type == HF_VOL_FILE)
        HF_TRY(set_content(tar, entry, err));
    set_xattrs(tar, entry);
    char text[HF_VOL_PATH_TEXT];
    if (check(tar, archive_write_header(tar->archive, tar->member), err) != HF_OK)
        return hf_error_prefix(err, "%s", hf_vol_path_text(text, path));
    return HF_OK;
}

/* ---- content ---- */

static enum hf_status write_data(struct hf_vol_tar *tar, const void *data, size_t len,
                                 struct hf_error *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        la_ssize_t put = archive_write_data(tar->archive, at, len);
        HF_TRY(check(tar, put, err));
        if (put <= 0)
            return hf_error_set(err, HF_FAILED, "writing the tar: a member takes no more content");
        at += put;
        len -= (size_t)put;
        tar->at += (uint64_t)put;
    }
    return HF_OK;
}

/* libarchive wants to be told of holes, and to have their zeros all the same. */
static enum hf_status write_hole(struct hf_vol_tar *tar, uint64_t until, struct hf_error *err)
{
    static const uint8_t zeros[ZEROS];
    while (tar->at < until) {
        uint64_t left = until - tar->at;
        HF_TRY(write_data(tar, zeros, left < ZEROS ? (size_t)left : ZEROS, err));
    }
    return HF_OK;
}

enum hf_status hf_vol_tar_data(struct hf_vol_tar *tar, const void *data, size_t len,
                               struct hf_error *err)
{
    const uint8_t *bytes = data;
    while (len > 0 && tar->sparse) {
        if (tar->extent == tar->extent_count)
            return hf_error_set(err, HF_DAMAGED, "more content than the file has");
        const struct hf_vol_extent *extent = &tar->extents[tar->extent];
        HF_TRY(write_hole(tar, extent->offset, err));
        uint64_t left = extent->offset + extent->len - tar->at;
        size_t part = len < left ? len : (size_t)left;
        HF_TRY(write_data(tar, bytes, part, err));
        bytes += part;
        len -= part;
        if (part == left)
            tar->extent++;
    }
    return write_data(tar, bytes, len, err);
}

enum hf_status hf_vol_tar_end(struct hf_vol_tar *tar, struct hf_error *err)
{
    if (tar->sparse)
        HF_TRY(write_hole(tar, tar->size, err));
    if (tar->at != tar->size)
        return hf_error_set(err, HF_DAMAGED, "less content than the file has");
    return check(tar, archive_write_finish_entry(tar->archive), err);
}

enum hf_status hf_vol_tar_finish(struct hf_vol_tar *tar, struct hf_error *err)
{
    return check(tar, archive_write_close(tar->archive), err);
}
