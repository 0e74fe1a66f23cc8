#include "base/pool.h"
#include "base/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

static struct hf_queue *new_queue(size_t capacity)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_queue *queue;
    assert_ok(hf_queue_new(capacity, &queue, &err), &err);
    return queue;
}

static void queue_new_impossible_capacity_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_queue *queue;
    assert_fails(hf_queue_new(0, &queue, &err), HF_FAILED, &err);
    assert_fails(hf_queue_new(SIZE_MAX, &queue, &err), HF_NO_MEMORY, &err);
}

static void queue_pop_items_come_in_order(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_queue) queue = new_queue(3);
    int items[10];
    for (size_t i = 0; i < 10; i++) { /* around the ring */
        assert_true(hf_queue_push(queue, &items[i]));
        if (i >= 2)
            assert_ptr_equal(hf_queue_pop(queue), &items[i - 2]);
    }
}

static void queue_close_what_is_inside_still_comes(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_queue) queue = new_queue(2);
    int item;
    assert_true(hf_queue_push(queue, &item));
    hf_queue_close(queue);
    assert_false(hf_queue_push(queue, &item));
    assert_ptr_equal(hf_queue_pop(queue), &item);
    assert_null(hf_queue_pop(queue));
    assert_null(hf_queue_drain(queue));
}

static void queue_cancel_what_is_inside_is_drained(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_queue) queue = new_queue(2);
    int items[2];
    assert_true(hf_queue_push(queue, &items[0]));
    assert_true(hf_queue_push(queue, &items[1]));
    hf_queue_cancel(queue);
    assert_false(hf_queue_push(queue, &items[0]));
    assert_null(hf_queue_pop(queue));
    assert_ptr_equal(hf_queue_drain(queue), &items[0]);
    assert_ptr_equal(hf_queue_drain(queue), &items[1]);
    assert_null(hf_queue_drain(queue));
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 20000 };

struct traffic {
    struct hf_queue *queue;
    atomic_size_t producing;
    atomic_size_t sum;
    uint8_t items[PRODUCERS * EACH]; /* an item is its address */
};

static enum hf_status produce_or_consume(void *arg, size_t index, struct hf_error *err)
{
    struct traffic *t = arg;
    if (index < PRODUCERS) {
        for (size_t i = 0; i < EACH; i++) {
            if (!hf_queue_push(t->queue, &t->items[index * EACH + i]))
                return hf_error_set(err, HF_FAILED, "push");
        }
        if (atomic_fetch_sub(&t->producing, 1) == 1)
            hf_queue_close(t->queue);
        return HF_OK;
    }
    for (uint8_t *item; (item = hf_queue_pop(t->queue));) {
        (*item)++; /* each is seen once, by one thread */
        atomic_fetch_add(&t->sum, 1);
    }
    return HF_OK;
}

static void queue_many_threads_every_item_passes_once(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO_PTR(hf_queue) queue = new_queue(4);
    static struct traffic t;
    struct hf_pool *pool;
    t.queue = queue;
    t.producing = PRODUCERS;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(
        hf_pool_start(PRODUCERS + CONSUMERS, produce_or_consume, NULL, &t, cancel, &pool, &err),
        &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(t.sum, PRODUCERS * EACH);
    for (size_t i = 0; i < PRODUCERS * EACH; i++)
        assert_int_equal(t.items[i], 1);
}

struct stuck {
    struct hf_queue *full;
    struct hf_queue *empty;
    bool close; /* else cancel */
    int item;
};

static enum hf_status wait_or_release(void *arg, size_t index, struct hf_error *err)
{
    struct stuck *s = arg;
    if (index == 0) {
        void (*end)(struct hf_queue *) = s->close ? hf_queue_close : hf_queue_cancel;
        end(s->full);
        end(s->empty);
        return HF_OK;
    }
    if (index % 2 == 1)
        return hf_queue_push(s->full, &s->item) ? hf_error_set(err, HF_FAILED, "pushed") : HF_OK;
    return hf_queue_pop(s->empty) ? hf_error_set(err, HF_FAILED, "popped") : HF_OK;
}

/* Whether a thread waits already or comes later, it returns. */
static void queue_close_and_cancel_release_who_waits(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_cancel) cancel = NULL;
        HF_AUTO_PTR(hf_queue) full = new_queue(1);
        HF_AUTO_PTR(hf_queue) empty = new_queue(1);
        struct stuck stuck = {.full = full, .empty = empty, .close = round % 2 == 0};
        struct hf_pool *pool;
        assert_true(hf_queue_push(full, &stuck.item));
        assert_ok(hf_cancel_new(&cancel, &err), &err);
        assert_ok(hf_pool_start(5, wait_or_release, NULL, &stuck, cancel, &pool, &err), &err);
        assert_ok(hf_pool_join(pool, &err), &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_new_impossible_capacity_is_refused),
        cmocka_unit_test(queue_pop_items_come_in_order),
        cmocka_unit_test(queue_close_what_is_inside_still_comes),
        cmocka_unit_test(queue_cancel_what_is_inside_is_drained),
        cmocka_unit_test(queue_many_threads_every_item_passes_once),
        cmocka_unit_test(queue_close_and_cancel_release_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
