#include "formats/volume/helper/remote.h"

#include "base/json.h"
#include "base/pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

/* A thread that waits for an answer; lives on its stack. */
struct call {
    uint32_t id;
    struct hf_buf *out;
    bool done;
    enum hf_status status;
    struct hf_error *err;
    struct call *next;
};

struct hf_vol_remote {
    int in, out;
    struct hf_cancel *cancel;
    pthread_mutex_t sending;
    pthread_mutex_t lock; /* the calls, and gone */
    pthread_cond_t answered;
    struct call *calls;
    bool gone;
    atomic_uint_least32_t numbers;
    struct hf_vol_inbox inbox;
    uint8_t *piece;
    json_t *start;
    struct hf_observer observer;
    struct hf_vol_far *far;
    int done; /* eventfd: the listener may end */
    struct hf_pool *listener;
};

/* ---- saying ---- */

enum hf_status hf_vol_remote_send(struct hf_vol_remote *remote, enum hf_vol_wire_type type,
                                  uint32_t id, const void *data, size_t len, struct hf_error *err)
{
    uint8_t head[HF_WIRE_HEAD];
    if (len > HF_WIRE_UP_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "%zu bytes are too many to tell at once", len);
    hf_vol_wire_head(head, type, id, len);
    /* Not cancelled: half a message would garble what is said of the reason. */
    pthread_mutex_lock(&remote->sending);
    enum hf_status status = hf_vol_wire_write(remote->out, NULL, head, sizeof head, err);
    if (status == HF_OK && len > 0)
        status = hf_vol_wire_write(remote->out, NULL, data, len, err);
    pthread_mutex_unlock(&remote->sending);
    return status;
}

uint32_t hf_vol_remote_number(struct hf_vol_remote *remote)
{
    return atomic_fetch_add(&remote->numbers, 1) + 1;
}

/* ---- calls ---- */

static void forget(struct hf_vol_remote *remote, const struct call *call)
{
    struct call **at = &remote->calls;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
}

static enum hf_status wait_answer(struct hf_vol_remote *remote, struct call *call,
                                  struct hf_error *err)
{
    pthread_mutex_lock(&remote->lock);
    while (!call->done && !remote->gone)
        pthread_cond_wait(&remote->answered, &remote->lock);
    forget(remote, call);
    pthread_mutex_unlock(&remote->lock);
    if (call->done)
        return call->status;
    return hf_error_set(err, HF_CANCELLED, "stopped after an error elsewhere");
}

enum hf_status hf_vol_remote_call(struct hf_vol_remote *remote, enum hf_vol_wire_type type,
                                  uint32_t id, const void *data, size_t len, struct hf_buf *out,
                                  struct hf_error *err)
{
    struct call call = {.id = id, .out = out, .err = err};
    pthread_mutex_lock(&remote->lock);
    call.next = remote->calls;
    remote->calls = &call;
    pthread_mutex_unlock(&remote->lock);
    enum hf_status status = hf_vol_remote_send(remote, type, id, data, len, err);
    if (status == HF_OK)
        return wait_answer(remote, &call, err);
    pthread_mutex_lock(&remote->lock);
    forget(remote, &call);
    pthread_mutex_unlock(&remote->lock);
    return status;
}

/* Under the lock: whoever waits does not go away meanwhile. */
static enum hf_status take_answer(struct hf_vol_remote *remote, bool refusal, uint32_t id,
                                  struct hf_buf *payload, struct hf_error *err)
{
    struct call *call = remote->calls;
    while (call && call->id != id)
        call = call->next;
    if (!call || call->done ||
        (refusal &&
         (payload->len == 0 || payload->data[0] == HF_OK || payload->data[0] > HF_PARTIAL)))
        return hf_error_set(err, HF_DAMAGED, "an answer to nothing");
    if (refusal) {
        call->status = (enum hf_status)payload->data[0];
        (void)hf_error_set(call->err, call->status, "%.*s", (int)(payload->len - 1),
                           (const char *)payload->data + 1);
    } else {
        struct hf_buf swapped = *call->out;
        *call->out = *payload;
        *payload = swapped;
    }
    call->done = true;
    pthread_cond_broadcast(&remote->answered);
    return HF_OK;
}

static enum hf_status take(void *ctx, enum hf_vol_wire_type type, uint32_t id,
                           struct hf_buf *payload, struct hf_error *err)
{
    struct hf_vol_remote *remote = ctx;
    if (type == HF_WIRE_START && !remote->start)
        return hf_json_parse_object(payload->data, payload->len, HF_WIRE_DOWN_MAX,
                                    "what is to be done", &remote->start, err);
    if (type != HF_WIRE_ANSWER && type != HF_WIRE_REFUSAL)
        return hf_error_set(err, HF_DAMAGED, "a message of a kind that is not known");
    pthread_mutex_lock(&remote->lock);
    enum hf_status status = take_answer(remote, type == HF_WIRE_REFUSAL, id, payload, err);
    pthread_mutex_unlock(&remote->lock);
    return status;
}

/* ---- listening ---- */

static enum hf_status read_some(struct hf_vol_remote *remote, struct hf_error *err)
{
    size_t got;
    HF_TRY(hf_vol_wire_read(remote->in, remote->cancel, -1, remote->piece, PIECE, &got, err));
    if (got == 0)
        return hf_error_set(err, HF_UNREACHABLE, "whoever is helped is gone");
    return hf_vol_inbox_feed(&remote->inbox, remote->piece, got, err);
}

static enum hf_status listen_on(void *arg, size_t index, struct hf_error *err)
{
    struct hf_vol_remote *remote = arg;
    struct pollfd fds[2] = {{.fd = remote->in, .events = POLLIN},
                            {.fd = remote->done, .events = POLLIN}};
    (void)index;
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return hf_error_sys(err, errno, "listening");
        if (fds[1].revents)
            return HF_OK;
        if (fds[0].revents)
            HF_TRY(read_some(remote, err));
    }
}

static void wake_all(void *arg)
{
    struct hf_vol_remote *remote = arg;
    pthread_mutex_lock(&remote->lock);
    remote->gone = true;
    pthread_cond_broadcast(&remote->answered);
    pthread_mutex_unlock(&remote->lock);
}

/* ---- the observer ---- */

static void tell_note(void *ctx, enum hf_note_level level, const char *text)
{
    struct hf_error known = HF_ERROR_INIT; /* by whoever needs an answer */
    (void)!hf_vol_remote_send(ctx, HF_WIRE_NOTE, level, text, strnlen(text, 4000), &known);
}

static void tell_amounts(struct hf_vol_remote *remote, bool expected, uint64_t bytes,
                         uint64_t items)
{
    uint8_t text[16];
    struct hf_error known = HF_ERROR_INIT;
    hf_store_u64(text, bytes);
    hf_store_u64(text + 8, items);
    (void)!hf_vol_remote_send(remote, expected ? HF_WIRE_EXPECT : HF_WIRE_ADVANCE, expected, text,
                              sizeof text, &known);
}

static void tell_expect(void *ctx, uint64_t bytes, uint64_t items)
{
    tell_amounts(ctx, true, bytes, items);
}

static void tell_advance(void *ctx, uint64_t bytes, uint64_t items)
{
    tell_amounts(ctx, false, bytes, items);
}

/* ---- from outside ---- */

void hf_vol_remote_close(struct hf_vol_remote *remote)
{
    struct hf_error known = HF_ERROR_INIT;
    if (remote->listener) {
        (void)!eventfd_write(remote->done, 1);
        (void)!hf_pool_join(remote->listener, &known);
    }
    if (remote->done >= 0)
        (void)close(remote->done);
    hf_vol_far_free(remote->far);
    hf_vol_inbox_done(&remote->inbox);
    json_decref(remote->start);
    free(remote->piece);
    (void)pthread_cond_destroy(&remote->answered);
    (void)pthread_mutex_destroy(&remote->lock);
    (void)pthread_mutex_destroy(&remote->sending);
    free(remote);
}

static struct hf_vol_remote *make(int in, int out, struct hf_cancel *cancel)
{
    struct hf_vol_remote *remote = calloc(1, sizeof *remote);
    if (!remote)
        return NULL;
    remote->in = in;
    remote->out = out;
    remote->cancel = cancel;
    remote->done = -1;
    remote->inbox = (struct hf_vol_inbox){.take = take, .ctx = remote, .max = HF_WIRE_DOWN_MAX};
    remote->observer = (struct hf_observer){
        .ctx = remote, .note = tell_note, .expect = tell_expect, .advance = tell_advance};
    /* These cannot fail with default attributes. */
    (void)pthread_mutex_init(&remote->sending, NULL);
    (void)pthread_mutex_init(&remote->lock, NULL);
    (void)pthread_cond_init(&remote->answered, NULL);
    return remote;
}

enum hf_status hf_vol_remote_open(int in, int out, struct hf_cancel *cancel,
                                  struct hf_vol_remote **out_remote, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_remote) remote = make(in, out, cancel);
    if (!remote)
        return hf_error_memory(err);
    remote->piece = malloc(PIECE);
    remote->done = eventfd(0, EFD_CLOEXEC);
    if (!remote->piece || remote->done < 0)
        return hf_error_memory(err);
    HF_TRY(hf_vol_far_new(remote, &remote->far, err));
    HF_TRY(hf_vol_wire_unblock(in, err));
    HF_TRY(hf_vol_wire_unblock(out, err));
    HF_TRY(hf_vol_remote_send(remote, HF_WIRE_HELLO, 0, HF_VERSION, strlen(HF_VERSION), err));
    while (!remote->start)
        HF_TRY(read_some(remote, err));
    HF_TRY(hf_pool_start(1, listen_on, wake_all, remote, cancel, &remote->listener, err));
    *out_remote = remote;
    remote = NULL;
    return HF_OK;
}

const json_t *hf_vol_remote_start(const struct hf_vol_remote *remote)
{
    return remote->start;
}

const struct hf_observer *hf_vol_remote_observer(const struct hf_vol_remote *remote)
{
    return &remote->observer;
}

const struct hf_sink *hf_vol_remote_sink(const struct hf_vol_remote *remote)
{
    return hf_vol_far_sink(remote->far);
}

enum hf_status hf_vol_remote_feed(struct hf_vol_remote *remote, const struct hf_feed **out,
                                  struct hf_error *err)
{
    return hf_vol_far_feed(remote->far, json_object_get(remote->start, "streams"), out, err);
}

enum hf_status hf_vol_remote_result(struct hf_vol_remote *remote, const struct hf_error *why,
                                    const json_t *result, struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    json_t *words = json_string(why->text);
    HF_TRY(hf_json_pack(&json, err, "{s:i, s:i, s:o, s:O?}", "status", (int)why->status, "sys",
                        why->sys, "text", words ? words : json_string("(not UTF-8)"), "result",
                        result));
    HF_TRY(hf_json_dump(json, &text, err));
    return hf_vol_remote_send(remote, HF_WIRE_RESULT, 0, text.data, text.len, err);
}
