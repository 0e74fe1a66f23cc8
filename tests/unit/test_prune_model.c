/*
 * Random interleavings of everything that writes: backups that take many steps, copies between two
 * replicas, forgets, checks, prunes, kills at any operation, clocks that jump. After every step
 * each snapshot must have every chunk that it needs.
 *
 * Each seed is a run of its own and comes out the same each time. HF_MODEL_SEEDS: how many
 * (default: as many as fit HF_MODEL_SECONDS, 6); HF_MODEL_SEED: the first, or the only one when no
 * other is set.
 */
#include "base/clock.h"
#include "base/text.h"
#include "storage/repository/backup_internal.h"
#include "storage/repository/catalog.h"
#include "storage/repository/check.h"
#include "storage/repository/chunk_reader.h"
#include "storage/repository/copy.h"
#include "storage/repository/manifest.h"
#include "storage/repository/prune.h"
#include "storage/repository/snapshot_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/snapshot_fixture.h"

#define HOUR (3600 * HF_NS_PER_S)
#define GRACE (72 * HOUR)
enum { HOSTS = 3, REPOSITORIES = 2, STEPS = 60, CONTENTS = 12, STREAMS_MOST = 4, PIECES = 3 };

/* One backup, possibly suspended between two of its steps for a long while. */
struct host {
    struct hf_cancel *cancel;
    struct hf_backup *backup; /* NULL: none under way */
    unsigned streams;
    int at; /* repository */
};

struct world {
    uint64_t random;
    struct fixture replicas[REPOSITORIES];
    struct host hosts[HOSTS];
    bool jumped; /* a clock was set since backups began: they may be told to run again */
};

static uint32_t roll(struct world *world, uint32_t bound)
{
    uint64_t x = world->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) % bound);
}

static struct fixture *any(struct world *world)
{
    return &world->replicas[roll(world, REPOSITORIES)];
}

/* ---- what must hold ---- */

struct needs {
    struct hf_index *index;
    struct hf_chunk_reader *reader;
    struct hf_strings packs; /* what is there */
};

/* In a pack that is there: wherever the index says, or where the reader finds it. */
static enum hf_status need(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                           struct hf_error *err)
{
    struct needs *needs = ctx;
    struct hf_location at;
    struct hf_chunk_id key;
    char name[HF_PACK_NAME];
    memcpy(key.bytes, id, sizeof key.bytes);
    (void)len;
    if (!hf_index_find(needs->index, &key, &at))
        return hf_error_set(err, HF_DAMAGED, "a chunk is nowhere");
    hf_pack_name(&at.pack->id, name);
    return hf_strings_contain(&needs->packs, name)
               ? HF_OK
               : hf_error_set(err, HF_DAMAGED, "%s is gone", name);
}

static enum hf_status check_snapshot(struct needs *needs, struct hf_repo *repo, const char *key,
                                     struct hf_error *err)
{
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    HF_AUTO(hf_catalog) catalog = HF_CATALOG_INIT;
    HF_TRY(hf_manifest_read(repo, key, &manifest, err));
    HF_TRY(hf_reflist_walk(&manifest.catalog, hf_chunk_read_meta, needs->reader, need, need, needs,
                           err));
    HF_TRY(hf_catalog_read(&manifest.catalog, hf_chunk_read_meta, needs->reader, &catalog, err));
    for (size_t i = 0; i < catalog.count; i++)
        HF_TRY(hf_reflist_walk(&catalog.items[i].root, hf_chunk_read_meta, needs->reader, need,
                               need, needs, err));
    return HF_OK;
}

/* As a reader sees it who comes now, with the packs that are there looked at. */
static enum hf_status check_repository(struct fixture *fixture, struct hf_error *err)
{
    struct needs needs = {.packs = HF_STRINGS_INIT};
    struct hf_index_survey survey;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "packs/", &needs.packs);
    fixture_keys(fixture->store, "snapshots/", &keys);
    enum hf_status status = hf_index_new(&needs.index, err);
    if (status == HF_OK)
        status = hf_index_load(needs.index, fixture->repo, NULL, err);
    if (status == HF_OK)
        status = hf_index_survey(needs.index, fixture->repo, "", NULL, &survey, err);
    if (status == HF_OK)
        status = hf_chunk_reader_new(fixture->repo, needs.index, &needs.reader, err);
    for (size_t i = 0; status == HF_OK && i < keys.count; i++)
        status = check_snapshot(&needs, fixture->repo, keys.items[i], err);
    if (needs.reader)
        hf_chunk_reader_free(needs.reader);
    hf_index_free(needs.index);
    hf_strings_free(&needs.packs);
    return status;
}

/* ---- steps ---- */

/* Content is of a few kinds that come again and again, so that snapshots share chunks, forget them
 * and want them back. */
static enum hf_status write_stream(struct world *world, struct host *host, struct hf_error *err)
{
    const struct hf_sink *sink = hf_backup_sink(host->backup);
    struct hf_sink_stream *out;
    char name[32];
    (void)snprintf(name, sizeof name, "data/%u", host->streams++);
    HF_TRY(sink->open(sink->ctx, name, HF_STREAM_BYTES, &out, err));
    unsigned pieces = 1 + roll(world, PIECES);
    for (unsigned i = 0; i < pieces; i++) {
        HF_AUTO(hf_buf) data = HF_BUF_INIT;
        const struct fixture_stream content = {
            .kind = HF_STREAM_BYTES, .size = 400, .seed = 1 + roll(world, CONTENTS)};
        fixture_content(&content, &data);
        enum hf_status status = sink->write(out, data.data, data.len, err);
        if (status == HF_OK)
            status = sink->cut(out, err);
        if (status != HF_OK) {
            sink->abandon(out);
            return status;
        }
    }
    return sink->close(out, 1, NULL, err);
}

static void end_backup(struct host *host)
{
    if (host->backup)
        hf_backup_abort(host->backup);
    hf_cancel_free(host->cancel);
    *host = (struct host){.backup = NULL};
}

static void begin_backup(struct world *world, struct host *host)
{
    struct hf_error err = HF_ERROR_INIT;
    host->at = (int)roll(world, REPOSITORIES);
    assert_ok(hf_cancel_new(&host->cancel, &err), &err);
    const struct hf_backup_options options = {
        .source = "app", .kind = "test", .host = "here", .threads = 1, .cancel = host->cancel};
    if (hf_backup_begin(world->replicas[host->at].repo, &options, &host->backup, &err) != HF_OK) {
        host->backup = NULL;
        end_backup(host);
    }
}

/* One more step of a backup, whatever it comes to. A commit may be interrupted at any operation:
 * what is not done by then is not done. */
static void step_backup(struct world *world, struct host *host)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = world->replicas[host->at].store;
    char id[HF_SNAPSHOT_ID_TEXT];
    if (!host->backup) {
        begin_backup(world, host);
        return;
    }
    if (host->streams < STREAMS_MOST && roll(world, 3) > 0) {
        if (write_stream(world, host, &err) != HF_OK)
            end_backup(host);
        return;
    }
    if (roll(world, 4) == 0)
        hf_memory_store_fail_from(store, 1 + roll(world, 14), HF_UNREACHABLE);
    enum hf_status status = hf_backup_commit(host->backup, NULL, id, NULL, &err);
    hf_memory_store_fail(store, 0, HF_FAULT_BEFORE, HF_OK);
    assert_true(status == HF_OK || status == HF_BUSY || status == HF_UNREACHABLE);
    host->backup = NULL;
    end_backup(host);
}

static void kill_backup(struct world *world)
{
    struct host *host = &world->hosts[roll(world, HOSTS)];
    if (!host->backup)
        return;
    struct hf_store *store = world->replicas[host->at].store;
    hf_memory_store_fail_from(store, 1, HF_UNREACHABLE); /* its lease stays */
    end_backup(host);
    hf_memory_store_fail(store, 0, HF_FAULT_BEFORE, HF_OK);
}

static void prune(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_prune_report report;
    struct fixture *fixture = any(world);
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_prune_options options = {.grace = GRACE,
                                             .repack_percent = 30 * roll(world, 3),
                                             .repack_bytes = HF_PRUNE_REPACK_BYTES,
                                             .dry_run = roll(world, 8) == 0,
                                             .cancel = cancel};
    bool killed = roll(world, 3) == 0;
    if (killed)
        hf_memory_store_fail_from(fixture->store, 1 + roll(world, 60), HF_UNREACHABLE);
    enum hf_status status = hf_prune(fixture->repo, &options, &report, &err);
    hf_memory_store_fail(fixture->store, 0, HF_FAULT_BEFORE, HF_OK);
    if (status != HF_OK && status != HF_BUSY && !killed)
        fail_msg("prune: %s", err.text);
    /* Nobody else could begin before its lease ran out, and would wait for that. */
    if (killed)
        hf_memory_store_advance(fixture->store, HOUR);
}

static void copy(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_copy_report report;
    unsigned from = roll(world, REPOSITORIES), to = (from + 1) % REPOSITORIES;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_copy_options options = {.threads = 1, .cancel = cancel};
    if (roll(world, 4) == 0)
        hf_memory_store_fail_from(world->replicas[to].store, 1 + roll(world, 30), HF_UNREACHABLE);
    (void)!hf_copy(world->replicas[from].repo, world->replicas[to].repo, &options, &report, &err);
    hf_memory_store_fail(world->replicas[to].store, 0, HF_FAULT_BEFORE, HF_OK);
    hf_copy_report_free(&report);
}

static void forget_some(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *fixture = any(world);
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    fixture_keys(fixture->store, "snapshots/", &keys);
    for (size_t i = 0; i < keys.count; i++)
        if (roll(world, 2) == 0)
            assert_ok(hf_store_delete(fixture->store, keys.items[i], &err), &err);
}

static void repair(struct world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_check_report report;
    const struct hf_check_options options = {.repair = roll(world, 2) == 0};
    (void)!hf_check_repo(any(world)->repo, &options, &report, &err);
    hf_check_report_free(&report);
}

/* Forward by less or more than grace, or back; for one store, whose leases all seem to run out. */
static void jump(struct world *world)
{
    static const int64_t jumps[] = {HOUR, 10 * HOUR, GRACE + HOUR, 10 * GRACE, -HOUR, -GRACE};
    hf_memory_store_advance(any(world)->store, jumps[roll(world, sizeof jumps / sizeof *jumps)]);
}

static void step(struct world *world)
{
    uint32_t what = roll(world, 100);
    if (what < 50)
        step_backup(world, &world->hosts[roll(world, HOSTS)]);
    else if (what < 66)
        prune(world);
    else if (what < 76)
        copy(world);
    else if (what < 84)
        forget_some(world);
    else if (what < 94)
        jump(world);
    else if (what < 97)
        kill_backup(world);
    else
        repair(world);
}

static void run_seed(struct fixture *original, uint64_t seed)
{
    struct world world = {.random = seed};
    struct hf_error err = HF_ERROR_INIT;
    fixture_copy(original, &world.replicas[0]);
    fixture_replica(original, &world.replicas[1]);
    for (int i = 0; i < STEPS; i++) {
        /* Else whoever meets a lease waits in case that it was put this very moment. */
        for (int r = 0; r < REPOSITORIES; r++)
            hf_memory_store_advance(world.replicas[r].store, 3 * HF_NS_PER_S);
        step(&world);
        for (int r = 0; r < REPOSITORIES; r++)
            if (check_repository(&world.replicas[r], &err) != HF_OK)
                fail_msg("seed %llu, step %d, repository %d: %s", (unsigned long long)seed, i, r,
                         err.text);
    }
    for (int i = 0; i < HOSTS; i++)
        if (world.hosts[i].backup)
            end_backup(&world.hosts[i]);
    for (int r = 0; r < REPOSITORIES; r++)
        fixture_drop(&world.replicas[r]);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void no_interleaving_loses_a_chunk(void **state)
{
    struct fixture original;
    (void)state;
    uint64_t first = setting("HF_MODEL_SEED", 1);
    uint64_t seeds = setting("HF_MODEL_SEEDS", getenv("HF_MODEL_SEED") ? 1 : UINT32_MAX);
    int64_t seconds = (int64_t)setting("HF_MODEL_SECONDS", seeds == UINT32_MAX ? 6 : INT32_MAX);
    int64_t end = hf_clock_monotonic() + seconds * HF_NS_PER_S;
    uint64_t done = 0;
    fixture_open(&original);
    for (; done < seeds && (done == 0 || hf_clock_monotonic() < end); done++)
        run_seed(&original, first + done);
    print_message("%llu seeds\n", (unsigned long long)done);
    fixture_close(&original);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_interleaving_loses_a_chunk)};
    return cmocka_run_group_tests_name("prune model", tests, NULL, NULL);
}
