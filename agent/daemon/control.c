#include "agent/daemon/control.h"

#include "agent/daemon/lines.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "control.sock"

struct hf_control_client {
    int fd;
    bool asked;    /* its one request was heard */
    bool finished; /* to be closed when all is sent */
    bool broken;
    struct hf_lines lines;
    struct hf_buf unsent;
};

struct hf_control {
    int listener;
    int folder; /* of the socket */
    hf_control_fn *fn;
    hf_control_gone_fn *gone;
    void *ctx;
    struct hf_control_client *clients[HF_CONTROL_CLIENTS_MAX];
    size_t count;
};

/* By the folder's descriptor, as the path of a socket must be short and that of a folder need not.
 */
static enum hf_status socket_address(const char *state, int *out_folder, struct sockaddr_un *out,
                                     struct hf_error *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *out_folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*out_folder < 0)
        return hf_error_sys(err, errno, "%s", state);
    (void)snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/" SOCKET_NAME,
                   *out_folder);
    return HF_OK;
}

static enum hf_status listen_there(struct hf_control *control, const char *state,
                                   struct hf_error *err)
{
    struct sockaddr_un address;

    HF_TRY(socket_address(state, &control->folder, &address, err));
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->listener < 0)
        return hf_error_sys(err, errno, "%s/" SOCKET_NAME, state);
    if (unlinkat(control->folder, SOCKET_NAME, 0) != 0 && errno != ENOENT)
        return hf_error_sys(err, errno, "%s/" SOCKET_NAME, state);
    if (bind(control->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        fchmodat(control->folder, SOCKET_NAME, 0600, 0) != 0 ||
        listen(control->listener, HF_CONTROL_CLIENTS_MAX) != 0)
        return hf_error_sys(err, errno, "%s/" SOCKET_NAME, state);
    return HF_OK;
}

enum hf_status hf_control_open(const char *state, hf_control_fn *fn, hf_control_gone_fn *gone,
                               void *ctx, struct hf_control **out, struct hf_error *err)
{
    struct hf_control *control = calloc(1, sizeof *control);

    if (!control)
        return hf_error_memory(err);
    *control =
        (struct hf_control){.listener = -1, .folder = -1, .fn = fn, .gone = gone, .ctx = ctx};
    if (listen_there(control, state, err) != HF_OK) {
        hf_fd_auto(&control->listener);
        hf_fd_auto(&control->folder);
        free(control);
        return err->status;
    }
    *out = control;
    return HF_OK;
}

static void flush_unsent(struct hf_control_client *client)
{
    size_t sent = 0;

    while (sent < client->unsent.len && !client->broken) {
        ssize_t got = send(client->fd, client->unsent.data + sent, client->unsent.len - sent,
                           MSG_NOSIGNAL | MSG_DONTWAIT);

        if (got > 0)
            sent += (size_t)got;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            client->broken = true;
    }
    client->unsent.len -= sent;
    if (sent > 0)
        memmove(client->unsent.data, client->unsent.data + sent, client->unsent.len);
}

void hf_control_send(struct hf_control_client *client, const char *line, size_t len)
{
    struct hf_error ignored = HF_ERROR_INIT;

    if (client->unsent.len + len > HF_CONTROL_UNSENT_MAX ||
        hf_buf_append(&client->unsent, line, len, &ignored) != HF_OK ||
        hf_buf_append(&client->unsent, "\n", 1, &ignored) != HF_OK)
        client->broken = true;
    flush_unsent(client);
}

void hf_control_finish(struct hf_control_client *client)
{
    client->finished = true;
}

static void free_client(struct hf_control_client *client)
{
    hf_fd_auto(&client->fd);
    hf_lines_done(&client->lines);
    hf_buf_free(&client->unsent);
    free(client);
}

void hf_control_close(struct hf_control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < control->count; i++) {
        flush_unsent(control->clients[i]);
        free_client(control->clients[i]);
    }
    (void)unlinkat(control->folder, SOCKET_NAME, 0);
    hf_fd_auto(&control->listener);
    hf_fd_auto(&control->folder);
    free(control);
}

/* Who has no place, or no right, is told by the end of his connection. */
static void accept_client(struct hf_control *control)
{
    HF_AUTO_FD fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer;
    socklen_t len = sizeof peer;
    struct hf_control_client *client;

    if (fd < 0 || control->count == HF_CONTROL_CLIENTS_MAX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
        (peer.uid != 0 && peer.uid != geteuid()))
        return;
    client = calloc(1, sizeof *client);
    if (!client)
        return;
    client->fd = hf_fd_give(&fd);
    client->lines.max = HF_CONTROL_REQUEST_MAX;
    control->clients[control->count++] = client;
}

static enum hf_status read_request(const char *line, size_t len, json_t **out_json,
                                   struct hf_control_request *out, struct hf_error *err)
{
    const char *what;

    HF_TRY(hf_json_parse_object(line, len, HF_CONTROL_REQUEST_MAX, "request", out_json, err));
    HF_TRY(hf_json_string(*out_json, "do", &what, err));
    HF_TRY(hf_json_string(*out_json, "config", &out->config, err));
    HF_TRY(hf_json_string(*out_json, "job", &out->job, err));
    if (strcmp(what, "backup") != 0 || strlen(out->job) >= HF_CONTROL_JOB_MAX)
        return hf_error_set(err, HF_USAGE, "request: it is none that this agent knows");
    return HF_OK;
}

static void hear(struct hf_control *control, struct hf_control_client *client)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_control_request request;
    HF_AUTO_JSON json = NULL;
    bool end = false;
    const char *line;
    size_t len;

    if (hf_lines_read(&client->lines, client->fd, &end, &err) != HF_OK || end)
        client->broken = true;
    line = hf_lines_next(&client->lines, &len);
    if (client->lines.dropped > 0 || client->lines.dropping)
        client->broken = true;
    if (client->broken || !line || client->asked)
        return;
    client->asked = true;
    if (read_request(line, len, &json, &request, &err) != HF_OK)
        client->broken = true;
    else
        control->fn(control->ctx, client, &request);
}

size_t hf_control_polls(struct hf_control *control, struct pollfd *out)
{
    out[0] = (struct pollfd){.fd = control->listener, .events = POLLIN};
    for (size_t i = 0; i < control->count; i++) {
        struct hf_control_client *client = control->clients[i];

        out[i + 1] = (struct pollfd){
            .fd = client->fd, .events = (short)(POLLIN | (client->unsent.len ? POLLOUT : 0))};
        /* What was finished or broken by a send since is looked at at once. */
        if (client->broken || (client->finished && client->unsent.len == 0))
            out[i + 1].events |= POLLOUT;
    }
    return control->count + 1;
}

static bool is_over(const struct hf_control_client *client)
{
    return client->broken || (client->finished && client->unsent.len == 0);
}

void hf_control_serve(struct hf_control *control, const struct pollfd *polls, size_t count)
{
    size_t kept = 0, clients = control->count;

    for (size_t i = 0; i < clients; i++) {
        struct hf_control_client *client = control->clients[i];
        short events = i + 1 < count ? polls[i + 1].revents : 0;

        if (events & (POLLIN | POLLHUP | POLLERR))
            hear(control, client);
        if (events & POLLOUT)
            flush_unsent(client);
    }
    for (size_t i = 0; i < clients; i++) {
        struct hf_control_client *client = control->clients[i];

        if (is_over(client)) {
            control->gone(control->ctx, client);
            free_client(client);
        } else {
            control->clients[kept++] = client;
        }
    }
    control->count = kept;
    if (polls[0].revents)
        accept_client(control);
}

enum hf_status hf_control_connect(const char *state, int *out, struct hf_error *err)
{
    HF_AUTO_FD folder = -1;
    HF_AUTO_FD fd = -1;
    struct sockaddr_un address;

    if (socket_address(state, &folder, &address, err) != HF_OK)
        return hf_error_set(err, HF_NOT_FOUND, "%s: there is no state directory", state);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return hf_error_sys(err, errno, "%s/" SOCKET_NAME, state);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
            return hf_error_set(err, HF_NOT_FOUND, "%s: no agent runs there", state);
        return hf_error_sys(err, errno, "%s/" SOCKET_NAME, state);
    }
    *out = hf_fd_give(&fd);
    return HF_OK;
}
