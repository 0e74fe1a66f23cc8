/* A temporary Redis or Valkey: on a unix socket in a private folder, and never on a disk. */
#include "agent/drill/scratch.h"
#include "agent/drill/server.h"
#include "formats/redis/server.h"

#include <stdlib.h>
#include <string.h>

enum { SOCKET_PATH_MAX = 107 };

struct state {
    struct hf_drill_server *server;
    struct hf_redis_config *config; /* the target's */
    struct hf_cancel *cancel;
};

static enum hf_status ask(void *ctx, struct hf_error *err)
{
    const struct state *state = ctx;
    struct hf_redis_server server;
    enum hf_status status;

    hf_redis_server_init(&server);
    status = hf_redis_server_open(state->config, NULL, state->cancel, &server, err);
    hf_redis_server_done(&server);
    return status;
}

/* The number of databases that the snapshot needs is not asked for: there are plenty. */
static enum hf_status run_server(struct state *state, const char *program, struct hf_error *err)
{
    const char *const argv[] = {program,
                                "--port",
                                "0",
                                "--unixsocket",
                                state->config->socket,
                                "--unixsocketperm",
                                "700",
                                "--save",
                                "",
                                "--appendonly",
                                "no",
                                "--dir",
                                state->server->work,
                                "--databases",
                                "10000",
                                "--daemonize",
                                "no",
                                NULL};

    return hf_drill_server_start(state->server, argv, NULL, ask, state, state->cancel, err);
}

/* The configured program, or one of the two that there may be: a Valkey is tried with Valkey first,
 * since no Redis reads what newer versions of it write. */
static enum hf_status find_and_run(const struct hf_scratch_request *request, struct state *state,
                                   struct hf_error *err)
{
    const json_t *server = json_object_get(request->info->properties, "server");
    const char *name = json_string_value(json_object_get(server, "name"));
    bool valkey = name && strcasecmp(name, "valkey") == 0;
    struct hf_error why = HF_ERROR_INIT;

    if (request->config->program)
        return run_server(state, request->config->program, err);
    if (run_server(state, valkey ? "valkey-server" : "redis-server", err) == HF_OK)
        return HF_OK;
    if (err->status != HF_MISSING || state->server->process)
        return err->status;
    if (run_server(state, valkey ? "redis-server" : "valkey-server", &why) == HF_OK)
        return HF_OK;
    return hf_error_prefix(err, "no temporary Redis (set \"program\" of the scratch target)");
}

static enum hf_status set_target(const struct hf_scratch_request *request, struct state *state,
                                 struct hf_scratch *scratch, struct hf_error *err)
{
    struct hf_config_source *target = &scratch->target;
    const char *work = state->server->work;

    target->kind = &hf_kind_redis;
    state->config = &target->as.redis.config;
    hf_redis_config_init(state->config);
    HF_TRY(hf_text_copy(request->info->source, &target->name, err));
    HF_TRY(hf_text_format(&state->config->socket, err, "%s/socket", work));
    if (strlen(state->config->socket) > SOCKET_PATH_MAX)
        return hf_error_set(err, HF_MISSING,
                            "%s: the path is too long for a socket: set another \"folder\"", work);
    return HF_OK;
}

static enum hf_status name_server(const struct state *state, struct hf_scratch *scratch,
                                  struct hf_error *err)
{
    HF_AUTO(hf_redis_server) server = {.redis = NULL};

    HF_TRY(hf_redis_server_open(state->config, NULL, state->cancel, &server, err));
    return hf_text_format(&scratch->title, err, "temporary %s %u.%u.%u",
                          server.valkey ? "Valkey" : "Redis", server.version / 10000,
                          server.version / 100 % 100, server.version % 100);
}

static enum hf_status open_redis(const struct hf_scratch_request *request,
                                 struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return hf_error_memory(err);
    scratch->state = state;
    state->cancel = request->session->cancel;
    state->server = calloc(1, sizeof *state->server);
    if (!state->server)
        return hf_error_memory(err);
    HF_TRY(
        hf_drill_server_prepare(request->config->folder, request->notes, NULL, state->server, err));
    HF_TRY(set_target(request, state, scratch, err));
    HF_TRY(find_and_run(request, state, err));
    return name_server(state, scratch, err);
}

static enum hf_status probe_redis(struct hf_scratch *scratch, struct hf_error *err)
{
    return ask(scratch->state, err);
}

static enum hf_status close_redis(struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = scratch->state;
    enum hf_status status = state ? hf_drill_server_end(state->server, err) : HF_OK;

    free(state);
    return status;
}

const struct hf_scratch_driver hf_scratch_redis = {
    .name = "redis", .open = open_redis, .probe = probe_redis, .close = close_redis};
