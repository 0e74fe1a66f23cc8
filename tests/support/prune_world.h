/*
 * A repository in memory with something to prune, its packs old by the store's clock. Include after
 * <cmocka.h>; every function asserts.
 */
#ifndef HF_TESTS_PRUNE_WORLD_H
#define HF_TESTS_PRUNE_WORLD_H

#include "base/clock.h"
#include "base/text.h"
#include "storage/repository/check.h"
#include "storage/repository/prune.h"

#include <string.h>

#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

#define HOUR (3600 * HF_NS_PER_S)
#define GRACE (72 * HOUR)

/* Small streams are a chunk each, so what is shared and what is not is plain to see. */
static const struct fixture_stream kept[] = {
    {"data/a", HF_STREAM_ROWS, 20000, 1},
    {"data/b", HF_STREAM_BYTES, 30000, 2},
};
static const struct fixture_stream other[] = {
    {"data/c", HF_STREAM_ROWS, 10000, 3},
    {"data/d", HF_STREAM_BYTES, 60000, 4},
};
/* Of one pack, in which little is needed when only the first is. */
static const struct fixture_stream mixed[] = {
    {"data/e", HF_STREAM_BYTES, 5000, 5},
    {"data/f", HF_STREAM_BYTES, 90000, 6},
    {"data/g", HF_STREAM_BYTES, 90000, 7},
};

static inline struct hf_prune_options options_of(int64_t grace)
{
    return (struct hf_prune_options){.grace = grace};
}

static inline enum hf_status prune_with(struct hf_repo *repo, struct hf_prune_options options,
                                        struct hf_prune_report *report, struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, err), err);
    options.cancel = cancel;
    return hf_prune(repo, &options, report, err);
}

/* Each pack in one place. */
static inline void assert_adds_up(const struct hf_prune_report *report)
{
    assert_int_equal(report->packs.packs, report->needed.packs + report->young.packs +
                                              report->waiting.packs + report->deleted.packs +
                                              report->locked.packs + report->left.packs +
                                              report->unknown.packs);
    assert_int_equal(report->packs.bytes, report->needed.bytes + report->young.bytes +
                                              report->waiting.bytes + report->deleted.bytes +
                                              report->locked.bytes + report->left.bytes +
                                              report->unknown.bytes);
}

static inline struct hf_prune_report prune(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    assert_ok(prune_with(repo, options_of(GRACE), &report, &err), &err);
    assert_adds_up(&report);
    return report;
}

/* With repacking. */
static inline struct hf_prune_options all_of_it(void)
{
    struct hf_prune_options options = options_of(GRACE);
    options.repack_percent = HF_PRUNE_REPACK_PERCENT;
    options.repack_bytes = HF_PRUNE_REPACK_BYTES;
    return options;
}

static inline struct hf_prune_report repack(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    assert_ok(prune_with(repo, all_of_it(), &report, &err), &err);
    assert_adds_up(&report);
    return report;
}

static inline void forget(struct hf_store *store, const char *id)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(store, "snapshots/", &keys);
    for (size_t i = 0; i < keys.count; i++)
        if (strstr(keys.items[i], id))
            assert_ok(hf_store_delete(store, keys.items[i], &err), &err);
}

/* Every chunk of every manifest is there and right, and nothing else is wrong. */
static inline void assert_whole(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.read_percent = 100};
    assert_ok(hf_check_repo(repo, &options, &report, &err), &err);
    hf_check_report_free(&report);
}

/* What a backup that failed left in the index may name packs that were removed under it. */
static inline void assert_snapshots_whole(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.read_percent = 100};
    enum hf_status status = hf_check_repo(repo, &options, &report, &err);
    assert_true(status == HF_OK || status == HF_DAMAGED);
    assert_int_equal(report.damaged_snapshots, 0);
    hf_check_report_free(&report);
}

static inline void pass(struct fixture *fixture, int64_t ns)
{
    hf_memory_store_advance(fixture->store, ns);
}

/* Two snapshots that share nothing; the second is forgotten. All packs are old. */
static inline void make_garbage(struct fixture *fixture, char kept_id[HF_SNAPSHOT_ID_TEXT])
{
    char id[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", kept, 2, kept_id);
    fixture_backup(fixture, "app", other, 2, id);
    pass(fixture, GRACE + HOUR);
    forget(fixture->store, id);
}

/* What a snapshot needs of two thirds dead packs; the rest was forgotten. */
static inline void make_mostly_dead(struct fixture *fixture, char id[HF_SNAPSHOT_ID_TEXT])
{
    char gone[HF_SNAPSHOT_ID_TEXT];
    fixture_backup(fixture, "app", mixed, 3, gone);
    fixture_backup(fixture, "app", mixed, 1, id);
    pass(fixture, GRACE + HOUR);
    forget(fixture->store, gone);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

#endif
