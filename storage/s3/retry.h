/*
 * When to try again: exponential backoff with full jitter, within a budget of time. Pure logic, on
 * times that are given. After "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): each
 * pause is a random part of a bound that doubles.
 *
 * The budget is spent by time without progress: an operation that gets on (a broken download
 * resumed further on) starts anew.
 */
#ifndef HF_STORAGE_S3_RETRY_H
#define HF_STORAGE_S3_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct hf_retry_policy {
    int64_t base;   /* ns: bound of the first pause */
    int64_t cap;    /* ns: no pause is longer, but where the server asks for it */
    int64_t budget; /* ns from the first failure to the last try */
};

struct hf_retry {
    struct hf_retry_policy policy;
    int64_t since;     /* of the first failure; valid when failures > 0 */
    unsigned failures; /* without progress between them */
};

void hf_retry_begin(struct hf_retry *retry, const struct hf_retry_policy *policy);
void hf_retry_progress(struct hf_retry *retry);

/*
 * A try failed at now (monotonic ns); asked is the pause the server wants (ns, 0: none), random any
 * 32 bits. True: try again after *out_pause; false: the budget is spent.
 */
bool hf_retry_again(struct hf_retry *retry, int64_t now, int64_t asked, uint32_t random,
                    int64_t *out_pause);

#endif
