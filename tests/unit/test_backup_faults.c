#include "storage/repository/backup.h"

#include "base/clock.h"
#include "storage/repository/backup_internal.h"
#include "storage/repository/repository_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/backup_run.h"
#include "tests/support/check.h"
#include "tests/support/memory_store.h"

#define MIB ((size_t)1 << 20)

/* Small, as there are many faults; the store is asked for as much as with large ones. */
static const struct fixture_stream few[] = {
    {"data/rows", HF_STREAM_ROWS, 300000, 1},
    {"data/empty", HF_STREAM_ROWS, 0, 2},
    {"data/bytes", HF_STREAM_BYTES, 200000, 3},
    {"same as rows", HF_STREAM_ROWS, 300000, 1},
};
enum { FEW = sizeof few / sizeof few[0] };

/* The n-th operation on the store fails, for every n: no snapshot, and the next run makes one with
 * what is there. */
static void fail_each_operation(enum hf_fault fault)
{
    for (unsigned n = 1;; n++) {
        struct fixture fixture;
        struct hf_error err = HF_ERROR_INIT;
        struct hf_backup_stats stats;
        char id[HF_SNAPSHOT_ID_TEXT];
        fixture_open(&fixture);
        unsigned before = hf_memory_store_operations(fixture.store);
        hf_memory_store_fail(fixture.store, n, fault, HF_IO);
        enum hf_status status = back_up_streams(fixture.repo, few, FEW, &stats, id, &err);
        unsigned took = hf_memory_store_operations(fixture.store) - before;
        hf_memory_store_fail(fixture.store, 0, fault, HF_OK);
        if (status != HF_OK) {
            assert_int_equal(err.status, HF_IO);
            assert_contains(err.text, "a fault on order");
            if (fault == HF_FAULT_BEFORE)
                assert_int_equal(hf_memory_store_count(fixture.store, "snapshots/"), 0);
        }
        size_t packs = hf_memory_store_count(fixture.store, "packs/");
        assert_ok(back_up_streams(fixture.repo, few, FEW, &stats, id, &err), &err);
        /* No pack is lost: indexed, or adopted now. (Which of data and lists got there, is chance.)
         */
        assert_true(stats.adopted_packs == packs || stats.new_chunks == 0);
        assert_ok(fixture_read_all(fixture.repo, id, few, FEW, &err), &err);
        fixture_close(&fixture);
        if (took < n)
            break;
    }
}

static void backup_each_operation_fails_before_no_snapshot(void **state)
{
    (void)state;
    fail_each_operation(HF_FAULT_BEFORE);
}

static void backup_each_operation_fails_after_next_run_succeeds(void **state)
{
    (void)state;
    fail_each_operation(HF_FAULT_AFTER);
}

static void backup_store_gone_for_good_ends_with_the_cause(void **state)
{
    struct fixture *fixture = *state;
    /* More than all packs in memory hold, so that producers have to be woken. */
    static const struct fixture_stream large[] = {{"large", HF_STREAM_BYTES, 200 * MIB, 9}};
    struct hf_error err = HF_ERROR_INIT;
    struct backup_run run;
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    hf_memory_store_fail_from(fixture->store, 1, HF_UNREACHABLE);
    enum hf_status status = backup_run_write(&run, large, 1, &err);
    assert_int_not_equal(status, HF_OK);
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_fails(backup_run_commit(&run, NULL, id, &err), HF_UNREACHABLE, &err);
    assert_contains(err.text, "a fault on order");
    hf_memory_store_fail(fixture->store, 0, HF_FAULT_BEFORE, HF_OK);
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
}

static void interrupt_stops_producer_and_commit(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct backup_run run;
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    hf_cancel_interrupt(run.cancel);
    assert_fails(backup_run_write(&run, few, 1, &err), HF_CANCELLED, &err);
    assert_fails(backup_run_commit(&run, NULL, id, &err), HF_CANCELLED, &err);
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
}

/* As after a night in suspend: the lease ran out without a chance to renew it. */
static void lose_lease(struct fixture *fixture, struct backup_run *run)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_lease_options options = {
        .mode = HF_LEASE_SHARED, .purpose = "test", .ttl = 1, .renew = HF_NS_PER_S * 3600};
    hf_lease_release(run->backup->lease);
    run->backup->lease = NULL;
    assert_ok(hf_lease_take(fixture->repo, &options, &run->backup->lease, &err), &err);
    assert_int_not_equal(hf_lease_check(run->backup->lease, &err), HF_OK);
}

static void commit_lease_lost_but_all_there_succeeds(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct backup_run run;
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    assert_ok(backup_run_write(&run, few, FEW, &err), &err);
    lose_lease(fixture, &run);
    assert_ok(backup_run_commit(&run, NULL, id, &err), &err);
    assert_ok(fixture_read_all(fixture->repo, id, few, FEW, &err), &err);
}

static void commit_lease_lost_and_pack_gone_fails(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct backup_run run;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    assert_ok(back_up_streams(fixture->repo, few, FEW, NULL, id, &err), &err);
    fixture_keys(fixture->store, "packs/", &packs);
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    assert_ok(backup_run_write(&run, few, FEW, &err), &err);
    lose_lease(fixture, &run);
    for (size_t i = 0; i < packs.count; i++)
        assert_ok(hf_store_delete(fixture->store, packs.items[i], &err), &err);
    assert_fails(backup_run_commit(&run, NULL, id, &err), HF_BUSY, &err);
    assert_contains(err.text, "run it again");
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backup_each_operation_fails_before_no_snapshot),
        cmocka_unit_test(backup_each_operation_fails_after_next_run_succeeds),
        TEST(backup_store_gone_for_good_ends_with_the_cause),
        TEST(interrupt_stops_producer_and_commit),
        TEST(commit_lease_lost_but_all_there_succeeds),
        TEST(commit_lease_lost_and_pack_gone_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
