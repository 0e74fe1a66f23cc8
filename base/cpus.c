#include "base/cpus.h"

#include "base/file.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, PATH = PATH_MAX };

/* A hierarchy of groups, and the group of this process in it. */
struct groups {
    const char *root;
    char mount[PATH];      /* where it is mounted, "" when it is not */
    char mount_root[PATH]; /* the group that is mounted there: a container sees a part only */
    char group[PATH];
};

/* A small file of the kernel as text; NULL when it is not there. */
static const char *read_text(const char *root, const char *path, struct hf_buf *out)
{
    char full[2 * PATH];
    const char *text;
    struct hf_error ignored = HF_ERROR_INIT;

    (void)snprintf(full, sizeof full, "%s%s", root, path);
    out->len = 0;
    if (hf_file_read(full, FILE_MAX, out, &ignored) != HF_OK ||
        hf_buf_cstr(out, &text, &ignored) != HF_OK)
        return NULL;
    return text;
}

/* Is word among the words of list, which commas part? */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == len && strncmp(list, word, len) == 0)
            return true;
    return false;
}

/* "36 35 98:0 /root /mount opts optional* - type source super" */
static void take_mount(char *line, struct groups *v1, struct groups *v2)
{
    char root[PATH], mount[PATH], type[32], super[PATH];
    char *rest = strstr(line, " - ");

    if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", root, mount) != 2 ||
        sscanf(rest, " - %31s %*s %4095s", type, super) != 2)
        return;
    struct groups *groups = strcmp(type, "cgroup2") == 0                            ? v2
                            : strcmp(type, "cgroup") == 0 && has_word(super, "cpu") ? v1
                                                                                    : NULL;
    if (!groups || groups->mount[0])
        return;
    (void)snprintf(groups->mount, sizeof groups->mount, "%s", mount);
    (void)snprintf(groups->mount_root, sizeof groups->mount_root, "%s", root);
}

/* "4:cpu,cpuacct:/group" of version 1, "0::/group" of version 2 */
static void take_group(char *line, struct groups *v1, struct groups *v2)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!group)
        return;
    *group++ = '\0';
    controllers++;
    if (*controllers == '\0')
        (void)snprintf(v2->group, sizeof v2->group, "%s", group);
    else if (has_word(controllers, "cpu"))
        (void)snprintf(v1->group, sizeof v1->group, "%s", group);
}

static void each_line(const char *root, const char *path,
                      void (*take)(char *line, struct groups *v1, struct groups *v2),
                      struct groups *v1, struct groups *v2)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    char *rest = NULL;

    if (!read_text(root, path, &text))
        return;
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest))
        take(line, v1, v2);
}

/* The group's folder: below the mount is what lies below the group that is mounted. */
static void folder_of(const struct groups *groups, char out[2 * PATH])
{
    size_t len = strlen(groups->mount_root);
    const char *below = groups->group;

    if (strcmp(groups->mount_root, "/") != 0)
        below = strncmp(below, groups->mount_root, len) == 0 ? below + len : "";
    if (strncmp(below, "/..", 3) == 0 || strcmp(below, "/") == 0) /* outside of what is seen */
        below = "";
    (void)snprintf(out, (size_t)2 * PATH, "%s%s", groups->mount, below);
}

/* 0 where a text is no number above 0, such as "max" or "-1": there is no quota. */
static size_t processors(const char *quota_text, const char *period_text)
{
    long long quota = strtoll(quota_text, NULL, 10);
    long long period = strtoll(period_text, NULL, 10);

    if (quota <= 0 || period <= 0)
        return 0;
    return (size_t)(quota / period + (quota % period != 0));
}

static size_t quota_v2(const char *root, const char *folder)
{
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    char path[2 * PATH + 32];

    (void)snprintf(path, sizeof path, "%s/cpu.max", folder);
    const char *text = read_text(root, path, &buf); /* "200000 100000" or "max 100000" */
    const char *space = text ? strchr(text, ' ') : NULL;
    return space ? processors(text, space) : 0;
}

static size_t quota_v1(const char *root, const char *folder)
{
    HF_AUTO(hf_buf) quota = HF_BUF_INIT;
    HF_AUTO(hf_buf) period = HF_BUF_INIT;
    char path[2 * PATH + 32];

    (void)snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    const char *quota_text = read_text(root, path, &quota);
    (void)snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    const char *period_text = read_text(root, path, &period);
    return quota_text && period_text ? processors(quota_text, period_text) : 0;
}

static size_t least(size_t a, size_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Of the group and of every group above it. */
static size_t least_quota(const struct groups *groups,
                          size_t (*quota)(const char *root, const char *folder))
{
    char folder[2 * PATH];
    size_t found = 0;

    if (!groups->mount[0] || !groups->group[0])
        return 0;
    folder_of(groups, folder);
    for (size_t least_len = strlen(groups->mount);;) {
        found = least(found, quota(groups->root, folder));
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < least_len)
            return found;
        *slash = '\0';
    }
}

size_t hf_cpus_quota(const char *root)
{
    struct groups v1 = {.root = root};
    struct groups v2 = {.root = root};

    each_line(root, "/proc/self/mountinfo", take_mount, &v1, &v2);
    each_line(root, "/proc/self/cgroup", take_group, &v1, &v2);
    return least(least_quota(&v1, quota_v1), least_quota(&v2, quota_v2));
}
