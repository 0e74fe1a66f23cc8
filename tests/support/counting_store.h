/*
 * A store around another one that counts what is asked of it, as a bucket would be asked: a listing
 * is a request for every 1000 objects. It can let each request take a while, and call somebody in
 * between two of them. Any thread; the store within is borrowed.
 */
#ifndef HF_TESTS_COUNTING_STORE_H
#define HF_TESTS_COUNTING_STORE_H

#include "storage/store.h"

struct hf_requests {
    unsigned put;
    unsigned get; /* whole objects and ranges */
    unsigned list;
    unsigned stat;
    unsigned remove;
    unsigned all;
};

enum hf_status hf_counting_store_new(struct hf_store *inner, struct hf_store **out,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* So far, or since the last time they were taken. */
struct hf_requests hf_counting_store_take(struct hf_store *store);
/* Each request takes this long from now on, ns. */
void hf_counting_store_delay(struct hf_store *store, int64_t ns);
/* fn(ctx) is called once, on the thread that asks, before the n-th operation from now (1: the
 * next). What it asks of this store is not counted for n. 0: not any more. */
void hf_counting_store_before(struct hf_store *store, unsigned n, void (*fn)(void *ctx), void *ctx);

#endif
