/*
 * Data for standard output, or for a new file (--output) that is private, is never one that was
 * there before, and is removed unless it was completed.
 */
#ifndef HF_AGENT_TERMINAL_OUT_FILE_H
#define HF_AGENT_TERMINAL_OUT_FILE_H

#include "base/error.h"

struct hf_out_file {
    int fd;
    const char *path; /* borrowed; NULL: standard output */
};

#define HF_OUT_FILE_INIT                                                                           \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* HF_EXISTS when there is a file of that name. */
enum hf_status hf_out_file_open(struct hf_out_file *file, const char *path,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Durable, and kept. */
enum hf_status hf_out_file_commit(struct hf_out_file *file, struct hf_error *err) HF_WARN_UNUSED;
/* Closes; removes what was not committed. */
void hf_out_file_auto(struct hf_out_file *file);

#endif
