/* Whole captures and restores of a volume, with all their threads. */
#include "formats/volume/capture.h"
#include "formats/volume/restore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/pool.h"
#include "formats/volume/batch.h"
#include "formats/volume/walk.h"
#include "tests/support/memory_sink.h"
#include "tests/support/snapshot_fixture.h"
#include "tests/support/volume_world.h"

static enum hf_status capture(struct volume_world *world, const struct hf_sink *sink,
                              struct hf_capture_result *out, struct hf_error *err)
{
    const struct hf_volume_config config = {.path = world->tree};
    const struct hf_work work = {.cancel = world->cancel, .jobs = 4};
    return hf_vol_capture(&config, sink, &work, out, err);
}

static void back_up(struct volume_world *world, char id[HF_SNAPSHOT_ID_TEXT],
                    struct hf_capture_result *out)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup = volume_begin(world);
    assert_ok(capture(world, hf_backup_sink(backup), out, &err), &err);
    json_incref(out->properties);
    volume_commit(backup, out, id);
}

static enum hf_status restore(struct volume_world *world, const char *id, const char *target,
                              struct hf_cancel *cancel, json_t **out, struct hf_error *err)
{
    struct hf_snapshot *snapshot = volume_open(world, id);
    const struct hf_restore_options options = {.no_owner = false};
    const struct hf_work work = {.cancel = cancel, .jobs = 4};
    enum hf_status status =
        hf_vol_restore_directory(target, hf_snapshot_info(snapshot)->properties,
                                 hf_snapshot_feed(snapshot), &options, &work, out, err);
    hf_snapshot_close(snapshot);
    return status;
}

static void capture_and_restore_by_several_threads_are_equal(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_capture_result first = {.properties = NULL}, second = {.properties = NULL};
    char id[HF_SNAPSHOT_ID_TEXT], target[2 * CHECK_PATH];
    json_t *report = NULL;
    back_up(world, id, &first);
    assert_int_equal(volume_number(first.properties, "files"), 302);
    assert_int_equal(volume_number(first.properties, "hard_links"), 1);
    /* What changed less than two seconds before it was read is read again: all of it, here. */
    back_up(world, id, &second);
    assert_int_equal(volume_number(second.properties, "files"), 302);
    (void)snprintf(target, sizeof target, "%s/restored", world->top);
    assert_ok(restore(world, id, target, world->cancel, &report, &err), &err);
    assert_true(json_is_true(json_object_get(report, "equal")));
    assert_int_equal(volume_number(report, "files"), 302);
    json_decref(report);
    json_decref(first.properties);
    json_decref(second.properties);
}

/* ---- errors end all threads ---- */

struct failing {
    size_t after; /* bytes of content */
    size_t seen;
};

static enum hf_status fail_late(void *arg, const struct memory_stream *stream, struct hf_error *err)
{
    struct failing *failing = arg;
    (void)stream;
    if (__atomic_add_fetch(&failing->seen, 1, __ATOMIC_RELAXED) < failing->after)
        return HF_OK;
    return hf_error_set(err, HF_NO_SPACE, "the sink is full");
}

static enum hf_status no_base(void *ctx, const struct hf_base **out, struct hf_error *err)
{
    (void)ctx;
    (void)err;
    *out = NULL;
    return HF_OK;
}

static enum hf_status no_cut(struct hf_sink_stream *stream, struct hf_error *err)
{
    (void)stream;
    (void)err;
    return HF_OK;
}

static void capture_sink_that_fails_at_any_write_ends_with_its_error(void **state)
{
    struct volume_world *world = *state;
    for (size_t after = 1; after < 300; after = after * 3 + 1) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_capture_result result = {.properties = NULL};
        struct memory_sink *memory = memory_sink_new();
        struct failing failing = {.after = after};
        struct hf_sink sink = *memory_sink_sink(memory);
        sink.base = no_base;
        sink.cut = no_cut;
        hf_cancel_free(world->cancel);
        assert_ok(hf_cancel_new(&world->cancel, &err), &err);
        memory_sink_set_hook(memory, fail_late, &failing);
        enum hf_status status = capture(world, &sink, &result, &err);
        if (status != HF_OK || failing.seen >= after) {
            assert_int_equal(status, HF_NO_SPACE);
            assert_contains(err.text, "the sink is full");
        }
        assert_int_equal(memory_sink_open_count(memory), 0);
        json_decref(result.properties);
        memory_sink_free(memory);
    }
}

static void capture_that_is_interrupted_ends(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_capture_result result = {.properties = NULL};
    struct hf_backup *backup = volume_begin(world);
    hf_cancel_interrupt(world->cancel);
    assert_fails(capture(world, hf_backup_sink(backup), &result, &err), HF_CANCELLED, &err);
    hf_backup_abort(backup);
}

static void restore_that_is_interrupted_leaves_nothing(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_capture_result result = {.properties = NULL};
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    char id[HF_SNAPSHOT_ID_TEXT], target[2 * CHECK_PATH];
    json_t *report = NULL;
    back_up(world, id, &result);
    json_decref(result.properties);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    hf_cancel_interrupt(cancel);
    (void)snprintf(target, sizeof target, "%s/restored", world->top);
    assert_fails(restore(world, id, target, cancel, &report, &err), HF_CANCELLED, &err);
    assert_null(report);
    assert_int_equal(access(target, F_OK), -1);
}

/* ---- files that vanish ---- */

/* Removed when the walk has its name, and has not looked at it yet. */
static enum hf_status remove_listed(void *ctx, const char *path, char *const *names, size_t count,
                                    struct hf_error *err)
{
    const struct volume_world *world = ctx;
    char file[2 * CHECK_PATH];
    (void)path;
    (void)names;
    (void)err;
    assert_true(count > 1);
    (void)snprintf(file, sizeof file, "%s/f007", world->tree);
    assert_int_equal(unlink(file), 0);
    return HF_OK;
}

static const char *gone_path;
static int gone_error;

static enum hf_status note_gone(void *ctx, const char *path, int error, struct hf_error *err)
{
    static char kept[64];
    (void)ctx;
    (void)err;
    assert_null(gone_path);
    (void)snprintf(kept, sizeof kept, "%s", path);
    gone_path = kept;
    gone_error = error;
    return HF_OK;
}

static void walk_file_that_vanishes_once_listed_is_told_and_left_out(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_vol_walk_item *item;
    struct hf_vol_walk *walk;
    int root = open(world->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct hf_vol_walk_options options = {
        .root = root, .enter = remove_listed, .unreadable = note_gone, .ctx = world};
    size_t seen = 0;
    gone_path = NULL;
    assert_ok(hf_vol_walk_new(&options, &walk, &err), &err);
    for (;;) {
        assert_ok(hf_vol_walk_next(walk, &item, &err), &err);
        if (!item)
            break;
        assert_string_not_equal(item->path, "f007");
        seen++;
    }
    assert_int_equal(seen, 1 + 299 + 4);
    assert_non_null(gone_path);
    assert_string_equal(gone_path, "f007");
    assert_int_equal(gone_error, ENOENT);
    hf_vol_walk_free(walk);
    (void)close(root);
}

/* Looked at, and gone before its content is read. */
static void batches_file_that_vanishes_before_it_is_read_is_noted(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct memory_sink *memory = memory_sink_new();
    struct hf_sink sink = *memory_sink_sink(memory);
    struct hf_vol_noted *notes;
    struct hf_vol_batches *batches;
    struct hf_vol_counts counts;
    const struct hf_work work = {.cancel = world->cancel};
    struct stat st;
    int root = open(world->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sink.base = no_base;
    sink.cut = no_cut;
    assert_ok(hf_vol_notes_new(&notes, &err), &err);
    const struct hf_vol_batches_options options = {
        .sink = &sink, .work = &work, .notes = notes, .root = root, .readers = 2};
    assert_ok(hf_vol_batches_start(&options, &batches, &err), &err);
    for (unsigned i = 5; i < 8; i++) {
        char name[8];
        struct hf_vol_entry entry = {.path = NULL};
        (void)snprintf(name, sizeof name, "f%03u", i);
        assert_int_equal(fstatat(root, name, &st, 0), 0);
        assert_true(hf_vol_entry_stat(&entry, &st));
        entry.path = hf_vol_arena_text(hf_vol_batches_arena(batches), name);
        if (i == 6)
            assert_int_equal(unlinkat(root, name, 0), 0);
        assert_ok(hf_vol_batches_add(batches, &entry, true, &err), &err);
    }
    assert_ok(hf_vol_batches_finish(batches, NULL, &counts, &err), &err);
    assert_int_equal(counts.files, 2);
    assert_int_equal(hf_vol_notes_count(notes, HF_VOL_VANISHED), 1);
    assert_string_equal(hf_vol_notes_first(notes, HF_VOL_VANISHED), "f006");
    hf_vol_notes_free(notes);
    memory_sink_free(memory);
    (void)close(root);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, volume_set_up, volume_tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(capture_and_restore_by_several_threads_are_equal),
        IN_WORLD(capture_sink_that_fails_at_any_write_ends_with_its_error),
        IN_WORLD(capture_that_is_interrupted_ends),
        IN_WORLD(restore_that_is_interrupted_leaves_nothing),
        IN_WORLD(walk_file_that_vanishes_once_listed_is_told_and_left_out),
        IN_WORLD(batches_file_that_vanishes_before_it_is_read_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
