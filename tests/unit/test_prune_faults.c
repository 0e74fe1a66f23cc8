#include "storage/repository/prune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/memory_store.h"
#include "tests/support/prune_world.h"
#include "tests/support/snapshot_fixture.h"

/* Something to mark, something to sweep, something to repack. */
static void make_work(struct fixture *fixture, char ids[2][HF_SNAPSHOT_ID_TEXT])
{
    char id[HF_SNAPSHOT_ID_TEXT];
    make_garbage(fixture, ids[0]);
    (void)prune(fixture->repo);
    make_mostly_dead(fixture, ids[1]);
    fixture_backup(fixture, "app", &other[1], 1, id);
    forget(fixture->store, id);
    pass(fixture, GRACE + HOUR);
}

/* Whole, and the next prunes come to the same end as if nothing had happened. */
static void assert_recovers(struct fixture *fixture, char ids[2][HF_SNAPSHOT_ID_TEXT])
{
    struct hf_error err = HF_ERROR_INIT;
    pass(fixture, HOUR); /* leases run out */
    assert_whole(fixture->repo);
    for (int i = 0; i < 3; i++) {
        pass(fixture, GRACE + HOUR);
        (void)repack(fixture->repo);
    }
    assert_whole(fixture->repo);
    assert_ok(fixture_read_all(fixture->repo, ids[0], kept, 2, &err), &err);
    assert_ok(fixture_read_all(fixture->repo, ids[1], mixed, 1, &err), &err);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 4);
    assert_int_equal(hf_memory_store_count(fixture->store, "marks/"), 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "leases/"), 0);
}

static void fail_each_operation(struct fixture *fixture,
                                void (*order)(struct hf_store *store, unsigned n))
{
    char ids[2][HF_SNAPSHOT_ID_TEXT];
    make_work(fixture, ids);
    for (unsigned n = 1, ended = 0; !ended; n++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_prune_report report;
        struct fixture copy;
        fixture_copy(fixture, &copy);
        unsigned before = hf_memory_store_operations(copy.store);
        order(copy.store, n);
        (void)!prune_with(copy.repo, all_of_it(), &report, &err);
        ended = hf_memory_store_operations(copy.store) - before < n;
        hf_memory_store_fail(copy.store, 0, HF_FAULT_BEFORE, HF_OK);
        assert_recovers(&copy, ids);
        fixture_drop(&copy);
    }
}

static void fail_before(struct hf_store *store, unsigned n)
{
    hf_memory_store_fail(store, n, HF_FAULT_BEFORE, HF_UNREACHABLE);
}

static void fail_after(struct hf_store *store, unsigned n)
{
    hf_memory_store_fail(store, n, HF_FAULT_AFTER, HF_UNREACHABLE);
}

static void kill_at(struct hf_store *store, unsigned n)
{
    hf_memory_store_fail_from(store, n, HF_UNREACHABLE);
}

static void prune_with_an_operation_that_fails_recovers(void **state)
{
    fail_each_operation(*state, fail_before);
}

static void prune_with_an_answer_that_is_lost_recovers(void **state)
{
    fail_each_operation(*state, fail_after);
}

static void prune_killed_between_two_operations_recovers(void **state)
{
    fail_each_operation(*state, kill_at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prune_with_an_operation_that_fails_recovers),
        TEST(prune_with_an_answer_that_is_lost_recovers),
        TEST(prune_killed_between_two_operations_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
