#include "base/cancel.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { GOING, FAILED, INTERRUPTED };
enum { NS_PER_MS = 1000000 };

/* The state leaves GOING once. cause is written under the lock, and holds when the state is
 * FAILED; a signal handler touches state and fd only. */
struct hf_cancel {
    atomic_int state;
    int fd;
    pthread_mutex_t lock;
    struct hf_error cause;
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "hf_cancel_interrupt is called by signal handlers");

enum hf_status hf_cancel_new(struct hf_cancel **out, struct hf_error *err)
{
    struct hf_cancel *cancel = calloc(1, sizeof *cancel);

    if (!cancel)
        return hf_error_memory(err);
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cancel->fd < 0) {
        (void)hf_error_sys(err, errno, "eventfd");
        free(cancel);
        return err->status;
    }
    atomic_init(&cancel->state, GOING);
    (void)pthread_mutex_init(&cancel->lock, NULL); /* cannot fail with default attributes */
    *out = cancel;
    return HF_OK;
}

void hf_cancel_free(struct hf_cancel *cancel)
{
    if (!cancel)
        return;
    (void)close(cancel->fd);
    (void)pthread_mutex_destroy(&cancel->lock);
    free(cancel);
}

/* Fails only when the counter is full, and then the fd is readable anyway. */
static void wake(const struct hf_cancel *cancel)
{
    const uint64_t one = 1;
    ssize_t written = write(cancel->fd, &one, sizeof one);

    (void)written;
}

void hf_cancel_fail(struct hf_cancel *cancel, const struct hf_error *cause)
{
    int state;

    (void)pthread_mutex_lock(&cancel->lock);
    state = atomic_load(&cancel->state);
    if (state == GOING ||
        (state == FAILED && cancel->cause.status == HF_CANCELLED && cause->status != HF_CANCELLED))
        cancel->cause = *cause;
    if (state == GOING)
        (void)atomic_compare_exchange_strong(&cancel->state, &state, FAILED);
    (void)pthread_mutex_unlock(&cancel->lock);
    wake(cancel);
}

void hf_cancel_interrupt(struct hf_cancel *cancel)
{
    int saved = errno;
    int going = GOING;

    (void)atomic_compare_exchange_strong(&cancel->state, &going, INTERRUPTED);
    wake(cancel);
    errno = saved;
}

bool hf_cancel_requested(const struct hf_cancel *cancel)
{
    return atomic_load(&cancel->state) != GOING;
}

enum hf_status hf_cancel_check(struct hf_cancel *cancel, struct hf_error *err)
{
    switch (atomic_load(&cancel->state)) {
    case GOING:
        return HF_OK;
    case INTERRUPTED:
        return hf_error_set(err, HF_CANCELLED, "interrupted");
    default:
        return hf_error_set(err, HF_CANCELLED, "stopped after an error elsewhere");
    }
}

enum hf_status hf_cancel_cause(struct hf_cancel *cancel, struct hf_error *out)
{
    enum hf_status status = HF_OK;

    (void)pthread_mutex_lock(&cancel->lock);
    switch (atomic_load(&cancel->state)) {
    case GOING:
        break;
    case INTERRUPTED:
        status = hf_error_set(out, HF_CANCELLED, "interrupted");
        break;
    default:
        *out = cancel->cause;
        status = out->status;
    }
    (void)pthread_mutex_unlock(&cancel->lock);
    return status;
}

enum hf_status hf_cancel_sleep(struct hf_cancel *cancel, int64_t ns, struct hf_error *err)
{
    struct pollfd stop = {.fd = cancel ? cancel->fd : -1, .events = POLLIN};
    int64_t end = hf_clock_monotonic() + ns;

    for (int64_t left = ns; left > 0; left = end - hf_clock_monotonic()) {
        int64_t ms = left / NS_PER_MS + 1;

        if (poll(&stop, 1, (int)(ms < INT32_MAX ? ms : INT32_MAX)) > 0)
            break;
    }
    return cancel ? hf_cancel_check(cancel, err) : HF_OK;
}

int hf_cancel_fd(const struct hf_cancel *cancel)
{
    return cancel->fd;
}
