/*
 * Texts made from the tables of options.h: help, man page, shell completion. Appended to out.
 */
#ifndef HF_AGENT_CLI_HELP_H
#define HF_AGENT_CLI_HELP_H

#include "agent/cli/options.h"
#include "base/buffer.h"

/* What "holdfast --help" shows. */
enum hf_status hf_help_program(struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_help_command(const struct hf_command *command, struct hf_buf *out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* A group's commands: "key". */
enum hf_status hf_help_group(const char *group, struct hf_buf *out,
                             struct hf_error *err) HF_WARN_UNUSED;

/* holdfast.1, in man(7) macros. */
enum hf_status hf_help_man(struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
/* A bash completion file. */
enum hf_status hf_help_bash(struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

/* What the program ends with, for the texts; NULL-ended. */
struct hf_exit_code {
    int code;
    const char *text;
};
extern const struct hf_exit_code hf_exit_codes[];

#endif
