/*
 * New databases on a given PostgreSQL server.
 *
 * They are called holdfast_drill_XXXXXXXX_N. A connection holds an advisory lock whose key is made
 * of the eight digits for as long as the drill lives; pg_locks shows it in every database, so
 * leftovers are databases of that form whose lock nobody holds (a restore's temporary name behind
 * it, too). The digits are random: a lock that was free once is never taken again.
 */
#include "agent/drill/scratch.h"
#include "base/random.h"
#include "formats/postgres/connection.h"
#include "formats/postgres/drop_database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_CLASS = 0x68664472, DIGITS = 8 };

struct state {
    struct hf_pg *keeper;        /* holds the lock */
    struct hf_pg_config *config; /* borrowed from the configuration */
    const char *maintenance;     /* the database to be connected to; borrowed likewise */
    char digits[DIGITS + 1];
};

static enum hf_status connect_to(const struct state *state, struct hf_cancel *cancel,
                                 struct hf_pg **out, struct hf_error *err)
{
    const struct hf_pg_address address = {.conninfo = state->config->conninfo,
                                          .password = state->config->password,
                                          .database = state->maintenance};

    return hf_pg_connect(&address, cancel, out, err);
}

static void drop_leftover(const struct hf_scratch_request *request, const struct state *state,
                          const char *name)
{
    struct hf_error err = HF_ERROR_INIT;
    json_t *text;

    if (hf_pg_drop_database(state->keeper, state->config, name, request->session->cancel, &err) ==
        HF_OK)
        text =
            json_sprintf("dropped database \"%s\", left over from a drill that was killed", name);
    else
        text = json_sprintf("a drill that was killed left database \"%s\", which cannot be "
                            "dropped: %s",
                            name, err.text);
    (void)json_array_append_new(request->notes, text);
}

static enum hf_status drop_leftovers(const struct hf_scratch_request *request,
                                     const struct state *state, struct hf_error *err)
{
    char class_text[16];
    const char *values[] = {class_text};
    HF_AUTO_RESULT rows = NULL;

    (void)snprintf(class_text, sizeof class_text, "%d", LOCK_CLASS);
    HF_TRY(hf_pg_query_params(
        state->keeper,
        "SELECT datname FROM pg_catalog.pg_database d WHERE datname ~"
        " '^holdfast_drill_[0-9a-f]{8}_[0-9]+(\\.holdfast-[0-9a-f]{8})?$' AND NOT EXISTS (SELECT"
        " FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.classid ="
        " $1::pg_catalog.int4::pg_catalog.oid AND l.objid = (('x' ||"
        " pg_catalog.substr(datname, 16, 8))::pg_catalog.bit(32)::pg_catalog.int4)::"
        "pg_catalog.oid)",
        1, values, false, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++)
        drop_leftover(request, state, PQgetvalue(rows, i, 0));
    return HF_OK;
}

static enum hf_status choose_names(const struct hf_scratch_request *request,
                                   const struct state *state, struct hf_scratch *scratch,
                                   struct hf_error *err)
{
    size_t count = json_array_size(json_object_get(request->info->properties, "databases"));

    for (size_t i = 0; i < count; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "holdfast_drill_%s_%zu", state->digits, i);
        HF_TRY(hf_strings_add(&scratch->names, name, err));
    }
    return HF_OK;
}

/* The target borrows what the configuration owns but for the connection string and password. */
static enum hf_status set_target(const struct hf_config_source *server, struct hf_scratch *scratch,
                                 struct hf_error *err)
{
    struct hf_pg_config *made = &scratch->target.as.postgres.config;
    const struct hf_pg_config *given = &server->as.postgres.config;

    scratch->target.kind = &hf_kind_postgres;
    HF_TRY(hf_text_copy(server->name, &scratch->target.name, err));
    HF_TRY(hf_text_copy(given->conninfo, &made->conninfo, err));
    if (given->bin_dir)
        HF_TRY(hf_text_copy(given->bin_dir, &made->bin_dir, err));
    if (!given->password)
        return HF_OK;
    return hf_secret_new(given->password->data, given->password->len, &made->password, err);
}

static enum hf_status open_server(const struct hf_scratch_request *request,
                                  struct hf_scratch *scratch, struct hf_error *err)
{
    struct hf_config_source *server = request->config->server;
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return hf_error_memory(err);
    scratch->state = state;
    state->config = &server->as.postgres.config;
    state->maintenance = server->as.postgres.dbname ? server->as.postgres.dbname : "postgres";
    HF_TRY(hf_kind_postgres.prepare(request->session, server, err));
    HF_TRY(connect_to(state, request->session->cancel, &state->keeper, err));
    HF_TRY(drop_leftovers(request, state, err));
    hf_random_hex(state->digits, DIGITS / 2);
    HF_TRY(hf_pg_runf(state->keeper, err,
                      "SELECT pg_catalog.pg_advisory_lock(%d, 'x%s'::pg_catalog.bit(32)::"
                      "pg_catalog.int4)",
                      LOCK_CLASS, state->digits));
    HF_TRY(choose_names(request, state, scratch, err));
    HF_TRY(set_target(server, scratch, err));
    return hf_text_format(&scratch->title, err, "new database on a given PostgreSQL %d (%s)",
                          hf_pg_major(state->keeper), state->keeper->where);
}

static enum hf_status probe_server(struct hf_scratch *scratch, struct hf_error *err)
{
    const struct state *state = scratch->state;
    HF_AUTO_PTR(hf_pg) pg = NULL;

    return connect_to(state, NULL, &pg, err);
}

/* Policies name roles, whoever owns the tables. */
static enum hf_status drop_roles(struct hf_pg *pg, const struct hf_scratch *scratch,
                                 struct hf_error *err)
{
    HF_AUTO(hf_strings) dropped = HF_STRINGS_INIT;

    if (scratch->roles.count == 0)
        return HF_OK;
    return hf_pg_drop_unused_roles(pg, &scratch->roles, 0, &dropped, err);
}

/* On a connection of its own, as the keeper's may have gone. The first failure is reported; all are
 * tried. */
static enum hf_status drop_all(const struct state *state, const struct hf_scratch *scratch,
                               struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;
    enum hf_status worst = HF_OK;

    HF_TRY(connect_to(state, NULL, &pg, err));
    for (size_t i = 0; i < scratch->names.count; i++) {
        struct hf_error why = HF_ERROR_INIT;

        if (hf_pg_drop_database(pg, state->config, scratch->names.items[i], NULL, &why) == HF_OK ||
            worst != HF_OK)
            continue;
        *err = why;
        worst = hf_error_prefix(err, "database \"%s\" is left", scratch->names.items[i]);
    }
    return worst == HF_OK ? drop_roles(pg, scratch, err) : worst;
}

static enum hf_status close_server(struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = scratch->state;
    enum hf_status status = HF_OK;

    if (!state)
        return HF_OK;
    if (scratch->names.count > 0)
        status = drop_all(state, scratch, err);
    hf_pg_close(state->keeper);
    free(state);
    return status;
}

const struct hf_scratch_driver hf_scratch_server = {
    .name = "server", .open = open_server, .probe = probe_server, .close = close_server};
