/*
 * A server of a drill in a Docker container of a given image. For the drivers of scratch.h.
 *
 * Its labels say which host made it and in which folder the drill that did holds its lock (see
 * folder.h): a container of this host whose folder is gone is a leftover. The folder is made
 * before the container, and removed after it.
 *
 * The server gets a password, which is as short-lived as itself, and known to nobody but whoever
 * may ask the engine, who may do more than that.
 */
#ifndef HF_AGENT_DRILL_CONTAINER_H
#define HF_AGENT_DRILL_CONTAINER_H

#include "agent/drill/folder.h"
#include "agent/drill/scratch.h"
#include "agent/drill/server.h"
#include "formats/volume/docker_attach.h"

enum { HF_DRILL_PASSWORD_DIGITS = 32, HF_DRILL_HOST_MAX = 256 };

struct hf_drill_container {
    char password[HF_DRILL_PASSWORD_DIGITS + 1];
    /* Where to listen; from run on: where it is reached. */
    unsigned port;
    char address[64]; /* IPv4; empty before */
    /* the module's own */
    struct hf_drill_folder folder;
    const struct hf_config_scratch *config;
    struct hf_docker *docker;
    struct hf_cancel *cancel;
    struct hf_docker_attached *attached; /* to its standard input; NULL: not, or no longer */
    const char *name;                    /* of the container: the folder's; NULL: not made */
    char host[HF_DRILL_HOST_MAX];
    unsigned inner_port; /* what the image's server listens on by default */
};

/* Removes leftovers, chooses password and port; default_port is that of the image's server. out is
 * zeroed before, and to be ended also on failure. */
enum hf_status hf_drill_container_prepare(const struct hf_scratch_request *request,
                                          unsigned default_port, struct hf_drill_container *out,
                                          struct hf_error *err) HF_WARN_UNUSED;
/* On the host's own network, where nobody but the host should reach the server. */
bool hf_drill_container_on_host(const struct hf_drill_container *container);
/* Makes and starts it. settings: what the image needs of what the engine's API takes ("Env",
 * "Cmd"). input: what it reads on its standard input, to the end; NULL: nothing. HF_MISSING for an
 * image or a network that is not there. */
enum hf_status hf_drill_container_run(struct hf_drill_container *container, json_t *settings,
                                      const char *input, struct hf_error *err) HF_WARN_UNUSED;
/* Asks ask (server.h) until it answers; HF_MISSING with the container's last words when it ends
 * before, HF_UNREACHABLE after two minutes. */
enum hf_status hf_drill_container_await(struct hf_drill_container *container, hf_drill_ask_fn *ask,
                                        void *ctx, struct hf_error *err) HF_WARN_UNUSED;
/* Removes it with its volumes, and the folder; no interrupt stops that. Takes one that is zeroed
 * only. */
enum hf_status hf_drill_container_end(struct hf_drill_container *container,
                                      struct hf_error *err) HF_WARN_UNUSED;

#endif
