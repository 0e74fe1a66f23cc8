#include "storage/repository/lease.h"

#include "base/pool.h"
#include "base/text.h"
#include "tests/support/repo_fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/check.h"

static const int64_t second = 1000000000;
static const int64_t ms = 1000000;
enum { PATIENCE_MS = 20000 }; /* for what must happen, on a busy machine too */

static enum hf_status take(struct repo_fixture *f, enum hf_lease_mode mode, struct hf_lease **out,
                           struct hf_error *err)
{
    const struct hf_lease_options options = {.mode = mode, .purpose = "test"};
    return hf_lease_take(f->repo, &options, out, err);
}

static void take_and_release_leave_nothing(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_lease *lease = NULL;
    assert_ok(take(f, HF_LEASE_EXCLUSIVE, &lease, &err), &err);
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 1);
    assert_ok(hf_lease_check(lease, &err), &err);
    hf_lease_release(lease);
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 0);
}

static void take_conflicts_by_mode(void **state)
{
    struct repo_fixture *f = *state;
    static const bool together[3][3] = {
        [HF_LEASE_SHARED] = {[HF_LEASE_SHARED] = true, [HF_LEASE_KEYS] = true},
        [HF_LEASE_KEYS] = {[HF_LEASE_SHARED] = true},
    };
    for (int a = HF_LEASE_SHARED; a <= HF_LEASE_KEYS; a++) {
        for (int b = HF_LEASE_SHARED; b <= HF_LEASE_KEYS; b++) {
            struct hf_error err = HF_ERROR_INIT;
            HF_AUTO_PTR(hf_lease) first = NULL;
            HF_AUTO_PTR(hf_lease) other = NULL;
            assert_ok(take(f, (enum hf_lease_mode)a, &first, &err), &err);
            hf_memory_store_advance(f->store, 60 * second); /* it is settled */
            enum hf_status expected = together[a][b] ? HF_OK : HF_BUSY;
            assert_int_equal(take(f, (enum hf_lease_mode)b, &other, &err), expected);
            assert_int_equal(hf_memory_store_count(f->store, "leases/"), together[a][b] ? 2 : 1);
        }
    }
}

static void take_busy_names_the_holder(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char host[256] = "";
    char pid[32];
    HF_AUTO_PTR(hf_lease) first = NULL;
    HF_AUTO_PTR(hf_lease) other = NULL;
    const struct hf_lease_options options = {.mode = HF_LEASE_EXCLUSIVE,
                                             .purpose = "repairing the index"};
    assert_ok(hf_lease_take(f->repo, &options, &first, &err), &err);
    hf_memory_store_advance(f->store, 60 * second);
    assert_fails(take(f, HF_LEASE_SHARED, &other, &err), HF_BUSY, &err);
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    (void)snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    assert_contains(err.text, "repairing the index");
    assert_contains(err.text, host);
    assert_contains(err.text, pid);
    assert_contains(err.text, "since 20");
}

static void note(void *ctx, enum hf_note_level level, const char *text)
{
    struct repo_fixture *f = ctx;
    assert_contains(text, "leases/");
    if (level == HF_NOTE_WARNING)
        atomic_fetch_add(&f->warnings, 1);
}

static enum hf_status take_noting(struct repo_fixture *f, struct hf_lease **out,
                                  struct hf_error *err)
{
    const struct hf_observer observer = {.ctx = f, .note = note};
    const struct hf_lease_options options = {
        .mode = HF_LEASE_EXCLUSIVE, .purpose = "test", .observer = &observer};
    return hf_lease_take(f->repo, &options, out, err);
}

static void take_expired_lease_is_removed_and_noted(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_lease) dead = NULL;
    HF_AUTO_PTR(hf_lease) early = NULL;
    HF_AUTO_PTR(hf_lease) late = NULL;
    assert_ok(take(f, HF_LEASE_EXCLUSIVE, &dead, &err), &err);
    hf_memory_store_advance(f->store, (HF_LEASE_TTL_S - 1) * second);
    assert_fails(take_noting(f, &early, &err), HF_BUSY, &err);
    hf_memory_store_advance(f->store, 2 * second);
    assert_ok(take_noting(f, &late, &err), &err);
    assert_int_equal(atomic_load(&f->warnings), 1);
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 1);
}

static struct hf_lease *take_for(struct repo_fixture *f, const char *purpose)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_lease *lease;
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = purpose};
    assert_ok(hf_lease_take(f->repo, &options, &lease, &err), &err);
    return lease;
}

static void found_traces_of_the_same_work_or_of_anything_expired(void **state)
{
    struct repo_fixture *f = *state;
    HF_AUTO_PTR(hf_lease) first = take_for(f, "backup app");
    HF_AUTO_PTR(hf_lease) other = take_for(f, "backup other");
    HF_AUTO_PTR(hf_lease) same = take_for(f, "backup app");
    assert_false(hf_lease_found_traces(first));
    assert_false(hf_lease_found_traces(other));
    assert_true(hf_lease_found_traces(same));
    hf_memory_store_advance(f->store, (HF_LEASE_TTL_S + 1) * second);
    HF_AUTO_PTR(hf_lease) late = take_for(f, "check");
    assert_true(hf_lease_found_traces(late));
    HF_AUTO_PTR(hf_lease) later = take_for(f, "backup app");
    assert_false(hf_lease_found_traces(later));
}

/* The store's clock was a year ahead for a while: nobody has to unlock anything. */
static void take_lease_from_the_far_future_is_expired(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_lease) dead = NULL;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    HF_AUTO_PTR(hf_lease) minutes = NULL;
    assert_ok(take(f, HF_LEASE_EXCLUSIVE, &dead, &err), &err);
    hf_memory_store_advance(f->store, -365 * 24 * 3600 * second);
    assert_ok(take_noting(f, &lease, &err), &err);
    assert_int_equal(atomic_load(&f->warnings), 1);
    hf_memory_store_advance(f->store, -5 * 60 * second);
    assert_int_equal(take(f, HF_LEASE_SHARED, &minutes, &err), HF_BUSY);
}

static void take_damaged_lease_counts_until_it_expires(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char key[HF_STORE_KEY_MAX + 1] = "";
    HF_AUTO_PTR(hf_lease) first = NULL;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    assert_ok(take(f, HF_LEASE_SHARED, &first, &err), &err);
    assert_ok(hf_store_list(f->store, "leases/", hf_test_first_key, key, &err), &err);
    hf_test_get(f->store, key, &bytes);
    hf_memory_store_advance(f->store, 60 * second);
    for (size_t i = 0; i < bytes.len; i++) {
        HF_AUTO_PTR(hf_lease) other = NULL;
        bytes.data[i] ^= 1;
        assert_true(hf_memory_store_overwrite(f->store, key, bytes.data, bytes.len));
        assert_fails(take(f, HF_LEASE_SHARED, &other, &err), HF_BUSY, &err);
        assert_contains(err.text, key);
        bytes.data[i] ^= 1;
    }
    HF_AUTO_PTR(hf_lease) other = NULL;
    assert_true(hf_memory_store_overwrite(f->store, key, "", 0));
    hf_memory_store_advance(f->store, HF_LEASE_TTL_S * second);
    assert_ok(take_noting(f, &other, &err), &err);
    assert_int_equal(atomic_load(&f->warnings), 1);
}

static void take_other_objects_below_leases_are_ignored(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    assert_ok(hf_store_put(f->store, "leases/README", "hi", 2, HF_PUT_CREATE, &err), &err);
    assert_ok(take(f, HF_LEASE_EXCLUSIVE, &lease, &err), &err);
}

static void take_failing_at_every_operation_leaves_no_holder(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_lease) other = NULL;
    assert_ok(take(f, HF_LEASE_SHARED, &other, &err), &err);
    hf_memory_store_advance(f->store, 60 * second);
    for (unsigned n = 1; n <= 3; n++) { /* put, list, get the other's */
        HF_AUTO_PTR(hf_lease) lease = NULL;
        hf_memory_store_fail(f->store, n, HF_FAULT_BEFORE, HF_DENIED);
        assert_fails(take(f, HF_LEASE_SHARED, &lease, &err), HF_DENIED, &err);
        assert_null(lease);
        assert_int_equal(hf_memory_store_count(f->store, "leases/"), 1);
    }
}

/* Waits until count operations more have happened. */
static bool wait_operations(struct hf_store *store, unsigned count)
{
    unsigned goal = hf_memory_store_operations(store) + count;
    for (int i = 0; i < PATIENCE_MS && hf_memory_store_operations(store) < goal; i++)
        (void)poll(NULL, 0, 1);
    return hf_memory_store_operations(store) >= goal;
}

static void renewal_keeps_the_lease_young(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    HF_AUTO_PTR(hf_lease) other = NULL;
    const struct hf_lease_options options = {
        .mode = HF_LEASE_EXCLUSIVE, .purpose = "test", .renew = 5 * ms};
    assert_ok(hf_lease_take(f->repo, &options, &lease, &err), &err);
    hf_memory_store_advance(f->store, (HF_LEASE_TTL_S + 60) * second);
    assert_true(wait_operations(f->store, 4)); /* stat and put, whole */
    assert_int_equal(take(f, HF_LEASE_SHARED, &other, &err), HF_BUSY);
    assert_ok(hf_lease_check(lease, &err), &err);
}

static bool wait_cancelled(struct hf_cancel *cancel)
{
    struct pollfd fd = {.fd = hf_cancel_fd(cancel), .events = POLLIN};
    return poll(&fd, 1, PATIENCE_MS) == 1;
}

static void renewal_failing_loses_the_lease(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED,
                                             .purpose = "test",
                                             .cancel = cancel,
                                             .ttl = 300 * ms,
                                             .renew = 5 * ms};
    assert_ok(hf_lease_take(f->repo, &options, &lease, &err), &err);
    hf_memory_store_fail_from(f->store, 1, HF_UNREACHABLE);
    assert_true(wait_cancelled(cancel));
    assert_int_equal(hf_cancel_cause(cancel, &err), HF_BUSY);
    assert_contains(err.text, "a fault on order");
    assert_fails(hf_lease_check(lease, &err), HF_BUSY, &err);
}

/* Somebody took it for expired: it must not come back. */
static void renewal_of_a_removed_lease_loses_it(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char key[HF_STORE_KEY_MAX + 1] = "";
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_lease_options options = {
        .mode = HF_LEASE_SHARED, .purpose = "test", .cancel = cancel, .renew = 200 * ms};
    assert_ok(hf_lease_take(f->repo, &options, &lease, &err), &err);
    assert_ok(hf_store_list(f->store, "leases/", hf_test_first_key, key, &err), &err);
    assert_ok(hf_store_delete(f->store, key, &err), &err);
    assert_true(wait_cancelled(cancel));
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 0);
    assert_fails(hf_lease_check(lease, &err), HF_BUSY, &err);
}

static void take_cancelled_while_waiting_stops(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    HF_AUTO_PTR(hf_lease) other = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(take(f, HF_LEASE_EXCLUSIVE, &lease, &err), &err);
    hf_cancel_interrupt(cancel);
    const struct hf_lease_options options = {
        .mode = HF_LEASE_SHARED, .purpose = "test", .cancel = cancel};
    assert_int_equal(hf_lease_take(f->repo, &options, &other, &err), HF_CANCELLED);
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 1);
}

enum { TAKERS = 4, ROUNDS = 6 };

struct crowd {
    struct repo_fixture *f;
    atomic_int inside; /* -1: an exclusive one, else the number of shared ones */
    atomic_uint taken;
    atomic_bool clash;
};

static void hold(struct crowd *crowd, enum hf_lease_mode mode)
{
    if (mode == HF_LEASE_EXCLUSIVE) {
        int nobody = 0;
        if (!atomic_compare_exchange_strong(&crowd->inside, &nobody, -1))
            atomic_store(&crowd->clash, true);
        (void)poll(NULL, 0, 1);
        atomic_store(&crowd->inside, 0);
        return;
    }
    if (atomic_fetch_add(&crowd->inside, 1) < 0)
        atomic_store(&crowd->clash, true);
    (void)poll(NULL, 0, 1);
    atomic_fetch_sub(&crowd->inside, 1);
}

static enum hf_status take_often(void *arg, size_t index, struct hf_error *err)
{
    struct crowd *crowd = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        enum hf_lease_mode mode = (index + i) % 2 ? HF_LEASE_SHARED : HF_LEASE_EXCLUSIVE;
        struct hf_lease *lease = NULL;
        enum hf_status status = take(crowd->f, mode, &lease, err);
        if (status != HF_OK && status != HF_BUSY)
            return status;
        if (status != HF_OK)
            continue;
        hold(crowd, mode);
        hf_lease_release(lease);
        atomic_fetch_add(&crowd->taken, 1);
    }
    return HF_OK;
}

static void take_by_a_crowd_never_gives_conflicting_leases(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct crowd crowd = {.f = f};
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(TAKERS, take_often, NULL, &crowd, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_false(atomic_load(&crowd.clash));
    assert_true(atomic_load(&crowd.taken) > 0);
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hf_test_repo_setup, hf_test_repo_teardown)
    const struct CMUnitTest tests[] = {
        TEST(take_and_release_leave_nothing),
        TEST(take_conflicts_by_mode),
        TEST(take_busy_names_the_holder),
        TEST(take_expired_lease_is_removed_and_noted),
        TEST(found_traces_of_the_same_work_or_of_anything_expired),
        TEST(take_lease_from_the_far_future_is_expired),
        TEST(take_damaged_lease_counts_until_it_expires),
        TEST(take_other_objects_below_leases_are_ignored),
        TEST(take_failing_at_every_operation_leaves_no_holder),
        TEST(take_cancelled_while_waiting_stops),
        TEST(renewal_keeps_the_lease_young),
        TEST(renewal_failing_loses_the_lease),
        TEST(renewal_of_a_removed_lease_loses_it),
        TEST(take_by_a_crowd_never_gives_conflicting_leases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
