/*
 * POSIX ACLs between what the kernel keeps in system.posix_acl_access and _default (version 2:
 * u32 2, then u16 tag, u16 permissions, u32 id each, little-endian) and libarchive.
 */
#ifndef HF_VOLUME_ACL_H
#define HF_VOLUME_ACL_H

#include "formats/volume/entry.h"

#include <archive_entry.h>

/* Adds the attribute to the member, if it is an ACL that is understood; false otherwise. */
bool hf_vol_acl_to_archive(const struct hf_vol_xattr *xattr, struct archive_entry *member);

#endif
