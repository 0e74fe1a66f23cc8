#include "storage/repository/index_merge.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/text.h"
#include "storage/repository/repository_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/counting_store.h"
#include "tests/support/memory_store.h"
#include "tests/support/pack_fixture.h"
#include "tests/support/snapshot_fixture.h"

/* A repository whose store counts, and a shared lease on it. */
struct world {
    struct fixture fixture;
    struct hf_store *counting;
    struct hf_repo *repo;
    struct hf_lease *lease;
};

static void open_world(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = "test"};
    fixture_open(&world->fixture);
    assert_ok(hf_counting_store_new(world->fixture.store, &world->counting, &err), &err);
    assert_ok(fixture_reopen(world->counting, world->fixture.passphrase, &world->repo, &err), &err);
    assert_ok(hf_lease_take(world->repo, &options, &world->lease, &err), &err);
    (void)hf_counting_store_take(world->counting);
}

static void close_world(struct world *world)
{
    hf_lease_release(world->lease);
    hf_repo_close(world->repo);
    hf_store_close(world->counting);
    fixture_close(&world->fixture);
}

static int set_up(void **state)
{
    static struct world world;
    open_world(&world);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    close_world(*state);
    return 0;
}

static struct hf_index *load(struct world *world)
{
    struct hf_index *index;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_index_new(&index, &err), &err);
    assert_ok(hf_index_load(index, world->repo, NULL, &err), &err);
    return index;
}

/* One object of one pack of count chunks. */
static void add_object(struct world *world, struct hf_index *index, uint32_t seed, uint32_t count)
{
    struct hf_error err = HF_ERROR_INIT;
    (void)fixture_pack(NULL, world->repo->keys, seed, count, index);
    assert_ok(hf_index_flush(index, world->repo, NULL, &err), &err);
}

static enum hf_status merge(struct world *world, struct hf_index *index,
                            struct hf_index_merged *out, struct hf_error *err)
{
    return hf_index_merge(index, world->repo, world->lease, NULL, out, err);
}

static bool knows(struct hf_index *index, uint32_t seed)
{
    struct hf_location at;
    struct hf_chunk_id id = fixture_chunk_id(seed, 0);
    return hf_index_find(index, &id, &at);
}

/* What a backup does, as far as the index is concerned. */
static void back_up(struct world *world, uint32_t seed, uint32_t count)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    struct hf_index *index = load(world);
    add_object(world, index, seed, count);
    assert_ok(merge(world, index, &merged, &err), &err);
    hf_index_free(index);
}

static size_t objects(struct world *world)
{
    return hf_memory_store_count(world->fixture.store, "index/");
}

/* A new reader knows packs 0 to count - 1. */
static void assert_all_known(struct world *world, uint32_t count)
{
    struct hf_index *index = load(world);
    for (uint32_t seed = 0; seed < count; seed++)
        assert_true(knows(index, seed));
    hf_index_free(index);
}

static void choose_follows_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t sizes[6];
        size_t count;
        size_t chosen;
    } cases[] = {
        {{0}, 0, 0},
        {{5}, 1, 0},
        {{5, 5}, 2, 2},
        {{5, 10}, 2, 0},
        {{5, 9}, 2, 2},
        {{5, 9, 27}, 3, 3},
        {{5, 9, 28}, 3, 2},
        {{1, 2, 7, 30}, 4, 0},
        {{1, 2, 5, 7}, 4, 4},
        {{100, 100, HF_MERGE_FULL}, 3, 2},
        {{HF_MERGE_FULL, HF_MERGE_FULL}, 2, 0},
        {{HF_MERGE_FULL - 1, HF_MERGE_FULL - 1, HF_MERGE_FULL - 1}, 3, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(hf_index_merge_choose(cases[i].sizes, cases[i].count), cases[i].chosen);
}

static void merge_a_year_of_backups_few_objects_little_work(void **state)
{
    enum { DAYS = 365, AT_MOST = 8 };
    struct world *world = *state;
    struct hf_requests all = {.all = 0};
    unsigned worst = 0;
    for (uint32_t day = 0; day < DAYS; day++) {
        (void)hf_counting_store_take(world->counting);
        back_up(world, day, 1 + day % 7);
        struct hf_requests requests = hf_counting_store_take(world->counting);
        all.all += requests.all;
        all.put += requests.put;
        worst = requests.all > worst ? requests.all : worst;
        assert_true(objects(world) <= AT_MOST);
    }
    /* A listing, the reads, an object; and of the merges on average less than two requests each. */
    assert_true(all.put < 2 * DAYS);
    assert_true(all.all < 12 * DAYS);
    assert_true(worst <= 2 * AT_MOST + 6);
    assert_all_known(world, DAYS);
}

static void merge_nothing_to_do_no_request(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    back_up(world, 0, 100);
    back_up(world, 1, 1);
    struct hf_index *index = load(world);
    (void)hf_counting_store_take(world->counting);
    assert_ok(merge(world, index, &merged, &err), &err);
    assert_int_equal(hf_counting_store_take(world->counting).all, 0);
    assert_int_equal(merged.removed + merged.written, 0);
    hf_index_free(index);
}

/* Several objects, none of them merged yet, as a version without merges left them. */
static void leave_objects(struct world *world, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct hf_index *index = load(world);
        add_object(world, index, first + i, 3);
        hf_index_free(index);
    }
}

static void merge_keeps_what_was_dropped(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    leave_objects(world, 0, 3);
    struct hf_index *index = load(world);
    struct hf_chunk_id dropped = hf_index_pack(index, 1)->id;
    assert_ok(hf_index_drop(index, &dropped, &err), &err);
    assert_ok(hf_index_flush(index, world->repo, NULL, &err), &err);
    assert_int_equal(objects(world), 4);
    assert_ok(merge(world, index, &merged, &err), &err);
    assert_int_equal(objects(world), 1);
    hf_index_free(index);
    index = load(world);
    assert_true(hf_index_is_dropped(index, &dropped));
    assert_int_equal(hf_index_frames(index), 6);
    hf_index_free(index);
    assert_all_known(world, 3);
}

/* The n-th request of a merge fails, or its answer gets lost, and nothing comes after it: what a
 * kill leaves. The next backup puts it in order. */
static void fail_each_request(enum hf_fault fault)
{
    enum { OBJECTS = 4 };
    for (unsigned n = 1;; n++) {
        struct world world;
        struct hf_error err = HF_ERROR_INIT;
        struct hf_index_merged merged;
        open_world(&world);
        leave_objects(&world, 0, OBJECTS);
        struct hf_index *index = load(&world);
        unsigned before = hf_memory_store_operations(world.fixture.store);
        hf_memory_store_fail(world.fixture.store, n, fault, HF_IO);
        enum hf_status status = merge(&world, index, &merged, &err);
        unsigned took = hf_memory_store_operations(world.fixture.store) - before;
        hf_memory_store_fail(world.fixture.store, 0, fault, HF_OK);
        hf_index_free(index);
        assert_int_equal(status, took < n ? HF_OK : HF_IO);
        assert_all_known(&world, OBJECTS);
        back_up(&world, OBJECTS, 3);
        assert_all_known(&world, OBJECTS + 1);
        assert_true(objects(&world) <= 2);
        close_world(&world);
        if (took < n)
            break;
    }
}

static void merge_each_request_fails_nothing_lost(void **state)
{
    (void)state;
    fail_each_request(HF_FAULT_BEFORE);
}

static void merge_each_answer_lost_nothing_lost(void **state)
{
    (void)state;
    fail_each_request(HF_FAULT_AFTER);
}

static void merge_killed_after_storing_next_removes_without_writing(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    leave_objects(world, 0, 4);
    struct hf_index *index = load(world);
    /* A listing, a put, and then nothing any more. */
    hf_memory_store_fail_from(world->fixture.store, 3, HF_UNREACHABLE);
    assert_fails(merge(world, index, &merged, &err), HF_UNREACHABLE, &err);
    hf_memory_store_fail(world->fixture.store, 0, HF_FAULT_BEFORE, HF_OK);
    hf_index_free(index);
    assert_int_equal(objects(world), 5);
    index = load(world);
    assert_ok(merge(world, index, &merged, &err), &err);
    assert_int_equal(merged.written, 0);
    assert_int_equal(merged.removed, 4);
    assert_int_equal(objects(world), 1);
    hf_index_free(index);
    assert_all_known(world, 4);
}

/* Somebody else's whole backup, in between two requests of ours. */
struct other {
    struct world *world;
    uint32_t seed;
    unsigned ran;
};

static void run_other(void *ctx)
{
    struct other *other = ctx;
    other->ran++;
    back_up(other->world, other->seed, 3);
}

static void merge_another_backup_between_any_two_requests(void **state)
{
    enum { OBJECTS = 4, OTHER = OBJECTS + 1 };
    (void)state;
    for (unsigned n = 1;; n++) {
        struct world world;
        open_world(&world);
        struct other other = {.world = &world, .seed = OTHER};
        leave_objects(&world, 0, OBJECTS);
        hf_counting_store_before(world.counting, n, run_other, &other);
        back_up(&world, OBJECTS, 3); /* its load included */
        hf_counting_store_before(world.counting, 0, NULL, NULL);
        assert_all_known(&world, OBJECTS + other.ran + 1);
        back_up(&world, OTHER + 1, 3);
        assert_all_known(&world, OBJECTS + other.ran + 1);
        assert_true(objects(&world) <= 3);
        close_world(&world);
        if (!other.ran)
            break;
    }
}

/* Two that stored the same (one of them lost the answer, say): never does each of two others take
 * it for covered by the other one. */
static void merge_same_content_twice_one_stays(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    leave_objects(world, 0, 1);
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(world->fixture.store, "index/", &keys);
    HF_AUTO(hf_buf) first = HF_BUF_INIT;
    assert_ok(
        hf_store_get_all(world->fixture.store, keys.items[0], HF_INDEX_OBJECT_MAX, &first, &err),
        &err);
    /* Written anew: the same content under another name. Then the first comes back. */
    struct hf_index *index = load(world);
    assert_ok(hf_index_rewrite(index, world->repo, &err), &err);
    hf_index_free(index);
    assert_ok(hf_store_put(world->fixture.store, keys.items[0], first.data, first.len,
                           HF_PUT_CREATE, &err),
              &err);
    assert_int_equal(objects(world), 2);
    struct hf_index *hosts[2] = {load(world), load(world)};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(merge(world, hosts[i], &merged, &err), &err);
        assert_int_equal(merged.written, 0);
        hf_index_free(hosts[i]);
    }
    assert_int_equal(objects(world), 1);
    assert_all_known(world, 1);
}

static void merge_store_that_removes_nothing_is_left_alone(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    leave_objects(world, 0, 4);
    for (unsigned round = 0; round < 3; round++) {
        struct hf_index *index = load(world);
        /* The first removal is the third request of the first merge, and the second of others. */
        hf_memory_store_fail_from(world->fixture.store, round == 0 ? 3 : 2, HF_DENIED);
        assert_fails(merge(world, index, &merged, &err), HF_DENIED, &err);
        hf_memory_store_fail(world->fixture.store, 0, HF_FAULT_BEFORE, HF_OK);
        assert_int_equal(merged.written, round == 0 ? 1 : 0);
        assert_int_equal(objects(world), 5);
        hf_index_free(index);
    }
    assert_all_known(world, 4);
}

static void merge_unreadable_object_stays(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    struct hf_index_faults ignore = {.fn = NULL};
    struct hf_index *index;
    leave_objects(world, 0, 3);
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(world->fixture.store, "index/", &keys);
    fixture_flip(world->fixture.store, keys.items[1], 60, 1);
    assert_ok(hf_index_new(&index, &err), &err);
    assert_ok(hf_index_load(index, world->repo, &ignore, &err), &err);
    assert_ok(merge(world, index, &merged, &err), &err);
    assert_int_equal(merged.removed, 2);
    hf_index_free(index);
    HF_AUTO(hf_strings) left = HF_STRINGS_INIT;
    fixture_keys(world->fixture.store, "index/", &left);
    assert_int_equal(left.count, 2);
    assert_true(hf_strings_contain(&left, keys.items[1]));
}

static void lose_lease(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_lease_options options = {
        .mode = HF_LEASE_SHARED, .purpose = "test", .ttl = 1, .renew = (int64_t)3600 * 1000000000};
    hf_lease_release(world->lease);
    world->lease = NULL;
    assert_ok(hf_lease_take(world->repo, &options, &world->lease, &err), &err);
}

static void merge_lease_lost_changes_nothing(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_merged merged;
    HF_AUTO(hf_strings) before = HF_STRINGS_INIT;
    leave_objects(world, 0, 3);
    fixture_keys(world->fixture.store, "index/", &before);
    struct hf_index *index = load(world);
    lose_lease(world);
    assert_fails(merge(world, index, &merged, &err), HF_BUSY, &err);
    hf_index_free(index);
    HF_AUTO(hf_strings) after = HF_STRINGS_INIT;
    fixture_keys(world->fixture.store, "index/", &after);
    assert_int_equal(after.count, before.count);
    for (size_t i = 0; i < before.count; i++)
        assert_string_equal(after.items[i], before.items[i]);
}

/* What a reader has listed goes away before he reads it. */
static void load_objects_gone_since_listing_are_found_where_they_went(void **state)
{
    enum { OBJECTS = 4 };
    (void)state;
    for (unsigned n = 1;; n++) {
        struct world world;
        open_world(&world);
        struct other other = {.world = &world, .seed = OBJECTS};
        leave_objects(&world, 0, OBJECTS);
        hf_counting_store_before(world.counting, n, run_other, &other);
        struct hf_index *index = load(&world);
        hf_counting_store_before(world.counting, 0, NULL, NULL);
        for (uint32_t seed = 0; seed < OBJECTS; seed++)
            assert_true(knows(index, seed));
        hf_index_free(index);
        close_world(&world);
        if (!other.ran)
            break;
    }
}

/* Hosts that back up and readers that look, all at once. */
enum { HOSTS = 4, ROUNDS = 30 };

struct crowd {
    struct world *world;
    atomic_uint done;          /* hosts */
    atomic_uint rounds[HOSTS]; /* that are over */
};

static uint32_t seed_of(size_t host, unsigned round)
{
    return (uint32_t)(host * ROUNDS + round);
}

static void look(struct crowd *crowd)
{
    unsigned rounds[HOSTS];
    for (size_t host = 0; host < HOSTS; host++)
        rounds[host] = atomic_load(&crowd->rounds[host]);
    struct hf_index *index = load(crowd->world);
    for (size_t host = 0; host < HOSTS; host++)
        for (unsigned round = 0; round < rounds[host]; round++)
            assert_true(knows(index, seed_of(host, round)));
    hf_index_free(index);
}

static enum hf_status run_host(void *arg, size_t host, struct hf_error *err)
{
    struct crowd *crowd = arg;
    (void)err;
    if (host == HOSTS) {
        while (atomic_load(&crowd->done) < HOSTS)
            look(crowd);
        return HF_OK;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        back_up(crowd->world, seed_of(host, round), 1 + round % 5);
        atomic_store(&crowd->rounds[host], round + 1);
    }
    atomic_fetch_add(&crowd->done, 1);
    return HF_OK;
}

static void merge_many_hosts_and_a_reader_nothing_lost(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct crowd crowd = {.world = world};
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(HOSTS + 1, run_host, NULL, &crowd, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_all_known(world, HOSTS * ROUNDS);
    back_up(world, HOSTS * ROUNDS, 1);
    assert_all_known(world, HOSTS * ROUNDS + 1);
    assert_true(objects(world) <= 8);
}

/* Where what is stored is locked for a month, the index does not pile up for a month. */
static void merge_where_objects_are_locked_keeps_the_index_small(void **state)
{
    enum { BACKUPS = 40, MOST = 6 };
    struct world *world = *state;
    hf_memory_store_lock(world->fixture.store, 30 * 86400 * HF_NS_PER_S);
    for (uint32_t seed = 0; seed < BACKUPS; seed++) {
        back_up(world, seed, 3);
        assert_true(objects(world) <= MOST);
    }
    assert_all_known(world, BACKUPS);
}

/* Which is why it need not be locked. */
static void read_without_any_index_finds_all_in_the_packs(void **state)
{
    struct world *world = *state;
    const struct fixture_stream stream = {"s", HF_STREAM_BYTES, 3000000, 5};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    hf_memory_store_lock(world->fixture.store, 30 * 86400 * HF_NS_PER_S);
    fixture_backup(&world->fixture, "app", &stream, 1, id);
    fixture_keys(world->fixture.store, "index/", &keys);
    assert_true(keys.count > 0);
    for (size_t i = 0; i < keys.count; i++)
        assert_ok(hf_store_delete(world->fixture.store, keys.items[i], &err), &err);
    assert_ok(fixture_read_all(world->fixture.repo, id, &stream, 1, &err), &err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choose_follows_sizes),
        TEST(merge_a_year_of_backups_few_objects_little_work),
        TEST(merge_nothing_to_do_no_request),
        TEST(merge_keeps_what_was_dropped),
        cmocka_unit_test(merge_each_request_fails_nothing_lost),
        cmocka_unit_test(merge_each_answer_lost_nothing_lost),
        TEST(merge_killed_after_storing_next_removes_without_writing),
        cmocka_unit_test(merge_another_backup_between_any_two_requests),
        TEST(merge_same_content_twice_one_stays),
        TEST(merge_store_that_removes_nothing_is_left_alone),
        TEST(merge_unreadable_object_stays),
        TEST(merge_lease_lost_changes_nothing),
        cmocka_unit_test(load_objects_gone_since_listing_are_found_where_they_went),
        TEST(merge_where_objects_are_locked_keeps_the_index_small),
        TEST(read_without_any_index_finds_all_in_the_packs),
        TEST(merge_many_hosts_and_a_reader_nothing_lost),
    };
    return cmocka_run_group_tests_name("index_merge", tests, NULL, NULL);
}
