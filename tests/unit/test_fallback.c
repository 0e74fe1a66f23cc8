#include "storage/repository/fallback.h"

#include "base/text.h"
#include "storage/repository/copy.h"
#include "storage/repository/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

#define MIB ((size_t)1 << 20)

/* Large enough for look-ahead, and for several packs. */
static const struct fixture_stream streams[] = {
    {"data/a", HF_STREAM_ROWS, 6 * MIB, 1},
    {"data/b", HF_STREAM_BYTES, 20 * MIB, 2},
    {"data/c", HF_STREAM_ROWS, 5000, 3},
};
enum { STREAMS = 3 };

static struct fixture origin;
static struct fixture sound; /* a replica with the same snapshot */
static char id[HF_SNAPSHOT_ID_TEXT];

static int setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_copy_report report;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    (void)state;
    fixture_open(&origin);
    fixture_backup(&origin, "app", streams, STREAMS, id);
    fixture_replica(&origin, &sound);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_copy_options options = {.cancel = cancel};
    assert_ok(hf_copy(origin.repo, sound.repo, &options, &report, &err), &err);
    hf_copy_report_free(&report);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_drop(&sound);
    fixture_close(&origin);
    return 0;
}

struct notes {
    char text[8192];
};

static void take_note(void *ctx, enum hf_note_level level, const char *text)
{
    struct notes *notes = ctx;
    size_t used = strlen(notes->text);
    (void)level;
    (void)snprintf(notes->text + used, sizeof notes->text - used, "%s\n", text);
}

static enum hf_status read_streams(struct hf_snapshot *snapshot, struct hf_error *err)
{
    for (size_t i = 0; i < STREAMS; i++)
        HF_TRY(fixture_read(hf_snapshot_feed(snapshot), &streams[i], err));
    return HF_OK;
}

/* Reads all of the snapshot; threads 0: without look-ahead. */
static enum hf_status read_all(struct hf_repo *repo, struct hf_repo *fallback, bool one_by_one,
                               struct notes *notes, struct hf_fell_back *fell, struct hf_error *err)
{
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    const struct hf_observer observer = {.ctx = notes, .note = take_note};
    const struct hf_read_options options = {
        .threads = 2, .fallback = fallback, .observer = &observer, .one_by_one = one_by_one};
    notes->text[0] = '\0';
    HF_TRY(hf_snapshot_open(repo, id, &options, &snapshot, err));
    enum hf_status status = read_streams(snapshot, err);
    hf_snapshot_fell_back(snapshot, fell);
    return status;
}

/* Both ways of reading, with and without a fallback. */
static void expect_saved(struct fixture *hurt)
{
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_fell_back fell;
        struct notes notes;
        assert_fails(read_all(hurt->repo, NULL, one_by_one, &notes, &fell, &err), HF_DAMAGED, &err);
        assert_ok(read_all(hurt->repo, sound.repo, one_by_one, &notes, &fell, &err), &err);
        assert_true(fell.chunks > 0 && fell.bytes > 0);
        assert_string_not_equal(notes.text, "");
    }
    assert_int_equal(hf_memory_store_count(sound.store, "leases/"), 0);
}

static void hurt_each(void (*harm)(struct hf_store *store, const char *key))
{
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(origin.store, "packs/", &packs);
    assert_true(packs.count >= 3);
    for (size_t i = 0; i < packs.count; i++) {
        struct fixture hurt;
        fixture_copy(&origin, &hurt);
        harm(hurt.store, packs.items[i]);
        expect_saved(&hurt);
        fixture_drop(&hurt);
    }
}

static void remove_it(struct hf_store *store, const char *key)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_store_delete(store, key, &err), &err);
}

static void flip_it(struct hf_store *store, const char *key)
{
    fixture_flip(store, key, 100, 8);
}

static void cut_it(struct hf_store *store, const char *key)
{
    assert_true(hf_memory_store_overwrite(store, key, "HFPACK01", 8));
}

static void read_with_any_pack_missing_falls_back(void **state)
{
    (void)state;
    hurt_each(remove_it);
}

static void read_with_any_pack_damaged_falls_back(void **state)
{
    (void)state;
    hurt_each(flip_it);
    hurt_each(cut_it);
}

/* Packs gone, and with them their index: nothing says where chunks were. */
static void read_with_nothing_left_falls_back(void **state)
{
    struct fixture hurt;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &hurt);
    fixture_keys(hurt.store, "packs/", &keys);
    fixture_keys(hurt.store, "index/", &keys);
    for (size_t i = 0; i < keys.count; i++)
        remove_it(hurt.store, keys.items[i]);
    expect_saved(&hurt);
    fixture_drop(&hurt);
}

static void read_with_the_manifest_gone_falls_back(void **state)
{
    (void)state;
    for (int damaged = 0; damaged < 2; damaged++) {
        struct fixture hurt;
        struct hf_error err = HF_ERROR_INIT;
        struct hf_fell_back fell;
        struct notes notes;
        HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
        fixture_copy(&origin, &hurt);
        fixture_keys(hurt.store, "snapshots/", &keys);
        if (damaged)
            fixture_flip(hurt.store, keys.items[0], 60, 1);
        else
            remove_it(hurt.store, keys.items[0]);
        assert_int_not_equal(read_all(hurt.repo, NULL, false, &notes, &fell, &err), HF_OK);
        assert_ok(read_all(hurt.repo, sound.repo, false, &notes, &fell, &err), &err);
        assert_true(fell.manifest);
        assert_int_equal(fell.chunks, 0);
        fixture_drop(&hurt);
    }
}

static void read_of_a_sound_repository_asks_nothing_of_the_other(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_fell_back fell;
    struct notes notes;
    (void)state;
    unsigned before = hf_memory_store_operations(sound.store);
    assert_ok(read_all(origin.repo, sound.repo, false, &notes, &fell, &err), &err);
    assert_int_equal(hf_memory_store_operations(sound.store), before);
    assert_string_equal(notes.text, "");
    assert_int_equal(fell.chunks, 0);
}

static void read_with_damage_in_both_is_damage(void **state)
{
    struct fixture hurt, other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_fell_back fell;
    struct notes notes;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &hurt);
    fixture_copy(&sound, &other);
    fixture_keys(origin.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++) {
        flip_it(hurt.store, packs.items[i]);
        flip_it(other.store, packs.items[i]);
    }
    assert_fails(read_all(hurt.repo, other.repo, false, &notes, &fell, &err), HF_DAMAGED, &err);
    fixture_drop(&hurt);
    fixture_drop(&other);
}

static void read_with_an_unreachable_fallback_says_so_and_why(void **state)
{
    struct fixture hurt, other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_fell_back fell;
    struct notes notes;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &hurt);
    fixture_copy(&sound, &other);
    fixture_keys(origin.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        remove_it(hurt.store, packs.items[i]);
    hf_memory_store_fail_from(other.store, 1, HF_UNREACHABLE);
    assert_fails(read_all(hurt.repo, other.repo, false, &notes, &fell, &err), HF_DAMAGED, &err);
    assert_contains(notes.text, "cannot stand in");
    fixture_drop(&hurt);
    fixture_drop(&other);
}

static void fall_back_to_a_stranger_is_refused(void **state)
{
    struct fixture other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_fell_back fell;
    struct notes notes;
    (void)state;
    fixture_open(&other);
    assert_fails(read_all(origin.repo, other.repo, false, &notes, &fell, &err), HF_USAGE, &err);
    fixture_close(&other);
}

static void fall_back_to_a_writer_is_refused(void **state)
{
    struct fixture other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_fell_back fell;
    struct notes notes;
    (void)state;
    fixture_copy(&sound, &other);
    HF_AUTO_PTR(hf_repo) writer = fixture_writer(&other);
    assert_fails(read_all(origin.repo, writer, false, &notes, &fell, &err), HF_DENIED, &err);
    fixture_drop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_with_any_pack_missing_falls_back),
        cmocka_unit_test(read_with_any_pack_damaged_falls_back),
        cmocka_unit_test(read_with_nothing_left_falls_back),
        cmocka_unit_test(read_with_the_manifest_gone_falls_back),
        cmocka_unit_test(read_of_a_sound_repository_asks_nothing_of_the_other),
        cmocka_unit_test(read_with_damage_in_both_is_damage),
        cmocka_unit_test(read_with_an_unreachable_fallback_says_so_and_why),
        cmocka_unit_test(fall_back_to_a_stranger_is_refused),
        cmocka_unit_test(fall_back_to_a_writer_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
