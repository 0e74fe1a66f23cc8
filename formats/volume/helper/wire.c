#include "formats/volume/helper/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void hf_vol_inbox_done(struct hf_vol_inbox *inbox)
{
    hf_buf_free(&inbox->payload);
}

void hf_vol_wire_head(uint8_t head[HF_WIRE_HEAD], enum hf_vol_wire_type type, uint32_t id,
                      size_t len)
{
    head[0] = (uint8_t)type;
    hf_store_u32(head + 1, id);
    hf_store_u32(head + 5, (uint32_t)len);
}

static enum hf_status begin_message(struct hf_vol_inbox *inbox, struct hf_error *err)
{
    size_t len = hf_load_u32(inbox->head + 5);
    if (inbox->head[0] == 0 || inbox->head[0] >= HF_WIRE_TYPES || len > inbox->max)
        return hf_error_set(err, HF_DAMAGED, "a message in a form that is not known");
    inbox->left = len;
    inbox->payload.len = 0;
    return HF_OK;
}

static enum hf_status end_message(struct hf_vol_inbox *inbox, struct hf_error *err)
{
    inbox->head_len = 0;
    return inbox->take(inbox->ctx, (enum hf_vol_wire_type)inbox->head[0],
                       hf_load_u32(inbox->head + 1), &inbox->payload, err);
}

enum hf_status hf_vol_inbox_feed(struct hf_vol_inbox *inbox, const void *data, size_t len,
                                 struct hf_error *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        bool in_head = inbox->head_len < HF_WIRE_HEAD;
        size_t wanted = in_head ? HF_WIRE_HEAD - inbox->head_len : inbox->left;
        size_t part = len < wanted ? len : wanted;
        if (in_head) {
            memcpy(inbox->head + inbox->head_len, at, part);
            inbox->head_len += part;
            if (inbox->head_len == HF_WIRE_HEAD)
                HF_TRY(begin_message(inbox, err));
        } else {
            HF_TRY(hf_buf_append(&inbox->payload, at, part, err));
            inbox->left -= part;
        }
        at += part;
        len -= part;
        if (inbox->head_len == HF_WIRE_HEAD && inbox->left == 0)
            HF_TRY(end_message(inbox, err));
    }
    return HF_OK;
}

/* ---- descriptors ---- */

enum hf_status hf_vol_wire_unblock(int fd, struct hf_error *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return hf_error_sys(err, errno, "the connection to the helper");
    return HF_OK;
}

static enum hf_status wait_for(int fd, struct hf_cancel *cancel, short events, int wait_ms,
                               struct hf_error *err)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events},
                            {.fd = cancel ? hf_cancel_fd(cancel) : -1, .events = POLLIN}};
    int ready;
    do {
        ready = poll(fds, 2, wait_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return hf_error_sys(err, errno, "waiting for the helper");
    if (ready == 0)
        return hf_error_set(err, HF_UNREACHABLE, "there is no answer");
    return fds[1].revents ? hf_cancel_check(cancel, err) : HF_OK;
}

enum hf_status hf_vol_wire_write(int fd, struct hf_cancel *cancel, const void *data, size_t len,
                                 struct hf_error *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t put = write(fd, at, len);
        if (put > 0) {
            at += put;
            len -= (size_t)put;
        } else if (put < 0 && errno == EAGAIN) {
            HF_TRY(wait_for(fd, cancel, POLLOUT, -1, err));
        } else if (put == 0 || errno != EINTR) {
            return hf_error_set(err, HF_UNREACHABLE, "the connection was lost: %s",
                                strerror(errno));
        }
    }
    return HF_OK;
}

enum hf_status hf_vol_wire_read(int fd, struct hf_cancel *cancel, int wait_ms, void *data,
                                size_t cap, size_t *out, struct hf_error *err)
{
    for (;;) {
        ssize_t got = read(fd, data, cap);
        if (got >= 0) {
            *out = (size_t)got;
            return HF_OK;
        }
        if (errno == EAGAIN)
            HF_TRY(wait_for(fd, cancel, POLLIN, wait_ms, err));
        else if (errno != EINTR)
            return hf_error_set(err, HF_UNREACHABLE, "the connection was lost: %s",
                                strerror(errno));
    }
}

/* ---- lists ---- */

enum hf_status hf_vol_wire_strings(const json_t *array, struct hf_strings *out,
                                   struct hf_error *err)
{
    const json_t *one;
    size_t i;
    json_array_foreach (array, i, one) {
        if (!json_is_string(one))
            return hf_error_set(err, HF_DAMAGED, "a list that is not of texts");
        HF_TRY(hf_strings_add(out, json_string_value(one), err));
    }
    return HF_OK;
}

enum hf_status hf_vol_wire_array(const struct hf_strings *strings, json_t **out,
                                 struct hf_error *err)
{
    json_t *array = json_array();
    for (size_t i = 0; i < strings->count; i++) {
        if (json_array_append_new(array, json_string(strings->items[i])) == 0)
            continue;
        json_decref(array);
        return hf_error_set(err, HF_USAGE,
                            "a pattern for a volume that is read by a helper must "
                            "be UTF-8");
    }
    *out = array;
    return array ? HF_OK : hf_error_memory(err);
}
