#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

/* A ring: count items from head on. */
struct hf_queue {
    pthread_mutex_t lock;
    pthread_cond_t room;  /* an item left, or the queue was ended */
    pthread_cond_t items; /* an item came, or the queue was ended */
    size_t capacity;
    size_t head;
    size_t count;
    bool closed;
    bool cancelled;
    void *ring[];
};

enum hf_status hf_queue_new(size_t capacity, struct hf_queue **out, struct hf_error *err)
{
    struct hf_queue *queue;
    size_t bytes;

    if (capacity == 0)
        return hf_error_set(err, HF_FAILED, "a queue needs room for at least one item");
    if (__builtin_mul_overflow(capacity, sizeof queue->ring[0], &bytes) ||
        __builtin_add_overflow(bytes, sizeof *queue, &bytes))
        return hf_error_memory(err);
    queue = calloc(1, bytes);
    if (!queue)
        return hf_error_memory(err);
    queue->capacity = capacity;
    /* None of these can fail with default attributes on Linux. */
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->room, NULL);
    (void)pthread_cond_init(&queue->items, NULL);
    *out = queue;
    return HF_OK;
}

void hf_queue_free(struct hf_queue *queue)
{
    if (!queue)
        return;
    (void)pthread_cond_destroy(&queue->items);
    (void)pthread_cond_destroy(&queue->room);
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

static void *take(struct hf_queue *queue)
{
    void *item = queue->ring[queue->head];

    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
    (void)pthread_cond_signal(&queue->room);
    return item;
}

bool hf_queue_push(struct hf_queue *queue, void *item)
{
    bool pushed;

    (void)pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->closed && !queue->cancelled)
        (void)pthread_cond_wait(&queue->room, &queue->lock);
    pushed = !queue->closed && !queue->cancelled;
    if (pushed) {
        queue->ring[(queue->head + queue->count) % queue->capacity] = item;
        queue->count++;
        (void)pthread_cond_signal(&queue->items);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return pushed;
}

void *hf_queue_pop(struct hf_queue *queue)
{
    void *item = NULL;

    (void)pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed && !queue->cancelled)
        (void)pthread_cond_wait(&queue->items, &queue->lock);
    if (queue->count > 0 && !queue->cancelled)
        item = take(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return item;
}

static void end(struct hf_queue *queue, bool *how)
{
    (void)pthread_mutex_lock(&queue->lock);
    *how = true;
    (void)pthread_cond_broadcast(&queue->room);
    (void)pthread_cond_broadcast(&queue->items);
    (void)pthread_mutex_unlock(&queue->lock);
}

void hf_queue_close(struct hf_queue *queue)
{
    end(queue, &queue->closed);
}

void hf_queue_cancel(struct hf_queue *queue)
{
    end(queue, &queue->cancelled);
}

void *hf_queue_drain(struct hf_queue *queue)
{
    void *item = NULL;

    (void)pthread_mutex_lock(&queue->lock);
    if (queue->count > 0)
        item = take(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return item;
}
