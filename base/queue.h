/*
 * A bounded queue of pointers between threads. A full queue stops the producer:
 * that is what keeps memory bounded.
 *
 * The queue never owns what passes through it. After hf_queue_cancel pushes and pops
 * return at once; what is still inside is taken out with hf_queue_drain by whoever ends
 * the work. Any thread may call anything but hf_queue_free.
 */
#ifndef HF_BASE_QUEUE_H
#define HF_BASE_QUEUE_H

#include "base/error.h"

#include <stddef.h>

struct hf_queue;

enum hf_status hf_queue_new(size_t capacity, struct hf_queue **out,
                            struct hf_error *err) HF_WARN_UNUSED;
void hf_queue_free(struct hf_queue *queue);
HF_DEFINE_AUTO_PTR(hf_queue, hf_queue_free)

/* Waits for room. False (item stays the caller's) once closed or cancelled. */
bool hf_queue_push(struct hf_queue *queue, void *item) HF_WARN_UNUSED;
/* Waits for an item. NULL once cancelled, or closed and empty. */
void *hf_queue_pop(struct hf_queue *queue);
/* No more pushes; pops go on until it is empty. */
void hf_queue_close(struct hf_queue *queue);
void hf_queue_cancel(struct hf_queue *queue);
/* An item that was left inside, or NULL; never waits. */
void *hf_queue_drain(struct hf_queue *queue);

#endif
