#include "storage/s3/retry.h"

void hf_retry_begin(struct hf_retry *retry, const struct hf_retry_policy *policy)
{
    *retry = (struct hf_retry){.policy = *policy};
}

void hf_retry_progress(struct hf_retry *retry)
{
    retry->failures = 0;
}

/* base * 2^failures, at most cap. */
static int64_t bound_of(const struct hf_retry *retry)
{
    int64_t bound = retry->policy.base;
    for (unsigned i = 0; i < retry->failures && bound < retry->policy.cap; i++)
        bound *= 2;
    return bound < retry->policy.cap ? bound : retry->policy.cap;
}

static int64_t part_of(int64_t bound, uint32_t random)
{
    return (int64_t)((double)bound * ((double)random / (double)UINT32_MAX));
}

bool hf_retry_again(struct hf_retry *retry, int64_t now, int64_t asked, uint32_t random,
                    int64_t *out_pause)
{
    if (retry->failures == 0)
        retry->since = now;
    int64_t left = retry->policy.budget - (now - retry->since);
    int64_t pause = part_of(bound_of(retry), random);
    retry->failures++;
    if (left <= 0)
        return false;
    /* Jitter on top of what is asked: all who were turned away would come back at once. */
    if (asked > 0)
        pause += asked;
    *out_pause = pause < left ? pause : left; /* the last try is at the end of the budget */
    return true;
}
