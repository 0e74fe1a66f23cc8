#include "storage/repository/snapshot.h"

#include "base/pool.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

#define MIB ((size_t)1 << 20)

/* 1 MiB of bytes is a chunk or two; nothing of it can be compressed. */
static const struct fixture_stream mixed[] = {
    {"data/big", HF_STREAM_ROWS, 6 * MIB, 1},     {"data/empty", HF_STREAM_ROWS, 0, 2},
    {"data/middle", HF_STREAM_BYTES, 5 * MIB, 3}, {"data/one", HF_STREAM_ROWS, 1, 4},
    {"data/small", HF_STREAM_BYTES, 300000, 5},   {"data/tiny", HF_STREAM_ROWS, 1000, 6},
    {"same as big", HF_STREAM_ROWS, 6 * MIB, 1},  {"tar", HF_STREAM_BYTES, 3 * MIB + 7, 7},
};
enum { MIXED = sizeof mixed / sizeof mixed[0] };

struct shared {
    struct fixture fixture;
    char id[HF_SNAPSHOT_ID_TEXT];
};
static struct shared shared;

static int setup(void **state)
{
    (void)state;
    fixture_open(&shared.fixture);
    fixture_backup(&shared.fixture, "app", mixed, MIXED, shared.id);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&shared.fixture);
    return 0;
}

static struct hf_snapshot *open_snapshot(struct hf_repo *repo, const char *id, uint64_t memory,
                                         struct hf_cancel *cancel)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_snapshot *snapshot;
    const struct hf_read_options options = {.memory = memory, .threads = 2, .cancel = cancel};
    assert_ok(hf_snapshot_open(repo, id, &options, &snapshot, &err), &err);
    return snapshot;
}

static void feed_every_stream_comes_back(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(fixture_read_all(shared.fixture.repo, shared.id, mixed, MIXED, &err), &err);
}

static void feed_infos_are_in_order(void **state)
{
    (void)state;
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, NULL);
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    for (size_t i = 0; i < MIXED; i++) {
        const struct hf_stream_info *info = feed->info(feed->ctx, i);
        assert_string_equal(info->name, mixed[i].name);
        assert_int_equal(info->bytes, mixed[i].size);
        assert_int_equal(info->kind, mixed[i].kind);
        assert_int_equal(info->records, mixed[i].seed);
        assert_ptr_equal(feed->find(feed->ctx, mixed[i].name), info);
    }
    assert_null(feed->info(feed->ctx, MIXED));
    assert_null(feed->find(feed->ctx, "data"));
    assert_int_equal(hf_snapshot_info(snapshot)->streams, MIXED);
    hf_snapshot_close(snapshot);
}

static void feed_unknown_stream_is_not_found(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_feed_stream *stream;
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, NULL);
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    assert_fails(feed->open(feed->ctx, "nothing", &stream, &err), HF_NOT_FOUND, &err);
    hf_snapshot_close(snapshot);
}

static void feed_writer_key_sees_infos_only(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_feed_stream *stream;
    struct hf_repo *writer = fixture_writer(&shared.fixture);
    struct hf_snapshot *snapshot = open_snapshot(writer, shared.id, 0, NULL);
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    assert_non_null(feed->find(feed->ctx, "tar"));
    assert_fails(feed->open(feed->ctx, "tar", &stream, &err), HF_DENIED, &err);
    assert_contains(err.text, "reader key");
    hf_snapshot_close(snapshot);
    hf_repo_close(writer);
}

static void check_range(const struct hf_feed *feed, const struct fixture_stream *of,
                        uint64_t offset, uint64_t len)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_feed_stream *stream;
    HF_AUTO(hf_buf) all = HF_BUF_INIT;
    HF_AUTO(hf_buf) got = HF_BUF_INIT;
    const uint8_t *piece;
    size_t n;
    fixture_content(of, &all);
    uint64_t there = offset < all.len ? all.len - offset : 0;
    there = len < there ? len : there;
    assert_ok(feed->open_range(feed->ctx, of->name, offset, len, &stream, &err), &err);
    for (;;) {
        assert_ok(feed->next(stream, &piece, &n, &err), &err);
        if (n == 0)
            break;
        assert_ok(hf_buf_append(&got, piece, n, &err), &err);
    }
    feed->close(stream);
    assert_int_equal(got.len, there);
    if (there > 0)
        assert_memory_equal(got.data, all.data + offset, there);
}

static void feed_range_gives_those_bytes(void **state)
{
    (void)state;
    static const uint64_t offsets[] = {0,       1,      1000, MIB - 1, 2 * MIB, 4 * MIB + 17,
                                       5 * MIB, 9 * MIB};
    static const uint64_t lens[] = {0, 1, 300, 70000, 2 * MIB, 5 * MIB, UINT64_MAX};
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, NULL);
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        for (size_t j = 0; j < sizeof lens / sizeof *lens; j++)
            check_range(feed, &mixed[2], offsets[i], lens[j]);
    check_range(feed, &mixed[1], 0, 10);
    check_range(feed, &mixed[3], 0, 1);
    check_range(feed, &mixed[3], 1, 1);
    hf_snapshot_close(snapshot);
}

static void feed_range_reads_its_chunks_only(void **state)
{
    (void)state;
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, NULL);
    unsigned before = hf_memory_store_operations(shared.fixture.store);
    check_range(hf_snapshot_feed(snapshot), &mixed[2], 4 * MIB, 100);
    /* A lease taken, listed against others and read back, the list's node, one or two chunks. */
    assert_true(hf_memory_store_operations(shared.fixture.store) - before < 10);
    hf_snapshot_close(snapshot);
}

static void feed_closed_early_leaves_nothing(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, NULL);
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    for (int round = 0; round < 20; round++) {
        struct hf_feed_stream *stream;
        assert_ok(feed->open(feed->ctx, mixed[round % MIXED].name, &stream, &err), &err);
        for (int i = 0; i < round % 4; i++) {
            const uint8_t *data;
            size_t len;
            assert_ok(feed->next(stream, &data, &len, &err), &err);
        }
        feed->close(stream);
    }
    assert_ok(fixture_read(feed, &mixed[0], &err), &err);
    hf_snapshot_close(snapshot);
}

static void feed_after_the_end_stays_at_the_end(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_feed_stream *stream;
    const uint8_t *data;
    size_t len = 1;
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, NULL);
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    assert_ok(feed->open(feed->ctx, "tar", &stream, &err), &err);
    while (len > 0)
        assert_ok(feed->next(stream, &data, &len, &err), &err);
    assert_ok(feed->next(stream, &data, &len, &err), &err);
    assert_int_equal(len, 0);
    feed->close(stream);
    hf_snapshot_close(snapshot);
}

static void feed_cancelled_says_so(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_feed_stream *stream;
    struct hf_cancel *cancel;
    const uint8_t *data;
    size_t len;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, cancel);
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    assert_ok(feed->open(feed->ctx, "data/big", &stream, &err), &err);
    assert_ok(feed->next(stream, &data, &len, &err), &err);
    hf_cancel_interrupt(cancel);
    assert_fails(feed->next(stream, &data, &len, &err), HF_CANCELLED, &err);
    feed->close(stream);
    hf_snapshot_close(snapshot);
    hf_cancel_free(cancel);
}

/* Streams in turn, a piece each, so that all of them are in mid-read at once. Returns how many got
 * to their end. */
static size_t read_in_turn(const struct hf_feed *feed, const struct fixture_stream *streams,
                           size_t count, struct hf_error *err)
{
    struct hf_feed_stream **open = calloc(count, sizeof(struct hf_feed_stream *));
    size_t ended = 0;
    assert_non_null(open);
    for (size_t i = 0; i < count; i++)
        assert_ok(feed->open(feed->ctx, streams[i].name, &open[i], err), err);
    bool failed = false;
    for (bool more = true; more && !failed;) {
        more = false;
        for (size_t i = 0; i < count && !failed; i++) {
            const uint8_t *data;
            size_t len = 0;
            if (!open[i])
                continue;
            failed = feed->next(open[i], &data, &len, err) != HF_OK;
            more = true;
            if (!failed && len == 0) {
                feed->close(open[i]);
                open[i] = NULL;
                ended++;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (open[i])
            feed->close(open[i]);
    }
    free(open);
    return ended;
}

enum { TURNS = 16 };
static char turn_names[TURNS][16];
static struct fixture_stream turns[TURNS];

static void make_turns(struct fixture *fixture, char id[HF_SNAPSHOT_ID_TEXT])
{
    for (size_t i = 0; i < TURNS; i++) {
        (void)snprintf(turn_names[i], sizeof turn_names[i], "s%02zu", i);
        turns[i] =
            (struct fixture_stream){turn_names[i], HF_STREAM_BYTES, 3 * MIB, (uint32_t)(100 + i)};
    }
    fixture_open(fixture);
    fixture_backup(fixture, "turns", turns, TURNS, id);
}

static void feed_many_streams_at_once_share_the_memory(void **state)
{
    (void)state;
    struct fixture fixture;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    make_turns(&fixture, id);
    struct hf_snapshot *snapshot = open_snapshot(fixture.repo, id, 128 * MIB, NULL);
    assert_int_equal(read_in_turn(hf_snapshot_feed(snapshot), turns, TURNS, &err), TURNS);
    hf_snapshot_close(snapshot);

    /* 16 pieces of a megabyte or more do not fit here; what was opened alone goes on. */
    snapshot = open_snapshot(fixture.repo, id, 1, NULL);
    err = (struct hf_error)HF_ERROR_INIT;
    if (read_in_turn(hf_snapshot_feed(snapshot), turns, TURNS, &err) < TURNS) {
        assert_int_equal(err.status, HF_NO_MEMORY);
        assert_contains(err.text, "allow more memory");
    }
    for (size_t i = 0; i < TURNS; i++)
        assert_ok(fixture_read(hf_snapshot_feed(snapshot), &turns[i], &err), &err);
    hf_snapshot_close(snapshot);
    fixture_close(&fixture);
}

struct readers {
    const struct hf_feed *feed;
    atomic_size_t read;
};

static enum hf_status read_some(void *arg, size_t index, struct hf_error *err)
{
    struct readers *readers = arg;
    for (size_t i = 0; i < MIXED; i++) {
        HF_TRY(fixture_read(readers->feed, &mixed[(i + index) % MIXED], err));
        atomic_fetch_add(&readers->read, 1);
    }
    return HF_OK;
}

static void feed_several_readers_get_their_own(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_cancel *cancel;
    struct hf_pool *pool;
    struct hf_snapshot *snapshot = open_snapshot(shared.fixture.repo, shared.id, 0, NULL);
    struct readers readers = {.feed = hf_snapshot_feed(snapshot)};
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(4, read_some, NULL, &readers, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(readers.read, 4 * MIXED);
    hf_cancel_free(cancel);
    hf_snapshot_close(snapshot);
}

/* Small neighbours are fetched together. */
static void feed_tiny_streams_cost_few_requests(void **state)
{
    (void)state;
    enum { TINY = 2000 };
    struct fixture fixture;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    char(*names)[16] = calloc(TINY, sizeof *names);
    struct fixture_stream *tiny = calloc(TINY, sizeof *tiny);
    for (uint32_t i = 0; i < TINY; i++) {
        (void)snprintf(names[i], sizeof names[i], "t%06u", i);
        tiny[i] = (struct fixture_stream){names[i], HF_STREAM_ROWS, 200 + i % 300, i};
    }
    fixture_open(&fixture);
    fixture_backup(&fixture, "tiny", tiny, TINY, id);
    unsigned before = hf_memory_store_operations(fixture.store);
    assert_ok(fixture_read_all(fixture.repo, id, tiny, TINY, &err), &err);
    assert_true(hf_memory_store_operations(fixture.store) - before < 40);
    fixture_close(&fixture);
    free(tiny);
    free(names);
}

static struct hf_store *copy_store(void)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *copy;
    assert_ok(hf_memory_store_copy(shared.fixture.store, &copy, &err), &err);
    return copy;
}

static struct hf_repo *open_copy(struct hf_store *store)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_repo *repo;
    assert_ok(fixture_reopen(store, shared.fixture.passphrase, &repo, &err), &err);
    return repo;
}

static void delete_all(struct hf_store *store, const char *prefix)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(store, prefix, &keys);
    assert_true(keys.count > 0);
    for (size_t i = 0; i < keys.count; i++)
        assert_ok(hf_store_delete(store, keys.items[i], &err), &err);
}

static void feed_without_index_asks_the_packs(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = copy_store();
    struct hf_repo *repo = open_copy(store);
    delete_all(store, "index/");
    assert_ok(fixture_read_all(repo, shared.id, mixed, MIXED, &err), &err);
    hf_repo_close(repo);
    hf_store_close(store);
}

static void feed_damaged_index_asks_the_packs(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = copy_store();
    struct hf_repo *repo = open_copy(store);
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(store, "index/", &keys);
    fixture_flip(store, keys.items[0], 77, 4);
    assert_ok(fixture_read_all(repo, shared.id, mixed, MIXED, &err), &err);
    hf_repo_close(repo);
    hf_store_close(store);
}

/* Each stream is whole or fails with words that name it, the chunk and the pack. */
static size_t count_damaged(struct hf_repo *repo, const char *pack)
{
    size_t damaged = 0;
    struct hf_snapshot *snapshot = open_snapshot(repo, shared.id, 0, NULL);
    for (size_t i = 0; i < MIXED; i++) {
        struct hf_error err = HF_ERROR_INIT;
        enum hf_status status = fixture_read(hf_snapshot_feed(snapshot), &mixed[i], &err);
        if (status == HF_OK)
            continue;
        assert_int_equal(status, HF_DAMAGED);
        assert_contains(err.text, mixed[i].name);
        assert_contains(err.text, "chunk ");
        assert_contains(err.text, pack);
        damaged++;
    }
    hf_snapshot_close(snapshot);
    return damaged;
}

static void feed_missing_pack_is_named(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = copy_store();
    struct hf_repo *repo = open_copy(store);
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(store, "packs/", &packs);
    const char *pack = fixture_largest(store, &packs);
    assert_ok(hf_store_delete(store, pack, &err), &err);
    size_t damaged = count_damaged(repo, pack);
    assert_true(damaged > 0 && damaged < MIXED);
    hf_repo_close(repo);
    hf_store_close(store);
}

static void feed_flipped_byte_costs_its_chunk_only(void **state)
{
    (void)state;
    struct hf_store *store = copy_store();
    struct hf_repo *repo = open_copy(store);
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(store, "packs/", &packs);
    const char *pack = fixture_largest(store, &packs);
    fixture_flip(store, pack, 100, 1);
    size_t damaged = count_damaged(repo, pack);
    assert_true(damaged == 1 || damaged == 2); /* one stream, or the two that are alike */
    hf_repo_close(repo);
    hf_store_close(store);
}

static void feed_unreachable_store_is_no_damage(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = copy_store();
    struct hf_repo *repo = open_copy(store);
    struct hf_snapshot *snapshot = open_snapshot(repo, shared.id, 0, NULL);
    hf_memory_store_fail_from(store, 1, HF_UNREACHABLE);
    for (size_t i = 0; i < MIXED; i++) {
        if (mixed[i].size > 0)
            assert_fails(fixture_read(hf_snapshot_feed(snapshot), &mixed[i], &err), HF_UNREACHABLE,
                         &err);
    }
    hf_memory_store_fail_from(store, 0, HF_OK);
    for (size_t i = 0; i < MIXED; i++)
        assert_ok(fixture_read(hf_snapshot_feed(snapshot), &mixed[i], &err), &err);
    hf_snapshot_close(snapshot);
    hf_repo_close(repo);
    hf_store_close(store);
}

/* One operation fails, whichever it is: that is passed on, or did not matter (a lease). */
static void feed_any_failing_operation_is_passed_on(void **state)
{
    (void)state;
    static const struct fixture_stream few[] = {{"a", HF_STREAM_ROWS, 2 * MIB, 1},
                                                {"b", HF_STREAM_BYTES, 1000, 2}};
    struct fixture fixture;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_open(&fixture);
    fixture_backup(&fixture, "few", few, 2, id);
    for (unsigned n = 1;; n++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_store *store; /* its own: a lease that could not be deleted stays behind */
        struct hf_repo *repo;
        assert_ok(hf_memory_store_copy(fixture.store, &store, &err), &err);
        assert_ok(fixture_reopen(store, fixture.passphrase, &repo, &err), &err);
        unsigned before = hf_memory_store_operations(store);
        hf_memory_store_fail(store, n, HF_FAULT_BEFORE, HF_UNREACHABLE);
        enum hf_status status = fixture_read_all(repo, id, few, 2, &err);
        bool reached = hf_memory_store_operations(store) - before >= n;
        hf_repo_close(repo);
        hf_store_close(store);
        assert_true(status == HF_OK || status == HF_UNREACHABLE);
        if (!reached)
            break;
        assert_true(n < 1000);
    }
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed_every_stream_comes_back),
        cmocka_unit_test(feed_infos_are_in_order),
        cmocka_unit_test(feed_unknown_stream_is_not_found),
        cmocka_unit_test(feed_writer_key_sees_infos_only),
        cmocka_unit_test(feed_range_gives_those_bytes),
        cmocka_unit_test(feed_range_reads_its_chunks_only),
        cmocka_unit_test(feed_closed_early_leaves_nothing),
        cmocka_unit_test(feed_after_the_end_stays_at_the_end),
        cmocka_unit_test(feed_cancelled_says_so),
        cmocka_unit_test(feed_many_streams_at_once_share_the_memory),
        cmocka_unit_test(feed_several_readers_get_their_own),
        cmocka_unit_test(feed_tiny_streams_cost_few_requests),
        cmocka_unit_test(feed_without_index_asks_the_packs),
        cmocka_unit_test(feed_damaged_index_asks_the_packs),
        cmocka_unit_test(feed_missing_pack_is_named),
        cmocka_unit_test(feed_flipped_byte_costs_its_chunk_only),
        cmocka_unit_test(feed_unreachable_store_is_no_damage),
        cmocka_unit_test(feed_any_failing_operation_is_passed_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
