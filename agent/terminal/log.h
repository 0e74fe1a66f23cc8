/*
 * Log lines for programs: one JSON object a line (docs/json.md), written with a single write, so
 * that the lines of processes that share a pipe do not get mixed up.
 *
 * What is logged goes to standard error; what a command is asked for goes to standard output and is
 * no log. output.h decides which of the two forms a line of standard error has.
 */
#ifndef HF_AGENT_TERMINAL_LOG_H
#define HF_AGENT_TERMINAL_LOG_H

#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

enum hf_log_level {
    HF_LOG_ERROR,
    HF_LOG_WARNING,
    HF_LOG_INFO,  /* steps, results, what the agent does */
    HF_LOG_DEBUG, /* details */
    HF_LOG_LEVELS
};

/* What a line is about; NULL or "" where it is about none. */
struct hf_log_about {
    const char *run; /* id */
    const char *job;
    const char *source;
};

/* "error", "warning", "info", "debug" */
const char *hf_log_level_name(enum hf_log_level level);
/* False when it is none of these. */
bool hf_log_level_parse(const char *text, enum hf_log_level *out);

/* Appends the line: time, level, run, job, source, msg, and the fields of an object (may be NULL;
 * borrowed), which do not replace these. What is no UTF-8 in text becomes '?'. */
enum hf_status hf_log_line(struct hf_buf *out, int64_t time, enum hf_log_level level,
                           const struct hf_log_about *about, const char *text, const json_t *fields,
                           struct hf_error *err) HF_WARN_UNUSED;

#endif
