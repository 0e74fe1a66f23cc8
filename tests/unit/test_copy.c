#include "storage/repository/copy.h"

#include "base/clock.h"
#include "base/text.h"
#include "storage/repository/check.h"
#include "storage/repository/index.h"
#include "storage/repository/keys.h"
#include "storage/repository/lease.h"
#include "storage/repository/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/copy_fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

#define MIB ((size_t)1 << 20)

/* Three snapshots that share some streams and not others; the second's own pack is its alone. */
static const struct fixture_stream first[] = {
    {"data/a", HF_STREAM_ROWS, 6 * MIB, 1},
    {"data/b", HF_STREAM_BYTES, 2 * MIB, 2},
};
static const struct fixture_stream second[] = {
    {"data/a", HF_STREAM_ROWS, 6 * MIB, 1},
    {"data/b", HF_STREAM_BYTES, 2 * MIB, 20},
};
static const struct fixture_stream third[] = {
    {"data/a", HF_STREAM_ROWS, 6 * MIB, 1},
    {"data/b", HF_STREAM_BYTES, 2 * MIB, 2},
    {"data/c", HF_STREAM_ROWS, 5000, 3},
};

static struct fixture origin;
static char ids[3][HF_SNAPSHOT_ID_TEXT];
static char second_pack[HF_PACK_NAME]; /* of data, needed by the second snapshot only */

/* What a backup adds, of these: the largest. */
static void find_new_pack(const struct hf_strings *before, char out[HF_PACK_NAME])
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) after = HF_STRINGS_INIT;
    uint64_t largest = 0;
    fixture_keys(origin.store, "packs/", &after);
    for (size_t i = 0; i < after.count; i++) {
        struct hf_store_stat stat;
        assert_ok(hf_store_stat(origin.store, after.items[i], &stat, &err), &err);
        if (!hf_strings_contain(before, after.items[i]) && stat.size > largest) {
            largest = stat.size;
            (void)snprintf(out, HF_PACK_NAME, "%s", after.items[i]);
        }
    }
    assert_true(largest > 0);
}

static int setup(void **state)
{
    HF_AUTO(hf_strings) before = HF_STRINGS_INIT;
    (void)state;
    fixture_open(&origin);
    fixture_backup(&origin, "app", first, 2, ids[0]);
    fixture_keys(origin.store, "packs/", &before);
    fixture_backup(&origin, "app", second, 2, ids[1]);
    find_new_pack(&before, second_pack);
    fixture_backup(&origin, "other", third, 3, ids[2]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&origin);
    return 0;
}

/* All three snapshots, read whole. */
static void expect_all(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(fixture_read_all(repo, ids[0], first, 2, &err), &err);
    assert_ok(fixture_read_all(repo, ids[1], second, 2, &err), &err);
    assert_ok(fixture_read_all(repo, ids[2], third, 3, &err), &err);
}

static void expect_clean(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.read_percent = 100};
    assert_ok(hf_check_repo(repo, &options, &report, &err), &err);
    hf_check_report_free(&report);
}

static bool has(const json_t *list, const char *id)
{
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one) {
        const json_t *name = json_is_string(one) ? one : json_object_get(one, "snapshot");
        if (strcmp(json_string_value(name), id) == 0)
            return true;
    }
    return false;
}

static void copy_makes_what_reads_the_same(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) copied = HF_STRINGS_INIT;
    (void)state;
    fixture_replica(&origin, &to);
    fixture_copy_ok(origin.repo, to.repo, &report);
    assert_int_equal(json_array_size(report.copied), 3);
    assert_string_equal(json_string_value(json_array_get(report.copied, 0)), ids[2]);
    fixture_keys(origin.store, "packs/", &packs);
    fixture_keys(to.store, "packs/", &copied);
    assert_int_equal(packs.count, copied.count);
    assert_int_equal(report.packs, packs.count);
    assert_int_equal(hf_memory_store_count(to.store, "leases/"), 0);
    assert_int_equal(hf_memory_store_count(origin.store, "leases/"), 0);
    hf_copy_report_free(&report);
    expect_all(to.repo);
    expect_clean(to.repo);
    fixture_drop(&to);
}

static void copy_again_does_nothing(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    (void)state;
    fixture_replica(&origin, &to);
    fixture_copy_ok(origin.repo, to.repo, &report);
    hf_copy_report_free(&report);
    unsigned before = hf_memory_store_operations(to.store);
    fixture_copy_ok(origin.repo, to.repo, &report);
    assert_int_equal(json_array_size(report.copied), 0);
    assert_int_equal(report.present, 3);
    assert_int_equal(report.packs, 0);
    hf_copy_report_free(&report);
    /* A lease (put, list, checks, delete), keys, the list of snapshots; no index, no packs. */
    assert_in_range(hf_memory_store_operations(to.store) - before, 1, 12);
    fixture_drop(&to);
}

static void copy_with_writer_keys_is_enough(void **state)
{
    struct fixture from, to;
    struct hf_copy_report report;
    (void)state;
    fixture_copy(&origin, &from);
    HF_AUTO_PTR(hf_repo) writer = fixture_writer(&from);
    fixture_replica(&from, &to);
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    HF_AUTO_PTR(hf_repo) there = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_secret_new("only writes", 11, &passphrase, &err), &err);
    assert_ok(fixture_reopen(to.store, passphrase, &there, &err), &err);
    assert_int_equal(hf_repo_role(there), HF_ROLE_WRITER);
    fixture_copy_ok(writer, there, &report);
    hf_copy_report_free(&report);
    expect_all(to.repo);
    fixture_drop(&to);
    fixture_drop(&from);
}

static void copy_of_one_snapshot_takes_its_packs_only(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) wanted = HF_STRINGS_INIT;
    struct hf_store_stat stat;
    (void)state;
    fixture_replica(&origin, &to);
    assert_ok(hf_strings_add(&wanted, ids[0], &err), &err);
    assert_ok(fixture_copy_some(origin.repo, to.repo, &wanted, NULL, &report, &err), &err);
    assert_int_equal(json_array_size(report.copied), 1);
    hf_copy_report_free(&report);
    assert_int_equal(hf_store_stat(to.store, second_pack, &stat, &err), HF_NOT_FOUND);
    assert_int_equal(hf_memory_store_count(to.store, "snapshots/"), 1);
    assert_ok(fixture_read_all(to.repo, ids[0], first, 2, &err), &err);
    /* The others need less now. */
    fixture_copy_ok(origin.repo, to.repo, &report);
    assert_int_equal(json_array_size(report.copied), 2);
    assert_int_equal(report.present, 1);
    hf_copy_report_free(&report);
    expect_all(to.repo);
    fixture_drop(&to);
}

static void copy_of_one_source_leaves_others(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) sources = HF_STRINGS_INIT;
    (void)state;
    fixture_replica(&origin, &to);
    assert_ok(hf_strings_add(&sources, "other", &err), &err);
    assert_ok(fixture_copy_some(origin.repo, to.repo, NULL, &sources, &report, &err), &err);
    assert_int_equal(json_array_size(report.copied), 1);
    assert_true(has(report.copied, ids[2]));
    hf_copy_report_free(&report);
    fixture_drop(&to);
}

static void copy_of_an_unknown_snapshot_is_refused(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) wanted = HF_STRINGS_INIT;
    (void)state;
    fixture_replica(&origin, &to);
    assert_ok(hf_strings_add(&wanted, "00112233445566778899aabbccddeeff", &err), &err);
    assert_fails(fixture_copy_some(origin.repo, to.repo, &wanted, NULL, &report, &err),
                 HF_NOT_FOUND, &err);
    hf_copy_report_free(&report);
    fixture_drop(&to);
}

static void copy_between_two_repositories_is_refused(void **state)
{
    struct fixture other;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    (void)state;
    fixture_open(&other);
    size_t before = hf_memory_store_count(other.store, "");
    assert_fails(fixture_copy_all(origin.repo, other.repo, &report, &err), HF_USAGE, &err);
    assert_contains(err.text, "--replica-of");
    hf_copy_report_free(&report);
    assert_int_equal(hf_memory_store_count(other.store, ""), before);
    fixture_close(&other);
}

static void copy_waits_for_nobody_who_has_it_alone(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_lease) lease = NULL;
    const struct hf_lease_options options = {.mode = HF_LEASE_EXCLUSIVE, .purpose = "repair"};
    (void)state;
    fixture_replica(&origin, &to);
    assert_ok(hf_lease_take(to.repo, &options, &lease, &err), &err);
    assert_fails(fixture_copy_all(origin.repo, to.repo, &report, &err), HF_BUSY, &err);
    hf_copy_report_free(&report);
    hf_lease_release(lease);
    lease = NULL;
    assert_ok(hf_lease_take(origin.repo, &options, &lease, &err), &err);
    assert_fails(fixture_copy_all(origin.repo, to.repo, &report, &err), HF_BUSY, &err);
    hf_copy_report_free(&report);
    fixture_drop(&to);
}

/* What the other has in another pack is not sent again. */
static void copy_into_a_repository_with_packs_of_its_own(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_error err = HF_ERROR_INIT;
    (void)state;
    fixture_replica(&origin, &to);
    fixture_backup(&to, "app", first, 2, id);
    fixture_copy_ok(origin.repo, to.repo, &report);
    assert_int_equal(json_array_size(report.copied), 3);
    assert_in_range(report.bytes, 1, 3 * MIB); /* the second's own stream, lists */
    hf_copy_report_free(&report);
    expect_all(to.repo);
    assert_ok(fixture_read_all(to.repo, id, first, 2, &err), &err);
    fixture_drop(&to);
}

static void copy_from_where_a_pack_is_bad(bool missing)
{
    struct fixture from, to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    fixture_copy(&origin, &from);
    fixture_replica(&origin, &to);
    if (missing)
        assert_ok(hf_store_delete(from.store, second_pack, &err), &err);
    else
        fixture_flip(from.store, second_pack, 1000, 4);
    assert_fails(fixture_copy_all(from.repo, to.repo, &report, &err), HF_DAMAGED, &err);
    assert_int_equal(json_array_size(report.copied), 2);
    assert_int_equal(json_array_size(report.failed), 1);
    assert_true(has(report.failed, ids[1]));
    hf_copy_report_free(&report);
    assert_ok(fixture_read_all(to.repo, ids[0], first, 2, &err), &err);
    assert_ok(fixture_read_all(to.repo, ids[2], third, 3, &err), &err);
    expect_clean(to.repo);
    /* From a sound one, the rest. */
    fixture_copy_ok(origin.repo, to.repo, &report);
    assert_int_equal(json_array_size(report.copied), 1);
    hf_copy_report_free(&report);
    expect_all(to.repo);
    fixture_drop(&to);
    fixture_drop(&from);
}

static void copy_from_damage_costs_only_what_needs_it(void **state)
{
    (void)state;
    copy_from_where_a_pack_is_bad(false);
    copy_from_where_a_pack_is_bad(true);
}

static void copy_passes_over_a_damaged_manifest(void **state)
{
    struct fixture from, to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    (void)state;
    fixture_copy(&origin, &from);
    fixture_replica(&origin, &to);
    fixture_keys(from.store, "snapshots/", &keys);
    fixture_flip(from.store, keys.items[0], 50, 1);
    assert_fails(fixture_copy_all(from.repo, to.repo, &report, &err), HF_DAMAGED, &err);
    assert_int_equal(json_array_size(report.copied), 2);
    hf_copy_report_free(&report);
    fixture_drop(&to);
    fixture_drop(&from);
}

/* A pack that to lost counts again when it is copied again: the backup after that has no need to
 * store its chunks. */
static void copy_brings_back_a_lost_pack(bool known_to_index)
{
    struct fixture to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) wanted = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    HF_AUTO_PTR(hf_index) index = NULL;
    fixture_replica(&origin, &to);
    assert_ok(hf_strings_add(&wanted, ids[0], &err), &err);
    assert_ok(fixture_copy_some(origin.repo, to.repo, &wanted, NULL, &report, &err), &err);
    hf_copy_report_free(&report);
    fixture_keys(to.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++)
        assert_ok(hf_store_delete(to.store, packs.items[i], &err), &err);
    if (known_to_index) {
        const struct hf_check_options repair = {.repair = true};
        struct hf_check_report found;
        assert_fails(hf_check_repo(to.repo, &repair, &found, &err), HF_DAMAGED, &err);
        hf_check_report_free(&found);
    }
    fixture_copy_ok(origin.repo, to.repo, &report);
    hf_copy_report_free(&report);
    expect_all(to.repo);
    assert_ok(hf_index_new(&index, &err), &err);
    assert_ok(hf_index_load(index, to.repo, NULL, &err), &err);
    for (size_t i = 0; hf_index_pack(index, i); i++)
        assert_false(hf_index_is_dropped(index, &hf_index_pack(index, i)->id));
    expect_clean(to.repo);
    fixture_drop(&to);
}

static void copy_brings_back_lost_packs(void **state)
{
    (void)state;
    copy_brings_back_a_lost_pack(false);
    copy_brings_back_a_lost_pack(true);
}

static void copy_carries_proofs(void **state)
{
    struct fixture from, to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_snapshots) list = {.items = NULL};
    (void)state;
    fixture_copy(&origin, &from);
    fixture_replica(&from, &to);
    assert_ok(hf_snapshot_add_proof(from.repo, ids[0], HF_SNAPSHOT_CHECKED, NULL, &err), &err);
    fixture_copy_ok(from.repo, to.repo, &report);
    assert_int_equal(report.proofs, 1);
    hf_copy_report_free(&report);
    /* Of snapshots that are there already, too; what a later one says as well goes. */
    expect_clean(from.repo);
    assert_ok(hf_snapshot_add_proof(from.repo, ids[1], HF_SNAPSHOT_PROVEN, NULL, &err), &err);
    fixture_copy_ok(from.repo, to.repo, &report);
    assert_int_equal(report.proofs, 4);
    hf_copy_report_free(&report);
    assert_int_equal(hf_memory_store_count(to.store, "proofs/"), 4);
    assert_ok(hf_snapshots_load(to.repo, NULL, NULL, &list, &err), &err);
    assert_int_equal(list.items[0].state, HF_SNAPSHOT_CHECKED);
    assert_int_equal(list.items[1].state, HF_SNAPSHOT_PROVEN);
    /* A check there supersedes what was copied, and the next copy leaves it at that. */
    expect_clean(to.repo);
    fixture_copy_ok(from.repo, to.repo, &report);
    assert_int_equal(report.proofs, 0);
    hf_copy_report_free(&report);
    fixture_drop(&to);
    fixture_drop(&from);
}

static void copy_after_a_rotation_opens_with_the_new_generation(void **state)
{
    struct fixture from, to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_repo) again = NULL;
    uint32_t generation;
    char id[HF_SNAPSHOT_ID_TEXT];
    (void)state;
    fixture_copy(&origin, &from);
    fixture_replica(&from, &to);
    fixture_copy_ok(from.repo, to.repo, &report);
    hf_copy_report_free(&report);
    assert_ok(hf_key_rotate(from.repo, &generation, &err), &err);
    fixture_backup(&from, "app", third, 3, id);
    fixture_copy_ok(from.repo, to.repo, &report);
    assert_int_equal(report.keys, 1);
    hf_copy_report_free(&report);
    assert_ok(fixture_reopen(to.store, to.passphrase, &again, &err), &err);
    assert_ok(fixture_read_all(again, id, third, 3, &err), &err);
    expect_clean(again);
    fixture_drop(&to);
    fixture_drop(&from);
}

static void copy_that_is_interrupted_says_so(void **state)
{
    struct fixture to;
    struct hf_copy_report report;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    (void)state;
    fixture_replica(&origin, &to);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    hf_cancel_interrupt(cancel);
    const struct hf_copy_options options = {.cancel = cancel};
    assert_fails(hf_copy(origin.repo, to.repo, &options, &report, &err), HF_CANCELLED, &err);
    hf_copy_report_free(&report);
    assert_int_equal(hf_memory_store_count(to.store, "leases/"), 0);
    fixture_drop(&to);
}

/* A copy that finds packs there already is as protected as one that brought them. */
static void copy_to_a_store_with_locks_extends_those_of_packs_there(void **state)
{
    const int64_t day = 86400 * HF_NS_PER_S;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) one = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    struct hf_copy_report report;
    struct fixture replica;
    (void)state;
    fixture_replica(&origin, &replica);
    hf_memory_store_lock(replica.store, 30 * day);
    assert_ok(hf_strings_add(&one, ids[0], &err), &err);
    assert_ok(fixture_copy_some(origin.repo, replica.repo, &one, NULL, &report, &err), &err);
    hf_copy_report_free(&report);
    fixture_keys(replica.store, "packs/", &packs);
    hf_memory_store_advance(replica.store, 20 * day);
    fixture_copy_ok(origin.repo, replica.repo, &report);
    hf_copy_report_free(&report);
    size_t extended = 0;
    for (size_t i = 0; i < packs.count; i++) {
        struct hf_store_stat stat;
        assert_ok(hf_store_stat(replica.store, packs.items[i], &stat, &err), &err);
        extended += stat.locked_until > hf_clock_now() + 49 * day;
    }
    /* The list of the first one's streams is needed by it alone. */
    assert_true(extended > 0 && extended >= packs.count - 1);
    fixture_drop(&replica);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_makes_what_reads_the_same),
        cmocka_unit_test(copy_again_does_nothing),
        cmocka_unit_test(copy_with_writer_keys_is_enough),
        cmocka_unit_test(copy_of_one_snapshot_takes_its_packs_only),
        cmocka_unit_test(copy_of_one_source_leaves_others),
        cmocka_unit_test(copy_of_an_unknown_snapshot_is_refused),
        cmocka_unit_test(copy_between_two_repositories_is_refused),
        cmocka_unit_test(copy_waits_for_nobody_who_has_it_alone),
        cmocka_unit_test(copy_into_a_repository_with_packs_of_its_own),
        cmocka_unit_test(copy_from_damage_costs_only_what_needs_it),
        cmocka_unit_test(copy_passes_over_a_damaged_manifest),
        cmocka_unit_test(copy_brings_back_lost_packs),
        cmocka_unit_test(copy_carries_proofs),
        cmocka_unit_test(copy_to_a_store_with_locks_extends_those_of_packs_there),
        cmocka_unit_test(copy_after_a_rotation_opens_with_the_new_generation),
        cmocka_unit_test(copy_that_is_interrupted_says_so),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
