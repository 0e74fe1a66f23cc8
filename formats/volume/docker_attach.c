#include "formats/volume/docker_attach.h"

#include "base/file.h"
#include "base/http.h"
#include "formats/volume/helper/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD_MAX = 64 << 10, PIECE = 256 << 10, ANSWER_MS = 60000 };

struct hf_docker_attached {
    int fd;
    struct hf_cancel *cancel;
    struct hf_docker_frames frames;
    uint8_t *piece; /* PIECE bytes */
};

void hf_docker_detach(struct hf_docker_attached *attached)
{
    hf_fd_auto(&attached->fd);
    free(attached->piece);
    free(attached);
}

static enum hf_status connect_to(struct hf_docker_attached *attached, const char *path,
                                 struct hf_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return hf_error_set(err, HF_CONFIG, "docker: the path of its socket is too long: %s", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    attached->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (attached->fd < 0)
        return hf_error_sys(err, errno, "docker");
    if (connect(attached->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)hf_error_sys(err, errno, "docker: %s", path);
        return err->status = HF_UNREACHABLE;
    }
    return hf_vol_wire_unblock(attached->fd, err);
}

static enum hf_status ask(const struct hf_docker_attached *attached, const char *container,
                          struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_TRY(hf_buf_append_str(&text, "POST /containers/", err));
    HF_TRY(hf_http_escape(&text, container, false, err));
    HF_TRY(hf_buf_append_str(&text,
                             "/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n"
                             "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                             "Content-Length: 0\r\n\r\n",
                             err));
    return hf_vol_wire_write(attached->fd, attached->cancel, text.data, text.len, err);
}

enum hf_status hf_docker_parse_upgrade(const void *data, size_t len, size_t *out_head,
                                       struct hf_error *err)
{
    static const char ok[] = "HTTP/1.1 101 ", also[] = "HTTP/1.1 200 ";
    enum { STATUS = sizeof ok - 1 };
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    *out_head = 0;
    if (!end && len < HEAD_MAX)
        return HF_OK;
    if (!end || len < STATUS || memcmp(data, "HTTP/1.1 ", 9) != 0)
        return hf_error_set(err, HF_DAMAGED, "docker: an answer that is no HTTP");
    if (memcmp(data, ok, STATUS) != 0 && memcmp(data, also, STATUS) != 0)
        return hf_error_set(err, HF_FAILED, "docker: it does not attach to a container (%.3s)",
                            (const char *)data + 9);
    *out_head = (size_t)(end - (const char *)data) + 4;
    return HF_OK;
}

/* What comes behind the head is the container's already. */
static enum hf_status take_answer(struct hf_docker_attached *attached, struct hf_error *err)
{
    HF_AUTO(hf_buf) head = HF_BUF_INIT;
    size_t end = 0;
    while (end == 0) {
        size_t got;
        HF_TRY(hf_vol_wire_read(attached->fd, attached->cancel, ANSWER_MS, attached->piece, PIECE,
                                &got, err));
        if (got == 0)
            return hf_error_set(err, HF_UNREACHABLE, "docker: it closed the connection");
        HF_TRY(hf_buf_append(&head, attached->piece, got, err));
        HF_TRY(hf_docker_parse_upgrade(head.data, head.len, &end, err));
    }
    return hf_docker_frames_feed(&attached->frames, head.data + end, head.len - end, err);
}

enum hf_status hf_docker_attach(const char *engine, const char *container, struct hf_cancel *cancel,
                                hf_docker_take_fn *take, void *take_ctx,
                                struct hf_docker_attached **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker_attached) attached = calloc(1, sizeof *attached);
    if (!attached)
        return hf_error_memory(err);
    attached->fd = -1;
    attached->cancel = cancel;
    attached->frames.take = take;
    attached->frames.take_ctx = take_ctx;
    attached->piece = malloc(PIECE);
    if (!attached->piece)
        return hf_error_memory(err);
    HF_TRY(connect_to(attached, engine ? engine : HF_DOCKER_SOCKET, err));
    HF_TRY(ask(attached, container, err));
    HF_TRY(take_answer(attached, err));
    *out = attached;
    attached = NULL;
    return HF_OK;
}

enum hf_status hf_docker_attached_read(struct hf_docker_attached *attached, int wait_ms,
                                       bool *out_ended, struct hf_error *err)
{
    size_t got;
    if (hf_vol_wire_read(attached->fd, attached->cancel, wait_ms, attached->piece, PIECE, &got,
                         err) != HF_OK)
        return hf_error_prefix(err, "docker");
    *out_ended = got == 0;
    return hf_docker_frames_feed(&attached->frames, attached->piece, got, err);
}

enum hf_status hf_docker_attached_write(struct hf_docker_attached *attached, const void *data,
                                        size_t len, struct hf_error *err)
{
    if (hf_vol_wire_write(attached->fd, attached->cancel, data, len, err) != HF_OK)
        return hf_error_prefix(err, "docker");
    return HF_OK;
}

enum hf_status hf_docker_attached_close_input(struct hf_docker_attached *attached,
                                              struct hf_error *err)
{
    if (shutdown(attached->fd, SHUT_WR) != 0)
        return hf_error_sys(err, errno, "docker");
    return HF_OK;
}

const char *hf_docker_attached_said(struct hf_docker_attached *attached)
{
    return hf_docker_frames_text(&attached->frames);
}
