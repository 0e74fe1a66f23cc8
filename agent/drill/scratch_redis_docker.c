/*
 * A Redis or Valkey in a container, whose image is used as Docker's own images "redis" and
 * "valkey/valkey" are: options that it is given go to the server. The one is "-", which has the
 * server read its settings from standard input, so that its password is in no command line and no
 * environment.
 */
#include "agent/drill/container.h"
#include "agent/drill/scratch.h"
#include "base/json.h"
#include "formats/redis/server.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MAX = 256 };

struct state {
    struct hf_drill_container container;
    struct hf_redis_config *config; /* the target's */
    char **title;                   /* what the first answer fills in */
};

/* Nothing is written to a disk, and there are plenty of databases, as in a temporary server. */
static enum hf_status run_container(struct hf_drill_container *container, struct hf_error *err)
{
    HF_AUTO_JSON command = NULL;
    char settings[SETTINGS_MAX];
    enum hf_status status;

    HF_TRY(hf_json_pack(&command, err, "{s:[s]}", "Cmd", "-"));
    (void)snprintf(settings, sizeof settings,
                   "bind %s\nport %u\nrequirepass %s\nsave \"\"\nappendonly no\n"
                   "databases 10000\n",
                   hf_drill_container_on_host(container) ? "127.0.0.1" : "0.0.0.0", container->port,
                   container->password);
    status = hf_drill_container_run(container, command, settings, err);
    sodium_memzero(settings, sizeof settings);
    return status;
}

static enum hf_status set_target(const struct hf_scratch_request *request, struct state *state,
                                 struct hf_scratch *scratch, struct hf_error *err)
{
    const struct hf_drill_container *container = &state->container;
    struct hf_config_source *target = &scratch->target;
    char host[sizeof container->address + 16];

    target->kind = &hf_kind_redis;
    state->config = &target->as.redis.config;
    hf_redis_config_init(state->config);
    HF_TRY(hf_text_copy(request->info->source, &target->name, err));
    HF_TRY(hf_secret_new(container->password, strlen(container->password), &state->config->password,
                         err));
    (void)snprintf(host, sizeof host, "%s:%u", container->address, container->port);
    return hf_strings_add(&state->config->hosts, host, err);
}

static enum hf_status ask(void *ctx, struct hf_error *err)
{
    const struct state *state = ctx;
    HF_AUTO(hf_redis_server) server = {.redis = NULL};

    HF_TRY(hf_redis_server_find(state->config, true, state->container.cancel, &server, err));
    return hf_text_format(state->title, err, "container of %s with %s %u.%u.%u",
                          state->container.config->image, server.valkey ? "Valkey" : "Redis",
                          server.version / 10000, server.version / 100 % 100, server.version % 100);
}

static enum hf_status open_docker(const struct hf_scratch_request *request,
                                  struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return hf_error_memory(err);
    scratch->state = state;
    state->title = &scratch->title;
    HF_TRY(hf_drill_container_prepare(request, HF_REDIS_PORT, &state->container, err));
    HF_TRY(run_container(&state->container, err));
    HF_TRY(set_target(request, state, scratch, err));
    return hf_drill_container_await(&state->container, ask, state, err);
}

static enum hf_status probe_docker(struct hf_scratch *scratch, struct hf_error *err)
{
    const struct state *state = scratch->state;
    HF_AUTO(hf_redis_server) server = {.redis = NULL};

    return hf_redis_server_find(state->config, true, NULL, &server, err);
}

static enum hf_status close_docker(struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = scratch->state;
    enum hf_status status = state ? hf_drill_container_end(&state->container, err) : HF_OK;

    free(state);
    return status;
}

const struct hf_scratch_driver hf_scratch_redis_docker = {
    .name = "redis container", .open = open_docker, .probe = probe_docker, .close = close_docker};
