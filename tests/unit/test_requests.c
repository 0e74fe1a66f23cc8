/*
 * How many requests each piece of work asks of a store: what a bucket costs. docs/operating.md has
 * the table; a number that changes here changes there.
 */
#include "storage/repository/backup.h"
#include "storage/repository/check.h"
#include "storage/repository/snapshot.h"

#include "base/text.h"
#include "storage/cache/cache.h"
#include "storage/repository/repository_internal.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/counting_store.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

enum { PATH = 512, DAYS = 10, STREAMS = 3 };

static const struct fixture_stream streams[STREAMS] = {
    {"data/one", HF_STREAM_ROWS, 300000, 1},
    {"data/two", HF_STREAM_BYTES, 100000, 2},
    {"data/tiny", HF_STREAM_ROWS, 1000, 3},
};

/* One process after the other on the same bucket, with a cache or without. */
struct world {
    struct fixture fixture; /* its store is the bucket */
    char folder[CHECK_PATH];
    bool cached;
    struct hf_store *counting;
    struct hf_store *store; /* what the repository is on: counting, or a cache around it */
    struct hf_repo *repo;
};

static void begin_process(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_counting_store_new(world->fixture.store, &world->counting, &err), &err);
    world->store = world->counting;
    if (world->cached)
        assert_ok(hf_cache_open(world->counting, &world->store, &err), &err);
    assert_ok(fixture_reopen(world->store, world->fixture.passphrase, &world->repo, &err), &err);
    const struct hf_cache_options options = {.folder = world->folder,
                                             .repository = hf_repo_id(world->repo)};
    if (world->cached)
        hf_cache_attach(world->store, &options);
}

static struct hf_requests end_process(struct world *world)
{
    struct hf_requests requests = hf_counting_store_take(world->counting);
    hf_repo_close(world->repo);
    hf_store_close(world->store);
    return requests;
}

static int set_up(void **state)
{
    static struct world world;
    fixture_open(&world.fixture);
    check_folder(world.folder);
    world.cached = true;
    *state = &world;
    return 0;
}

static void remove_cache(struct world *world)
{
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s/%s", world->folder, hf_repo_id(world->fixture.repo));
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/CACHEDIR.TAG", world->folder);
    (void)unlink(path);
}

static int tear_down(void **state)
{
    struct world *world = *state;
    remove_cache(world);
    (void)rmdir(world->folder);
    fixture_close(&world->fixture);
    return 0;
}

static struct hf_requests back_up(struct world *world, const struct fixture_stream *what,
                                  size_t count)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    begin_process(world);
    struct fixture as_process = {.store = world->store, .repo = world->repo};
    fixture_backup(&as_process, "app", what, count, id);
    return end_process(world);
}

/* A day: one stream changes. */
static struct hf_requests back_up_day(struct world *world, unsigned day)
{
    struct fixture_stream changed[STREAMS];
    memcpy(changed, streams, sizeof changed);
    changed[2].seed = 100 + day;
    return back_up(world, changed, STREAMS);
}

static struct hf_requests list(struct world *world, size_t expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_snapshots) found = {.items = NULL};
    begin_process(world);
    assert_ok(hf_snapshots_load(world->repo, NULL, NULL, &found, &err), &err);
    assert_int_equal(found.count, expected);
    return end_process(world);
}

/* What show does, and restore before it reads data. */
static struct hf_requests open_latest(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_snapshots) found = {.items = NULL};
    const struct hf_snapshot_info *info;
    struct hf_snapshot *snapshot;
    const struct hf_read_options options = {.threads = 1};
    begin_process(world);
    assert_ok(hf_snapshots_load(world->repo, NULL, NULL, &found, &err), &err);
    assert_ok(hf_snapshots_find(&found, "app@latest", &info, &err), &err);
    assert_ok(hf_snapshot_open(world->repo, info->id, &options, &snapshot, &err), &err);
    hf_snapshot_close(snapshot);
    return end_process(world);
}

static void assert_requests(struct hf_requests requests, unsigned put, unsigned get,
                            unsigned listed, unsigned stat, unsigned removed)
{
    if (requests.put != put || requests.get != get || requests.list != listed ||
        requests.stat != stat || requests.remove != removed)
        fail_msg("put %u get %u list %u stat %u remove %u, not %u %u %u %u %u", requests.put,
                 requests.get, requests.list, requests.stat, requests.remove, put, get, listed,
                 stat, removed);
}

static void open_asks_for_header_and_key(void **state)
{
    struct world *world = *state;
    begin_process(world);
    assert_requests(end_process(world), 0, 2, 1, 0, 0);
}

static void backup_unchanged_asks_twelve(void **state)
{
    struct world *world = *state;
    (void)back_up(world, streams, STREAMS);
    /* header, key; keys, leases, index, marks, packs; lease, manifest; the lease before and
     * after; lease. */
    assert_requests(back_up(world, streams, STREAMS), 2, 2, 5, 2, 1);
    world->cached = false;
    assert_requests(back_up(world, streams, STREAMS), 2, 3, 5, 2, 1);
}

static void backup_unchanged_after_ten_days_asks_twelve(void **state)
{
    struct world *world = *state;
    struct fixture_stream last[STREAMS];
    for (unsigned day = 0; day < DAYS; day++)
        (void)back_up_day(world, day);
    memcpy(last, streams, sizeof last);
    last[2].seed = 100 + DAYS - 1;
    assert_requests(back_up(world, last, STREAMS), 2, 2, 5, 2, 1);
    remove_cache(world);
    struct hf_requests cold = back_up(world, last, STREAMS);
    assert_true(cold.get <= 2 + 5);
}

static void backup_with_little_new_asks_few(void **state)
{
    struct world *world = *state;
    unsigned all = 0, worst = 0;
    for (unsigned day = 0; day < DAYS; day++) {
        struct hf_requests requests = back_up_day(world, day);
        all += requests.all;
        worst = requests.all > worst ? requests.all : worst;
    }
    /* The twelve of an unchanged one, two packs, an index object; and merges now and then. */
    assert_true(all <= 19 * DAYS);
    assert_true(worst <= 27);
}

static void list_asks_five_however_many(void **state)
{
    struct world *world = *state;
    for (unsigned day = 0; day < DAYS; day++)
        (void)back_up_day(world, day);
    assert_requests(list(world, DAYS), 0, 2, 3, 0, 0);
    remove_cache(world);
    assert_requests(list(world, DAYS), 0, 2 + DAYS, 3, 0, 0);
    assert_requests(list(world, DAYS), 0, 2, 3, 0, 0);
}

static void list_with_proofs_asks_for_each_once(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_snapshots) found = {.items = NULL};
    (void)back_up_day(world, 0);
    (void)back_up_day(world, 1);
    assert_ok(hf_snapshots_load(world->fixture.repo, NULL, NULL, &found, &err), &err);
    for (size_t i = 0; i < found.count; i++)
        assert_ok(hf_snapshot_add_proof(world->fixture.repo, found.items[i].id, HF_SNAPSHOT_CHECKED,
                                        NULL, &err),
                  &err);
    assert_requests(list(world, 2), 0, 4, 3, 0, 0);
    assert_requests(list(world, 2), 0, 2, 3, 0, 0);
}

static void open_snapshot_asks_few(void **state)
{
    struct world *world = *state;
    (void)back_up(world, streams, STREAMS);
    /* As list; then snapshots, proofs and index once more, and the pack of the catalog. */
    assert_requests(open_latest(world), 0, 3, 6, 0, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(open_asks_for_header_and_key),
        TEST(backup_unchanged_asks_twelve),
        TEST(backup_unchanged_after_ten_days_asks_twelve),
        TEST(backup_with_little_new_asks_few),
        TEST(list_asks_five_however_many),
        TEST(list_with_proofs_asks_for_each_once),
        TEST(open_snapshot_asks_few),
    };
    return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
