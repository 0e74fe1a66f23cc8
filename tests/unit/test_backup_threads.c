#include "storage/repository/backup.h"

#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/backup_run.h"
#include "tests/support/check.h"
#include "tests/support/memory_store.h"

#define MIB ((size_t)1 << 20)

static const struct fixture_stream mixed[] = {
    {"data/big", HF_STREAM_ROWS, 6 * MIB, 1},
    {"data/middle", HF_STREAM_BYTES, 3 * MIB, 3},
    {"same as big", HF_STREAM_ROWS, 6 * MIB, 1},
};
enum { MIXED = sizeof mixed / sizeof mixed[0] };

enum { PRODUCERS = 4, TINY = 3000, SHARED_STREAMS = 12 };

struct producers {
    struct backup_run *run;
    atomic_uint next;
    unsigned count;
    size_t size;
};

/* Threads that take one stream after the other, as connections do. */
static enum hf_status produce(void *arg, size_t index, struct hf_error *err)
{
    struct producers *producers = arg;
    (void)index;
    for (;;) {
        char name[64];
        unsigned i = atomic_fetch_add(&producers->next, 1);
        if (i >= producers->count)
            return HF_OK;
        (void)snprintf(name, sizeof name, "data/public.t%05u/0000", i);
        const struct fixture_stream stream = {name, HF_STREAM_ROWS, producers->size + i, i + 1};
        HF_TRY(backup_run_write_stream(hf_backup_sink(producers->run->backup), &stream, err));
    }
}

static void back_up_from_threads(struct fixture *fixture, unsigned count, size_t size,
                                 char id[HF_SNAPSHOT_ID_TEXT])
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pool *pool;
    struct backup_run run;
    assert_ok(backup_run_begin(fixture->repo, &run, &err), &err);
    struct producers producers = {.run = &run, .count = count, .size = size};
    assert_ok(hf_pool_start(PRODUCERS, produce, NULL, &producers, run.cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_ok(backup_run_commit(&run, NULL, id, &err), &err);
}

static void read_from_threads(struct fixture *fixture, const char *id, unsigned count, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    struct fixture_stream *streams = calloc(count, sizeof *streams);
    char(*names)[64] = calloc(count, sizeof *names);
    assert_non_null(streams);
    assert_non_null(names);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "data/public.t%05u/0000", i);
        streams[i] = (struct fixture_stream){names[i], HF_STREAM_ROWS, size + i, i + 1};
    }
    assert_ok(fixture_read_all(fixture->repo, id, streams, count, &err), &err);
    free(streams);
    free(names);
}

static void backup_many_tiny_streams_from_threads_come_back(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    back_up_from_threads(fixture, TINY, 100, id);
    assert_in_range(hf_memory_store_count(fixture->store, "packs/"), 2, 3);
    read_from_threads(fixture, id, TINY, 100);
}

static void backup_large_streams_from_threads_come_back(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    back_up_from_threads(fixture, SHARED_STREAMS, 4 * MIB, id);
    read_from_threads(fixture, id, SHARED_STREAMS, 4 * MIB);
}

struct twins {
    struct fixture *fixture;
    char ids[2][HF_SNAPSHOT_ID_TEXT];
};

static enum hf_status run_twin(void *arg, size_t index, struct hf_error *err)
{
    struct twins *twins = arg;
    return back_up_streams(twins->fixture->repo, mixed, MIXED, NULL, twins->ids[index], err);
}

static void two_backups_at_once_both_come_back(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct twins twins = {.fixture = *state};
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(2, run_twin, NULL, &twins, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    for (size_t i = 0; i < 2; i++)
        assert_ok(fixture_read_all(twins.fixture->repo, twins.ids[i], mixed, MIXED, &err), &err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(backup_many_tiny_streams_from_threads_come_back),
        TEST(backup_large_streams_from_threads_come_back),
        TEST(two_backups_at_once_both_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
