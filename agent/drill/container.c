#include "agent/drill/container.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL_HOST "org.holdfast.drill.host"
#define LABEL_FOLDER "org.holdfast.drill.folder"
#define START_NS (120 * HF_NS_PER_S)
#define FIRST_WAIT_NS (HF_NS_PER_S / 50)
#define LONGEST_WAIT_NS HF_NS_PER_S

/* ---- leftovers ---- */

static bool is_leftover(const json_t *container)
{
    const json_t *labels = json_object_get(json_object_get(container, "Config"), "Labels");
    const char *folder = json_string_value(json_object_get(labels, LABEL_FOLDER));
    struct stat facts;

    return folder && folder[0] == '/' && lstat(folder, &facts) != 0 && errno == ENOENT;
}

static enum hf_status remove_leftovers(const struct hf_drill_container *c, json_t *notes,
                                       struct hf_error *err)
{
    HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
    char label[sizeof LABEL_HOST + HF_DRILL_HOST_MAX];

    (void)snprintf(label, sizeof label, LABEL_HOST "=%s", c->host);
    HF_TRY(hf_docker_labelled(c->docker, label, &ids, err));
    for (size_t i = 0; i < ids.count; i++) {
        HF_AUTO_JSON container = NULL;
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status = hf_docker_inspect(c->docker, ids.items[i], &container, &why);

        if (status == HF_NOT_FOUND || (status == HF_OK && !is_leftover(container)))
            continue;
        if (status == HF_OK)
            status = hf_docker_remove(c->docker, ids.items[i], &why);
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

/* ---- before it is there ---- */

bool hf_drill_container_on_host(const struct hf_drill_container *c)
{
    return c->config->network && strcmp(c->config->network, "host") == 0;
}

/* On the host's own network it must not be in anybody's way. */
static enum hf_status choose_port(struct hf_drill_container *c, struct hf_error *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    HF_AUTO_FD fd = -1;

    c->port = c->inner_port;
    if (!hf_drill_container_on_host(c))
        return HF_OK;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return hf_error_sys(err, errno, "a port for the container");
    c->port = ntohs(at.sin_port);
    return HF_OK;
}

enum hf_status hf_drill_container_prepare(const struct hf_scratch_request *request,
                                          unsigned default_port, struct hf_drill_container *c,
                                          struct hf_error *err)
{
    const struct hf_config_scratch *config = request->config;

    hf_drill_folder_init(&c->folder);
    c->config = config;
    c->cancel = request->session->cancel;
    c->inner_port = default_port;
    if (gethostname(c->host, sizeof c->host - 1) != 0)
        return hf_error_sys(err, errno, "the name of this host");
    hf_random_hex(c->password, HF_DRILL_PASSWORD_DIGITS / 2);
    HF_TRY(hf_docker_new(config->docker_socket, c->cancel, &c->docker, err));
    HF_TRY(hf_drill_folder_make(config->folder, request->notes, &c->folder, err));
    HF_TRY(remove_leftovers(c, request->notes, err));
    return choose_port(c, err);
}

/* ---- making it ---- */

/* Without a network of its own that we reach, its port is published to us alone. */
static json_t *host_config(const struct hf_drill_container *c, const char *port)
{
    if (c->config->network)
        return json_pack("{s:s}", "NetworkMode", c->config->network);
    return json_pack("{s:{s:[{s:s, s:s}]}}", "PortBindings", port, "HostIp", "127.0.0.1",
                     "HostPort", "");
}

static void name_port(const struct hf_drill_container *c, char out[16])
{
    (void)snprintf(out, 16, "%u/tcp", c->inner_port);
}

static enum hf_status create(struct hf_drill_container *c, json_t *settings, bool input,
                             struct hf_error *err)
{
    HF_AUTO_JSON container = NULL;
    char port[16];
    enum hf_status status;

    name_port(c, port);
    HF_TRY(hf_json_pack(&container, err, "{s:s, s:{s:s, s:s}, s:{s:{}}, s:o, s:b, s:b, s:b}",
                        "Image", c->config->image, "Labels", LABEL_HOST, c->host, LABEL_FOLDER,
                        c->folder.path, "ExposedPorts", port, "HostConfig", host_config(c, port),
                        "OpenStdin", input, "StdinOnce", input, "AttachStdin", input));
    if (json_object_update(container, settings) != 0)
        return hf_error_memory(err);
    c->name = strrchr(c->folder.path, '/') + 1;
    status = hf_docker_create(c->docker, c->name, container, err);
    if (status == HF_NOT_FOUND && strcasestr(err->text, "image"))
        return hf_error_set(err, HF_MISSING,
                            "there is no image \"%.200s\" on the Docker host: pull it first",
                            c->config->image);
    return status;
}

/* Before it starts: then one that ends at once is in nobody's way. */
static enum hf_status give_input(struct hf_drill_container *c, const char *input,
                                 struct hf_error *err)
{
    HF_TRY(hf_docker_attach(c->config->docker_socket, c->name, c->cancel, NULL, NULL, &c->attached,
                            err));
    HF_TRY(hf_docker_attached_write(c->attached, input, strlen(input), err));
    return hf_docker_attached_close_input(c->attached, err);
}

/* ---- where it is ---- */

/* Its last words are the reason. */
static enum hf_status check_runs(const struct hf_drill_container *c, struct hf_error *err)
{
    struct hf_docker_container facts;
    struct hf_docker_frames frames = {.head_len = 0};

    HF_TRY(hf_docker_container(c->docker, c->name, &facts, err));
    if (facts.running)
        return HF_OK;
    HF_TRY(hf_docker_logs(c->docker, c->name, &frames, err));
    return hf_error_set(err, HF_MISSING, "the container of %s ended before it answered: %s",
                        c->config->image, hf_docker_frames_text(&frames));
}

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

static unsigned published_port(const struct hf_drill_container *c, const json_t *container)
{
    const json_t *ports = json_object_get(json_object_get(container, "NetworkSettings"), "Ports");
    char name[16];
    const char *port;

    name_port(c, name);
    port = json_string_value(
        json_object_get(json_array_get(json_object_get(ports, name), 0), "HostPort"));
    return port ? (unsigned)strtoul(port, NULL, 10) : 0;
}

/* One that has ended has no address any more: that it did is then what is told. */
static enum hf_status find_address(struct hf_drill_container *c, struct hf_error *err)
{
    HF_AUTO_JSON container = NULL;
    const char *address = "127.0.0.1";

    HF_TRY(hf_docker_inspect(c->docker, c->name, &container, err));
    if (!c->config->network)
        c->port = published_port(c, container);
    else if (!hf_drill_container_on_host(c))
        address = address_of(container);
    if (address && c->port > 0 && c->port <= UINT16_MAX) {
        (void)snprintf(c->address, sizeof c->address, "%s", address);
        return HF_OK;
    }
    HF_TRY(check_runs(c, err));
    return hf_error_set(err, HF_MISSING,
                        "the container of %s has no address that it can be reached at: set another "
                        "\"network\" of the scratch target",
                        c->config->image);
}

enum hf_status hf_drill_container_run(struct hf_drill_container *c, json_t *settings,
                                      const char *input, struct hf_error *err)
{
    enum hf_status status;

    HF_TRY(create(c, settings, input != NULL, err));
    if (input)
        HF_TRY(give_input(c, input, err));
    /* Refused in the engine's words: no such network, say, or nothing in the image to be run. */
    status = hf_docker_act(c->docker, c->name, HF_DOCKER_START, err);
    if (status == HF_NOT_FOUND)
        err->status = status = HF_MISSING;
    if (status != HF_OK)
        return hf_error_prefix(err, "a container of %s does not start", c->config->image);
    return find_address(c, err);
}

/* ---- until it answers ---- */

enum hf_status hf_drill_container_await(struct hf_drill_container *c, hf_drill_ask_fn *ask,
                                        void *ctx, struct hf_error *err)
{
    int64_t deadline = hf_clock_monotonic() + START_NS;
    int64_t wait = FIRST_WAIT_NS;

    for (;;) {
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status = ask(ctx, &why);

        if (status == HF_OK)
            break;
        HF_TRY(check_runs(c, err));
        if ((status != HF_UNREACHABLE && status != HF_BUSY) || hf_clock_monotonic() > deadline) {
            *err = why;
            return hf_error_prefix(err, "the container of %s does not answer", c->config->image);
        }
        HF_TRY(hf_cancel_sleep(c->cancel, wait, err));
        wait = wait * 2 < LONGEST_WAIT_NS ? wait * 2 : LONGEST_WAIT_NS;
    }
    /* What it says from now on is nobody's to read, and must not fill anything up. */
    if (c->attached)
        hf_docker_detach(c->attached);
    c->attached = NULL;
    return HF_OK;
}

/* ---- its end ---- */

/* By a client of its own, which no interrupt stops. While the container is there its folder stays:
 * without its lock the next drill takes both for leftovers. */
static enum hf_status remove_container(const struct hf_drill_container *c, struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;

    if (!c->name)
        return HF_OK;
    HF_TRY(hf_docker_new(c->config->docker_socket, NULL, &docker, err));
    if (hf_docker_remove(docker, c->name, err) != HF_OK)
        return hf_error_prefix(err, "container %s is left", c->name);
    return HF_OK;
}

enum hf_status hf_drill_container_end(struct hf_drill_container *c, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status;

    if (!c->config)
        return HF_OK;
    if (c->attached)
        hf_docker_detach(c->attached);
    c->attached = NULL;
    status = remove_container(c, err);
    if (hf_drill_folder_remove(&c->folder, &why) != HF_OK && status == HF_OK) {
        *err = why;
        status = why.status;
    }
    if (c->docker)
        hf_docker_free(c->docker);
    sodium_memzero(c, sizeof *c);
    return status;
}
