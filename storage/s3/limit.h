/*
 * A rate that several threads share. Each takes what it is about to transfer and sleeps until its
 * turn; what is not used does not add up for longer than a fraction of a second. Any thread.
 */
#ifndef HF_STORAGE_S3_LIMIT_H
#define HF_STORAGE_S3_LIMIT_H

#include "base/cancel.h"
#include "base/error.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct hf_limit {
    pthread_mutex_t lock;
    uint64_t rate; /* bytes a second; 0: none */
    int64_t next;  /* monotonic ns: when the next byte may go */
};

void hf_limit_init(struct hf_limit *limit, uint64_t rate);
void hf_limit_done(struct hf_limit *limit);

/* Pure half: when, at or after now, len bytes may go; they are counted as gone. */
int64_t hf_limit_reserve(struct hf_limit *limit, size_t len, int64_t now);
/* Sleeps until then, or until cancel (may be NULL) fires. */
void hf_limit_take(struct hf_limit *limit, size_t len, struct hf_cancel *cancel);

#endif
