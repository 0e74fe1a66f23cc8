/*
 * Everything the program says.
 *
 * Standard output gets results: text, or with --json one object a line (docs/json.md), events
 * included. Standard error is the log: warnings and errors, and where a person reads along a
 * progress line on a terminal, a line a step elsewhere; or JSON lines (log.h). Any thread may call;
 * calls are serialised.
 */
#ifndef HF_AGENT_TERMINAL_OUTPUT_H
#define HF_AGENT_TERMINAL_OUTPUT_H

#include "agent/terminal/log.h"
#include "base/error.h"
#include "base/observer.h"

#include <jansson.h>
#include <stdio.h>

struct hf_output;

struct hf_output_options {
    bool json;
    bool quiet;
    bool verbose;
    bool reports;  /* with json: to whoever runs this; news are events, too, and there is an end */
    bool log_json; /* messages are JSON lines, and so are news */
    enum hf_log_level level; /* of what goes to messages */
    FILE *results;           /* standard output */
    FILE *messages;          /* standard error */
    FILE *events;  /* where JSON goes: standard output, or standard error while that is data */
    bool terminal; /* messages is one that can redraw a line */
};

/* Who keeps what is said. Called one at a time, with nothing of the output to be called from there.
 * work: what is worked on, or "". */
struct hf_output_listener {
    void *ctx;
    void (*said)(void *ctx, enum hf_log_level level, const char *work, const char *text);
    void (*result)(void *ctx, const char *event, const json_t *object);
};

enum hf_status hf_output_new(const struct hf_output_options *options, struct hf_output **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Clears the progress line. Takes NULL. */
void hf_output_free(struct hf_output *output);
HF_DEFINE_AUTO_PTR(hf_output, hf_output_free)

bool hf_output_is_json(const struct hf_output *output);
/* Lines of the log are JSON: whoever reads them gets more than a person would want. */
bool hf_output_logs_json(const struct hf_output *output);

/* Errors, warnings, steps and results also go to listener (borrowed; NULL: to nobody any more). */
void hf_output_listen(struct hf_output *output, const struct hf_output_listener *listener);
/* Which run lines of the log are of from now on, and of which job (may be NULL). Copied. */
void hf_output_set_run(struct hf_output *output, const char *run, const char *job);
/* A line of the log with fields (stolen; NULL: none): "job: text", or JSON. about->run and job
 * NULL: those of hf_output_set_run. */
void hf_output_log(struct hf_output *output, enum hf_log_level level,
                   const struct hf_log_about *about, json_t *fields, const char *format, ...)
    HF_PRINTF(5, 6);

/* For the layers below; notes become steps and warnings, amounts the progress. */
const struct hf_observer *hf_output_observer(struct hf_output *output);

/* A piece of work with progress of its own begins, and ends (the line is cleared). */
void hf_output_begin(struct hf_output *output, const char *label);
void hf_output_end(struct hf_output *output);

/* Text for a person on standard output; nothing with --json. */
void hf_output_text(struct hf_output *output, const char *format, ...) HF_PRINTF(2, 3);
/* A result that is news rather than what was asked for: nothing with --quiet either. */
void hf_output_news(struct hf_output *output, const char *format, ...) HF_PRINTF(2, 3);
/* A line of JSON; nothing without --json. Steals object, which gets "event" and "time"; NULL (out
 * of memory while it was made) fails hf_output_flush. */
void hf_output_event(struct hf_output *output, const char *event, json_t *object);

void hf_output_warning(struct hf_output *output, const char *format, ...) HF_PRINTF(2, 3);
/* "holdfast: error: ..." on standard error, and an event. */
void hf_output_error(struct hf_output *output, const struct hf_error *error);

/* How the program ends, where it reports (an event "end"). */
void hf_output_exit(struct hf_output *output, int exit_code);

/* Whether everything written so far has arrived. */
enum hf_status hf_output_flush(struct hf_output *output, struct hf_error *err) HF_WARN_UNUSED;

#endif
