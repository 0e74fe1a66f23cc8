#include "storage/repository/check.h"

#include "base/text.h"
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

/* Two snapshots that share some streams and not others. */
static const struct fixture_stream first[] = {
    {"data/a", HF_STREAM_ROWS, 6 * MIB, 1},
    {"data/b", HF_STREAM_BYTES, 2 * MIB, 2},
    {"data/c", HF_STREAM_ROWS, 5000, 3},
};
static const struct fixture_stream second[] = {
    {"data/a", HF_STREAM_ROWS, 6 * MIB, 1},
    {"data/b", HF_STREAM_BYTES, 2 * MIB, 20},
    {"data/c", HF_STREAM_ROWS, 6000, 30},
};
enum { STREAMS = 3 };

static struct fixture origin;
static char first_id[HF_SNAPSHOT_ID_TEXT], second_id[HF_SNAPSHOT_ID_TEXT];

static int setup(void **state)
{
    (void)state;
    fixture_open(&origin);
    fixture_backup(&origin, "app", first, STREAMS, first_id);
    fixture_backup(&origin, "app", second, STREAMS, second_id);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&origin);
    return 0;
}

/* A copy to do harm to. */
static struct fixture copy(void)
{
    struct fixture made;
    fixture_copy(&origin, &made);
    return made;
}

static enum hf_status check(struct hf_repo *repo, double percent, bool repair,
                            struct hf_check_report *report, struct hf_error *err)
{
    const struct hf_check_options options = {.read_percent = percent, .repair = repair};
    return hf_check_repo(repo, &options, report, err);
}

static void expect_clean(struct hf_repo *repo, double percent)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    assert_ok(check(repo, percent, false, &report, &err), &err);
    assert_int_equal(report.problems, 0);
    assert_int_equal(report.snapshots, 2);
    assert_int_equal(report.damaged_snapshots, 0);
    assert_true(report.packs > 0 && report.objects > 0);
    hf_check_report_free(&report);
}

/* "12345678:data/a" of every stream that cannot be read, by reading it. */
static void unreadable(struct hf_repo *repo, const char *id, const struct fixture_stream *streams,
                       json_t *out)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_snapshot *snapshot;
    const struct hf_read_options options = {.threads = 2};
    assert_ok(hf_snapshot_open(repo, id, &options, &snapshot, &err), &err);
    for (size_t i = 0; i < STREAMS; i++) {
        char text[64];
        if (fixture_read(hf_snapshot_feed(snapshot), &streams[i], &err) == HF_OK)
            continue;
        (void)snprintf(text, sizeof text, "%.8s:%s", id, streams[i].name);
        json_array_append_new(out, json_string(text));
    }
    hf_snapshot_close(snapshot);
}

static bool lists(const json_t *array, const char *text)
{
    size_t i;
    json_t *item;
    json_array_foreach (array, i, item) {
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

/* The streams of all findings are exactly those that cannot be read. */
static void expect_costs(struct hf_repo *repo, const struct hf_check_report *report)
{
    json_t *expected = json_array();
    size_t i, j, told = 0;
    json_t *finding, *stream;
    unreadable(repo, first_id, first, expected);
    unreadable(repo, second_id, second, expected);
    json_array_foreach (report->findings, i, finding) {
        json_array_foreach (json_object_get(finding, "streams"), j, stream) {
            if (!lists(expected, json_string_value(stream)))
                fail_msg("%s can be read", json_string_value(stream));
            told++;
        }
    }
    assert_int_equal(told, json_array_size(expected));
    json_decref(expected);
}

static const json_t *only_finding(const struct hf_check_report *report, const char *object)
{
    assert_int_equal(report->problems, 1);
    const json_t *finding = json_array_get(report->findings, 0);
    assert_string_equal(json_string_value(json_object_get(finding, "object")), object);
    return finding;
}

static void check_of_whole_repository_finds_nothing(void **state)
{
    (void)state;
    expect_clean(origin.repo, 0);
    struct hf_check_report report;
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_check_options options = {.read_percent = 0};
    assert_ok(hf_check_store(origin.store, &options, &report, &err), &err);
    assert_int_equal(report.problems, 0);
    hf_check_report_free(&report);
}

static void check_with_data_records_the_proof(void **state)
{
    (void)state;
    struct fixture made = copy();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_snapshots list;
    expect_clean(made.repo, 100);
    assert_ok(hf_snapshots_load(made.repo, NULL, NULL, &list, &err), &err);
    assert_int_equal(list.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(list.items[i].state, HF_SNAPSHOT_CHECKED);
        assert_true(list.items[i].state_time > 0);
    }
    assert_ok(hf_snapshot_add_proof(made.repo, second_id, HF_SNAPSHOT_PROVEN, NULL, &err), &err);
    hf_snapshots_free(&list);
    expect_clean(made.repo, 100); /* again: one such proof of each is enough */
    assert_int_equal(hf_memory_store_count(made.store, "proofs/"), 3);
    assert_ok(hf_snapshots_load(made.repo, "app", NULL, &list, &err), &err);
    assert_int_equal(list.items[0].state, HF_SNAPSHOT_CHECKED);
    assert_int_equal(list.items[1].state, HF_SNAPSHOT_PROVEN);
    hf_snapshots_free(&list);
    assert_ok(hf_snapshots_load(made.repo, "other", NULL, &list, &err), &err);
    assert_int_equal(list.count, 0);
    hf_snapshots_free(&list);
    fixture_drop(&made);
}

static void check_sample_reads_a_part(void **state)
{
    (void)state;
    struct fixture made = copy();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report some, all;
    assert_ok(check(made.repo, 1, false, &some, &err), &err);
    assert_ok(check(made.repo, 100, false, &all, &err), &err);
    assert_true(some.bytes_read > 0 && some.bytes_read < all.bytes_read);
    hf_check_report_free(&some);
    hf_check_report_free(&all);
    fixture_drop(&made);
}

static void check_with_writer_key_reads_no_data(void **state)
{
    (void)state;
    struct fixture made = copy();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    struct hf_repo *writer = fixture_writer(&made);
    assert_fails(check(writer, 100, false, &report, &err), HF_DENIED, &err);
    hf_check_report_free(&report);
    expect_clean(writer, 0);
    hf_repo_close(writer);
    fixture_drop(&made);
}

/* Every pack in turn goes missing. */
static void check_missing_pack_costs_what_it_costs(void **state)
{
    (void)state;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(origin.store, "packs/", &packs);
    for (size_t i = 0; i < packs.count; i++) {
        struct fixture made = copy();
        struct hf_error err = HF_ERROR_INIT;
        struct hf_check_report report;
        struct hf_snapshot *snapshot;
        const struct hf_read_options options = {.threads = 1};
        assert_ok(hf_store_delete(made.store, packs.items[i], &err), &err);
        assert_fails(check(made.repo, 0, false, &report, &err), HF_DAMAGED, &err);
        const json_t *finding = only_finding(&report, packs.items[i]);
        assert_string_equal(json_string_value(json_object_get(finding, "problem")), "missing");
        struct hf_error why = HF_ERROR_INIT;
        if (hf_snapshot_open(made.repo, first_id, &options, &snapshot, &why) == HF_OK) {
            hf_snapshot_close(snapshot);
            if (hf_snapshot_open(made.repo, second_id, &options, &snapshot, &why) == HF_OK) {
                hf_snapshot_close(snapshot);
                expect_costs(made.repo, &report);
            }
        } else {
            assert_true(lists(json_object_get(finding, "snapshots"), first_id));
        }
        hf_check_report_free(&report);
        fixture_drop(&made);
    }
}

static void check_flipped_byte_costs_its_chunk(void **state)
{
    (void)state;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(origin.store, "packs/", &packs);
    const char *pack = fixture_largest(origin.store, &packs);
    struct fixture made = copy();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    fixture_flip(made.store, pack, 12345, 8);
    expect_clean(made.repo, 0); /* the structure does not show it */

    const struct hf_check_options options = {.read_percent = 0};
    assert_fails(hf_check_store(made.store, &options, &report, &err), HF_DAMAGED, &err);
    only_finding(&report, pack);
    hf_check_report_free(&report);

    assert_fails(check(made.repo, 100, false, &report, &err), HF_DAMAGED, &err);
    const json_t *finding = only_finding(&report, pack);
    assert_contains(json_string_value(json_object_get(finding, "problem")), "1 of its");
    assert_true(json_array_size(json_object_get(finding, "streams")) > 0);
    expect_costs(made.repo, &report);
    hf_check_report_free(&report);
    fixture_drop(&made);
}

static void check_truncated_pack_is_found(void **state)
{
    (void)state;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(origin.store, "packs/", &packs);
    const char *pack = fixture_largest(origin.store, &packs);
    for (int percent = 0; percent <= 100; percent += 100) {
        struct fixture made = copy();
        struct hf_error err = HF_ERROR_INIT;
        struct hf_check_report report;
        HF_AUTO(hf_buf) object = HF_BUF_INIT;
        assert_ok(hf_store_get_all(made.store, pack, 64 * MIB, &object, &err), &err);
        assert_true(hf_memory_store_overwrite(made.store, pack, object.data, object.len / 2));
        assert_fails(check(made.repo, percent, false, &report, &err), HF_DAMAGED, &err);
        only_finding(&report, pack);
        if (percent == 100)
            expect_costs(made.repo, &report);
        hf_check_report_free(&report);
        fixture_drop(&made);
    }
}

static void check_damaged_manifest_is_found(void **state)
{
    (void)state;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    struct fixture made = copy();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    struct hf_snapshots list;
    fixture_keys(made.store, "snapshots/", &keys);
    fixture_flip(made.store, keys.items[0], 60, 1);
    assert_fails(check(made.repo, 0, false, &report, &err), HF_DAMAGED, &err);
    only_finding(&report, keys.items[0]);
    assert_int_equal(report.damaged_snapshots, 1);
    hf_check_report_free(&report);
    assert_ok(hf_snapshots_load(made.repo, NULL, NULL, &list, &err), &err);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.unreadable, 1);
    hf_snapshots_free(&list);
    fixture_drop(&made);
}

static void repair_rebuilds_a_lost_index(void **state)
{
    (void)state;
    for (int damaged = 0; damaged < 2; damaged++) {
        HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
        struct fixture made = copy();
        struct hf_error err = HF_ERROR_INIT;
        struct hf_check_report report;
        fixture_keys(made.store, "index/", &keys);
        for (size_t i = 0; i < keys.count; i++) {
            if (damaged)
                fixture_flip(made.store, keys.items[i], 50, 2);
            else
                assert_ok(hf_store_delete(made.store, keys.items[i], &err), &err);
        }
        enum hf_status status = check(made.repo, 0, true, &report, &err);
        assert_int_equal(status, damaged ? HF_DAMAGED : HF_OK);
        assert_int_equal(report.damaged_snapshots, 0);
        hf_check_report_free(&report);
        assert_true(hf_memory_store_count(made.store, "index/") > 0);
        assert_int_equal(hf_memory_store_count(made.store, "leases/"), 0);
        expect_clean(made.repo, 100);
        fixture_drop(&made);
    }
}

/* Lost, found out, repaired, backed up again: whole. */
static void repair_and_backup_heal_a_lost_pack(void **state)
{
    (void)state;
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    fixture_keys(origin.store, "packs/", &packs);
    const char *pack = fixture_largest(origin.store, &packs);
    for (int flipped = 0; flipped < 2; flipped++) {
        struct fixture made = copy();
        struct hf_error err = HF_ERROR_INIT;
        struct hf_check_report report;
        char id[HF_SNAPSHOT_ID_TEXT];
        if (flipped)
            fixture_flip(made.store, pack, 12345, 8);
        else
            assert_ok(hf_store_delete(made.store, pack, &err), &err);
        assert_fails(check(made.repo, 100, true, &report, &err), HF_DAMAGED, &err);
        only_finding(&report, pack);
        expect_costs(made.repo, &report);
        hf_check_report_free(&report);

        /* Still told while it costs something, and by its own name. */
        assert_fails(check(made.repo, 100, false, &report, &err), HF_DAMAGED, &err);
        only_finding(&report, pack);
        expect_costs(made.repo, &report);
        hf_check_report_free(&report);

        fixture_backup(&made, "app", first, STREAMS, id);
        fixture_backup(&made, "app", second, STREAMS, id);
        assert_ok(check(made.repo, 100, false, &report, &err), &err);
        assert_int_equal(report.snapshots, 4);
        hf_check_report_free(&report);
        assert_ok(fixture_read_all(made.repo, first_id, first, STREAMS, &err), &err);
        assert_ok(fixture_read_all(made.repo, second_id, second, STREAMS, &err), &err);
        fixture_drop(&made);
    }
}

static void repair_beside_others_is_busy(void **state)
{
    (void)state;
    struct fixture made = copy();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    struct hf_lease *lease;
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = "backup app"};
    assert_ok(hf_lease_take(made.repo, &options, &lease, &err), &err);
    assert_fails(check(made.repo, 0, true, &report, &err), HF_BUSY, &err);
    hf_check_report_free(&report);
    assert_ok(check(made.repo, 0, false, &report, &err), &err);
    hf_check_report_free(&report);
    hf_lease_release(lease);
    fixture_drop(&made);
}

/* A store that goes away is no damage, whenever it goes. */
static void check_of_failing_store_is_no_finding(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        struct fixture made = copy();
        struct hf_error err = HF_ERROR_INIT;
        struct hf_check_report report;
        hf_memory_store_fail_from(made.store, n, HF_UNREACHABLE);
        enum hf_status status = check(made.repo, 100, n % 2, &report, &err);
        size_t problems = report.problems;
        hf_check_report_free(&report);
        fixture_drop(&made);
        assert_int_equal(problems, 0);
        if (status == HF_OK)
            break;
        assert_int_equal(status, HF_UNREACHABLE);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_of_whole_repository_finds_nothing),
        cmocka_unit_test(check_with_data_records_the_proof),
        cmocka_unit_test(check_sample_reads_a_part),
        cmocka_unit_test(check_with_writer_key_reads_no_data),
        cmocka_unit_test(check_missing_pack_costs_what_it_costs),
        cmocka_unit_test(check_flipped_byte_costs_its_chunk),
        cmocka_unit_test(check_truncated_pack_is_found),
        cmocka_unit_test(check_damaged_manifest_is_found),
        cmocka_unit_test(repair_rebuilds_a_lost_index),
        cmocka_unit_test(repair_and_backup_heal_a_lost_pack),
        cmocka_unit_test(repair_beside_others_is_busy),
        cmocka_unit_test(check_of_failing_store_is_no_finding),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
