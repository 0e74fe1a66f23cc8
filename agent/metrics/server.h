/*
 * What the agent shows and watches beside its runs: health, metrics and status over HTTP, where
 * `http:` is configured, and alarms, which are looked for now and then (agent/notify/). On threads
 * of its own, with a history of its own: nothing that happens here holds the agent up.
 *
 *   /         status page        /healthz   200 "ok", or 503 with why
 *   /metrics  for Prometheus
 *
 * Listens nowhere but where it was told to. Requests are bounded: HF_SERVER_CONNECTIONS at once,
 * HF_SERVER_MEMORY bytes of request line and headers, HF_SERVER_IDLE_S without a byte; only GET and
 * HEAD, no bodies. Nothing it says is secret; it says names, times and error texts, so listen on
 * more than the loopback only where those may be read.
 *
 * The threads are libmicrohttpd's own (one) and a ticker; all signals are blocked in both.
 */
#ifndef HF_AGENT_METRICS_SERVER_H
#define HF_AGENT_METRICS_SERVER_H

#include "agent/config/config.h"
#include "agent/metrics/text.h"
#include "agent/terminal/output.h"

enum {
    HF_SERVER_CONNECTIONS = 32,
    HF_SERVER_MEMORY = 16384,
    HF_SERVER_IDLE_S = 10,
    HF_SERVER_ALARMS_MS = 30000, /* from one look at alarms to the next */
};

struct hf_monitor;

struct hf_monitor_options {
    const struct hf_config *config; /* borrowed until the monitor is stopped */
    struct hf_output *output;       /* likewise */
    int64_t started;                /* since when the agent runs */
    hf_metrics_next_fn *next;       /* may be NULL; any thread */
    /* Whether the agent is well; else why not. May be NULL (it is); any thread. */
    bool (*healthy)(void *ctx, char why[HF_ERROR_TEXT_MAX]);
    void *ctx; /* of both */
};

/* HF_EXISTS where another one listens already; HF_CONFIG for an address that is none here. */
enum hf_status hf_monitor_start(const struct hf_monitor_options *options, struct hf_monitor **out,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Ends connections and threads, waiting for a notification under way. Takes NULL. */
void hf_monitor_stop(struct hf_monitor *monitor);
HF_DEFINE_AUTO_PTR(hf_monitor, hf_monitor_stop)

#endif
