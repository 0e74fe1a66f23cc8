#include "storage/repository/backup.h"

#include "base/clock.h"
#include "base/text.h"
#include "storage/repository/backup_internal.h"
#include "storage/repository/repository_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/backup_run.h"
#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/pack_fixture.h"
#include "tests/support/snapshot_fixture.h"

#define MIB ((size_t)1 << 20)

static const struct fixture_stream mixed[] = {
    {"data/big", HF_STREAM_ROWS, 6 * MIB, 1},     {"data/empty", HF_STREAM_ROWS, 0, 2},
    {"data/middle", HF_STREAM_BYTES, 3 * MIB, 3}, {"data/one", HF_STREAM_ROWS, 1, 4},
    {"data/tiny", HF_STREAM_ROWS, 1000, 6},       {"same as big", HF_STREAM_ROWS, 6 * MIB, 1},
};
enum { MIXED = sizeof mixed / sizeof mixed[0] };

static void backup_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    assert_ok(fixture_read_all(fixture->repo, id, mixed, MIXED, &err), &err);
    assert_int_equal(stats.read_bytes, 15 * MIB + 1001);
    assert_int_equal(stats.records, 17);
    assert_true(stats.new_bytes <= 9 * MIB + 1001); /* the same stream twice is stored once */
    assert_true(stats.stored_bytes < 10 * MIB);
    assert_int_equal(hf_memory_store_count(fixture->store, "leases/"), 0);
}

static void backup_unchanged_stores_next_to_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    size_t packs = hf_memory_store_count(fixture->store, "packs/");
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    assert_int_equal(stats.new_chunks, 0);
    assert_int_equal(stats.stored_bytes, 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), packs);
    assert_ok(fixture_read_all(fixture->repo, id, mixed, MIXED, &err), &err);
}

enum { DAY = 86400 };

static enum hf_status expect_locked(void *ctx, const char *key, const struct hf_store_stat *listed,
                                    struct hf_error *err)
{
    const struct fixture *fixture = ctx;
    struct hf_store_stat stat;
    (void)listed;
    HF_TRY(hf_store_stat(fixture->store, key, &stat, err));
    int64_t left = stat.locked_until - hf_clock_now() - 20 * DAY * HF_NS_PER_S;
    if (left < 29 * DAY * HF_NS_PER_S)
        return hf_error_set(err, HF_FAILED, "%s is not locked for long enough", key);
    return HF_OK;
}

/* Everything that the new snapshot needs is as locked as if it had been stored now. */
static void backup_unchanged_locks_what_it_counts_on(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    hf_memory_store_lock(fixture->store, 30 * DAY * HF_NS_PER_S);
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    hf_memory_store_advance(fixture->store, 20 * DAY * HF_NS_PER_S);
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    assert_ok(hf_store_list(fixture->store, "packs/", expect_locked, fixture, &err), &err);
    assert_ok(hf_store_list(fixture->store, "keys/", expect_locked, fixture, &err), &err);
    assert_ok(hf_store_list(fixture->store, "holdfast", expect_locked, fixture, &err), &err);
}

/* Packs of another snapshot are its own affair. */
static void backup_leaves_the_locks_of_others(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    const struct fixture_stream other = {"other", HF_STREAM_BYTES, 1000, 9};
    hf_memory_store_lock(fixture->store, 30 * DAY * HF_NS_PER_S);
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    hf_memory_store_advance(fixture->store, 20 * DAY * HF_NS_PER_S);
    assert_ok(back_up_streams(fixture->repo, &other, 1, NULL, id, &err), &err);
    assert_fails(hf_store_list(fixture->store, "packs/", expect_locked, fixture, &err), HF_FAILED,
                 &err);
}

static void backup_that_cannot_lock_is_no_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct backup_run run;
    char id[HF_SNAPSHOT_ID_TEXT];
    hf_memory_store_lock(fixture->store, 30 * DAY * HF_NS_PER_S);
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    assert_ok(backup_run_write(&run, mixed, MIXED, &err), &err);
    hf_memory_store_fail_protect(fixture->store, HF_DENIED);
    assert_fails(backup_run_commit(&run, NULL, id, &err), HF_DENIED, &err);
    assert_contains(err.text, "not be as protected as configured");
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 1);
}

static void backup_of_nothing_is_a_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up_streams(fixture->repo, NULL, 0, NULL, id, &err), &err);
    assert_ok(fixture_read_all(fixture->repo, id, NULL, 0, &err), &err);
}

static void abort_leaves_packs_that_the_next_run_adopts(void **state)
{
    struct fixture *fixture = *state;
    static const struct fixture_stream large[] = {{"large", HF_STREAM_BYTES, 50 * MIB, 9}};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct backup_run run;
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    assert_ok(backup_run_write(&run, large, 1, &err), &err);
    /* At least one of the first packs is on its way by now; wait for it, it cannot fail. */
    do
        hf_backup_stats(run.backup, &stats);
    while (stats.stored_bytes == 0);
    backup_run_end(&run);
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "index/"), 0);
    size_t packs = hf_memory_store_count(fixture->store, "packs/");
    assert_true(packs > 0);
    assert_ok(back_up_streams(fixture->repo, large, 1, &stats, id, &err), &err);
    assert_int_equal(stats.adopted_packs, packs);
    assert_true(stats.new_bytes < 40 * MIB);
    assert_ok(fixture_read_all(fixture->repo, id, large, 1, &err), &err);
}

static void backup_missing_pack_is_stored_again(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        assert_ok(hf_store_delete(fixture->store, packs.items[i], &err), &err);
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    assert_true(stats.new_bytes > 8 * MIB);
    assert_ok(fixture_read_all(fixture->repo, id, mixed, MIXED, &err), &err);
}

static void backup_damaged_index_is_done_without(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    HF_AUTO(hf_strings) objects = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "index/", &objects);
    for (size_t i = 0; i < objects.count; i++)
        fixture_flip(fixture->store, objects.items[i], 50, 1);
    assert_ok(back_up_streams(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    assert_int_equal(stats.new_chunks, 0);
    assert_true(stats.adopted_packs > 0);
}

/* More packs in the index than are compared with the store each time; none of them is there. */
static void name_many_packs(struct fixture *fixture, unsigned packs)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index *index;
    assert_ok(hf_index_new(&index, &err), &err);
    for (uint32_t seed = 0; seed < packs; seed++)
        (void)fixture_pack(NULL, fixture->repo->keys, seed, 1, index);
    assert_ok(hf_index_flush(index, fixture->repo, NULL, &err), &err);
    hf_index_free(index);
}

static size_t live_packs(struct fixture *fixture)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index *index;
    assert_ok(hf_index_new(&index, &err), &err);
    assert_ok(hf_index_load(index, fixture->repo, NULL, &err), &err);
    size_t live = hf_index_frames(index);
    hf_index_free(index);
    return live;
}

static void backup_many_packs_a_part_is_looked_at(void **state)
{
    enum { PACKS = 12000 };
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    name_many_packs(fixture, PACKS);
    assert_ok(back_up_streams(fixture->repo, NULL, 0, NULL, id, &err), &err);
    /* A 16th is lost: 750, give or take. */
    size_t left = live_packs(fixture);
    assert_in_range(left, PACKS - 1000, PACKS - 500);
    /* A lease that nobody renews: whoever held it may have been killed at a backup. */
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = "backup app"};
    struct hf_lease *killed;
    assert_ok(hf_lease_take(fixture->repo, &options, &killed, &err), &err);
    assert_ok(back_up_streams(fixture->repo, NULL, 0, NULL, id, &err), &err);
    hf_lease_release(killed);
    assert_true(live_packs(fixture) < 10); /* lists and catalog */
}

static void commit_stream_left_open_fails(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_sink_stream *stream;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct backup_run run;
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    const struct hf_sink *sink = hf_backup_sink(run.backup);
    assert_ok(sink->open(sink->ctx, "left open", HF_STREAM_BYTES, &stream, &err), &err);
    assert_ok(sink->write(stream, "abc", 3, &err), &err);
    assert_fails(backup_run_commit(&run, NULL, id, &err), HF_FAILED, &err);
    assert_contains(err.text, "left open");
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
}

static void commit_stream_abandoned_fails(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_sink_stream *stream;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct backup_run run;
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    const struct hf_sink *sink = hf_backup_sink(run.backup);
    assert_ok(sink->open(sink->ctx, "given up", HF_STREAM_BYTES, &stream, &err), &err);
    assert_ok(sink->write(stream, NULL, 0, &err), &err);
    sink->abandon(stream);
    assert_fails(backup_run_commit(&run, NULL, id, &err), HF_FAILED, &err);
    assert_contains(err.text, "given up");
}

static void commit_same_name_twice_fails(void **state)
{
    struct fixture *fixture = *state;
    static const struct fixture_stream twice[] = {{"name", HF_STREAM_BYTES, 10, 1},
                                                  {"name", HF_STREAM_BYTES, 10, 2}};
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_fails(back_up_streams(fixture->repo, twice, 2, NULL, id, &err), HF_EXISTS, &err);
}

static void begin_too_little_memory_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_backup_options options = {
        .source = "app", .kind = "test", .host = "here", .memory = 10 * MIB, .cancel = cancel};
    assert_fails(hf_backup_begin(fixture->repo, &options, &backup, &err), HF_USAGE, &err);
    assert_contains(err.text, "memory");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(backup_comes_back),
        TEST(backup_unchanged_stores_next_to_nothing),
        TEST(backup_unchanged_locks_what_it_counts_on),
        TEST(backup_leaves_the_locks_of_others),
        TEST(backup_that_cannot_lock_is_no_snapshot),
        TEST(backup_of_nothing_is_a_snapshot),
        TEST(abort_leaves_packs_that_the_next_run_adopts),
        TEST(backup_missing_pack_is_stored_again),
        TEST(backup_damaged_index_is_done_without),
        TEST(backup_many_packs_a_part_is_looked_at),
        TEST(commit_stream_left_open_fails),
        TEST(commit_stream_abandoned_fails),
        TEST(commit_same_name_twice_fails),
        TEST(begin_too_little_memory_is_refused),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
