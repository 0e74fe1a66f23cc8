/* Who asks the agent for a run, and is told how it goes (control.h). */
#include "agent/daemon/daemon_internal.h"

#include "base/json.h"

#include <string.h>

/* Consumes object. Without memory the client learns of the end by that of the connection. */
static void send_object(struct hf_control_client *client, json_t *object)
{
    HF_AUTO(hf_buf) line = HF_BUF_INIT;
    struct hf_error ignored = HF_ERROR_INIT;

    if (object && hf_json_dump(object, &line, &ignored) == HF_OK)
        hf_control_send(client, (const char *)line.data, line.len);
    json_decref(object);
}

static void send_end(struct hf_control_client *client, const char *event, int exit_code,
                     const char *text)
{
    send_object(client,
                json_pack("{s:s, s:i, s:s}", "event", event, "exit_code", exit_code, "text", text));
    hf_control_finish(client);
}

static const struct hf_run *run_of(const struct hf_daemon *d, uint64_t ticket)
{
    const struct hf_run *run = d->runs;

    while (run && run->ticket != ticket)
        run = run->next;
    return run;
}

static void ask_planner(struct hf_daemon *d, struct hf_control_client *client, const char *job)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_run *run;
    uint64_t ticket;
    bool running;

    if (d->watcher_count == HF_CONTROL_CLIENTS_MAX ||
        hf_planner_demand(d->planner, job, &ticket, &running, &err) != HF_OK) {
        send_end(client, "refused", 1, err.text);
        return;
    }
    d->watchers[d->watcher_count++] = (struct hf_watcher){.client = client, .ticket = ticket};
    run = run_of(d, ticket);
    if (!run) {
        hf_daemon_start_due(d);
        run = run_of(d, ticket);
    }
    send_object(client,
                json_pack("{s:s, s:s, s:s}", "event", "asked", "run", run ? run->id : "", "state",
                          !run      ? "queued"
                          : running ? "running"
                                    : "started"));
}

static void on_request(void *ctx, struct hf_control_client *client,
                       const struct hf_control_request *request)
{
    struct hf_daemon *d = ctx;

    if (strcmp(request->config, d->config_path) != 0) {
        send_end(client, "elsewhere", 0, "");
    } else if (d->leaving) {
        send_end(client, "refused", hf_status_exit_code(HF_BUSY), "the agent is ending");
    } else if (!hf_agenda_find(d->agenda, HF_RUN_BACKUP, request->job)) {
        send_end(client, "refused", hf_status_exit_code(HF_CONFIG),
                 "the agent's configuration has no such job: send it a SIGHUP when the file was "
                 "changed");
    } else {
        ask_planner(d, client, request->job);
    }
}

static void on_gone(void *ctx, struct hf_control_client *client)
{
    struct hf_daemon *d = ctx;

    for (size_t i = 0; i < d->watcher_count; i++) {
        if (d->watchers[i].client == client) {
            d->watchers[i] = d->watchers[--d->watcher_count];
            return;
        }
    }
}

enum hf_status hf_daemon_listen(struct hf_daemon *d, struct hf_error *err)
{
    return hf_control_open(d->state, on_request, on_gone, d, &d->control, err);
}

void hf_daemon_tell_line(struct hf_daemon *d, uint64_t ticket, const char *line, size_t len)
{
    for (size_t i = 0; i < d->watcher_count; i++) {
        if (d->watchers[i].ticket == ticket)
            hf_control_send(d->watchers[i].client, line, len);
    }
}

void hf_daemon_tell_end(struct hf_daemon *d, uint64_t ticket, int exit_code, const char *text)
{
    for (size_t i = 0; i < d->watcher_count;) {
        if (d->watchers[i].ticket == ticket) {
            send_end(d->watchers[i].client, "done", exit_code, text);
            d->watchers[i] = d->watchers[--d->watcher_count];
        } else {
            i++;
        }
    }
}
