#include "base/clock.h"
#include "base/text.h"
#include "storage/repository/check.h"
#include "storage/repository/copy.h"
#include "storage/repository/index.h"
#include "storage/repository/keys.h"
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

static const struct fixture_stream first[] = {
    {"data/a", HF_STREAM_ROWS, 70000, 1},
    {"data/b", HF_STREAM_BYTES, 30000, 2},
};
static const struct fixture_stream second[] = {
    {"data/a", HF_STREAM_ROWS, 70000, 1},
    {"data/b", HF_STREAM_BYTES, 30000, 3},
};
enum { STREAMS = 2 };

static struct fixture origin;
static struct fixture sound; /* a replica with the same snapshots */
static char ids[2][HF_SNAPSHOT_ID_TEXT];

static void copy_all(struct fixture *from, struct fixture *to)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_copy_report report;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_copy_options options = {.cancel = cancel};
    assert_ok(hf_copy(from->repo, to->repo, &options, &report, &err), &err);
    hf_copy_report_free(&report);
}

static int setup(void **state)
{
    (void)state;
    fixture_open(&origin);
    fixture_backup(&origin, "app", first, STREAMS, ids[0]);
    fixture_backup(&origin, "app", second, STREAMS, ids[1]);
    fixture_replica(&origin, &sound);
    copy_all(&origin, &sound);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_drop(&sound);
    fixture_close(&origin);
    return 0;
}

static enum hf_status heal(struct fixture *hurt, struct hf_repo *from,
                           struct hf_check_report *report, struct hf_error *err)
{
    const struct hf_check_options options = {.read_percent = 100, .repair = true, .from = from};
    return hf_check_repo(hurt->repo, &options, report, err);
}

static void expect_clean(struct fixture *healed)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    const struct hf_check_options options = {.read_percent = 100};
    assert_ok(fixture_reopen(healed->store, healed->passphrase, &repo, &err), &err);
    assert_ok(hf_check_repo(repo, &options, &report, &err), &err);
    hf_check_report_free(&report);
    assert_ok(fixture_read_all(repo, ids[0], first, STREAMS, &err), &err);
    assert_ok(fixture_read_all(repo, ids[1], second, STREAMS, &err), &err);
}

/* No pack is called dropped any more: the next backup counts on all of them. */
static void expect_nothing_dropped(struct fixture *healed)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_index) index = NULL;
    assert_ok(hf_index_new(&index, &err), &err);
    assert_ok(hf_index_load(index, healed->repo, NULL, &err), &err);
    for (size_t i = 0; hf_index_pack(index, i); i++)
        assert_false(hf_index_is_dropped(index, &hf_index_pack(index, i)->id));
}

static void expect_healed(struct fixture *hurt)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    assert_ok(heal(hurt, sound.repo, &report, &err), &err);
    assert_true(report.problems > 0);
    assert_int_equal(report.healed, report.problems);
    assert_int_equal(report.damaged_snapshots, 0);
    hf_check_report_free(&report);
    expect_nothing_dropped(hurt);
    expect_clean(hurt);
    assert_int_equal(hf_memory_store_count(hurt->store, "leases/"), 0);
    assert_int_equal(hf_memory_store_count(sound.store, "leases/"), 0);
}

static void remove_it(struct hf_store *store, const char *key)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_store_delete(store, key, &err), &err);
}

static void flip_it(struct hf_store *store, const char *key)
{
    fixture_flip(store, key, 45, 8);
}

static void cut_it(struct hf_store *store, const char *key)
{
    assert_true(hf_memory_store_overwrite(store, key, "HF", 2));
}

static void heal_each(const char *prefix, void (*harm)(struct hf_store *store, const char *key))
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(origin.store, prefix, &keys);
    assert_true(keys.count > 0);
    for (size_t i = 0; i < keys.count; i++) {
        struct fixture hurt;
        fixture_copy(&origin, &hurt);
        harm(hurt.store, keys.items[i]);
        expect_healed(&hurt);
        fixture_drop(&hurt);
    }
}

static void heal_puts_every_pack_back(void **state)
{
    (void)state;
    heal_each("packs/", remove_it);
    heal_each("packs/", flip_it);
    heal_each("packs/", cut_it);
}

static void heal_puts_every_manifest_back(void **state)
{
    (void)state;
    heal_each("snapshots/", remove_it);
    heal_each("snapshots/", flip_it);
    heal_each("snapshots/", cut_it);
}

static void heal_writes_a_damaged_index_anew(void **state)
{
    (void)state;
    heal_each("index/", flip_it);
    heal_each("index/", cut_it);
}

static void heal_puts_a_damaged_key_back(void **state)
{
    struct fixture hurt, other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    HF_AUTO(hf_strings) before = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) after = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &other);
    fixture_keys(other.store, "keys/", &before);
    hf_repo_close(fixture_writer(&other));
    fixture_copy(&other, &hurt);
    fixture_keys(hurt.store, "keys/", &after);
    for (size_t i = 0; i < after.count; i++)
        if (!hf_strings_contain(&before, after.items[i]))
            flip_it(hurt.store, after.items[i]);
    assert_ok(heal(&hurt, other.repo, &report, &err), &err);
    hf_check_report_free(&report);
    expect_clean(&hurt);
    fixture_drop(&hurt);
    fixture_drop(&other);
}

/* Packs and index gone: the manifests say what is needed, the replica what was in them. */
static void heal_with_packs_and_index_gone_brings_all_back(void **state)
{
    struct fixture hurt;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &hurt);
    fixture_keys(hurt.store, "packs/", &keys);
    fixture_keys(hurt.store, "index/", &keys);
    for (size_t i = 0; i < keys.count; i++)
        remove_it(hurt.store, keys.items[i]);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    assert_ok(heal(&hurt, sound.repo, &report, &err), &err);
    hf_check_report_free(&report);
    expect_clean(&hurt);
    fixture_drop(&hurt);
}

/* A snapshot that is gone with all its data may have been removed on purpose. */
static void heal_does_not_bring_back_what_was_removed(void **state)
{
    struct fixture hurt;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    (void)state;
    fixture_replica(&origin, &hurt);
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(&hurt, "app", first, STREAMS, id);
    assert_ok(heal(&hurt, sound.repo, &report, &err), &err);
    hf_check_report_free(&report);
    /* The first snapshot's data is here, under another manifest; the second's is not. */
    assert_in_range(hf_memory_store_count(hurt.store, "snapshots/"), 1, 2);
    assert_int_not_equal(fixture_read_all(hurt.repo, ids[1], second, STREAMS, &err), HF_OK);
    fixture_drop(&hurt);
}

/* An earlier repair took the packs out of the index for good. */
static void heal_after_a_repair_without_a_replica_counts_packs_again(void **state)
{
    struct fixture hurt;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &hurt);
    fixture_keys(hurt.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        flip_it(hurt.store, packs.items[i]);
    assert_fails(heal(&hurt, NULL, &report, &err), HF_DAMAGED, &err);
    hf_check_report_free(&report);
    assert_ok(heal(&hurt, sound.repo, &report, &err), &err);
    hf_check_report_free(&report);
    expect_nothing_dropped(&hurt);
    expect_clean(&hurt);
    fixture_drop(&hurt);
}

/* The replica has the same chunks in packs of its own. */
static void heal_from_other_packs_takes_chunks_from_where_they_are(void **state)
{
    struct fixture hurt, other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    (void)state;
    fixture_copy(&origin, &hurt);
    fixture_replica(&origin, &other);
    fixture_backup(&other, "app", first, STREAMS, id);
    fixture_backup(&other, "app", second, STREAMS, id);
    fixture_keys(hurt.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        remove_it(hurt.store, packs.items[i]);
    assert_ok(heal(&hurt, other.repo, &report, &err), &err);
    assert_int_equal(report.healed, report.problems);
    hf_check_report_free(&report);
    expect_clean(&hurt);
    fixture_drop(&hurt);
    fixture_drop(&other);
}

static void heal_from_damage_heals_what_it_can(void **state)
{
    struct fixture hurt, other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &hurt);
    fixture_copy(&sound, &other);
    fixture_keys(hurt.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        remove_it(hurt.store, packs.items[i]);
    flip_it(other.store, packs.items[0]);
    assert_fails(heal(&hurt, other.repo, &report, &err), HF_DAMAGED, &err);
    assert_int_equal(report.problems, packs.count);
    assert_int_equal(report.healed, packs.count - 1);
    hf_check_report_free(&report);
    /* The rest from another. */
    assert_ok(heal(&hurt, sound.repo, &report, &err), &err);
    hf_check_report_free(&report);
    expect_clean(&hurt);
    fixture_drop(&hurt);
    fixture_drop(&other);
}

static void heal_without_repair_or_replica_is_refused(void **state)
{
    struct fixture stranger;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.from = sound.repo};
    (void)state;
    assert_fails(hf_check_repo(origin.repo, &options, &report, &err), HF_USAGE, &err);
    hf_check_report_free(&report);
    fixture_open(&stranger);
    assert_fails(heal(&origin, stranger.repo, &report, &err), HF_USAGE, &err);
    hf_check_report_free(&report);
    fixture_close(&stranger);
}

/* With a fault at the n-th call of either store; false when there is no such call. */
static bool heal_with_fault(bool in_from, unsigned n)
{
    struct fixture hurt, other;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_copy(&origin, &hurt);
    fixture_copy(&sound, &other);
    fixture_keys(hurt.store, "packs/", &keys);
    flip_it(hurt.store, keys.items[0]);
    remove_it(hurt.store, keys.items[1]);
    struct hf_store *store = in_from ? other.store : hurt.store;
    unsigned before = hf_memory_store_operations(store);
    hf_memory_store_fail_from(store, n, HF_UNREACHABLE);
    enum hf_status status = heal(&hurt, other.repo, &report, &err);
    bool there = hf_memory_store_operations(store) - before >= n;
    hf_memory_store_fail_from(store, 0, HF_OK);
    hf_check_report_free(&report);
    /* A lease that could not be removed is in the way until it expires. */
    hf_memory_store_advance(hurt.store, (int64_t)HF_LEASE_TTL_S * 2 * HF_NS_PER_S);
    hf_memory_store_advance(other.store, (int64_t)HF_LEASE_TTL_S * 2 * HF_NS_PER_S);
    if (status != HF_OK) {
        assert_ok(heal(&hurt, other.repo, &report, &err), &err);
        hf_check_report_free(&report);
    }
    expect_nothing_dropped(&hurt);
    expect_clean(&hurt);
    fixture_drop(&hurt);
    fixture_drop(&other);
    return there;
}

static void heal_survives_a_fault_at_every_call(void **state)
{
    (void)state;
    for (int in_from = 0; in_from < 2; in_from++)
        for (unsigned n = 1; heal_with_fault(in_from, n); n++)
            continue;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heal_puts_every_pack_back),
        cmocka_unit_test(heal_puts_every_manifest_back),
        cmocka_unit_test(heal_writes_a_damaged_index_anew),
        cmocka_unit_test(heal_puts_a_damaged_key_back),
        cmocka_unit_test(heal_with_packs_and_index_gone_brings_all_back),
        cmocka_unit_test(heal_does_not_bring_back_what_was_removed),
        cmocka_unit_test(heal_after_a_repair_without_a_replica_counts_packs_again),
        cmocka_unit_test(heal_from_other_packs_takes_chunks_from_where_they_are),
        cmocka_unit_test(heal_from_damage_heals_what_it_can),
        cmocka_unit_test(heal_without_repair_or_replica_is_refused),
        cmocka_unit_test(heal_survives_a_fault_at_every_call),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
