/*
 * A PostgreSQL in a Docker container of a given image, which is used as Docker's own image
 * "postgres" is: POSTGRES_PASSWORD makes the superuser "postgres", PGPORT says where to listen.
 *
 * Its labels say which host made it and in which folder the drill that did holds its lock (see
 * folder.h): a container of this host whose folder is gone is a leftover. The folder is made
 * before the container, and removed after it.
 *
 * The password is as short-lived as the server, and known to whoever may ask the engine, which may
 * do more than that.
 */
#include "agent/drill/folder.h"
#include "agent/drill/scratch.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "formats/postgres/connection.h"
#include "formats/volume/docker.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PORT = 5432, PASSWORD = 16, HOST_MAX = 256 };

#define LABEL_HOST "org.holdfast.drill.host"
#define LABEL_FOLDER "org.holdfast.drill.folder"
#define START_NS (120 * HF_NS_PER_S)
#define FIRST_WAIT_NS (HF_NS_PER_S / 50)
#define LONGEST_WAIT_NS HF_NS_PER_S

struct state {
    struct hf_drill_folder folder;
    const struct hf_config_scratch *config;
    struct hf_docker *docker;
    struct hf_cancel *cancel;
    struct hf_pg_config *target;
    const char *name; /* of the container: the folder's; NULL: not made */
    char host[HOST_MAX];
    char password[2 * PASSWORD + 1];
    unsigned port;
};

/* ---- leftovers ---- */

static bool is_leftover(const json_t *container)
{
    const json_t *labels = json_object_get(json_object_get(container, "Config"), "Labels");
    const char *folder = json_string_value(json_object_get(labels, LABEL_FOLDER));
    struct stat facts;

    return folder && folder[0] == '/' && lstat(folder, &facts) != 0 && errno == ENOENT;
}

static enum hf_status remove_leftovers(const struct state *state, json_t *notes,
                                       struct hf_error *err)
{
    HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
    char label[sizeof LABEL_HOST + HOST_MAX];

    (void)snprintf(label, sizeof label, LABEL_HOST "=%s", state->host);
    HF_TRY(hf_docker_labelled(state->docker, label, &ids, err));
    for (size_t i = 0; i < ids.count; i++) {
        HF_AUTO_JSON container = NULL;
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status = hf_docker_inspect(state->docker, ids.items[i], &container, &why);

        if (status == HF_NOT_FOUND || (status == HF_OK && !is_leftover(container)))
            continue;
        if (status == HF_OK)
            status = hf_docker_remove(state->docker, ids.items[i], &why);
        (void)json_array_append_new(
            notes, status == HF_OK
                       ? json_sprintf("removed container %.12s, left over from a drill that was "
                                      "killed",
                                      ids.items[i])
                       : json_sprintf("container %.12s may be left from a drill that was killed, "
                                      "and cannot be removed: %s",
                                      ids.items[i], why.text));
    }
    return HF_OK;
}

/* ---- the container ---- */

static bool on_host(const struct state *state)
{
    return state->config->network && strcmp(state->config->network, "host") == 0;
}

/* On the host's own network it must not be in anybody's way. */
static enum hf_status choose_port(struct state *state, struct hf_error *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    HF_AUTO_FD fd = -1;

    state->port = PORT;
    if (!on_host(state))
        return HF_OK;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return hf_error_sys(err, errno, "a port for the container");
    state->port = ntohs(at.sin_port);
    return HF_OK;
}

/* Without a network of its own that we reach, its port is published to us alone. */
static json_t *host_config(const struct state *state)
{
    if (state->config->network)
        return json_pack("{s:s}", "NetworkMode", state->config->network);
    return json_pack("{s:{s:[{s:s, s:s}]}}", "PortBindings", "5432/tcp", "HostIp", "127.0.0.1",
                     "HostPort", "");
}

static enum hf_status make_container(struct state *state, struct hf_error *err)
{
    HF_AUTO_JSON container = NULL;
    char password[sizeof "POSTGRES_PASSWORD=" + sizeof state->password];
    char port[32];
    enum hf_status status;

    (void)snprintf(password, sizeof password, "POSTGRES_PASSWORD=%s", state->password);
    (void)snprintf(port, sizeof port, "PGPORT=%u", state->port);
    HF_TRY(hf_json_pack(&container, err, "{s:s, s:[s,s], s:{s:s, s:s}, s:{s:{}}, s:o}", "Image",
                        state->config->image, "Env", password, port, "Labels", LABEL_HOST,
                        state->host, LABEL_FOLDER, state->folder.path, "ExposedPorts", "5432/tcp",
                        "HostConfig", host_config(state)));
    state->name = strrchr(state->folder.path, '/') + 1;
    status = hf_docker_create(state->docker, state->name, container, err);
    if (status == HF_NOT_FOUND)
        return hf_error_set(err, HF_MISSING,
                            "there is no image \"%.200s\" on the Docker host: pull it first",
                            state->config->image);
    HF_TRY(status);
    return hf_docker_act(state->docker, state->name, HF_DOCKER_START, err);
}

/* ---- where it is ---- */

static const char *address_of(const json_t *container)
{
    const char *key;
    json_t *network;
    json_t *networks = json_object_get(json_object_get(container, "NetworkSettings"), "Networks");

    json_object_foreach (networks, key, network) {
        const char *ip = json_string_value(json_object_get(network, "IPAddress"));

        if (ip && *ip && strspn(ip, "0123456789.") == strlen(ip))
            return ip;
    }
    return NULL;
}

static enum hf_status find_address(struct state *state, const json_t *container,
                                   const char **out_host, struct hf_error *err)
{
    const json_t *ports = json_object_get(json_object_get(container, "NetworkSettings"), "Ports");
    const json_t *published = json_array_get(json_object_get(ports, "5432/tcp"), 0);
    const char *port = json_string_value(json_object_get(published, "HostPort"));

    *out_host = "127.0.0.1";
    if (on_host(state))
        return HF_OK;
    if (state->config->network)
        *out_host = address_of(container);
    else
        state->port = port ? (unsigned)strtoul(port, NULL, 10) : 0;
    if (!*out_host || state->port == 0 || state->port > UINT16_MAX)
        return hf_error_set(err, HF_MISSING,
                            "the container has no address that it can be reached at: set "
                            "\"network\" of the scratch target");
    return HF_OK;
}

static enum hf_status set_target(const struct hf_scratch_request *request, struct state *state,
                                 struct hf_scratch *scratch, struct hf_error *err)
{
    struct hf_config_source *target = &scratch->target;
    HF_AUTO_JSON container = NULL;
    const char *host;

    HF_TRY(hf_docker_inspect(state->docker, state->name, &container, err));
    HF_TRY(find_address(state, container, &host, err));
    target->kind = &hf_kind_postgres;
    HF_TRY(hf_text_copy(request->info->source, &target->name, err));
    state->target = &target->as.postgres.config;
    HF_TRY(hf_secret_new(state->password, strlen(state->password), &state->target->password, err));
    return hf_text_format(&state->target->conninfo, err,
                          "host=%s port=%u user=postgres connect_timeout=10", host, state->port);
}

/* ---- until it answers ---- */

static enum hf_status ask(const struct state *state, struct hf_cancel *cancel, char **title,
                          struct hf_error *err)
{
    const struct hf_pg_address address = {.conninfo = state->target->conninfo,
                                          .password = state->target->password,
                                          .database = "postgres",
                                          .pooler_checked = true};
    HF_AUTO_PTR(hf_pg) pg = NULL;

    HF_TRY(hf_pg_connect(&address, cancel, &pg, err));
    return title ? hf_text_format(title, err, "container of %s with PostgreSQL %d",
                                  state->config->image, hf_pg_major(pg))
                 : HF_OK;
}

/* Its last words are the reason. */
static enum hf_status check_runs(const struct state *state, struct hf_error *err)
{
    struct hf_docker_container facts;
    struct hf_docker_frames frames = {.head_len = 0};

    HF_TRY(hf_docker_container(state->docker, state->name, &facts, err));
    if (facts.running)
        return HF_OK;
    HF_TRY(hf_docker_logs(state->docker, state->name, &frames, err));
    return hf_error_set(err, HF_MISSING, "the container of %s ended before it answered: %s",
                        state->config->image, hf_docker_frames_text(&frames));
}

static enum hf_status wait_for_it(const struct state *state, char **title, struct hf_error *err)
{
    int64_t deadline = hf_clock_monotonic() + START_NS;
    int64_t wait = FIRST_WAIT_NS;

    for (;;) {
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status = ask(state, state->cancel, title, &why);

        if (status == HF_OK)
            return HF_OK;
        HF_TRY(check_runs(state, err));
        if ((status != HF_UNREACHABLE && status != HF_BUSY) || hf_clock_monotonic() > deadline) {
            *err = why;
            return hf_error_prefix(err, "the container of %s does not answer",
                                   state->config->image);
        }
        HF_TRY(hf_cancel_sleep(state->cancel, wait, err));
        wait = wait * 2 < LONGEST_WAIT_NS ? wait * 2 : LONGEST_WAIT_NS;
    }
}

/* ---- the driver ---- */

static enum hf_status open_docker(const struct hf_scratch_request *request,
                                  struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return hf_error_memory(err);
    scratch->state = state;
    hf_drill_folder_init(&state->folder);
    state->config = request->config;
    state->cancel = request->session->cancel;
    if (gethostname(state->host, sizeof state->host - 1) != 0)
        return hf_error_sys(err, errno, "the name of this host");
    hf_random_hex(state->password, PASSWORD);
    HF_TRY(hf_docker_new(request->config->docker_socket, state->cancel, &state->docker, err));
    HF_TRY(hf_drill_folder_make(request->config->folder, request->notes, &state->folder, err));
    HF_TRY(remove_leftovers(state, request->notes, err));
    HF_TRY(choose_port(state, err));
    HF_TRY(make_container(state, err));
    HF_TRY(set_target(request, state, scratch, err));
    return wait_for_it(state, &scratch->title, err);
}

static enum hf_status probe_docker(struct hf_scratch *scratch, struct hf_error *err)
{
    return ask(scratch->state, NULL, NULL, err);
}

/* By a client of its own, which no interrupt stops. While the container is there its folder stays:
 * without its lock the next drill takes both for leftovers. */
static enum hf_status remove_container(const struct state *state, struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;

    if (!state->name)
        return HF_OK;
    HF_TRY(hf_docker_new(state->config->docker_socket, NULL, &docker, err));
    if (hf_docker_remove(docker, state->name, err) != HF_OK)
        return hf_error_prefix(err, "container %s is left", state->name);
    return HF_OK;
}

static enum hf_status close_docker(struct hf_scratch *scratch, struct hf_error *err)
{
    struct state *state = scratch->state;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status;

    if (!state)
        return HF_OK;
    status = remove_container(state, err);
    if (hf_drill_folder_remove(&state->folder, &why) != HF_OK && status == HF_OK) {
        *err = why;
        status = why.status;
    }
    if (state->docker)
        hf_docker_free(state->docker);
    sodium_memzero(state->password, sizeof state->password);
    free(state);
    return status;
}

const struct hf_scratch_driver hf_scratch_docker = {
    .name = "docker", .open = open_docker, .probe = probe_docker, .close = close_docker};
