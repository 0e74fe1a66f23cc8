/*
 * A PostgreSQL in a container, whose image is used as Docker's own image "postgres" is:
 * POSTGRES_PASSWORD makes the superuser "postgres", PGPORT says where to listen.
 */
#include "agent/drill/container.h"
#include "agent/drill/scratch.h"
#include "base/json.h"
#include "formats/postgres/connection.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 5432 };

struct state {
    struct hf_drill_container container;
    struct hf_pg_config *target;
    char **title; /* what the first answer fills in */
};

static enum hf_status run_container(struct hf_drill_container *container, struct hf_error *err)
{
    HF_AUTO_JSON settings = NULL;
    char password[sizeof "POSTGRES_PASSWORD=" + sizeof container->password];
    char port[32];
    enum hf_status status;

    (void)snprintf(password, sizeof password, "POSTGRES_PASSWORD=%s", container->password);
    (void)snprintf(port, sizeof port, "PGPORT=%u", container->port);
    status = hf_json_pack(&settings, err, "{s:[s,s]}", "Env", password, port);
    sodium_memzero(password, sizeof password);
    HF_TRY(status);
    return hf_drill_container_run(container, settings, NULL, err);
}

static enum hf_status set_target(const struct hf_scratch_request *request, struct state *state,
                                 struct hf_scratch *scratch, struct hf_error *err)
{
    const struct hf_drill_container *container = &state->container;
    struct hf_config_source *target = &scratch->target;

    target->kind = &hf_kind_postgres;
    HF_TRY(hf_text_copy(request->info->source, &target->name, err));
    state->target = &target->as.postgres.config;
    HF_TRY(hf_secret_new(container->password, strlen(container->password), &state->target->password,
                         err));
    return hf_text_format(&state->target->conninfo, err,
                          "host=%s port=%u user=postgres connect_timeout=10", container->address,
                          container->port);
}

static enum hf_status connect_to(const struct state *state, struct hf_cancel *cancel,
                                 struct hf_pg **out, struct hf_error *err)
{
    const struct hf_pg_address address = {.conninfo = state->target->conninfo,
                                          .password = state->target->password,
                                          .database = "postgres",
                                          .pooler_checked = true};

    return hf_pg_connect(&address, cancel, out, err);
}

static enum hf_status ask(void *ctx, struct hf_error *err)
{
    const struct state *state = ctx;
    HF_AUTO_PTR(hf_pg) pg = NULL;

    HF_TRY(connect_to(state, state->container.cancel, &pg, err));
    return hf_text_format(state->title, err, "container of %s with PostgreSQL %d",
                          state->container.config->image, hf_pg_major(pg));
}

static enum hf_status open_docker(const struct hf_scratch_request *request,
                                  struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return hf_error_memory(err);
    scratch->state = state;
    state->title = &scratch->title;
    HF_TRY(hf_drill_container_prepare(request, PORT, &state->container, err));
    HF_TRY(run_container(&state->container, err));
    HF_TRY(set_target(request, state, scratch, err));
    return hf_drill_container_await(&state->container, ask, state, err);
}

static enum hf_status probe_docker(struct hf_scratch *scratch, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;

    return connect_to(scratch->state, NULL, &pg, err);
}

static enum hf_status close_docker(struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = scratch->state;
    enum hf_status status = state ? hf_drill_container_end(&state->container, err) : HF_OK;

    free(state);
    return status;
}

const struct hf_scratch_driver hf_scratch_postgres_docker = {.name = "postgres container",
                                                             .open = open_docker,
                                                             .probe = probe_docker,
                                                             .close = close_docker};
