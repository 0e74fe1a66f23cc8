#include "storage/s3/limit.h"

#include "base/clock.h"

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

void hf_limit_take(struct hf_limit *limit, size_t len, struct hf_cancel *cancel)
{
    int64_t now = hf_clock_monotonic();
    int64_t turn = hf_limit_reserve(limit, len, now);
    struct hf_error ignored = HF_ERROR_INIT; /* of a cancel: whoever transfers looks for himself */
    if (turn > now)
        (void)!hf_cancel_sleep(cancel, turn - now, &ignored);
}
