#include "formats/volume/acl.h"

#include <string.h>

enum { VERSION = 2, HEAD = 4, ITEM = 8 };

/* Tags of the kernel, include/uapi/linux/posix_acl.h. */
static bool tag_of(unsigned tag, int *out)
{
    static const struct {
        unsigned kernel;
        int archive;
    } tags[] = {
        {0x01, ARCHIVE_ENTRY_ACL_USER_OBJ},  {0x02, ARCHIVE_ENTRY_ACL_USER},
        {0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ}, {0x08, ARCHIVE_ENTRY_ACL_GROUP},
        {0x10, ARCHIVE_ENTRY_ACL_MASK},      {0x20, ARCHIVE_ENTRY_ACL_OTHER},
    };
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (tags[i].kernel == tag) {
            *out = tags[i].archive;
            return true;
        }
    }
    return false;
}

static int permissions_of(unsigned kernel)
{
    return (kernel & 4 ? ARCHIVE_ENTRY_ACL_READ : 0) | (kernel & 2 ? ARCHIVE_ENTRY_ACL_WRITE : 0) |
           (kernel & 1 ? ARCHIVE_ENTRY_ACL_EXECUTE : 0);
}

static bool is_named(const struct hf_vol_xattr *xattr, const char *name)
{
    return xattr->name_len == strlen(name) && memcmp(xattr->name, name, xattr->name_len) == 0;
}

static bool is_understood(const struct hf_vol_xattr *xattr)
{
    if (xattr->len < HEAD || (xattr->len - HEAD) % ITEM != 0 ||
        hf_load_u32(xattr->value) != VERSION)
        return false;
    for (size_t at = HEAD; at < xattr->len; at += ITEM) {
        int tag;
        if (!tag_of(hf_load_u16(xattr->value + at), &tag))
            return false;
    }
    return true;
}

bool hf_vol_acl_to_archive(const struct hf_vol_xattr *xattr, struct archive_entry *member)
{
    int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
    if (is_named(xattr, "system.posix_acl_default"))
        type = ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
    else if (!is_named(xattr, "system.posix_acl_access"))
        return false;
    if (!is_understood(xattr))
        return false;
    for (size_t at = HEAD; at < xattr->len; at += ITEM) {
        const uint8_t *item = xattr->value + at;
        int tag = 0;
        (void)tag_of(hf_load_u16(item), &tag);
        (void)archive_entry_acl_add_entry(member, type, permissions_of(hf_load_u16(item + 2)), tag,
                                          (int)hf_load_u32(item + 4), NULL);
    }
    return true;
}
