#include "formats/volume/xattr.h"

#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

enum { SMALL = 512, PROC_PATH = 32 + NAME_MAX + 1 };

/* A name in a directory that is open, as a path that fits everywhere. */
static const char *proc_path(const struct hf_vol_object *object, char path[PROC_PATH])
{
    (void)snprintf(path, PROC_PATH, "/proc/self/fd/%d/%s", object->dir, object->name);
    return path;
}

static ssize_t list_names(const struct hf_vol_object *object, char *names, size_t size)
{
    char path[PROC_PATH];
    return object->fd >= 0 ? flistxattr(object->fd, names, size)
                           : llistxattr(proc_path(object, path), names, size);
}

static ssize_t get_value(const struct hf_vol_object *object, const char *name, void *value,
                         size_t size)
{
    char path[PROC_PATH];
    return object->fd >= 0 ? fgetxattr(object->fd, name, value, size)
                           : lgetxattr(proc_path(object, path), name, value, size);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_left_alone(const char *name)
{
    return strcmp(name, "security.selinux") == 0;
}

/* ENODATA: removed since it was listed. */
static int append_one(const struct hf_vol_object *object, const char *name, uint8_t *value,
                      struct hf_buf *out, size_t *count)
{
    struct hf_error ignored = HF_ERROR_INIT;
    ssize_t len = get_value(object, name, value, XATTR_SIZE_MAX);
    if (len < 0)
        return errno == ENODATA ? 0 : errno;
    if (hf_buf_u16(out, (uint16_t)strlen(name), &ignored) != HF_OK ||
        hf_buf_append_str(out, name, &ignored) != HF_OK ||
        hf_buf_u32(out, (uint32_t)len, &ignored) != HF_OK ||
        hf_buf_append(out, value, (size_t)len, &ignored) != HF_OK)
        return ENOMEM;
    ++*count;
    return 0;
}

static int append_all(const struct hf_vol_object *object, char *names, size_t len,
                      struct hf_buf *out, size_t *count)
{
    const char *sorted[HF_VOL_XATTRS_MAX];
    size_t n = 0;
    int error = 0;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        if (is_left_alone(name))
            continue;
        if (n == HF_VOL_XATTRS_MAX)
            return E2BIG;
        sorted[n++] = name;
    }
    if (n == 0)
        return 0;
    uint8_t *value = malloc(XATTR_SIZE_MAX);
    if (!value)
        return ENOMEM;
    qsort(sorted, n, sizeof sorted[0], by_text);
    for (size_t i = 0; i < n && error == 0; i++)
        error = append_one(object, sorted[i], value, out, count);
    free(value);
    return error;
}

int hf_vol_xattrs_read(const struct hf_vol_object *object, struct hf_buf *out, size_t *out_count)
{
    char small[SMALL];
    char *large = NULL, *names = small;
    size_t before = out->len;
    *out_count = 0;
    ssize_t len = list_names(object, small, sizeof small);
    if (len < 0 && errno == ERANGE) {
        names = large = malloc(XATTR_LIST_MAX);
        if (!large)
            return ENOMEM;
        len = list_names(object, large, XATTR_LIST_MAX);
    }
    int error = len < 0 ? errno : 0;
    if (error == ENOTSUP)
        error = 0;
    else if (error == 0 && len > 0)
        error = append_all(object, names, (size_t)len, out, out_count);
    free(large);
    if (error) {
        out->len = before;
        *out_count = 0;
    }
    return error;
}

int hf_vol_xattr_set(const struct hf_vol_object *object, const struct hf_vol_xattr *xattr)
{
    char path[PROC_PATH];
    char name[XATTR_NAME_MAX + 1];
    if (xattr->name_len > XATTR_NAME_MAX)
        return ERANGE;
    memcpy(name, xattr->name, xattr->name_len);
    name[xattr->name_len] = 0;
    int failed = object->fd >= 0
                     ? fsetxattr(object->fd, name, xattr->value, xattr->len, 0)
                     : lsetxattr(proc_path(object, path), name, xattr->value, xattr->len, 0);
    return failed ? errno : 0;
}
