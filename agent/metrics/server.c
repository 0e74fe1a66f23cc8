#include "agent/metrics/server.h"

#include "agent/history/state.h"
#include "agent/metrics/listen.h"
#include "agent/notify/notify.h"
#include "agent/terminal/ticker.h"
#include "base/clock.h"
#include "base/file.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hf_monitor {
    struct hf_monitor_options options;
    char *folder; /* the state directory, or NULL */
    struct MHD_Daemon *server;
    struct hf_ticker *ticker;
};

/* ---- answers ---- */

typedef enum hf_status write_fn(const struct hf_metrics *metrics, struct hf_buf *out,
                                struct hf_error *err);

/* A new look at the history for each: another process may have put a new file in its place. */
static struct hf_history *open_history(const struct hf_monitor *monitor, enum hf_history_mode mode)
{
    const struct hf_config_history *config = &monitor->options.config->history;
    const struct hf_history_options options = {
        .folder = monitor->folder, .mode = mode, .keep = config->keep, .most = config->runs};
    struct hf_history *history = NULL;
    struct hf_error ignored = HF_ERROR_INIT;

    if (!monitor->folder || hf_history_open(&options, &history, &ignored) != HF_OK)
        return NULL;
    return history;
}

static enum hf_status write_answer(const struct hf_monitor *monitor, write_fn *write,
                                   struct hf_buf *out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_history) history = open_history(monitor, HF_HISTORY_READ);
    const struct hf_metrics metrics = {.config = monitor->options.config,
                                       .history = history,
                                       .now = hf_clock_now(),
                                       .started = monitor->options.started,
                                       .next = monitor->options.next,
                                       .next_ctx = monitor->options.ctx};

    return write(&metrics, out, err);
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             const void *data, size_t len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)data, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_NO;

    if (!response)
        return MHD_NO;
    if (MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
        MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
        MHD_add_response_header(response, "Content-Security-Policy",
                                "default-src 'none'; style-src 'unsafe-inline'; "
                                "frame-ancestors 'none'") == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return reply(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result answer(const struct hf_monitor *monitor, struct MHD_Connection *connection,
                              write_fn *write, const char *type)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    struct hf_error why = HF_ERROR_INIT;

    if (write_answer(monitor, write, &text, &why) != HF_OK)
        return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "this cannot be told now\n");
    return reply(connection, MHD_HTTP_OK, type, text.data, text.len);
}

static enum MHD_Result health(const struct hf_monitor *monitor, struct MHD_Connection *connection)
{
    char why[HF_ERROR_TEXT_MAX] = "";

    if (!monitor->options.healthy || monitor->options.healthy(monitor->options.ctx, why))
        return say(connection, MHD_HTTP_OK, "ok\n");
    return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, why);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    const struct hf_monitor *monitor = ctx;

    (void)version;
    (void)upload;
    (void)upload_size;
    (void)request;
    /* Answered before a body is read: there is none that would be wanted. */
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    if (strcmp(url, "/healthz") == 0)
        return health(monitor, connection);
    if (strcmp(url, "/metrics") == 0)
        return answer(monitor, connection, hf_metrics_text,
                      "text/plain; version=0.0.4; charset=utf-8");
    if (strcmp(url, "/") == 0)
        return answer(monitor, connection, hf_metrics_page, "text/html; charset=utf-8");
    return say(connection, MHD_HTTP_NOT_FOUND, "there is /, /metrics and /healthz\n");
}

/* ---- alarms ---- */

static void look_at_alarms(void *ctx)
{
    const struct hf_monitor *monitor = ctx;
    HF_AUTO_PTR(hf_history) history = open_history(monitor, HF_HISTORY_WRITE);

    if (history)
        hf_notify_alarms(monitor->options.config, monitor->options.output, history);
}

/* ---- starting and stopping ---- */

/* What clients do wrong is nothing that we log. */
static void log_nothing(void *ctx, const char *format, va_list args)
{
    (void)ctx;
    (void)format;
    (void)args;
}

static struct MHD_Daemon *start_daemon(struct hf_monitor *monitor, int fd)
{
    return MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request,
        monitor, MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HF_SERVER_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)HF_SERVER_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HF_SERVER_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

/* Signals are for the agent's main thread. */
static enum hf_status serve(struct hf_monitor *monitor, struct hf_error *err)
{
    HF_AUTO_FD fd = -1;
    sigset_t all, before;

    HF_TRY(hf_listen(&monitor->options.config->http, &fd, err));
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    monitor->server = start_daemon(monitor, fd);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!monitor->server)
        return hf_error_set(err, HF_FAILED, "http: the server cannot be started");
    fd = -1; /* the server's now */
    return HF_OK;
}

enum hf_status hf_monitor_start(const struct hf_monitor_options *options, struct hf_monitor **out,
                                struct hf_error *err)
{
    HF_AUTO_PTR(hf_monitor) monitor = calloc(1, sizeof *monitor);
    const struct hf_config_http *http = &options->config->http;
    struct hf_error ignored = HF_ERROR_INIT;

    if (!monitor)
        return hf_error_memory(err);
    monitor->options = *options;
    if (hf_state_folder(options->config, &monitor->folder, &ignored) != HF_OK)
        monitor->folder = NULL;
    if (http->host || http->socket)
        HF_TRY(serve(monitor, err));
    HF_TRY(hf_ticker_start(HF_SERVER_ALARMS_MS, look_at_alarms, monitor, &monitor->ticker, err));
    *out = monitor;
    monitor = NULL;
    return HF_OK;
}

void hf_monitor_stop(struct hf_monitor *monitor)
{
    if (!monitor)
        return;
    if (monitor->server)
        MHD_stop_daemon(monitor->server);
    if (monitor->server && monitor->options.config->http.socket)
        (void)unlink(monitor->options.config->http.socket);
    hf_ticker_stop(monitor->ticker);
    free(monitor->folder);
    free(monitor);
}
