#include "storage/repository/forget.h"

#include "base/clock.h"
#include "storage/repository/backup.h"
#include "storage/repository/copy.h"
#include "storage/repository/pin.h"
#include "tests/support/memory_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/snapshot_fixture.h"

static const int64_t day = 86400 * HF_NS_PER_S;

static const struct fixture_stream stream = {
    .name = "data", .kind = HF_STREAM_BYTES, .size = 5000, .seed = 1};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static struct hf_pin pin_of(const char *snapshot)
{
    struct hf_pin pin = {.time = 0};
    (void)snprintf(pin.snapshot, sizeof pin.snapshot, "%s", snapshot);
    return pin;
}

static struct hf_lease *take(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_lease *lease = NULL;
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = "forget"};
    assert_ok(hf_lease_take(repo, &options, &lease, &err), &err);
    return lease;
}

static struct hf_forgotten forget(struct hf_repo *repo, const char *id, bool dry_run)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
    HF_AUTO_PTR(hf_lease) lease = take(repo);
    const struct hf_forget_options options = {.lease = lease, .dry_run = dry_run};
    struct hf_forgotten out;
    assert_ok(hf_strings_add(&ids, id, &err), &err);
    assert_ok(hf_forget(repo, &ids, &options, &out, &err), &err);
    return out;
}

static size_t snapshots(struct hf_store *store)
{
    return hf_memory_store_count(store, "snapshots/");
}

static void forget_removes_manifest_and_proofs_by_writer_key(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(f, "app", &stream, 1, id);
    assert_ok(hf_snapshot_add_proof(f->repo, id, HF_SNAPSHOT_PROVEN, NULL, &err), &err);
    struct hf_repo *writer = fixture_writer(f);
    assert_int_equal(forget(writer, id, true).outcome, HF_FORGET_REMOVED);
    assert_int_equal(snapshots(f->store), 1);
    assert_int_equal(forget(writer, id, false).outcome, HF_FORGET_REMOVED);
    assert_int_equal(snapshots(f->store), 0);
    assert_int_equal(hf_memory_store_count(f->store, "proofs/"), 0);
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 0);
    assert_int_equal(forget(writer, id, false).outcome, HF_FORGET_GONE);
    hf_repo_close(writer);
}

static void forget_pinned_stays_until_the_pin_ends_by_the_stores_clock(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(f, "app", &stream, 1, id);
    struct hf_pin pin = pin_of(id);
    pin.until = hf_clock_now() + day;
    assert_ok(hf_pin_put(f->repo, &pin, &err), &err);
    assert_int_equal(forget(f->repo, id, false).outcome, HF_FORGET_PINNED);
    hf_memory_store_advance(f->store, 2 * day);
    assert_int_equal(forget(f->repo, id, false).outcome, HF_FORGET_REMOVED);
    assert_int_equal(hf_memory_store_count(f->store, "pins/"), 0);
}

static void forget_damaged_pin_holds(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_AUTO(hf_pins) pins = {.items = NULL};
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(f, "app", &stream, 1, id);
    const struct hf_pin pin = pin_of(id);
    assert_ok(hf_pin_put(f->repo, &pin, &err), &err);
    fixture_keys(f->store, "pins/", &keys);
    fixture_flip(f->store, keys.items[0], 60, 1);
    assert_ok(hf_pins_load(f->repo, NULL, &pins, &err), &err);
    assert_true(hf_pins_find(&pins, id)->unclear);
    assert_int_equal(forget(f->repo, id, false).outcome, HF_FORGET_PINNED);
    assert_ok(hf_pin_remove(f->repo, id, &err), &err);
    assert_int_equal(forget(f->repo, id, false).outcome, HF_FORGET_REMOVED);
}

static void forget_locked_says_until_when(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    hf_memory_store_lock(f->store, 10 * day);
    fixture_backup(f, "app", &stream, 1, id);
    const struct hf_pin pin = pin_of(id);
    assert_ok(hf_pin_put(f->repo, &pin, &err), &err);
    assert_int_equal(forget(f->repo, id, false).outcome, HF_FORGET_PINNED);
    assert_ok(hf_pin_remove(f->repo, id, &err), &err); /* though it is locked */
    for (int dry_run = 1; dry_run >= 0; dry_run--) {
        struct hf_forgotten out = forget(f->repo, id, dry_run);
        assert_int_equal(out.outcome, HF_FORGET_LOCKED);
        assert_true(out.locked_until > hf_clock_now() + 9 * day);
        assert_int_equal(snapshots(f->store), 1);
    }
    hf_memory_store_advance(f->store, 11 * day);
    assert_int_equal(forget(f->repo, id, false).outcome, HF_FORGET_REMOVED);
    assert_int_equal(snapshots(f->store), 0);
}

/* Whatever fails, the snapshot is there whole or gone, and the next try ends it. */
static void forget_any_failing_operation_can_be_done_again(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(f, "app", &stream, 1, id);
    assert_ok(hf_snapshot_add_proof(f->repo, id, HF_SNAPSHOT_CHECKED, NULL, &err), &err);
    for (unsigned n = 1; n < 12; n++) {
        struct fixture copy;
        HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
        struct hf_forgotten out;
        fixture_copy(f, &copy);
        struct hf_lease *lease = take(copy.repo);
        const struct hf_forget_options options = {.lease = lease};
        assert_ok(hf_strings_add(&ids, id, &err), &err);
        hf_memory_store_fail(copy.store, n, n % 2 ? HF_FAULT_BEFORE : HF_FAULT_AFTER,
                             HF_UNREACHABLE);
        enum hf_status status = hf_forget(copy.repo, &ids, &options, &out, &err);
        if (status == HF_OK)
            assert_int_equal(out.outcome, HF_FORGET_REMOVED);
        else
            assert_int_equal(out.outcome, HF_FORGET_LEFT);
        hf_memory_store_fail(copy.store, 0, HF_FAULT_BEFORE, HF_OK);
        assert_ok(hf_forget(copy.repo, &ids, &options, &out, &err), &err);
        assert_int_equal(snapshots(copy.store), 0);
        hf_lease_release(lease);
        fixture_drop(&copy);
    }
}

static void pin_of_a_snapshot_that_is_gone_is_refused(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT], bad[] = "\xff";
    fixture_backup(f, "app", &stream, 1, id);
    struct hf_pin pin = pin_of(id);
    pin.reason = bad;
    assert_fails(hf_pin_put(f->repo, &pin, &err), HF_USAGE, &err);
    (void)forget(f->repo, id, false);
    pin.reason = NULL;
    assert_fails(hf_pin_put(f->repo, &pin, &err), HF_NOT_FOUND, &err);
    assert_int_equal(hf_memory_store_count(f->store, "pins/"), 0);
}

static void copy_takes_pins_along_and_leaves_those_there(void **state)
{
    struct fixture *f = *state, replica;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    char id[HF_SNAPSHOT_ID_TEXT], reason[] = "audit", other[] = "other";
    fixture_backup(f, "app", &stream, 1, id);
    fixture_replica(f, &replica);
    struct hf_pin pin = pin_of(id);
    pin.reason = reason;
    assert_ok(hf_pin_put(f->repo, &pin, &err), &err);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_copy_options options = {.cancel = cancel};
    for (int round = 0; round < 2; round++) {
        struct hf_copy_report report;
        struct hf_pin copied;
        assert_ok(hf_copy(f->repo, replica.repo, &options, &report, &err), &err);
        hf_copy_report_free(&report);
        assert_ok(hf_pin_read(replica.repo, id, &copied, &err), &err);
        assert_string_equal(copied.reason, "audit");
        hf_pin_done(&copied);
        pin.reason = other;
        assert_ok(hf_pin_put(f->repo, &pin, &err), &err);
    }
    fixture_drop(&replica);
}

/* A host whose clock is wrong cannot hide it: the manifest says what the store's clock said. */
static void backup_records_the_stores_clock_job_and_tags(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO(hf_strings) tags = HF_STRINGS_INIT;
    HF_AUTO(hf_snapshots) list = {.items = NULL};
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_backup *backup;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_strings_add(&tags, "release", &err), &err);
    hf_memory_store_advance(f->store, 100 * day); /* our clock is that much behind */
    int64_t now = hf_clock_now() + 100 * day;
    const struct hf_backup_options options = {.source = "app",
                                              .kind = "volume",
                                              .host = "liar",
                                              .job = "nightly",
                                              .tags = &tags,
                                              .cancel = cancel};
    assert_ok(hf_backup_begin(f->repo, &options, &backup, &err), &err);
    assert_ok(hf_backup_commit(backup, NULL, id, NULL, &err), &err);
    assert_ok(hf_snapshots_load(f->repo, NULL, NULL, &list, &err), &err);
    const struct hf_snapshot_info *info = &list.items[0];
    assert_string_equal(info->job, "nightly");
    assert_string_equal(info->tags.items[0], "release");
    assert_true(info->time < now - 99 * day);
    assert_true(info->earliest > now - day && info->latest >= info->earliest &&
                info->latest < now + day);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(forget_removes_manifest_and_proofs_by_writer_key),
        TEST(forget_pinned_stays_until_the_pin_ends_by_the_stores_clock),
        TEST(forget_damaged_pin_holds),
        TEST(forget_locked_says_until_when),
        TEST(forget_any_failing_operation_can_be_done_again),
        TEST(pin_of_a_snapshot_that_is_gone_is_refused),
        TEST(copy_takes_pins_along_and_leaves_those_there),
        TEST(backup_records_the_stores_clock_job_and_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
