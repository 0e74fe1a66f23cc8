/*
 * The agent's socket: STATE/control.sock, where "holdfast backup JOB" asks for a run and is told
 * how it goes.
 *
 * A message is one JSON object a line. A request is at most HF_CONTROL_REQUEST_MAX bytes:
 *
 *     {"do":"backup","config":"/etc/holdfast/holdfast.yaml","job":"nightly"}
 *
 * The answer is {"event":"asked","run":ID,"state":"running"|"started"|"queued"}, then the run's own
 * events as they are (docs/json.md), and {"event":"done","exit_code":N,"text":...}, after which the
 * connection is closed. {"event":"refused","text":...,"exit_code":N} where there is to be no run;
 * {"event":"elsewhere"} where the agent runs another configuration than the caller's.
 *
 * Only root and the agent's own user are heard (by the kernel's word, not only by the file's mode).
 * One who does not read what he is sent is let go of once HF_CONTROL_UNSENT_MAX bytes wait for him.
 * One thread.
 */
#ifndef HF_AGENT_DAEMON_CONTROL_H
#define HF_AGENT_DAEMON_CONTROL_H

#include "base/error.h"

#include <poll.h>
#include <stddef.h>

enum {
    HF_CONTROL_CLIENTS_MAX = 32,
    HF_CONTROL_REQUEST_MAX = 8192,
    HF_CONTROL_UNSENT_MAX = 4 << 20,
    HF_CONTROL_JOB_MAX = 128,
    HF_CONTROL_POLLS = HF_CONTROL_CLIENTS_MAX + 1,
};

struct hf_control;
struct hf_control_client;

struct hf_control_request {
    const char *config; /* absolute path of the file, or "" */
    const char *job;
};

/* Called for each request; an answer is sent from within, or later. */
typedef void hf_control_fn(void *ctx, struct hf_control_client *client,
                           const struct hf_control_request *request);
/* Called when one has gone; it is not to be used any more. */
typedef void hf_control_gone_fn(void *ctx, struct hf_control_client *client);

/* For the holder of the agent's lock: what is in the socket's place is nobody's. */
enum hf_status hf_control_open(const char *state, hf_control_fn *fn, hf_control_gone_fn *gone,
                               void *ctx, struct hf_control **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Sends what can be sent without waiting, removes the socket. Takes NULL. */
void hf_control_close(struct hf_control *control);

/* What to wait for; at most HF_CONTROL_POLLS are filled in. Then what came of it. */
size_t hf_control_polls(struct hf_control *control, struct pollfd *out);
void hf_control_serve(struct hf_control *control, const struct pollfd *polls, size_t count);

/* A line, without its end. */
void hf_control_send(struct hf_control_client *client, const char *line, size_t len);
/* Nothing more will be sent: closed when all is. */
void hf_control_finish(struct hf_control_client *client);

/* For the other side: connected, or HF_NOT_FOUND when no agent listens there. */
enum hf_status hf_control_connect(const char *state, int *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
