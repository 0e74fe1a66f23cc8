#include "storage/s3/limit.h"

#include "base/clock.h"

#include <limits.h>
#include <poll.h>

/* Unused time that may be made up: enough to smooth out threads that wait for a CPU. */
static const int64_t burst = HF_NS_PER_S / 20;

void hf_limit_init(struct hf_limit *limit, uint64_t rate)
{
    (void)pthread_mutex_init(&limit->lock, NULL); /* cannot fail with default attributes */
    limit->rate = rate;
    limit->next = 0;
}

void hf_limit_done(struct hf_limit *limit)
{
    (void)pthread_mutex_destroy(&limit->lock);
}

int64_t hf_limit_reserve(struct hf_limit *limit, size_t len, int64_t now)
{
    if (limit->rate == 0)
        return now;
    double cost = (double)len * (double)HF_NS_PER_S / (double)limit->rate;
    (void)pthread_mutex_lock(&limit->lock);
    if (limit->next < now - burst)
        limit->next = now - burst;
    int64_t turn = limit->next;
    limit->next += (int64_t)cost;
    (void)pthread_mutex_unlock(&limit->lock);
    return turn > now ? turn : now;
}

void hf_limit_sleep(int64_t ns, struct hf_cancel *cancel)
{
    struct pollfd fd = {.fd = cancel ? hf_cancel_fd(cancel) : -1, .events = POLLIN};
    int64_t end = hf_clock_monotonic() + ns;
    for (int64_t left = ns; left > 0; left = end - hf_clock_monotonic()) {
        if (cancel && hf_cancel_requested(cancel))
            return;
        int64_t ms = left / 1000000 + 1;
        (void)poll(&fd, 1, ms < INT_MAX ? (int)ms : INT_MAX);
    }
}

void hf_limit_take(struct hf_limit *limit, size_t len, struct hf_cancel *cancel)
{
    int64_t now = hf_clock_monotonic();
    int64_t turn = hf_limit_reserve(limit, len, now);
    if (turn > now)
        hf_limit_sleep(turn - now, cancel);
}
