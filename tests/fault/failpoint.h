/*
 * Between failpoint.c, which decides, and failpoint_calls.c, which stands in for the C library.
 * What all of it is for: failpoint.c.
 */
#ifndef HF_TESTS_FAILPOINT_H
#define HF_TESTS_FAILPOINT_H

#include <stdbool.h>

enum fp_kind {
    FP_ALLOC = 1,
    FP_ALLOC_ANY = 2,
    FP_WRITE = 4,
    FP_TRUNCATE = 8,
    FP_SYNC = 16,
    FP_CREATE = 32,
    FP_MKDIR = 64,
    FP_RENAME = 128,
    FP_LINK = 256,
    FP_UNLINK = 512,
    FP_FILES =
        FP_WRITE | FP_TRUNCATE | FP_SYNC | FP_CREATE | FP_MKDIR | FP_RENAME | FP_LINK | FP_UNLINK,
};

enum fp_verdict {
    FP_GO,        /* make the call */
    FP_NOT_MADE,  /* fail; errno is set */
    FP_DIE_AFTER, /* make the call, then fp_die */
    FP_HALF,      /* write half, then fp_die */
};

/* Counts a call that concerns us and says what is to become of it. call names it in the report.
 * May end the process. */
enum fp_verdict fp_judge_fd(enum fp_kind kind, const char *call, int fd);
enum fp_verdict fp_judge_path(enum fp_kind kind, const char *call, int dir, const char *path);
/* by is the return address of the allocating call; true: it fails, errno is set. */
bool fp_no_memory(const char *call, const void *by);

__attribute__((noreturn)) void fp_die(void);

#endif
