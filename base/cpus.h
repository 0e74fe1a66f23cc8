/*
 * How many processors the control groups of this process allow: a container may see 64 and have the
 * time of 2. Format: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max) and
 * cgroup-v1 (scheduler/sched-bwc.rst); where groups are mounted: proc(5), mountinfo.
 */
#ifndef HF_BASE_CPUS_H
#define HF_BASE_CPUS_H

#include <stddef.h>

/* The least of its group's quota and those of the groups above, as processors, rounded up; 0: there
 * is none. What cannot be read is no quota. root: "", or, for tests, the folder in which "/proc"
 * and
 * "/sys" are. */
size_t hf_cpus_quota(const char *root);

#endif
