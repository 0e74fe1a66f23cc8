/* A secret that a program prints. Thread rule: that of base/process.h. */
#ifndef HF_BASE_SECRET_COMMAND_H
#define HF_BASE_SECRET_COMMAND_H

#include "base/cancel.h"
#include "base/secret.h"

/* Runs argv (as struct hf_process_options has it) to its end; what it printed, without one line
 * end, is the secret, which may be empty. HF_FAILED when it did not exit with 0, or printed too
 * much; what it printed is in no error. cancel may be NULL. */
enum hf_status hf_secret_read_command(const char *const *argv, struct hf_cancel *cancel,
                                      struct hf_secret **out, struct hf_error *err) HF_WARN_UNUSED;

#endif
