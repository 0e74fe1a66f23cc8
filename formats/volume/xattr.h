/*
 * Extended attributes of files, POSIX ACLs and capabilities among them, as the kernel has them
 * (system.posix_acl_access, security.capability, user.…). SELinux labels are left alone: what they
 * should be is a matter of where a file is. Any thread.
 */
#ifndef HF_VOLUME_XATTR_H
#define HF_VOLUME_XATTR_H

#include "formats/volume/entry.h"

/* What the attributes are of: an open file, or a name in a directory, nothing followed. */
struct hf_vol_object {
    int fd; /* -1: by the two below */
    int dir;
    const char *name; /* "." for the directory itself */
};

/* Appends them as struct hf_vol_entry has them, in the order of their names. errno, or 0; none
 * where the file system has no attributes. */
int hf_vol_xattrs_read(const struct hf_vol_object *object, struct hf_buf *out, size_t *out_count);

/* errno, or 0. */
int hf_vol_xattr_set(const struct hf_vol_object *object, const struct hf_vol_xattr *xattr);

#endif
