#include "storage/repository/prune.h"

#include "base/clock.h"
#include "base/text.h"
#include "storage/repository/backup_internal.h"
#include "storage/repository/check.h"
#include "storage/repository/copy.h"
#include "storage/repository/lease.h"
#include "storage/repository/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/counting_store.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

#define HOUR (3600 * HF_NS_PER_S)
#define GRACE (72 * HOUR)

/* Small streams are a chunk each, so what is shared and what is not is plain to see. */
static const struct fixture_stream kept[] = {
    {"data/a", HF_STREAM_ROWS, 20000, 1},
    {"data/b", HF_STREAM_BYTES, 30000, 2},
};
static const struct fixture_stream other[] = {
    {"data/c", HF_STREAM_ROWS, 10000, 3},
    {"data/d", HF_STREAM_BYTES, 60000, 4},
};
/* Of one pack, in which little is needed when only the first is. */
static const struct fixture_stream mixed[] = {
    {"data/e", HF_STREAM_BYTES, 5000, 5},
    {"data/f", HF_STREAM_BYTES, 90000, 6},
    {"data/g", HF_STREAM_BYTES, 90000, 7},
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

static struct hf_prune_options options_of(int64_t grace)
{
    return (struct hf_prune_options){.grace = grace};
}

static enum hf_status prune_with(struct hf_repo *repo, struct hf_prune_options options,
                                 struct hf_prune_report *report, struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, err), err);
    options.cancel = cancel;
    return hf_prune(repo, &options, report, err);
}

/* Each pack in one place. */
static void assert_adds_up(const struct hf_prune_report *report)
{
    assert_int_equal(report->packs.packs, report->needed.packs + report->young.packs +
                                              report->waiting.packs + report->deleted.packs +
                                              report->locked.packs + report->left.packs +
                                              report->unknown.packs);
    assert_int_equal(report->packs.bytes, report->needed.bytes + report->young.bytes +
                                              report->waiting.bytes + report->deleted.bytes +
                                              report->locked.bytes + report->left.bytes +
                                              report->unknown.bytes);
}

static struct hf_prune_report prune(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    assert_ok(prune_with(repo, options_of(GRACE), &report, &err), &err);
    assert_adds_up(&report);
    return report;
}

static struct hf_prune_report repack(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    struct hf_prune_options options = options_of(GRACE);
    options.repack_percent = HF_PRUNE_REPACK_PERCENT;
    options.repack_bytes = HF_PRUNE_REPACK_BYTES;
    assert_ok(prune_with(repo, options, &report, &err), &err);
    assert_adds_up(&report);
    return report;
}

static void forget(struct hf_store *store, const char *id)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(store, "snapshots/", &keys);
    for (size_t i = 0; i < keys.count; i++)
        if (strstr(keys.items[i], id))
            assert_ok(hf_store_delete(store, keys.items[i], &err), &err);
}

/* Every chunk of every manifest is there and right, and nothing else is wrong. */
static void assert_whole(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.read_percent = 100};
    assert_ok(hf_check_repo(repo, &options, &report, &err), &err);
    hf_check_report_free(&report);
}

/* What a backup that failed left in the index may name packs that were removed under it. */
static void assert_snapshots_whole(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.read_percent = 100};
    enum hf_status status = hf_check_repo(repo, &options, &report, &err);
    assert_true(status == HF_OK || status == HF_DAMAGED);
    assert_int_equal(report.damaged_snapshots, 0);
    hf_check_report_free(&report);
}

static void pass(struct fixture *fixture, int64_t ns)
{
    hf_memory_store_advance(fixture->store, ns);
}

/* Two snapshots that share nothing; the second is forgotten. All packs are old. */
static void make_garbage(struct fixture *fixture, char kept_id[HF_SNAPSHOT_ID_TEXT])
{
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", kept, 2, kept_id);
    fixture_backup(fixture, "app", other, 2, id);
    pass(fixture, GRACE + HOUR);
    forget(fixture->store, id);
}

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

/* ---- beside others ---- */

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

/* ---- locks ---- */

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

/* ---- repacking ---- */

/* What a snapshot needs of two thirds dead packs; the rest was forgotten. */
static void make_mostly_dead(struct fixture *fixture, char id[HF_SNAPSHOT_ID_TEXT])
{
    char gone[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", mixed, 3, gone);
    fixture_backup(fixture, "app", mixed, 1, id);
    pass(fixture, GRACE + HOUR);
    forget(fixture->store, gone);
}

static void repack_moves_what_is_needed_of_mostly_dead_packs(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_repo *writer = fixture_writer(fixture);
    make_mostly_dead(fixture, id);
    struct hf_prune_report report = prune(writer);
    assert_true(report.dead_bytes > 180000);
    report = repack(writer);
    assert_int_equal(report.repacked.packs, 1);
    assert_int_equal(report.written.packs, 1);
    assert_true(report.written.bytes < 10000);
    assert_int_equal(report.dead_bytes, 0);
    assert_whole(fixture->repo);
    pass(fixture, GRACE + HOUR);
    report = repack(writer);
    assert_true(report.deleted.bytes > 180000);
    assert_int_equal(report.repacked.packs, 0);
    assert_whole(fixture->repo);
    assert_ok(fixture_read_all(fixture->repo, id, mixed, 1, &err), &err);
    hf_repo_close(writer);
}

/* Packs of packs: slots and numbers go along twice. */
static void repack_merges_many_small_packs_and_can_be_repeated(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    enum { DAYS = 40 };
    char ids[DAYS][HF_SNAPSHOT_ID_TEXT];
    struct fixture_stream day[DAYS];
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = round * DAYS / 2; i < (round + 1) * DAYS / 2; i++) {
            day[i] = (struct fixture_stream){"data/day", HF_STREAM_BYTES, 2000, 100 + i};
            fixture_backup(fixture, "app", &day[i], 1, ids[i]);
        }
        pass(fixture, GRACE + HOUR);
        struct hf_prune_report report = repack(fixture->repo);
        assert_true(report.repacked.packs >= DAYS / 2);
        assert_int_equal(report.written.packs, 2);
        assert_whole(fixture->repo);
    }
    pass(fixture, GRACE + HOUR);
    (void)repack(fixture->repo);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 2);
    for (unsigned i = 0; i < DAYS; i++)
        assert_ok(fixture_read_all(fixture->repo, ids[i], &day[i], 1, &err), &err);
}

static void repack_does_not_carry_damage_on(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    make_mostly_dead(fixture, id);
    fixture_keys(fixture->store, "packs/", &packs);
    fixture_flip(fixture->store, fixture_largest(fixture->store, &packs), 50000, 1);
    struct hf_prune_report report = repack(fixture->repo);
    assert_int_equal(report.repacked.packs, 0);
    assert_int_equal(report.written.packs, 0);
}

/* ---- faults ---- */

static struct hf_prune_options all_of_it(void)
{
    struct hf_prune_options options = options_of(GRACE);
    options.repack_percent = HF_PRUNE_REPACK_PERCENT;
    options.repack_bytes = HF_PRUNE_REPACK_BYTES;
    return options;
}

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

/* ---- leases ---- */

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
        TEST(backup_after_the_mark_does_not_count_on_the_pack),
        TEST(backup_before_the_mark_keeps_the_pack),
        TEST(sweep_beside_a_backup_is_left_to_the_next),
        TEST(prune_beside_a_prune_is_busy),
        TEST(backup_that_lost_its_lease_refuses_a_marked_pack),
        TEST(backup_that_lost_its_lease_refuses_a_removed_pack),
        TEST(copy_of_what_is_marked_there_keeps_it),
        TEST(prune_counts_locked_packs_without_error),
        TEST(repack_moves_what_is_needed_of_mostly_dead_packs),
        TEST(repack_merges_many_small_packs_and_can_be_repeated),
        TEST(repack_does_not_carry_damage_on),
        TEST(prune_with_an_operation_that_fails_recovers),
        TEST(prune_with_an_answer_that_is_lost_recovers),
        TEST(prune_killed_between_two_operations_recovers),
        TEST(backup_between_any_two_operations_of_a_prune_is_whole),
        TEST(prune_between_any_two_operations_of_a_backup_loses_nothing),
        TEST(raise_waits_for_nobody_else),
    };
    return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
