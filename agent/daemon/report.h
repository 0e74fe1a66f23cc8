/*
 * What a run says of itself: the events of --json, of which the agent keeps what it needs to judge
 * the run by. Its last one is "end", with the exit code; a run that ended without it broke off,
 * whatever its exit status was. What a run writes is not trusted. Starts zeroed.
 */
#ifndef HF_AGENT_DAEMON_REPORT_H
#define HF_AGENT_DAEMON_REPORT_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_report {
    bool ended;         /* it said how it ended */
    int exit_code;      /* ... namely so */
    bool retryable;     /* of its last error */
    uint64_t snapshots; /* that it stored */
    uint64_t warnings;
    uint64_t errors;
    struct hf_error error; /* its last one */
};

/* One line. False: it is no event. */
bool hf_report_add(struct hf_report *report, const char *line, size_t len);

/* The kind of an error of which only the exit code is known. */
enum hf_status hf_report_status(int exit_code);

/* How a run is told, in its environment, which run it is; its presence makes it report. */
#define HF_RUN_VARIABLE "HOLDFAST_RUN"
/* ... and why it was begun: "schedule", "request", ... */
#define HF_TRIGGER_VARIABLE "HOLDFAST_TRIGGER"

/* What came of it. */
struct hf_verdict {
    int exit_code; /* as the program's; 1 where there was none */
    bool ok;
    bool retryable;
    bool crashed; /* by a signal, or it broke off */
    struct hf_error error;
};

/* how: as waitpid gives it. words: the last on its standard error. */
void hf_report_judge(const struct hf_report *report, int how, const char *words,
                     struct hf_verdict *out);

#endif
