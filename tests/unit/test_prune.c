#include "storage/repository/prune.h"

#include "storage/repository/lease.h"
#include "storage/repository/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/memory_store.h"
#include "tests/support/prune_world.h"
#include "tests/support/snapshot_fixture.h"

static void prune_with_all_needed_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", kept, 2, id);
    fixture_backup(fixture, "app", other, 2, id);
    pass(fixture, 10 * GRACE);
    struct hf_prune_report report = prune(fixture->repo);
    assert_int_equal(report.snapshots, 2);
    assert_int_equal(report.packs.packs, 4);
    assert_int_equal(report.needed.packs, 4);
    assert_int_equal(report.dead_bytes, 0);
    assert_int_equal(report.chunks, 6);
    assert_int_equal(report.next, 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "marks/"), 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "leases/"), 0);
    assert_whole(fixture->repo);
}

static void prune_marks_first_and_removes_after_grace(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    make_garbage(fixture, id);
    struct hf_prune_report report = prune(fixture->repo);
    assert_int_equal(report.marked.packs, 2);
    assert_int_equal(report.waiting.packs, 2);
    assert_int_equal(report.deleted.packs, 0);
    assert_int_not_equal(report.next, 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 4);
    assert_int_equal(hf_memory_store_count(fixture->store, "marks/"), 1);

    pass(fixture, GRACE - HOUR);
    report = prune(fixture->repo);
    assert_int_equal(report.marked.packs, 0);
    assert_int_equal(report.waiting.packs, 2);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 4);

    pass(fixture, 2 * HOUR);
    report = prune(fixture->repo);
    assert_int_equal(report.deleted.packs, 2);
    assert_true(report.deleted.bytes > 60000);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 2);
    assert_int_equal(hf_memory_store_count(fixture->store, "marks/"), 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "leases/"), 0);
    assert_whole(fixture->repo);

    report = prune(fixture->repo);
    assert_int_equal(report.packs.packs, 2);
    assert_int_equal(report.needed.packs, 2);
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(fixture_read_all(fixture->repo, id, kept, 2, &err), &err);
}

static void prune_with_a_writer_key_is_enough(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_repo *writer = fixture_writer(fixture);
    make_garbage(fixture, id);
    assert_int_equal(repack(writer).marked.packs, 2);
    pass(fixture, GRACE + HOUR);
    assert_int_equal(repack(writer).deleted.packs, 2);
    assert_whole(fixture->repo);
    hf_repo_close(writer);
}

static void prune_leaves_young_packs_unmarked(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", other, 2, id);
    forget(fixture->store, id);
    struct hf_prune_report report = prune(fixture->repo);
    assert_int_equal(report.young.packs, 2);
    assert_int_equal(report.marked.packs, 0);
    pass(fixture, GRACE + HOUR);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
}

static void prune_removes_orphans_that_no_index_names(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    HF_AUTO(hf_strings) index = HF_STRINGS_INIT;
    fixture_backup(fixture, "app", other, 2, id);
    forget(fixture->store, id);
    fixture_keys(fixture->store, "index/", &index);
    for (size_t i = 0; i < index.count; i++)
        assert_ok(hf_store_delete(fixture->store, index.items[i], &err), &err);
    fixture_backup(fixture, "app", kept, 2, id);
    pass(fixture, GRACE + HOUR);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    pass(fixture, GRACE + HOUR);
    assert_int_equal(prune(fixture->repo).deleted.packs, 2);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 2);
    assert_whole(fixture->repo);
}

static void prune_dry_run_says_the_same_and_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_options options = options_of(GRACE);
    char id[HF_SNAPSHOT_ID_TEXT];
    options.dry_run = true;
    make_garbage(fixture, id);
    for (int round = 0; round < 2; round++) {
        struct hf_prune_report would, did;
        HF_AUTO(hf_strings) before = HF_STRINGS_INIT;
        HF_AUTO(hf_strings) after = HF_STRINGS_INIT;
        fixture_keys(fixture->store, "", &before);
        assert_ok(prune_with(fixture->repo, options, &would, &err), &err);
        assert_adds_up(&would);
        fixture_keys(fixture->store, "", &after);
        assert_int_equal(before.count, after.count);
        for (size_t i = 0; i < before.count; i++)
            assert_string_equal(before.items[i], after.items[i]);
        did = prune(fixture->repo);
        assert_int_equal(would.marked.packs, did.marked.packs);
        assert_int_equal(would.deleted.packs, did.deleted.packs);
        assert_int_equal(would.deleted.bytes, did.deleted.bytes);
        assert_int_equal(would.needed.bytes, did.needed.bytes);
        pass(fixture, GRACE + HOUR);
    }
}

static void assert_same_count(struct hf_prune_count a, struct hf_prune_count b)
{
    assert_int_equal(a.packs, b.packs);
    assert_int_equal(a.bytes, b.bytes);
}

static void prune_dry_run_takes_the_forgotten_for_gone(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_options options = options_of(GRACE);
    struct hf_prune_report would, did;
    HF_AUTO(hf_strings) gone = HF_STRINGS_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", kept, 2, id);
    fixture_backup(fixture, "app", other, 2, id);
    pass(fixture, GRACE + HOUR);
    assert_ok(hf_strings_add(&gone, id, &err), &err);
    options.dry_run = true;
    options.forgotten = &gone;
    assert_ok(prune_with(fixture->repo, options, &would, &err), &err);
    assert_adds_up(&would);
    assert_int_equal(would.snapshots, 1);
    assert_int_equal(would.marked.packs, 2);
    forget(fixture->store, id);
    did = prune(fixture->repo);
    assert_int_equal(would.snapshots, did.snapshots);
    assert_int_equal(would.chunks, did.chunks);
    assert_same_count(would.marked, did.marked);
    assert_same_count(would.needed, did.needed);
}

/* Only a dry run may do without a snapshot that is there. */
static void prune_keeps_what_a_snapshot_said_to_be_forgotten_needs(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_options options = options_of(GRACE);
    struct hf_prune_report report;
    HF_AUTO(hf_strings) gone = HF_STRINGS_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", other, 2, id);
    pass(fixture, GRACE + HOUR);
    assert_ok(hf_strings_add(&gone, id, &err), &err);
    options.forgotten = &gone;
    assert_ok(prune_with(fixture->repo, options, &report, &err), &err);
    assert_int_equal(report.snapshots, 1);
    assert_int_equal(report.marked.packs, 0);
    assert_whole(fixture->repo);
}

static void prune_stops_at_a_manifest_that_cannot_be_read(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    char id[HF_SNAPSHOT_ID_TEXT];
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    make_garbage(fixture, id);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    pass(fixture, GRACE + HOUR);
    fixture_keys(fixture->store, "snapshots/", &keys);
    fixture_flip(fixture->store, keys.items[0], 60, 1);
    assert_fails(prune_with(fixture->repo, options_of(GRACE), &report, &err), HF_DAMAGED, &err);
    assert_contains(err.text, keys.items[0]);
    assert_contains(err.text, "nothing is removed");
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 4);
    fixture_flip(fixture->store, keys.items[0], 60, 1);
    assert_int_equal(prune(fixture->repo).deleted.packs, 2);
}

static void prune_stops_at_a_catalog_that_cannot_be_read(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    char id[HF_SNAPSHOT_ID_TEXT];
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) all = HF_STRINGS_INIT;
    fixture_backup(fixture, "app", kept, 2, id);
    fixture_keys(fixture->store, "packs/", &packs);
    const char *data = fixture_largest(fixture->store, &packs);
    for (size_t i = 0; i < packs.count; i++) /* the smaller one has the catalog */
        if (strcmp(packs.items[i], data) != 0)
            assert_ok(hf_store_delete(fixture->store, packs.items[i], &err), &err);
    pass(fixture, GRACE + HOUR);
    assert_fails(prune_with(fixture->repo, options_of(GRACE), &report, &err), HF_DAMAGED, &err);
    assert_contains(err.text, "snapshots/");
    fixture_keys(fixture->store, "packs/", &all);
    assert_int_equal(all.count, 1);
}

static void prune_counts_needed_chunks_that_are_nowhere(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_backup(fixture, "app", kept, 2, id);
    fixture_keys(fixture->store, "packs/", &packs);
    assert_ok(hf_store_delete(fixture->store, fixture_largest(fixture->store, &packs), &err), &err);
    assert_true(prune(fixture->repo).lost == 0); /* the index still says where they were */
    HF_AUTO(hf_strings) index = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "index/", &index);
    for (size_t i = 0; i < index.count; i++)
        assert_ok(hf_store_delete(fixture->store, index.items[i], &err), &err);
    assert_int_equal(prune(fixture->repo).lost, 2);
}

static void prune_counts_locked_packs_without_error(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    make_garbage(fixture, id);
    hf_memory_store_lock(fixture->store, 30 * 24 * HOUR);
    fixture_keys(fixture->store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        assert_ok(hf_store_protect(fixture->store, packs.items[i], &err), &err);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    pass(fixture, GRACE + HOUR);
    struct hf_prune_report report = prune(fixture->repo);
    assert_int_equal(report.deleted.packs, 0);
    assert_int_equal(report.locked.packs, 2);
    assert_true(report.locked_until > 0);
    assert_whole(fixture->repo);
    pass(fixture, 30 * 24 * HOUR);
    report = prune(fixture->repo);
    assert_int_equal(report.deleted.packs, 2);
    assert_int_equal(report.locked.packs, 0);
    assert_whole(fixture->repo);
    assert_int_equal(prune(fixture->repo).packs.packs, 2);
}

static void raise_waits_for_nobody_else(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_lease *shared;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    const struct hf_lease_options prune_lease = {.mode = HF_LEASE_PRUNE, .purpose = "prune"};
    const struct hf_lease_options work = {.mode = HF_LEASE_SHARED, .purpose = "backup"};
    assert_ok(hf_lease_take(fixture->repo, &prune_lease, &lease, &err), &err);
    assert_ok(hf_lease_take(fixture->repo, &work, &shared, &err), &err);
    assert_fails(hf_lease_raise(lease, 0, NULL, &err), HF_BUSY, &err);
    assert_contains(err.text, "backup");
    hf_lease_release(shared);
    assert_ok(hf_lease_raise(lease, 0, NULL, &err), &err);
    const struct hf_lease_options another = {.mode = HF_LEASE_PRUNE, .purpose = "prune"};
    assert_fails(hf_lease_take(fixture->repo, &another, &shared, &err), HF_BUSY, &err);
    assert_ok(hf_lease_lower(lease, &err), &err);
    assert_ok(hf_lease_take(fixture->repo, &work, &shared, &err), &err);
    hf_lease_release(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prune_with_all_needed_changes_nothing),
        TEST(prune_marks_first_and_removes_after_grace),
        TEST(prune_with_a_writer_key_is_enough),
        TEST(prune_leaves_young_packs_unmarked),
        TEST(prune_removes_orphans_that_no_index_names),
        TEST(prune_dry_run_says_the_same_and_writes_nothing),
        TEST(prune_dry_run_takes_the_forgotten_for_gone),
        TEST(prune_keeps_what_a_snapshot_said_to_be_forgotten_needs),
        TEST(prune_stops_at_a_manifest_that_cannot_be_read),
        TEST(prune_stops_at_a_catalog_that_cannot_be_read),
        TEST(prune_counts_needed_chunks_that_are_nowhere),
        TEST(prune_counts_locked_packs_without_error),
        TEST(raise_waits_for_nobody_else),
    };
    return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
