#include "base/cancel.h"
#include "base/clock.h"
#include "base/pool.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

static bool is_readable(const struct hf_cancel *cancel)
{
    struct pollfd fd = {.fd = hf_cancel_fd(cancel), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void cancel_new_work_goes_on(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_false(hf_cancel_requested(cancel));
    assert_int_equal(hf_cancel_check(cancel, &err), HF_OK);
    assert_int_equal(hf_cancel_cause(cancel, &err), HF_OK);
    assert_false(is_readable(cancel));
}

static void cancel_fail_first_error_wins(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    (void)hf_error_set(&err, HF_NO_SPACE, "first");
    hf_cancel_fail(cancel, &err);
    (void)hf_error_set(&err, HF_IO, "second");
    hf_cancel_fail(cancel, &err);
    assert_true(hf_cancel_requested(cancel));
    assert_true(is_readable(cancel));
    assert_fails(hf_cancel_check(cancel, &err), HF_CANCELLED, &err);
    assert_string_equal(err.text, "stopped after an error elsewhere");
    assert_fails(hf_cancel_cause(cancel, &err), HF_NO_SPACE, &err);
    assert_string_equal(err.text, "first");
}

static void cancel_fail_cancelled_does_not_hide_the_cause(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    (void)hf_error_set(&err, HF_CANCELLED, "a queue was cancelled");
    hf_cancel_fail(cancel, &err);
    (void)hf_error_set(&err, HF_IO, "the reason for that");
    hf_cancel_fail(cancel, &err);
    (void)hf_error_set(&err, HF_CANCELLED, "late");
    hf_cancel_fail(cancel, &err);
    assert_fails(hf_cancel_cause(cancel, &err), HF_IO, &err);
    assert_string_equal(err.text, "the reason for that");
}

static void cancel_interrupt_wins_over_what_follows(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    hf_cancel_interrupt(cancel);
    (void)hf_error_set(&err, HF_IO, "a child was killed");
    hf_cancel_fail(cancel, &err);
    assert_true(is_readable(cancel));
    assert_fails(hf_cancel_check(cancel, &err), HF_CANCELLED, &err);
    assert_string_equal(err.text, "interrupted");
    assert_fails(hf_cancel_cause(cancel, &err), HF_CANCELLED, &err);
    assert_string_equal(err.text, "interrupted");
}

static void cancel_interrupt_after_an_error_keeps_the_error(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    (void)hf_error_set(&err, HF_DAMAGED, "cause");
    hf_cancel_fail(cancel, &err);
    hf_cancel_interrupt(cancel);
    assert_fails(hf_cancel_cause(cancel, &err), HF_DAMAGED, &err);
}

/* A handler has no argument to reach its object by. */
static struct hf_cancel *interrupted_by_signal;

static void on_signal(int sig)
{
    (void)sig;
    hf_cancel_interrupt(interrupted_by_signal);
}

static void cancel_interrupt_from_a_handler_keeps_errno(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    interrupted_by_signal = cancel;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    errno = ENOTTY;
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    assert_true(is_readable(cancel));
    assert_fails(hf_cancel_check(cancel, &err), HF_CANCELLED, &err);
}

struct crowd {
    struct hf_cancel *cancel;
};

static enum hf_status fail_or_watch(void *arg, size_t index, struct hf_error *err)
{
    struct crowd *crowd = arg;
    if (index % 2 == 0)
        return hf_error_set(err, HF_IO, "thread %zu", index);
    while (!hf_cancel_requested(crowd->cancel)) {
        struct pollfd fd = {.fd = hf_cancel_fd(crowd->cancel), .events = POLLIN};
        (void)poll(&fd, 1, -1);
    }
    return hf_cancel_check(crowd->cancel, err);
}

static void cancel_fail_from_many_threads_has_one_cause(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_error cause = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_cancel) cancel = NULL;
        struct hf_pool *pool;
        assert_ok(hf_cancel_new(&cancel, &err), &err);
        struct crowd crowd = {.cancel = cancel};
        assert_ok(hf_pool_start(8, fail_or_watch, NULL, &crowd, cancel, &pool, &err), &err);
        assert_fails(hf_pool_join(pool, &err), HF_IO, &err);
        assert_fails(hf_cancel_cause(cancel, &cause), HF_IO, &cause);
        assert_string_equal(err.text, cause.text);
    }
}

static void cancel_sleep_lasts_until_its_end_or_a_stop(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    int64_t start = hf_clock_monotonic();
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_cancel_sleep(NULL, 1000000, &err), &err);
    assert_ok(hf_cancel_sleep(cancel, 1000000, &err), &err);
    assert_true(hf_clock_monotonic() - start >= 2000000);
    hf_cancel_interrupt(cancel);
    assert_fails(hf_cancel_sleep(cancel, 3600 * HF_NS_PER_S, &err), HF_CANCELLED, &err);
    assert_fails(hf_cancel_sleep(cancel, 0, &err), HF_CANCELLED, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_new_work_goes_on),
        cmocka_unit_test(cancel_fail_first_error_wins),
        cmocka_unit_test(cancel_fail_cancelled_does_not_hide_the_cause),
        cmocka_unit_test(cancel_interrupt_wins_over_what_follows),
        cmocka_unit_test(cancel_interrupt_after_an_error_keeps_the_error),
        cmocka_unit_test(cancel_interrupt_from_a_handler_keeps_errno),
        cmocka_unit_test(cancel_sleep_lasts_until_its_end_or_a_stop),
        cmocka_unit_test(cancel_fail_from_many_threads_has_one_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
