#include "tests/support/http_peer.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS = 32, READ_SIZE = 65536 };

struct connection {
    int fd; /* -1: free */
    bool hanging;
    struct hf_buf in;
};

struct hf_peer {
    hf_peer_fn *fn;
    void *ctx;
    char url[64];
    int listener;
    struct hf_cancel *cancel;
    struct hf_pool *pool;
    struct connection connections[CONNECTIONS];
    pthread_mutex_t lock;
    struct hf_buf *requests; /* each NUL-ended */
    size_t count;
    size_t accepted;
    const struct hf_peer_answer *script;
    size_t script_len;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "http peer: %s: %s\n", what, strerror(errno));
    abort();
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        die(path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die(path);
    return fd;
}

static int listen_tcp(struct hf_peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("cannot listen");
    (void)snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void drop(struct connection *connection)
{
    (void)close(connection->fd);
    connection->fd = -1;
    connection->in.len = 0;
}

static void reset(struct connection *connection)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    drop(connection);
}

/* Bytes of the first whole request in the buffer; 0 while it is not all there. */
static size_t whole_request(struct hf_buf *in)
{
    struct hf_error err = HF_ERROR_INIT;
    const char *text = NULL;
    if (hf_buf_cstr(in, &text, &err) != HF_OK)
        die("memory");
    const char *end = strstr(text, "\r\n\r\n");
    if (!end)
        return 0;
    size_t body = 0;
    for (const char *line = text; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = (size_t)strtoull(line + 15, NULL, 10);
    size_t need = (size_t)(end - text) + 4 + body;
    return in->len >= need ? need : 0;
}

static const struct hf_buf *record(struct hf_peer *peer, const struct hf_buf *in, size_t len)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_buf copy = HF_BUF_INIT;
    const char *text;
    (void)pthread_mutex_lock(&peer->lock);
    peer->requests = realloc(peer->requests, (peer->count + 1) * sizeof *peer->requests);
    if (!peer->requests || hf_buf_append(&copy, in->data, len, &err) != HF_OK ||
        hf_buf_cstr(&copy, &text, &err) != HF_OK)
        die("memory");
    peer->requests[peer->count++] = copy;
    (void)pthread_mutex_unlock(&peer->lock);
    return &peer->requests[peer->count - 1];
}

static void send_all(struct connection *connection, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(connection->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the client left */
        bytes += n;
        len -= (size_t)n;
    }
}

static void answer_request(struct hf_peer *peer, struct connection *connection, size_t len)
{
    struct hf_peer_answer answer = {.then = HF_PEER_KEEP};
    const struct hf_buf *request = record(peer, &connection->in, len);
    peer->fn(peer->ctx, peer->count - 1, (const char *)request->data, request->len, &answer);
    memmove(connection->in.data, connection->in.data + len, connection->in.len - len);
    connection->in.len -= len;
    if (answer.bytes) {
        size_t all = answer.len ? answer.len : strlen(answer.bytes);
        const char *end = answer.in_pieces ? strstr(answer.bytes, "\r\n\r\n") : NULL;
        size_t head = end ? (size_t)(end - answer.bytes) + 4 : all;
        send_all(connection, answer.bytes, head);
        send_all(connection, answer.bytes + head, all - head);
    }
    connection->hanging = answer.then == HF_PEER_HANG;
    if (answer.then == HF_PEER_CLOSE)
        drop(connection);
    else if (answer.then == HF_PEER_RESET)
        reset(connection);
}

static void receive(struct hf_peer *peer, struct connection *connection)
{
    struct hf_error err = HF_ERROR_INIT;
    if (hf_buf_reserve(&connection->in, READ_SIZE, &err) != HF_OK)
        die("memory");
    ssize_t n =
        recv(connection->fd, connection->in.data + connection->in.len, READ_SIZE, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(connection);
        return;
    }
    connection->in.len += (size_t)n;
    for (size_t len;
         connection->fd >= 0 && !connection->hanging && (len = whole_request(&connection->in)) > 0;)
        answer_request(peer, connection, len);
}

static void take_connection(struct hf_peer *peer)
{
    int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (peer->connections[i].fd >= 0)
            continue;
        peer->connections[i].fd = fd;
        peer->connections[i].hanging = false;
        (void)pthread_mutex_lock(&peer->lock);
        peer->accepted++;
        (void)pthread_mutex_unlock(&peer->lock);
        return;
    }
    die("too many connections");
}

static enum hf_status serve(void *arg, size_t index, struct hf_error *err)
{
    struct hf_peer *peer = arg;
    (void)index;
    (void)err;
    while (!hf_cancel_requested(peer->cancel)) {
        struct pollfd fds[CONNECTIONS + 2];
        for (size_t i = 0; i < CONNECTIONS; i++)
            fds[i] = (struct pollfd){.fd = peer->connections[i].fd, .events = POLLIN};
        fds[CONNECTIONS] = (struct pollfd){.fd = peer->listener, .events = POLLIN};
        fds[CONNECTIONS + 1] = (struct pollfd){.fd = hf_cancel_fd(peer->cancel), .events = POLLIN};
        if (poll(fds, CONNECTIONS + 2, -1) < 0)
            continue;
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (fds[i].revents)
                receive(peer, &peer->connections[i]);
        if (fds[CONNECTIONS].revents)
            take_connection(peer);
    }
    return HF_OK;
}

struct hf_peer *hf_peer_start(hf_peer_fn *fn, void *ctx, const char *unix_socket)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        die("memory");
    peer->fn = fn;
    peer->ctx = ctx;
    (void)pthread_mutex_init(&peer->lock, NULL);
    for (size_t i = 0; i < CONNECTIONS; i++)
        peer->connections[i].fd = -1;
    peer->listener = unix_socket ? listen_unix(unix_socket) : listen_tcp(peer);
    if (listen(peer->listener, CONNECTIONS) != 0)
        die("cannot listen");
    if (hf_cancel_new(&peer->cancel, &err) != HF_OK ||
        hf_pool_start(1, serve, NULL, peer, peer->cancel, &peer->pool, &err) != HF_OK)
        die(err.text);
    return peer;
}

static void follow_script(void *ctx, size_t index, const char *request, size_t len,
                          struct hf_peer_answer *answer)
{
    const struct hf_peer *peer = ctx;
    (void)request;
    (void)len;
    *answer = peer->script[index < peer->script_len ? index : peer->script_len - 1];
}

struct hf_peer *hf_peer_script(const struct hf_peer_answer *answers, size_t count)
{
    struct hf_peer *peer = hf_peer_start(follow_script, NULL, NULL);
    /* No request can come before the caller knows the port. */
    peer->ctx = peer;
    peer->script = answers;
    peer->script_len = count;
    return peer;
}

void hf_peer_stop(struct hf_peer *peer)
{
    struct hf_error err = HF_ERROR_INIT;
    hf_cancel_interrupt(peer->cancel);
    if (hf_pool_join(peer->pool, &err) != HF_OK)
        die(err.text);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (peer->connections[i].fd >= 0)
            drop(&peer->connections[i]);
        hf_buf_free(&peer->connections[i].in);
    }
    for (size_t i = 0; i < peer->count; i++)
        hf_buf_free(&peer->requests[i]);
    free(peer->requests);
    (void)close(peer->listener);
    hf_cancel_free(peer->cancel);
    (void)pthread_mutex_destroy(&peer->lock);
    free(peer);
}

const char *hf_peer_url(const struct hf_peer *peer)
{
    return peer->url;
}

size_t hf_peer_requests(struct hf_peer *peer)
{
    (void)pthread_mutex_lock(&peer->lock);
    size_t count = peer->count;
    (void)pthread_mutex_unlock(&peer->lock);
    return count;
}

size_t hf_peer_connections(struct hf_peer *peer)
{
    (void)pthread_mutex_lock(&peer->lock);
    size_t accepted = peer->accepted;
    (void)pthread_mutex_unlock(&peer->lock);
    return accepted;
}

const char *hf_peer_request(struct hf_peer *peer, size_t index, size_t *out_len)
{
    (void)pthread_mutex_lock(&peer->lock);
    const char *text = NULL;
    if (index < peer->count) {
        text = (const char *)peer->requests[index].data;
        if (out_len)
            *out_len = peer->requests[index].len;
    }
    (void)pthread_mutex_unlock(&peer->lock);
    return text;
}
