/*
 * A small repository in which every byte of every object is flipped in turn. Reading it then must
 * give the right data or an error, never other data and never a crash; a check must notice.
 */
#include "base/text.h"
#include "storage/repository/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

static const struct fixture_stream streams[] = {
    {"bytes", HF_STREAM_BYTES, 150, 1},
    {"empty", HF_STREAM_BYTES, 0, 2},
    {"rows", HF_STREAM_ROWS, 400, 3},
};
enum {
    STREAMS = 3,
    SOME = 11, /* a check with the key starts threads: not for every byte */
};

static struct fixture origin;
static char snapshot_id[HF_SNAPSHOT_ID_TEXT];

static int setup(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    fixture_open(&origin);
    fixture_backup(&origin, "app", streams, STREAMS, snapshot_id);
    assert_ok(hf_snapshot_add_proof(origin.repo, snapshot_id, HF_SNAPSHOT_PROVEN, NULL, &err),
              &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&origin);
    return 0;
}

/* What came of reading everything; HF_MISMATCH would be wrong data. */
static enum hf_status read_everything(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_snapshots list;
    HF_TRY(hf_snapshots_load(repo, NULL, NULL, &list, &err));
    size_t count = list.count;
    hf_snapshots_free(&list);
    if (count == 0)
        return HF_DAMAGED;
    return fixture_read_all(repo, snapshot_id, streams, STREAMS, &err);
}

typedef void flip_fn(struct hf_store *store, struct hf_repo *repo, const char *key, size_t at);

/* fn for every step-th byte of each object under prefix while it is flipped. repo was opened
 * before. */
static void each_flip(const char *prefix, size_t step, flip_fn *fn)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    fixture_keys(origin.store, prefix, &keys);
    assert_true(keys.count > 0);
    for (size_t k = 0; k < keys.count; k++) {
        HF_AUTO(hf_buf) object = HF_BUF_INIT;
        assert_ok(hf_store_get_all(origin.store, keys.items[k], 1 << 20, &object, &err), &err);
        for (size_t at = 0; at < object.len; at += step) {
            uint8_t bit = (uint8_t)(1u << at % 8);
            object.data[at] ^= bit;
            assert_true(
                hf_memory_store_overwrite(origin.store, keys.items[k], object.data, object.len));
            fn(origin.store, origin.repo, keys.items[k], at);
            object.data[at] ^= bit;
        }
        assert_true(
            hf_memory_store_overwrite(origin.store, keys.items[k], object.data, object.len));
    }
}

static void expect_read(struct hf_store *store, struct hf_repo *repo, const char *key, size_t at)
{
    (void)store;
    enum hf_status status = read_everything(repo);
    if (status != HF_OK && status != HF_DAMAGED && status != HF_NOT_FOUND &&
        status != HF_UNSUPPORTED && status != HF_DENIED)
        fail_msg("%s, byte %zu: %s", key, at, hf_status_words(status));
}

static void expect_found(struct hf_store *store, struct hf_repo *repo, const char *key, size_t at)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.read_percent = 0};
    if (hf_check_store(store, &options, &report, &err) != HF_DAMAGED)
        fail_msg("%s, byte %zu: a check without a key finds nothing", key, at);
    hf_check_report_free(&report);
    expect_read(store, repo, key, at);
}

static void expect_found_with_key(struct hf_store *store, struct hf_repo *repo, const char *key,
                                  size_t at)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.read_percent = 100};
    (void)store;
    if (hf_check_repo(repo, &options, &report, &err) != HF_DAMAGED)
        fail_msg("%s, byte %zu: a check finds nothing", key, at);
    hf_check_report_free(&report);
}

/* Opens it anew, as whoever comes with the passphrase. */
static void expect_open(struct hf_store *store, struct hf_repo *repo, const char *key, size_t at)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_repo *again;
    (void)repo;
    if (fixture_reopen(store, origin.passphrase, &again, &err) != HF_OK) {
        assert_true(strlen(err.text) > 0);
        return;
    }
    expect_read(store, again, key, at);
    hf_repo_close(again);
}

static void flip_in_pack_is_noticed(void **state)
{
    (void)state;
    each_flip("packs/", 1, expect_found);
}

static void flip_in_pack_is_noticed_by_check(void **state)
{
    (void)state;
    each_flip("packs/", SOME, expect_found_with_key);
}

static void flip_in_index_is_noticed_and_survived(void **state)
{
    (void)state;
    each_flip("index/", 1, expect_found);
    each_flip("index/", SOME, expect_found_with_key);
}

static void flip_in_manifest_is_noticed(void **state)
{
    (void)state;
    each_flip("snapshots/", 1, expect_found);
    each_flip("snapshots/", SOME, expect_found_with_key);
}

static void flip_in_proof_is_survived(void **state)
{
    (void)state;
    each_flip("proofs/", 1, expect_read);
}

static void flip_in_key_or_header_opens_nothing_wrong(void **state)
{
    (void)state;
    each_flip("keys/", 1, expect_open);
    each_flip("holdfast", 1, expect_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flip_in_proof_is_survived), /* first: checks add more proofs */
        cmocka_unit_test(flip_in_pack_is_noticed),
        cmocka_unit_test(flip_in_pack_is_noticed_by_check),
        cmocka_unit_test(flip_in_index_is_noticed_and_survived),
        cmocka_unit_test(flip_in_manifest_is_noticed),
        cmocka_unit_test(flip_in_key_or_header_opens_nothing_wrong),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
