#include "storage/repository/backup.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/text.h"
#include "storage/repository/backup_internal.h"
#include "storage/repository/repository_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* One backup from begin on; what a producer does with several writes. */
struct run {
    struct hf_cancel *cancel;
    struct hf_backup *backup;
};

static enum hf_status begin(struct hf_repo *repo, struct run *run, struct hf_error *err)
{
    HF_TRY(hf_cancel_new(&run->cancel, err));
    const struct hf_backup_options options = {
        .source = "app",
        .kind = "test",
        .host = "here",
        .threads = 2,
        .cancel = run->cancel,
    };
    run->backup = NULL;
    enum hf_status status = hf_backup_begin(repo, &options, &run->backup, err);
    if (status != HF_OK) {
        hf_cancel_free(run->cancel);
        run->cancel = NULL;
    }
    return status;
}

static void end(struct run *run)
{
    hf_backup_abort(run->backup);
    hf_cancel_free(run->cancel);
    *run = (struct run){NULL, NULL};
}

static enum hf_status commit(struct run *run, struct hf_backup_stats *stats,
                             char id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err)
{
    enum hf_status status = hf_backup_commit(run->backup, NULL, id, stats, err);
    run->backup = NULL;
    end(run);
    return status;
}

/* In writes of whole rows of any number, or of any bytes. */
static size_t next_write(const struct fixture_stream *stream, const struct hf_buf *content,
                         size_t at)
{
    size_t left = content->len - at;
    size_t len = left < 3000 + at % 70000 ? left : 3000 + at % 70000;
    if (stream->kind != HF_STREAM_ROWS)
        return len;
    const uint8_t *end = memchr(content->data + at + len - 1, '\n', left - len + 1);
    return end ? (size_t)(end - content->data) + 1 - at : left;
}

static enum hf_status write_stream(const struct hf_sink *sink, const struct fixture_stream *stream,
                                   struct hf_error *err)
{
    struct hf_sink_stream *out;
    HF_AUTO(hf_buf) content = HF_BUF_INIT;
    fixture_content(stream, &content);
    HF_TRY(sink->open(sink->ctx, stream->name, stream->kind, &out, err));
    for (size_t at = 0; at < content.len;) {
        size_t len = next_write(stream, &content, at);
        enum hf_status status = sink->write(out, content.data + at, len, err);
        if (status != HF_OK) {
            sink->abandon(out);
            return status;
        }
        at += len;
    }
    return sink->close(out, stream->seed, NULL, err);
}

static enum hf_status write_all(struct run *run, const struct fixture_stream *streams, size_t count,
                                struct hf_error *err)
{
    for (size_t i = 0; i < count; i++)
        HF_TRY(write_stream(hf_backup_sink(run->backup), &streams[i], err));
    return HF_OK;
}

static enum hf_status back_up(struct hf_repo *repo, const struct fixture_stream *streams,
                              size_t count, struct hf_backup_stats *stats,
                              char id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err)
{
    struct run run;
    HF_TRY(begin(repo, &run, err));
    enum hf_status status = write_all(&run, streams, count, err);
    if (status != HF_OK) {
        end(&run);
        return status;
    }
    return commit(&run, stats, id, err);
}

static void backup_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
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
    assert_ok(back_up(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    size_t packs = hf_memory_store_count(fixture->store, "packs/");
    assert_ok(back_up(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
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
    assert_ok(back_up(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    hf_memory_store_advance(fixture->store, 20 * DAY * HF_NS_PER_S);
    assert_ok(back_up(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
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
    assert_ok(back_up(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    hf_memory_store_advance(fixture->store, 20 * DAY * HF_NS_PER_S);
    assert_ok(back_up(fixture->repo, &other, 1, NULL, id, &err), &err);
    assert_fails(hf_store_list(fixture->store, "packs/", expect_locked, fixture, &err), HF_FAILED,
                 &err);
}

static void backup_that_cannot_lock_is_no_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct run run;
    char id[HF_SNAPSHOT_ID_TEXT];
    hf_memory_store_lock(fixture->store, 30 * DAY * HF_NS_PER_S);
    assert_ok(back_up(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    assert_ok(begin(fixture->repo, &run, &err), &err);
    assert_ok(write_all(&run, mixed, MIXED, &err), &err);
    hf_memory_store_fail_protect(fixture->store, HF_DENIED);
    assert_fails(commit(&run, NULL, id, &err), HF_DENIED, &err);
    assert_contains(err.text, "not be as protected as configured");
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 1);
}

static void backup_of_nothing_is_a_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up(fixture->repo, NULL, 0, NULL, id, &err), &err);
    assert_ok(fixture_read_all(fixture->repo, id, NULL, 0, &err), &err);
}

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
        enum hf_status status = back_up(fixture.repo, mixed, MIXED, &stats, id, &err);
        unsigned took = hf_memory_store_operations(fixture.store) - before;
        hf_memory_store_fail(fixture.store, 0, fault, HF_OK);
        if (status != HF_OK) {
            assert_int_equal(err.status, HF_IO);
            assert_contains(err.text, "a fault on order");
            if (fault == HF_FAULT_BEFORE)
                assert_int_equal(hf_memory_store_count(fixture.store, "snapshots/"), 0);
        }
        size_t packs = hf_memory_store_count(fixture.store, "packs/");
        assert_ok(back_up(fixture.repo, mixed, MIXED, &stats, id, &err), &err);
        /* No pack is lost: indexed, or adopted now. (Which of data and lists got there, is chance.)
         */
        assert_true(stats.adopted_packs == packs || stats.new_chunks == 0);
        assert_ok(fixture_read_all(fixture.repo, id, mixed, MIXED, &err), &err);
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
    struct run run;
    assert_ok(begin(fixture->repo, &run, &err), &err);
    hf_memory_store_fail_from(fixture->store, 1, HF_UNREACHABLE);
    enum hf_status status = write_all(&run, large, 1, &err);
    assert_int_not_equal(status, HF_OK);
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_fails(commit(&run, NULL, id, &err), HF_UNREACHABLE, &err);
    assert_contains(err.text, "a fault on order");
    hf_memory_store_fail(fixture->store, 0, HF_FAULT_BEFORE, HF_OK);
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
}

static void abort_leaves_packs_that_the_next_run_adopts(void **state)
{
    struct fixture *fixture = *state;
    static const struct fixture_stream large[] = {{"large", HF_STREAM_BYTES, 50 * MIB, 9}};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    assert_ok(begin(fixture->repo, &run, &err), &err);
    assert_ok(write_all(&run, large, 1, &err), &err);
    /* At least one of the first packs is on its way by now; wait for it, it cannot fail. */
    do
        hf_backup_stats(run.backup, &stats);
    while (stats.stored_bytes == 0);
    end(&run);
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
    assert_int_equal(hf_memory_store_count(fixture->store, "index/"), 0);
    size_t packs = hf_memory_store_count(fixture->store, "packs/");
    assert_true(packs > 0);
    assert_ok(back_up(fixture->repo, large, 1, &stats, id, &err), &err);
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
    assert_ok(back_up(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        assert_ok(hf_store_delete(fixture->store, packs.items[i], &err), &err);
    assert_ok(back_up(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    assert_true(stats.new_bytes > 8 * MIB);
    assert_ok(fixture_read_all(fixture->repo, id, mixed, MIXED, &err), &err);
}

static void backup_damaged_index_is_done_without(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_ok(back_up(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
    HF_AUTO(hf_strings) objects = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "index/", &objects);
    for (size_t i = 0; i < objects.count; i++)
        fixture_flip(fixture->store, objects.items[i], 50, 1);
    assert_ok(back_up(fixture->repo, mixed, MIXED, &stats, id, &err), &err);
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
    assert_ok(back_up(fixture->repo, NULL, 0, NULL, id, &err), &err);
    /* A 16th is lost: 750, give or take. */
    size_t left = live_packs(fixture);
    assert_in_range(left, PACKS - 1000, PACKS - 500);
    /* A lease that nobody renews: whoever held it may have been killed at a backup. */
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = "backup app"};
    struct hf_lease *killed;
    assert_ok(hf_lease_take(fixture->repo, &options, &killed, &err), &err);
    assert_ok(back_up(fixture->repo, NULL, 0, NULL, id, &err), &err);
    hf_lease_release(killed);
    assert_true(live_packs(fixture) < 10); /* lists and catalog */
}

static void commit_stream_left_open_fails(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_sink_stream *stream;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    assert_ok(begin(fixture->repo, &run, &err), &err);
    const struct hf_sink *sink = hf_backup_sink(run.backup);
    assert_ok(sink->open(sink->ctx, "left open", HF_STREAM_BYTES, &stream, &err), &err);
    assert_ok(sink->write(stream, "abc", 3, &err), &err);
    assert_fails(commit(&run, NULL, id, &err), HF_FAILED, &err);
    assert_contains(err.text, "left open");
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
}

static void commit_stream_abandoned_fails(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_sink_stream *stream;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    assert_ok(begin(fixture->repo, &run, &err), &err);
    const struct hf_sink *sink = hf_backup_sink(run.backup);
    assert_ok(sink->open(sink->ctx, "given up", HF_STREAM_BYTES, &stream, &err), &err);
    assert_ok(sink->write(stream, NULL, 0, &err), &err);
    sink->abandon(stream);
    assert_fails(commit(&run, NULL, id, &err), HF_FAILED, &err);
    assert_contains(err.text, "given up");
}

static void commit_same_name_twice_fails(void **state)
{
    struct fixture *fixture = *state;
    static const struct fixture_stream twice[] = {{"name", HF_STREAM_BYTES, 10, 1},
                                                  {"name", HF_STREAM_BYTES, 10, 2}};
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_fails(back_up(fixture->repo, twice, 2, NULL, id, &err), HF_EXISTS, &err);
}

static void interrupt_stops_producer_and_commit(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    assert_ok(begin(fixture->repo, &run, &err), &err);
    hf_cancel_interrupt(run.cancel);
    assert_fails(write_all(&run, mixed, 1, &err), HF_CANCELLED, &err);
    assert_fails(commit(&run, NULL, id, &err), HF_CANCELLED, &err);
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 0);
}

/* As after a night in suspend: the lease ran out without a chance to renew it. */
static void lose_lease(struct fixture *fixture, struct run *run)
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
    struct run run;
    assert_ok(begin(fixture->repo, &run, &err), &err);
    assert_ok(write_all(&run, mixed, MIXED, &err), &err);
    lose_lease(fixture, &run);
    assert_ok(commit(&run, NULL, id, &err), &err);
    assert_ok(fixture_read_all(fixture->repo, id, mixed, MIXED, &err), &err);
}

static void commit_lease_lost_and_pack_gone_fails(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct run run;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    assert_ok(back_up(fixture->repo, mixed, MIXED, NULL, id, &err), &err);
    fixture_keys(fixture->store, "packs/", &packs);
    assert_ok(begin(fixture->repo, &run, &err), &err);
    assert_ok(write_all(&run, mixed, MIXED, &err), &err);
    lose_lease(fixture, &run);
    for (size_t i = 0; i < packs.count; i++)
        assert_ok(hf_store_delete(fixture->store, packs.items[i], &err), &err);
    assert_fails(commit(&run, NULL, id, &err), HF_BUSY, &err);
    assert_contains(err.text, "run it again");
    assert_int_equal(hf_memory_store_count(fixture->store, "snapshots/"), 1);
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

enum { PRODUCERS = 4, TINY = 3000, SHARED_STREAMS = 12 };

struct producers {
    struct run *run;
    atomic_uint next;
    unsigned count;
    size_t size;
};

/* Threads that take one stream after the other, as connections do. */
static enum hf_status produce(void *arg, size_t index, struct hf_error *err)
{
    struct producers *producers = arg;
    (void)index;
    for (;;) {
        char name[64];
        unsigned i = atomic_fetch_add(&producers->next, 1);
        if (i >= producers->count)
            return HF_OK;
        (void)snprintf(name, sizeof name, "data/public.t%05u/0000", i);
        const struct fixture_stream stream = {name, HF_STREAM_ROWS, producers->size + i, i + 1};
        HF_TRY(write_stream(hf_backup_sink(producers->run->backup), &stream, err));
    }
}

static void back_up_from_threads(struct fixture *fixture, unsigned count, size_t size,
                                 char id[HF_SNAPSHOT_ID_TEXT])
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pool *pool;
    struct run run;
    assert_ok(begin(fixture->repo, &run, &err), &err);
    struct producers producers = {.run = &run, .count = count, .size = size};
    assert_ok(hf_pool_start(PRODUCERS, produce, NULL, &producers, run.cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_ok(commit(&run, NULL, id, &err), &err);
}

static void read_from_threads(struct fixture *fixture, const char *id, unsigned count, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    struct fixture_stream *streams = calloc(count, sizeof *streams);
    char(*names)[64] = calloc(count, sizeof *names);
    assert_non_null(streams);
    assert_non_null(names);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "data/public.t%05u/0000", i);
        streams[i] = (struct fixture_stream){names[i], HF_STREAM_ROWS, size + i, i + 1};
    }
    assert_ok(fixture_read_all(fixture->repo, id, streams, count, &err), &err);
    free(streams);
    free(names);
}

static void backup_many_tiny_streams_from_threads_come_back(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    back_up_from_threads(fixture, TINY, 100, id);
    assert_in_range(hf_memory_store_count(fixture->store, "packs/"), 2, 3);
    read_from_threads(fixture, id, TINY, 100);
}

static void backup_large_streams_from_threads_come_back(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    back_up_from_threads(fixture, SHARED_STREAMS, 4 * MIB, id);
    read_from_threads(fixture, id, SHARED_STREAMS, 4 * MIB);
}

struct twins {
    struct fixture *fixture;
    char ids[2][HF_SNAPSHOT_ID_TEXT];
};

static enum hf_status run_twin(void *arg, size_t index, struct hf_error *err)
{
    struct twins *twins = arg;
    return back_up(twins->fixture->repo, mixed, MIXED, NULL, twins->ids[index], err);
}

static void two_backups_at_once_both_come_back(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct twins twins = {.fixture = *state};
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(2, run_twin, NULL, &twins, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    for (size_t i = 0; i < 2; i++)
        assert_ok(fixture_read_all(twins.fixture->repo, twins.ids[i], mixed, MIXED, &err), &err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(backup_comes_back),
        TEST(backup_unchanged_stores_next_to_nothing),
        TEST(backup_unchanged_locks_what_it_counts_on),
        TEST(backup_leaves_the_locks_of_others),
        TEST(backup_that_cannot_lock_is_no_snapshot),
        TEST(backup_of_nothing_is_a_snapshot),
        cmocka_unit_test(backup_each_operation_fails_before_no_snapshot),
        cmocka_unit_test(backup_each_operation_fails_after_next_run_succeeds),
        TEST(backup_store_gone_for_good_ends_with_the_cause),
        TEST(abort_leaves_packs_that_the_next_run_adopts),
        TEST(backup_missing_pack_is_stored_again),
        TEST(backup_damaged_index_is_done_without),
        TEST(backup_many_packs_a_part_is_looked_at),
        TEST(commit_stream_left_open_fails),
        TEST(commit_stream_abandoned_fails),
        TEST(commit_same_name_twice_fails),
        TEST(interrupt_stops_producer_and_commit),
        TEST(commit_lease_lost_but_all_there_succeeds),
        TEST(commit_lease_lost_and_pack_gone_fails),
        TEST(begin_too_little_memory_is_refused),
        TEST(backup_many_tiny_streams_from_threads_come_back),
        TEST(backup_large_streams_from_threads_come_back),
        TEST(two_backups_at_once_both_come_back),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
