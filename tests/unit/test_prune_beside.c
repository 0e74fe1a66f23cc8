#include "storage/repository/prune.h"

#include "storage/repository/backup_internal.h"
#include "storage/repository/copy.h"
#include "storage/repository/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/counting_store.h"
#include "tests/support/memory_store.h"
#include "tests/support/prune_world.h"
#include "tests/support/snapshot_fixture.h"

struct run {
    struct hf_cancel *cancel;
    struct hf_backup *backup;
};

static enum hf_status try_begin(struct fixture *fixture, struct run *run, struct hf_error *err)
{
    assert_ok(hf_cancel_new(&run->cancel, err), err);
    const struct hf_backup_options options = {
        .source = "app", .kind = "test", .host = "here", .threads = 1, .cancel = run->cancel};
    enum hf_status status = hf_backup_begin(fixture->repo, &options, &run->backup, err);
    if (status != HF_OK)
        hf_cancel_free(run->cancel);
    return status;
}

static void begin(struct fixture *fixture, struct run *run)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(try_begin(fixture, run, &err), &err);
}

static void write_streams(struct run *run, const struct fixture_stream *streams, size_t count)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_sink *sink = hf_backup_sink(run->backup);
    for (size_t i = 0; i < count; i++) {
        HF_AUTO(hf_buf) data = HF_BUF_INIT;
        fixture_content(&streams[i], &data);
        assert_ok(hf_sink_write_all(sink, streams[i].name, streams[i].kind, data.data, data.len, 1,
                                    NULL, &err),
                  &err);
    }
}

static enum hf_status commit(struct run *run, char id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err)
{
    enum hf_status status = hf_backup_commit(run->backup, NULL, id, NULL, err);
    hf_cancel_free(run->cancel);
    return status;
}

/* As after a night in suspend: the lease ran out, and somebody removed it. */
static void lose_lease(struct fixture *fixture, struct run *run)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_lease_options options = {
        .mode = HF_LEASE_SHARED, .purpose = "backup app", .ttl = 1, .renew = HOUR};
    hf_lease_release(run->backup->lease);
    run->backup->lease = NULL;
    assert_ok(hf_lease_take(fixture->repo, &options, &run->backup->lease, &err), &err);
    HF_AUTO(hf_strings) leases = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "leases/", &leases);
    for (size_t i = 0; i < leases.count; i++)
        assert_ok(hf_store_delete(fixture->store, leases.items[i], &err), &err);
}

static void backup_after_the_mark_does_not_count_on_the_pack(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    make_garbage(fixture, id);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    fixture_backup(fixture, "app", other, 2, id);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 6);
    pass(fixture, GRACE + HOUR);
    assert_int_equal(prune(fixture->repo).deleted.packs, 2);
    assert_ok(fixture_read_all(fixture->repo, id, other, 2, &err), &err);
    assert_whole(fixture->repo);
}

static void backup_before_the_mark_keeps_the_pack(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    make_garbage(fixture, id);
    begin(fixture, &run);
    write_streams(&run, other, 2);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    assert_ok(commit(&run, id, &err), &err);
    pass(fixture, GRACE + HOUR);
    struct hf_prune_report report = prune(fixture->repo);
    assert_int_equal(report.unmarked.packs, 1); /* of data; its lists are stored again, or not */
    assert_true(report.deleted.packs <= 1);
    assert_ok(fixture_read_all(fixture->repo, id, other, 2, &err), &err);
    assert_whole(fixture->repo);
    fixture_backup(fixture, "app", other, 2, id); /* it counts again */
    assert_whole(fixture->repo);
}

static void sweep_beside_a_backup_is_left_to_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    make_garbage(fixture, id);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    pass(fixture, GRACE + HOUR);
    begin(fixture, &run);
    struct hf_prune_report report = prune(fixture->repo);
    assert_true(report.busy);
    assert_int_equal(report.left.packs, 2);
    assert_int_equal(report.deleted.packs, 0);
    write_streams(&run, kept, 2);
    assert_ok(commit(&run, id, &err), &err);
    report = prune(fixture->repo);
    assert_false(report.busy);
    assert_int_equal(report.deleted.packs, 2);
    assert_whole(fixture->repo);
}

static void prune_beside_a_prune_is_busy(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    const struct hf_lease_options options = {.mode = HF_LEASE_PRUNE, .purpose = "prune"};
    assert_ok(hf_lease_take(fixture->repo, &options, &lease, &err), &err);
    assert_fails(prune_with(fixture->repo, options_of(GRACE), &report, &err), HF_BUSY, &err);
}

static void backup_that_lost_its_lease_refuses_a_marked_pack(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    make_garbage(fixture, id);
    begin(fixture, &run);
    write_streams(&run, other, 2);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    lose_lease(fixture, &run);
    assert_fails(commit(&run, id, &err), HF_BUSY, &err);
    assert_contains(err.text, "marked");
    assert_whole(fixture->repo);
}

static void backup_that_lost_its_lease_refuses_a_removed_pack(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    make_garbage(fixture, id);
    begin(fixture, &run);
    write_streams(&run, other, 2);
    lose_lease(fixture, &run);
    assert_int_equal(prune(fixture->repo).marked.packs, 2);
    pass(fixture, GRACE + HOUR);
    assert_int_equal(prune(fixture->repo).deleted.packs, 2);
    assert_fails(commit(&run, id, &err), HF_BUSY, &err);
    assert_whole(fixture->repo);
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 1);
}

static void copy_of_what_is_marked_there_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    struct fixture to;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_copy_report report;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_copy_options options = {.threads = 1, .cancel = cancel};
    fixture_backup(fixture, "app", other, 2, id);
    fixture_replica(fixture, &to);
    assert_ok(hf_copy(fixture->repo, to.repo, &options, &report, &err), &err);
    hf_copy_report_free(&report);
    forget(to.store, id);
    pass(&to, GRACE + HOUR);
    assert_int_equal(prune(to.repo).marked.packs, 2);
    assert_ok(hf_copy(fixture->repo, to.repo, &options, &report, &err), &err);
    hf_copy_report_free(&report);
    pass(&to, GRACE + HOUR);
    (void)prune(to.repo);
    assert_ok(fixture_read_all(to.repo, id, other, 2, &err), &err);
    assert_whole(to.repo);
    fixture_drop(&to);
}

/* ---- in between ---- */

struct between {
    struct fixture *fixture; /* the store itself, not the one that counts */
    char ids[8][HF_SNAPSHOT_ID_TEXT];
    size_t count;
    bool called;
};

/* A whole backup that counts on what is being pruned, if it can. */
static void back_up_between(void *ctx)
{
    struct between *between = ctx;
    struct run run;
    struct hf_error err = HF_ERROR_INIT;
    between->called = true;
    begin(between->fixture, &run);
    write_streams(&run, other, 2);
    if (commit(&run, between->ids[between->count], &err) == HF_OK)
        between->count++;
}

/* Two prunes and a jump of the clock, as if whoever is interrupted had been suspended. */
static void prune_between(void *ctx)
{
    struct between *between = ctx;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    between->called = true;
    for (int i = 0; i < 3; i++) {
        pass(between->fixture, GRACE + HOUR);
        (void)!prune_with(between->fixture->repo, all_of_it(), &report, &err);
    }
}

static void assert_all_read(struct between *between)
{
    struct hf_error err = HF_ERROR_INIT;
    for (size_t i = 0; i < between->count; i++)
        assert_ok(fixture_read_all(between->fixture->repo, between->ids[i], other, 2, &err), &err);
    assert_snapshots_whole(between->fixture->repo);
}

/* A backup before each operation of a prune, but while that has the repository for itself: there
 * backups wait, which would be for ever here. */
static void backup_between_any_two_operations_of_a_prune_is_whole(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    make_garbage(fixture, id);
    for (unsigned n = 1;; n++) {
        struct fixture copy;
        struct hf_store *counting;
        struct hf_repo *repo;
        struct hf_error err = HF_ERROR_INIT;
        struct hf_prune_report report;
        fixture_copy(fixture, &copy);
        struct between between = {.fixture = &copy};
        assert_ok(hf_counting_store_new(copy.store, &counting, &err), &err);
        assert_ok(fixture_reopen(counting, fixture->passphrase, &repo, &err), &err);
        hf_counting_store_before(counting, n, back_up_between, &between);
        assert_ok(prune_with(repo, all_of_it(), &report, &err), &err);
        assert_all_read(&between);
        hf_counting_store_before(counting, 0, NULL, NULL);
        prune_between(&between);
        assert_all_read(&between);
        bool called = between.count > 0;
        hf_repo_close(repo);
        hf_store_close(counting);
        fixture_drop(&copy);
        if (!called)
            break;
    }
}

/* Prunes, and clocks that jump, before each operation of a backup: leases seem to have run out
 * while it works. The backup fails or is whole. */
static void prune_between_any_two_operations_of_a_backup_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    make_garbage(fixture, id);
    for (unsigned n = 1;; n++) {
        struct fixture copy, through;
        struct hf_error err = HF_ERROR_INIT;
        struct run run;
        fixture_copy(fixture, &copy);
        struct between between = {.fixture = &copy};
        through = copy;
        assert_ok(hf_counting_store_new(copy.store, &through.store, &err), &err);
        assert_ok(fixture_reopen(through.store, fixture->passphrase, &through.repo, &err), &err);
        hf_counting_store_before(through.store, n, prune_between, &between);
        if (try_begin(&through, &run, &err) == HF_OK) {
            write_streams(&run, other, 2);
            between.count = commit(&run, between.ids[0], &err) == HF_OK;
            assert_true(between.count == 1 || err.status == HF_BUSY);
        }
        if (hf_memory_store_count(copy.store, "snapshots/") == 1 + between.count)
            assert_all_read(&between);
        else
            fail_msg("a snapshot of a backup that failed, at operation %u", n);
        hf_repo_close(through.repo);
        hf_store_close(through.store);
        fixture_drop(&copy);
        if (!between.called)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(backup_after_the_mark_does_not_count_on_the_pack),
        TEST(backup_before_the_mark_keeps_the_pack),
        TEST(sweep_beside_a_backup_is_left_to_the_next),
        TEST(prune_beside_a_prune_is_busy),
        TEST(backup_that_lost_its_lease_refuses_a_marked_pack),
        TEST(backup_that_lost_its_lease_refuses_a_removed_pack),
        TEST(copy_of_what_is_marked_there_keeps_it),
        TEST(backup_between_any_two_operations_of_a_prune_is_whole),
        TEST(prune_between_any_two_operations_of_a_backup_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
