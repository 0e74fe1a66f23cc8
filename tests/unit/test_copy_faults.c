#include "storage/repository/copy.h"

#include "base/clock.h"
#include "storage/repository/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/copy_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

/* Small, as there are many faults. */

static const struct fixture_stream small_first[] = {
    {"data/a", HF_STREAM_ROWS, 70000, 1},
    {"data/b", HF_STREAM_BYTES, 30000, 2},
};
static const struct fixture_stream small_second[] = {
    {"data/a", HF_STREAM_ROWS, 70000, 1},
    {"data/b", HF_STREAM_BYTES, 30000, 3},
};
static struct fixture small;
static char small_ids[2][HF_SNAPSHOT_ID_TEXT];

static int setup_small(void **state)
{
    (void)state;
    fixture_open(&small);
    fixture_backup(&small, "app", small_first, 2, small_ids[0]);
    fixture_backup(&small, "app", small_second, 2, small_ids[1]);
    return 0;
}

static int teardown_small(void **state)
{
    (void)state;
    fixture_close(&small);
    return 0;
}

static void expect_small(struct hf_repo *repo, const char *id)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct fixture_stream *streams =
        strcmp(id, small_ids[0]) == 0 ? small_first : small_second;
    assert_ok(fixture_read_all(repo, id, streams, 2, &err), &err);
}

/* Whatever failed, and whenever: what is listed is whole, and the next copy does the rest. */
static void expect_whole_and_finish(struct fixture *from, struct fixture *to)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO(hf_snapshots) list = {.items = NULL};
    struct hf_copy_report report;
    /* A lease that could not be removed is in the way until it expires, unless it is shared. */
    hf_memory_store_advance(to->store, (int64_t)HF_LEASE_TTL_S * 2 * HF_NS_PER_S);
    hf_memory_store_advance(from->store, (int64_t)HF_LEASE_TTL_S * 2 * HF_NS_PER_S);
    assert_ok(fixture_reopen(to->store, to->passphrase, &repo, &err), &err);
    assert_ok(hf_snapshots_load(repo, NULL, NULL, &list, &err), &err);
    assert_int_equal(list.unreadable, 0);
    for (size_t i = 0; i < list.count; i++)
        expect_small(repo, list.items[i].id);
    fixture_copy_ok(from->repo, repo, &report);
    assert_int_equal(json_array_size(report.copied) + list.count, 2);
    hf_copy_report_free(&report);
    expect_small(repo, small_ids[0]);
    expect_small(repo, small_ids[1]);
}

enum which { FROM, TO };

/* False when there is no n-th call. */
static bool copy_with_fault(enum which which, unsigned n, int how)
{
    struct fixture from, to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    fixture_copy(&small, &from);
    fixture_replica(&small, &to);
    struct hf_store *store = which == FROM ? from.store : to.store;
    unsigned before = hf_memory_store_operations(store);
    if (how == 0)
        hf_memory_store_fail_from(store, n, HF_UNREACHABLE);
    else
        hf_memory_store_fail(store, n, how == 1 ? HF_FAULT_BEFORE : HF_FAULT_AFTER, HF_UNREACHABLE);
    enum hf_status status = fixture_copy_all(from.repo, to.repo, &report, &err);
    bool there = hf_memory_store_operations(store) - before >= n;
    hf_memory_store_fail(store, 0, HF_FAULT_BEFORE, HF_OK);
    hf_memory_store_fail_from(store, 0, HF_OK);
    if (status != HF_OK)
        assert_int_equal(status, HF_UNREACHABLE);
    hf_copy_report_free(&report);
    expect_whole_and_finish(&from, &to);
    fixture_drop(&to);
    fixture_drop(&from);
    return there;
}

static void copy_survives_a_fault_at_every_call(void **state)
{
    (void)state;
    for (int which = FROM; which <= TO; which++)
        for (int how = 0; how < 3; how++)
            for (unsigned n = 1; copy_with_fault((enum which)which, n, how); n++)
                continue;
}

static void copy_goes_on_where_a_killed_one_stopped(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    (void)state;
    fixture_keys(small.store, "packs/", &packs);
    fixture_replica(&small, &to);
    /* Until all packs but one are there. */
    for (unsigned n = 1; hf_memory_store_count(to.store, "packs/") < packs.count - 1; n++) {
        hf_memory_store_fail_from(to.store, n, HF_UNREACHABLE);
        assert_fails(fixture_copy_all(small.repo, to.repo, &report, &err), HF_UNREACHABLE, &err);
        hf_copy_report_free(&report);
        hf_memory_store_fail_from(to.store, 0, HF_OK);
        hf_memory_store_advance(to.store, (int64_t)HF_LEASE_TTL_S * 2 * HF_NS_PER_S);
    }
    size_t left = packs.count - hf_memory_store_count(to.store, "packs/");
    assert_in_range(left, 0, 1);
    fixture_copy_ok(small.repo, to.repo, &report);
    assert_int_equal(report.packs, left);
    hf_copy_report_free(&report);
    expect_small(to.repo, small_ids[0]);
    expect_small(to.repo, small_ids[1]);
    fixture_drop(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_survives_a_fault_at_every_call),
        cmocka_unit_test(copy_goes_on_where_a_killed_one_stopped),
    };
    return cmocka_run_group_tests(tests, setup_small, teardown_small);
}
