/*
 * A temporary PostgreSQL of the snapshot's major version, or the next newer one that is installed.
 *
 * It listens on a socket in a folder that only its user enters, so that the socket needs no
 * password; nothing that it writes is synced. As root it runs as an unprivileged user, since
 * PostgreSQL refuses root.
 */
#include "agent/drill/scratch.h"
#include "agent/drill/server.h"
#include "formats/postgres/connection.h"
#include "formats/postgres/tools.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Indexes, TOAST and the log beside the rows, whose text form is what bytes counts; and the server
 * itself. */
enum { ROOM_FACTOR = 2, ROOM_SERVER = 256 << 20, SOCKET_PATH_MAX = 107 };

struct state {
    struct hf_drill_server *server;
    struct hf_process_user user;
    bool other_user;
    struct hf_pg_config *config; /* the target's */
    struct hf_cancel *cancel;
};

static enum hf_status choose_user(const struct hf_scratch_request *request, struct state *state,
                                  struct hf_error *err)
{
    const char *const names[] = {request->config->user ? request->config->user : "postgres",
                                 request->config->user ? NULL : "nobody", NULL};
    const struct passwd *found = NULL;

    if (geteuid() != 0)
        return HF_OK;
    for (size_t i = 0; names[i] && !found; i++)
        found = getpwnam(names[i]); /* NOLINT(concurrency-mt-unsafe): main thread only */
    if (!found || found->pw_uid == 0)
        return hf_error_set(err, HF_MISSING,
                            "PostgreSQL does not run as root, and there is no user \"%s\" to run "
                            "it as: set \"user\" of the scratch target",
                            names[0]);
    state->user = (struct hf_process_user){.uid = found->pw_uid, .gid = found->pw_gid};
    state->other_user = true;
    return HF_OK;
}

static const struct hf_process_user *user_of(const struct state *state)
{
    return state->other_user ? &state->user : NULL;
}

static int major_of(const struct hf_snapshot_info *info)
{
    const json_t *server = json_object_get(info->properties, "server");

    return (int)(json_integer_value(json_object_get(server, "version_num")) / 10000);
}

static enum hf_status run_initdb(const struct state *state, const char *initdb, const char *data,
                                 struct hf_error *err)
{
    HF_AUTO_FREE char *where = NULL;
    struct hf_process *process;

    HF_TRY(hf_text_format(&where, err, "--pgdata=%s", data));
    const char *const argv[] = {initdb,      where,         "--username=postgres", "--auth=trust",
                                "--no-sync", "--no-locale", "--encoding=UTF8",     NULL};
    static const char *const env[] = {"LC_ALL=C", "HOME=/", NULL};
    const struct hf_process_options options = {.argv = argv,
                                               .env = env,
                                               .in_fd = -1,
                                               .out_fd = -1,
                                               .cancel = state->cancel,
                                               .user = user_of(state),
                                               .folder = state->server->work};
    HF_TRY(hf_process_start(&options, &process, err));
    return hf_process_finish(process, err);
}

static enum hf_status ask(void *ctx, struct hf_error *err)
{
    const struct state *state = ctx;
    const struct hf_pg_address address = {
        .conninfo = state->config->conninfo, .database = "postgres", .pooler_checked = true};
    HF_AUTO_PTR(hf_pg) pg = NULL;

    return hf_pg_connect(&address, state->cancel, &pg, err);
}

static enum hf_status run_server(struct state *state, const char *initdb, const char *data,
                                 struct hf_error *err)
{
    HF_AUTO_FREE char *program = NULL;
    HF_AUTO_FREE char *sockets = NULL;
    const char *slash = strrchr(initdb, '/');

    HF_TRY(hf_text_format(&program, err, "%.*s/postgres", (int)(slash - initdb), initdb));
    HF_TRY(hf_text_format(&sockets, err, "unix_socket_directories=%s", state->server->work));
    const char *const argv[] = {program,
                                "-D",
                                data,
                                "-c",
                                sockets,
                                "-c",
                                "listen_addresses=",
                                "-c",
                                "fsync=off",
                                "-c",
                                "full_page_writes=off",
                                "-c",
                                "synchronous_commit=off",
                                "-c",
                                "wal_level=minimal",
                                "-c",
                                "max_wal_senders=0",
                                "-c",
                                "max_wal_size=4GB",
                                "-c",
                                "shared_buffers=64MB",
                                "-c",
                                "max_locks_per_transaction=1024",
                                "-c",
                                "logging_collector=off",
                                "-c",
                                "log_destination=stderr",
                                "-c",
                                "log_min_messages=error",
                                "-c",
                                "lc_messages=C",
                                NULL};
    return hf_drill_server_start(state->server, argv, user_of(state), ask, state, state->cancel,
                                 err);
}

static enum hf_status make_server(const struct hf_scratch_request *request, struct state *state,
                                  struct hf_error *err)
{
    state->server = calloc(1, sizeof *state->server);
    if (!state->server)
        return hf_error_memory(err);
    HF_TRY(hf_drill_server_prepare(request->config->folder, request->notes, user_of(state),
                                   state->server, err));
    return hf_drill_folder_room(&state->server->folder,
                                request->info->bytes * ROOM_FACTOR + ROOM_SERVER, err);
}

static enum hf_status set_target(const struct hf_scratch_request *request, struct state *state,
                                 struct hf_scratch *scratch, struct hf_error *err)
{
    static const char socket_name[] = "/.s.PGSQL.5432";
    struct hf_config_source *target = &scratch->target;
    const char *work = state->server->work;

    if (strlen(work) + sizeof socket_name > SOCKET_PATH_MAX || strpbrk(work, "'\\,"))
        return hf_error_set(err, HF_MISSING,
                            "%s: a socket cannot be there, since its path would be too long or has "
                            "a quote, comma or backslash in it: set another \"folder\"",
                            work);
    target->kind = &hf_kind_postgres;
    HF_TRY(hf_text_copy(request->info->source, &target->name, err));
    state->config = &target->as.postgres.config;
    return hf_text_format(&state->config->conninfo, err,
                          "host='%s' port=5432 user=postgres connect_timeout=10", work);
}

static enum hf_status open_postgres(const struct hf_scratch_request *request,
                                    struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = calloc(1, sizeof *state);
    HF_AUTO(hf_pg_tool) initdb = HF_PG_TOOL_INIT;
    HF_AUTO_FREE char *data = NULL;

    if (!state)
        return hf_error_memory(err);
    scratch->state = state;
    state->cancel = request->session->cancel;
    HF_TRY(hf_pg_tool_find(HF_PG_INITDB, request->config->bin_dir, major_of(request->info),
                           state->cancel, &initdb, err));
    HF_TRY(hf_text_format(&scratch->title, err, "temporary PostgreSQL %s", initdb.version));
    HF_TRY(choose_user(request, state, err));
    HF_TRY(make_server(request, state, err));
    HF_TRY(set_target(request, state, scratch, err));
    HF_TRY(hf_text_format(&data, err, "%s/data", state->server->work));
    HF_TRY(run_initdb(state, initdb.path, data, err));
    return run_server(state, initdb.path, data, err);
}

static enum hf_status probe_postgres(struct hf_scratch *scratch, struct hf_error *err)
{
    return ask(scratch->state, err);
}

static enum hf_status close_postgres(struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = scratch->state;
    enum hf_status status = state ? hf_drill_server_end(state->server, err) : HF_OK;

    free(state);
    return status;
}

const struct hf_scratch_driver hf_scratch_postgres = {
    .name = "postgres", .open = open_postgres, .probe = probe_postgres, .close = close_postgres};
