/* What a backup may build on: the base, streams carried over from it, meta streams. */
#include "storage/repository/backup.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

#define MIB ((size_t)1 << 20)

static const struct fixture_stream old[] = {
    {"content/1", HF_STREAM_BYTES, 5 * MIB, 1},
    {"content/2", HF_STREAM_BYTES, 3000, 2},
    {"files", HF_STREAM_META, 700000, 3},
};
enum { OLD = sizeof old / sizeof old[0] };

struct world {
    struct fixture fixture;
    struct hf_repo *writer;
    struct hf_cancel *cancel;
    struct hf_backup *backup;
    const struct hf_sink *sink;
    char old_id[HF_SNAPSHOT_ID_TEXT];
};

static void begin(struct world *world, const char *source)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_backup_options options = {
        .source = source, .kind = "test", .host = "here", .threads = 2, .cancel = world->cancel};
    assert_ok(hf_backup_begin(world->writer, &options, &world->backup, &err), &err);
    world->sink = hf_backup_sink(world->backup);
}

static void commit(struct world *world, struct hf_backup_stats *stats, char id[HF_SNAPSHOT_ID_TEXT])
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup = world->backup;
    world->backup = NULL;
    assert_ok(hf_backup_commit(backup, NULL, id, stats, &err), &err);
}

static void write_all(struct world *world, const struct fixture_stream *stream)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) content = HF_BUF_INIT;
    fixture_content(stream, &content);
    assert_ok(hf_sink_write_all(world->sink, stream->name, stream->kind, content.data, content.len,
                                stream->seed, NULL, &err),
              &err);
}

static int set_up(void **state)
{
    static struct world world;
    struct hf_error err = HF_ERROR_INIT;
    fixture_open(&world.fixture);
    world.writer = fixture_writer(&world.fixture);
    assert_ok(hf_cancel_new(&world.cancel, &err), &err);
    begin(&world, "app");
    for (size_t i = 0; i < OLD; i++)
        write_all(&world, &old[i]);
    commit(&world, NULL, world.old_id);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    hf_backup_abort(world->backup);
    hf_repo_close(world->writer);
    hf_cancel_free(world->cancel);
    fixture_close(&world->fixture);
    memset(world, 0, sizeof *world);
    return 0;
}

static const struct hf_base *base_of(struct world *world)
{
    const struct hf_base *base;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(world->sink->base(world->sink->ctx, &base, &err), &err);
    return base;
}

static bool holds(const struct hf_base *base, const char *name)
{
    struct hf_error err = HF_ERROR_INIT;
    bool held;
    assert_ok(base->holds(base->ctx, name, &held, &err), &err);
    return held;
}

static void carry_makes_a_whole_snapshot_of_nothing_read(void **state)
{
    struct world *world = *state;
    struct hf_backup_stats stats;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    begin(world, "app");
    const struct hf_base *base = base_of(world);
    assert_non_null(base);
    for (size_t i = 0; i < OLD; i++) {
        assert_true(holds(base, old[i].name));
        assert_ok(world->sink->carry(world->sink->ctx, old[i].name, &err), &err);
    }
    commit(world, &stats, id);
    assert_int_equal(stats.read_bytes, 0);
    assert_int_equal(stats.stored_bytes, 0);
    assert_ok(fixture_read_all(world->fixture.repo, id, old, OLD, &err), &err);
}

static void base_writer_key_reads_meta_only(void **state)
{
    struct world *world = *state;
    struct hf_feed_stream *stream;
    struct hf_error err = HF_ERROR_INIT;
    begin(world, "app");
    const struct hf_feed *feed = base_of(world)->feed;
    assert_ok(fixture_read(feed, &old[2], &err), &err);
    assert_fails(feed->open(feed->ctx, "content/1", &stream, &err), HF_DENIED, &err);
}

static void base_is_of_the_same_source(void **state)
{
    struct world *world = *state;
    begin(world, "another");
    assert_null(base_of(world));
}

static void base_is_the_newest_that_can_be_read(void **state)
{
    struct world *world = *state;
    static const struct fixture_stream fresh = {"files", HF_STREAM_META, 1000, 9};
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    begin(world, "app");
    write_all(world, &fresh);
    commit(world, NULL, id);
    begin(world, "app");
    assert_ok(fixture_read(base_of(world)->feed, &fresh, &err), &err);
    hf_backup_abort(world->backup);
    world->backup = NULL;
    fixture_keys(world->fixture.store, "snapshots/", &keys);
    fixture_flip(world->fixture.store, keys.items[1], 60, 1);
    begin(world, "app");
    assert_ok(fixture_read(base_of(world)->feed, &old[2], &err), &err);
}

static void holds_lost_pack_is_false(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    size_t largest = 0;
    uint64_t size = 0;
    fixture_keys(world->fixture.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++) {
        struct hf_store_stat stat;
        assert_ok(hf_store_stat(world->fixture.store, packs.items[i], &stat, &err), &err);
        if (stat.size > size) {
            size = stat.size;
            largest = i;
        }
    }
    assert_ok(hf_store_delete(world->fixture.store, packs.items[largest], &err), &err);
    begin(world, "app");
    const struct hf_base *base = base_of(world);
    assert_false(holds(base, "content/1")); /* data is in the largest pack, lists are not */
    assert_true(holds(base, "files"));
    assert_false(holds(base, "no such stream"));
    assert_fails(world->sink->carry(world->sink->ctx, "no such stream", &err), HF_NOT_FOUND, &err);
}

static void write_pieces(struct world *world, const struct fixture_stream *stream, size_t from)
{
    struct hf_sink_stream *out;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) content = HF_BUF_INIT;
    fixture_content(stream, &content);
    assert_ok(world->sink->open(world->sink->ctx, stream->name, stream->kind, &out, &err), &err);
    for (size_t at = from; at < content.len; at += 1000) {
        size_t len = content.len - at < 1000 ? content.len - at : 1000;
        assert_ok(world->sink->write(out, content.data + at, len, &err), &err);
        assert_ok(world->sink->cut(out, &err), &err);
        assert_ok(world->sink->cut(out, &err), &err); /* nothing to cut */
    }
    assert_ok(world->sink->close(out, stream->seed, NULL, &err), &err);
}

static void cut_begins_a_chunk_that_does_not_depend_on_what_was_before(void **state)
{
    struct world *world = *state;
    static const struct fixture_stream cut = {"cut", HF_STREAM_BYTES, 10000, 5};
    struct hf_backup_stats stats;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    begin(world, "app");
    write_pieces(world, &cut, 0);
    commit(world, &stats, id);
    assert_int_equal(stats.chunks, 10);
    assert_ok(fixture_read_all(world->fixture.repo, id, &cut, 1, &err), &err);
    begin(world, "app");
    write_pieces(world, &cut, 4000);
    commit(world, &stats, id);
    assert_int_equal(stats.new_chunks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(carry_makes_a_whole_snapshot_of_nothing_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(base_writer_key_reads_meta_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(base_is_of_the_same_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(base_is_the_newest_that_can_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_lost_pack_is_false, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_begins_a_chunk_that_does_not_depend_on_what_was_before,
                                        set_up, tear_down),
    };
    struct hf_error err = HF_ERROR_INIT;
    if (hf_crypto_init(&err) != HF_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
