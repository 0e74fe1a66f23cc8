#include "formats/redis/transport.h"

#include "base/clock.h"
#include "formats/redis/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADOPTED_TIMEOUT = 60 }; /* seconds */

struct hf_redis_transport {
    int fd;
    struct hf_tls *tls;       /* or NULL */
    struct hf_cancel *cancel; /* borrowed; or NULL */
    int timeout;              /* ms */
    char where[300];
};

const char *hf_redis_transport_where(const struct hf_redis_transport *transport)
{
    return transport->where;
}

void hf_redis_transport_close(struct hf_redis_transport *transport)
{
    if (!transport)
        return;
    hf_tls_free(transport->tls);
    if (transport->fd >= 0)
        (void)close(transport->fd);
    free(transport);
}

/* Until the socket is ready for events. */
static enum hf_status wait_ready(struct hf_redis_transport *transport, short events, int64_t until,
                                 struct hf_error *err)
{
    struct pollfd fds[2] = {
        {.fd = transport->fd, .events = events},
        {.fd = transport->cancel ? hf_cancel_fd(transport->cancel) : -1, .events = POLLIN},
    };

    for (;;) {
        int64_t left = (until - hf_clock_monotonic()) / 1000000;
        int ready = poll(fds, 2, left > 0 ? (int)left : 0);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready < 0)
            return hf_error_sys(err, errno, "%s: waiting for the server", transport->where);
        if (ready == 0)
            return hf_error_set(err, HF_UNREACHABLE, "%s: the server did not answer in time",
                                transport->where);
        return fds[1].revents ? hf_cancel_check(transport->cancel, err) : HF_OK;
    }
}

static int64_t idle_deadline(const struct hf_redis_transport *transport)
{
    return hf_clock_monotonic() + (int64_t)transport->timeout * 1000000;
}

static enum hf_status lost(const struct hf_redis_transport *transport, struct hf_error *err)
{
    return hf_error_set(err, HF_UNREACHABLE, "%s: the connection was lost: %s", transport->where,
                        strerror(errno));
}

/* A blocked plain socket call wants what it did; TLS may want the other direction. */
static short wanted(const struct hf_redis_transport *transport, short usual)
{
    return transport->tls ? hf_tls_wants(transport->tls) : usual;
}

enum hf_status hf_redis_transport_read(struct hf_redis_transport *transport, void *data, size_t cap,
                                       size_t *out, struct hf_error *err)
{
    int64_t until = 0;

    for (;;) {
        ssize_t got = transport->tls ? hf_tls_read(transport->tls, data, cap)
                                     : recv(transport->fd, data, cap, 0);

        if (got >= 0) {
            *out = (size_t)got;
            return HF_OK;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return lost(transport, err);
        if (until == 0)
            until = idle_deadline(transport);
        HF_TRY(wait_ready(transport, wanted(transport, POLLIN), until, err));
    }
}

enum hf_status hf_redis_transport_write(struct hf_redis_transport *transport, const void *data,
                                        size_t len, struct hf_error *err)
{
    const uint8_t *at = data;
    int64_t until = 0;

    while (len > 0) {
        ssize_t put = transport->tls ? hf_tls_write(transport->tls, at, len)
                                     : send(transport->fd, at, len, MSG_NOSIGNAL);

        if (put > 0) {
            at += put;
            len -= (size_t)put;
            until = 0;
            continue;
        }
        if (put < 0 && errno == EINTR)
            continue;
        if (put == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return lost(transport, err);
        if (until == 0)
            until = idle_deadline(transport);
        HF_TRY(wait_ready(transport, wanted(transport, POLLOUT), until, err));
    }
    return HF_OK;
}

/* Opening. */

static enum hf_status refused(const struct hf_redis_transport *transport, int sys,
                              struct hf_error *err)
{
    return hf_error_set(err, HF_UNREACHABLE, "%s: cannot connect: %s", transport->where,
                        strerror(sys));
}

static enum hf_status connect_to(struct hf_redis_transport *transport, const struct sockaddr *to,
                                 socklen_t len, int64_t until, struct hf_error *err)
{
    int problem = 0;
    socklen_t size = sizeof problem;

    transport->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (transport->fd < 0)
        return hf_error_sys(err, errno, "%s: socket", transport->where);
    if (connect(transport->fd, to, len) == 0)
        return HF_OK;
    if (errno != EINPROGRESS)
        return refused(transport, errno, err);
    HF_TRY(wait_ready(transport, POLLOUT, until, err));
    if (getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
        problem = errno;
    return problem == 0 ? HF_OK : refused(transport, problem, err);
}

static enum hf_status open_socket(struct hf_redis_transport *transport, const char *path,
                                  int64_t until, struct hf_error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof to.sun_path)
        return hf_error_set(err, HF_CONFIG, "%s: the path of a unix socket has at most %zu bytes",
                            path, sizeof to.sun_path - 1);
    memcpy(to.sun_path, path, strlen(path) + 1);
    return connect_to(transport, (const struct sockaddr *)&to, sizeof to, until, err);
}

/* A server that is gone without a word is noticed within minutes, also while we only listen. */
static void keep_alive(int fd)
{
    static const int on = 1, idle = 30, interval = 10, count = 6;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static enum hf_status open_tcp(struct hf_redis_transport *transport, const char *host,
                               unsigned port, int64_t until, struct hf_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    enum hf_status status = HF_UNREACHABLE;
    char service[16];
    int problem;

    (void)snprintf(service, sizeof service, "%u", port);
    problem = getaddrinfo(host, service, &hints, &found);
    if (problem != 0)
        return hf_error_set(err, HF_UNREACHABLE, "%s: cannot find the host: %s", transport->where,
                            gai_strerror(problem));
    for (struct addrinfo *a = found; a && status == HF_UNREACHABLE; a = a->ai_next) {
        if (transport->fd >= 0)
            (void)close(transport->fd);
        transport->fd = -1;
        status = connect_to(transport, a->ai_addr, a->ai_addrlen, until, err);
    }
    freeaddrinfo(found);
    if (status == HF_OK)
        keep_alive(transport->fd);
    return status;
}

static enum hf_status open_tls(struct hf_redis_transport *transport,
                               const struct hf_redis_place *place, int64_t until,
                               struct hf_error *err)
{
    const struct hf_tls_options options = {
        .ca = place->tls_ca,
        .cert = place->tls_cert,
        .key = place->tls_key,
        .name = place->tls_name ? place->tls_name : place->host,
        .insecure = place->tls_insecure,
    };

    HF_TRY(hf_tls_new(&options, transport->fd, &transport->tls, err));
    for (;;) {
        bool done = false;

        if (hf_tls_handshake(transport->tls, &done, err) != HF_OK)
            return hf_error_prefix(err, "%s", transport->where);
        if (done)
            return HF_OK;
        HF_TRY(wait_ready(transport, hf_tls_wants(transport->tls), until, err));
    }
}

static enum hf_status new_transport(struct hf_cancel *cancel, unsigned timeout,
                                    struct hf_redis_transport **out, struct hf_error *err)
{
    struct hf_redis_transport *transport = calloc(1, sizeof *transport);

    if (!transport)
        return hf_error_memory(err);
    transport->fd = -1;
    transport->cancel = cancel;
    transport->timeout = (int)timeout * 1000;
    *out = transport;
    return HF_OK;
}

enum hf_status hf_redis_transport_adopt(int fd, const char *where, struct hf_cancel *cancel,
                                        struct hf_redis_transport **out, struct hf_error *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return hf_error_sys(err, errno, "%s: fcntl", where);
    HF_TRY(new_transport(cancel, ADOPTED_TIMEOUT, out, err));
    (void)snprintf((*out)->where, sizeof(*out)->where, "%s", where);
    (*out)->fd = fd;
    return HF_OK;
}

enum hf_status hf_redis_transport_open(const struct hf_redis_place *place, struct hf_cancel *cancel,
                                       struct hf_redis_transport **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_redis_transport) transport = NULL;
    int64_t until = hf_clock_monotonic() + (int64_t)place->connect_timeout * HF_NS_PER_S;
    bool v6 = place->host && strchr(place->host, ':');

    HF_TRY(new_transport(cancel, place->timeout, &transport, err));
    if (place->socket)
        (void)snprintf(transport->where, sizeof transport->where, "%s", place->socket);
    else
        (void)snprintf(transport->where, sizeof transport->where, "%s%s%s:%u", v6 ? "[" : "",
                       place->host, v6 ? "]" : "", place->port);
    if (place->socket)
        HF_TRY(open_socket(transport, place->socket, until, err));
    else
        HF_TRY(open_tcp(transport, place->host, place->port, until, err));
    if (place->tls)
        HF_TRY(open_tls(transport, place, until, err));
    *out = transport;
    transport = NULL;
    return HF_OK;
}
