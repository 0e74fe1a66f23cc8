#include "base/cpus.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
#define V1                                                                                         \
    "25 23 0:22 / / rw - ext4 /dev/sda1 rw\n"                                                      \
    "33 30 0:28 / /sys/fs/cgroup/cpuset rw shared:9 - cgroup cgroup rw,cpuset\n"                   \
    "34 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"

enum { PATH = 512, FILES = 8 };

struct file {
    const char *path;
    const char *text;
};

struct machine {
    const char *name;
    size_t quota;
    struct file files[FILES];
};

/* What the kernel shows on machines of several kinds. */
static const struct machine machines[] = {
    {"nothing at all", 0, {{NULL, NULL}}},
    {"version 2, no limit",
     0,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/user.slice\n"},
      {"/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"}}},
    {"version 2, two processors and a half",
     3,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/system.slice/holdfast.service\n"},
      {"/sys/fs/cgroup/system.slice/holdfast.service/cpu.max", "250000 100000\n"}}},
    {"version 2, less than one",
     1,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/a\n"},
      {"/sys/fs/cgroup/a/cpu.max", "1000 100000\n"}}},
    {"version 2, the group above has less",
     2,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/a/b/c\n"},
      {"/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n"},
      {"/sys/fs/cgroup/a/cpu.max", "200000 100000\n"}}},
    {"version 2, a container with a namespace of its own",
     4,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/\n"},
      {"/sys/fs/cgroup/cpu.max", "400000 100000\n"}}},
    {"version 2, moved out of what is seen",
     4,
     {{"/proc/self/mountinfo", V2},
      {"/proc/self/cgroup", "0::/../other\n"},
      {"/sys/fs/cgroup/cpu.max", "400000 100000\n"}}},
    {"version 1",
     2,
     {{"/proc/self/mountinfo", V1},
      {"/proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/job\n1:name=systemd:/x\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}},
    {"version 1, a container that sees its part only",
     3,
     {{"/proc/self/mountinfo",
       "34 30 0:29 /docker/ab /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpuacct,cpu\n"},
      {"/proc/self/cgroup", "4:cpuacct,cpu:/docker/ab\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}},
    {"version 1 without a limit, and version 2 beside it without the controller",
     0,
     {{"/proc/self/mountinfo", V1 "40 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"},
      {"/proc/self/cgroup", "4:cpu,cpuacct:/\n0::/\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}},
    {"nonsense",
     0,
     {{"/proc/self/mountinfo", V2 "x\n - cgroup\n"},
      {"/proc/self/cgroup", "0::/a\nx\n:\n"},
      {"/sys/fs/cgroup/a/cpu.max", "100000\n"},
      {"/sys/fs/cgroup/cpu.max", "1 0\n"}}},
};

static void write_file(const char *root, const struct file *file)
{
    struct hf_error err = HF_ERROR_INIT;
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s%s", root, file->path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(hf_folder_make(path, &err), &err);
    *slash = '/';
    assert_ok(hf_file_replace(path, file->text, strlen(file->text), 0600, &err), &err);
}

static void remove_file(const char *root, const struct file *file)
{
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s%s", root, file->path);
    (void)unlink(path);
    for (char *slash; (slash = strrchr(path, '/')) > path + strlen(root);) {
        *slash = '\0';
        (void)rmdir(path); /* the last one out */
    }
}

static void quota_follows_the_groups(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const struct machine *machine = &machines[i];
        char root[CHECK_PATH];
        check_folder(root);
        for (size_t f = 0; f < FILES && machine->files[f].path; f++)
            write_file(root, &machine->files[f]);
        size_t quota = hf_cpus_quota(root);
        if (quota != machine->quota)
            fail_msg("%s: %zu, not %zu", machine->name, quota, machine->quota);
        for (size_t f = 0; f < FILES && machine->files[f].path; f++)
            remove_file(root, &machine->files[f]);
        (void)rmdir(root);
    }
}

static void quota_of_this_machine_can_be_asked(void **state)
{
    (void)state;
    print_message("quota: %zu\n", hf_cpus_quota(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quota_follows_the_groups),
        cmocka_unit_test(quota_of_this_machine_can_be_asked),
    };
    return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}
