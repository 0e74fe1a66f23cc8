/*
 * What is known of runs, sources and repositories, as Prometheus reads it (text format 0.0.4), and
 * as a page for a person. Both come from the history alone, so that they are the same after the
 * agent was started anew. Names of jobs, sources and repositories are in them; nothing secret is.
 */
#ifndef HF_AGENT_METRICS_TEXT_H
#define HF_AGENT_METRICS_TEXT_H

#include "agent/config/config.h"
#include "agent/history/history.h"
#include "base/buffer.h"

enum { HF_METRICS_ROWS_MAX = 20000, HF_METRICS_RUNS_SHOWN = 25 };

/* When a job runs next (wall clock, ns), or 0. Called by the thread that serves. */
typedef int64_t hf_metrics_next_fn(void *ctx, const char *job);

/* What everything is made of; borrowed. */
struct hf_metrics {
    const struct hf_config *config;
    struct hf_history *history; /* NULL: it cannot be had, which is told, too */
    int64_t now;
    int64_t started;          /* since when the agent runs */
    hf_metrics_next_fn *next; /* may be NULL */
    void *next_ctx;
};

enum hf_status hf_metrics_text(const struct hf_metrics *metrics, struct hf_buf *out,
                               struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_metrics_page(const struct hf_metrics *metrics, struct hf_buf *out,
                               struct hf_error *err) HF_WARN_UNUSED;

/* Appends a label's value without its quotes, or text for HTML. */
enum hf_status hf_metrics_label(struct hf_buf *out, const char *text,
                                struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_metrics_html(struct hf_buf *out, const char *text,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
