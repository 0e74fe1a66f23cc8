#include "agent/metrics/listen.h"

#include "base/file.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 32 };

static enum hf_status fail(const char *where, struct hf_error *err)
{
    int sys = errno;

    if (sys == EADDRINUSE)
        return hf_error_set(err, HF_EXISTS, "http: something else listens on %s already", where);
    if (sys == EADDRNOTAVAIL)
        return hf_error_set(err, HF_CONFIG, "http: %s is no address of this machine", where);
    return hf_error_sys(err, sys, "http: listening on %s", where);
}

static enum hf_status bind_and_listen(int fd, const struct sockaddr *address, socklen_t len,
                                      const char *where, struct hf_error *err)
{
    int yes = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0)
        return fail(where, err);
    return HF_OK;
}

static enum hf_status listen_tcp(const struct hf_config_http *http, int *out, struct hf_error *err)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[16], where[300];
    enum hf_status status;
    int code, fd;

    (void)snprintf(port, sizeof port, "%u", http->port);
    (void)snprintf(where, sizeof where, "%.256s port %u", http->host, http->port);
    code = getaddrinfo(http->host, port, &wanted, &found);
    if (code != 0)
        return hf_error_set(err, HF_CONFIG, "http: %s: %s", http->host, gai_strerror(code));
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    status = fd < 0 ? fail(where, err)
                    : bind_and_listen(fd, found->ai_addr, found->ai_addrlen, where, err);
    freeaddrinfo(found);
    if (status == HF_OK)
        *out = fd;
    else
        hf_fd_auto(&fd);
    return status;
}

/* A socket that was left by an agent that was killed. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat facts;
    HF_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || lstat(address->sun_path, &facts) != 0 || !S_ISSOCK(facts.st_mode))
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
}

static enum hf_status listen_unix(const char *path, int *out, struct hf_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    enum hf_status status;
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return hf_error_set(err, HF_CONFIG, "http: the path of the socket is too long: %s", path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    remove_stale(&address);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(path, err);
    status = bind_and_listen(fd, (const struct sockaddr *)&address, sizeof address, path, err);
    if (status == HF_OK && chmod(path, 0660) != 0)
        status = fail(path, err);
    if (status == HF_OK)
        *out = fd;
    else
        hf_fd_auto(&fd);
    return status;
}

enum hf_status hf_listen(const struct hf_config_http *http, int *out, struct hf_error *err)
{
    return http->socket ? listen_unix(http->socket, out, err) : listen_tcp(http, out, err);
}
