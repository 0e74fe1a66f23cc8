/*
 * A group of threads that run one function each and are joined together. Threads are
 * started nowhere else.
 */
#ifndef HF_BASE_POOL_H
#define HF_BASE_POOL_H

#include "base/cancel.h"
#include "base/error.h"

#include <stddef.h>

struct hf_pool;

/* What a thread runs; index counts from 0. An error stops the group's struct hf_cancel. */
typedef enum hf_status hf_pool_fn(void *arg, size_t index, struct hf_error *err);

/*
 * Starts count threads. cancel is borrowed and is failed with the first thread's error, before
 * on_fail(arg) is called (may be NULL; use it to cancel queues so that the others wake up).
 * Threads start with all signals blocked.
 */
enum hf_status hf_pool_start(size_t count, hf_pool_fn *run, void (*on_fail)(void *arg), void *arg,
                             struct hf_cancel *cancel, struct hf_pool **out,
                             struct hf_error *err) HF_WARN_UNUSED;

/* Waits for every thread and frees the pool. The cause held by cancel if a thread failed. */
enum hf_status hf_pool_join(struct hf_pool *pool, struct hf_error *err) HF_WARN_UNUSED;

/* What is done to one of many items. */
typedef enum hf_status hf_pool_item_fn(void *arg, size_t item, struct hf_error *err);
/*
 * Calls fn for items 0 to count - 1, by at most threads threads and in any order, and waits for
 * them. The first error ends it; so does cancel (may be NULL).
 */
enum hf_status hf_pool_each(size_t threads, size_t count, hf_pool_item_fn *fn, void *arg,
                            struct hf_cancel *cancel, struct hf_error *err) HF_WARN_UNUSED;

/* Processors this process may use, by its affinity and by the quota of its control group; at least
 * 1. */
size_t hf_pool_cpus(void);

#endif
