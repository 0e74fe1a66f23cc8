#include "base/pool.h"
#include "base/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

static struct hf_cancel *new_cancel(void)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_cancel *cancel;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    return cancel;
}

enum { THREADS = 8 };

static enum hf_status count_index(void *arg, size_t index, struct hf_error *err)
{
    atomic_int *counts = arg;
    (void)err;
    atomic_fetch_add(&counts[index], 1);
    return HF_OK;
}

static void pool_start_every_index_runs_once(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = new_cancel();
    atomic_int counts[THREADS] = {0};
    struct hf_pool *pool;
    assert_ok(hf_pool_start(THREADS, count_index, NULL, counts, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(counts[i], 1);
    assert_false(hf_cancel_requested(cancel));
}

static void pool_start_no_threads_is_ok(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = new_cancel();
    struct hf_pool *pool;
    assert_ok(hf_pool_start(0, count_index, NULL, NULL, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
}

static void pool_start_impossible_count_is_no_memory(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = new_cancel();
    struct hf_pool *pool;
    assert_fails(hf_pool_start(SIZE_MAX / 2, count_index, NULL, NULL, cancel, &pool, &err),
                 HF_NO_MEMORY, &err);
}

struct failing {
    struct hf_cancel *cancel;
    struct hf_queue *queue;
    atomic_bool cause_was_there;
};

static enum hf_status fail_or_wait(void *arg, size_t index, struct hf_error *err)
{
    struct failing *f = arg;
    if (index == 1)
        return hf_error_set(err, HF_NO_SPACE, "disk");
    if (!hf_queue_pop(f->queue)) /* only on_fail releases it */
        return hf_cancel_check(f->cancel, err);
    return HF_OK;
}

static void release_queue(void *arg)
{
    struct failing *f = arg;
    if (hf_cancel_requested(f->cancel))
        atomic_store(&f->cause_was_there, true);
    hf_queue_cancel(f->queue);
}

static void pool_join_one_failure_stops_all_and_is_reported(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = new_cancel();
    HF_AUTO_PTR(hf_queue) queue = NULL;
    struct hf_pool *pool;
    assert_ok(hf_queue_new(1, &queue, &err), &err);
    struct failing f = {.cancel = cancel, .queue = queue};
    assert_ok(hf_pool_start(4, fail_or_wait, release_queue, &f, cancel, &pool, &err), &err);
    assert_fails(hf_pool_join(pool, &err), HF_NO_SPACE, &err);
    assert_string_equal(err.text, "disk");
    assert_true(f.cause_was_there);
}

static enum hf_status all_signals_blocked(void *arg, size_t index, struct hf_error *err)
{
    sigset_t mask;
    (void)arg;
    (void)index;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGUSR1))
        return HF_OK;
    return hf_error_set(err, HF_FAILED, "not blocked");
}

static void pool_start_signals_are_blocked_only_in_threads(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = new_cancel();
    struct hf_pool *pool;
    sigset_t mask;
    assert_ok(hf_pool_start(2, all_signals_blocked, NULL, NULL, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGINT));
}

static enum hf_status wait_for_interrupt(void *arg, size_t index, struct hf_error *err)
{
    struct hf_cancel *cancel = arg;
    if (index == 0)
        hf_cancel_interrupt(cancel);
    while (!hf_cancel_requested(cancel))
        (void)sched_yield();
    return hf_cancel_check(cancel, err);
}

static void pool_join_after_an_interrupt_is_cancelled(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = new_cancel();
    struct hf_pool *pool;
    assert_ok(hf_pool_start(3, wait_for_interrupt, NULL, cancel, cancel, &pool, &err), &err);
    assert_fails(hf_pool_join(pool, &err), HF_CANCELLED, &err);
    assert_string_equal(err.text, "interrupted");
}

enum { ITEMS = 1000, BAD_ITEM = 77 };

struct tally {
    atomic_uint done[ITEMS];
    size_t fail_at; /* ITEMS: nowhere */
};

static enum hf_status count_item(void *arg, size_t item, struct hf_error *err)
{
    struct tally *tally = arg;
    atomic_fetch_add(&tally->done[item], 1);
    return item == tally->fail_at ? hf_error_set(err, HF_DAMAGED, "item %zu", item) : HF_OK;
}

static void pool_each_every_item_once(void **state)
{
    (void)state;
    static const size_t threads[] = {0, 1, 3, 2 * ITEMS};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct tally *tally = calloc(1, sizeof *tally);
        assert_non_null(tally);
        tally->fail_at = ITEMS;
        assert_ok(hf_pool_each(threads[i], 0, count_item, tally, NULL, &err), &err);
        assert_ok(hf_pool_each(threads[i], ITEMS / 10, count_item, tally, NULL, &err), &err);
        for (size_t item = 0; item < ITEMS; item++)
            assert_int_equal(tally->done[item], item < ITEMS / 10 ? 1 : 0);
        free(tally);
    }
}

static void pool_each_first_error_ends_it(void **state)
{
    (void)state;
    static const size_t threads[] = {1, 3};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct tally *tally = calloc(1, sizeof *tally);
        HF_AUTO_PTR(hf_cancel) cancel = new_cancel();
        assert_non_null(tally);
        tally->fail_at = BAD_ITEM;
        assert_fails(hf_pool_each(threads[i], ITEMS, count_item, tally, cancel, &err), HF_DAMAGED,
                     &err);
        assert_string_equal(err.text, "item 77");
        assert_false(hf_cancel_requested(cancel)); /* the caller's other work goes on */
        hf_cancel_interrupt(cancel);
        tally->fail_at = ITEMS;
        assert_fails(hf_pool_each(threads[i], ITEMS, count_item, tally, cancel, &err), HF_CANCELLED,
                     &err);
        free(tally);
    }
}

static void pool_cpus_is_at_least_one(void **state)
{
    (void)state;
    assert_true(hf_pool_cpus() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_start_every_index_runs_once),
        cmocka_unit_test(pool_start_no_threads_is_ok),
        cmocka_unit_test(pool_start_impossible_count_is_no_memory),
        cmocka_unit_test(pool_join_one_failure_stops_all_and_is_reported),
        cmocka_unit_test(pool_start_signals_are_blocked_only_in_threads),
        cmocka_unit_test(pool_join_after_an_interrupt_is_cancelled),
        cmocka_unit_test(pool_each_every_item_once),
        cmocka_unit_test(pool_each_first_error_ends_it),
        cmocka_unit_test(pool_cpus_is_at_least_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
