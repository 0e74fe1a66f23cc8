#include "storage/repository/prune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/memory_store.h"
#include "tests/support/prune_world.h"
#include "tests/support/snapshot_fixture.h"

static void repack_moves_what_is_needed_of_mostly_dead_packs(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_repo *writer = fixture_writer(fixture);
    make_mostly_dead(fixture, id);
    struct hf_prune_report report = prune(writer);
    assert_true(report.dead_bytes > 180000);
    report = repack(writer);
    assert_int_equal(report.repacked.packs, 1);
    assert_int_equal(report.written.packs, 1);
    assert_true(report.written.bytes < 10000);
    assert_int_equal(report.dead_bytes, 0);
    assert_whole(fixture->repo);
    pass(fixture, GRACE + HOUR);
    report = repack(writer);
    assert_true(report.deleted.bytes > 180000);
    assert_int_equal(report.repacked.packs, 0);
    assert_whole(fixture->repo);
    assert_ok(fixture_read_all(fixture->repo, id, mixed, 1, &err), &err);
    hf_repo_close(writer);
}

/* Packs of packs: slots and numbers go along twice. */
static void repack_merges_many_small_packs_and_can_be_repeated(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    enum { DAYS = 40 };
    char ids[DAYS][HF_SNAPSHOT_ID_TEXT];
    struct fixture_stream day[DAYS];
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = round * DAYS / 2; i < (round + 1) * DAYS / 2; i++) {
            day[i] = (struct fixture_stream){"data/day", HF_STREAM_BYTES, 2000, 100 + i};
            fixture_backup(fixture, "app", &day[i], 1, ids[i]);
        }
        pass(fixture, GRACE + HOUR);
        struct hf_prune_report report = repack(fixture->repo);
        assert_true(report.repacked.packs >= DAYS / 2);
        assert_int_equal(report.written.packs, 2);
        assert_whole(fixture->repo);
    }
    pass(fixture, GRACE + HOUR);
    (void)repack(fixture->repo);
    assert_int_equal(hf_memory_store_count(fixture->store, "packs/"), 2);
    for (unsigned i = 0; i < DAYS; i++)
        assert_ok(fixture_read_all(fixture->repo, ids[i], &day[i], 1, &err), &err);
}

static void repack_does_not_carry_damage_on(void **state)
{
    struct fixture *fixture = *state;
    char id[HF_SNAPSHOT_ID_TEXT];
    HF_AUTO(hf_strings) packs = HF_STRINGS_INIT;
    make_mostly_dead(fixture, id);
    fixture_keys(fixture->store, "packs/", &packs);
    fixture_flip(fixture->store, fixture_largest(fixture->store, &packs), 50000, 1);
    struct hf_prune_report report = repack(fixture->repo);
    assert_int_equal(report.repacked.packs, 0);
    assert_int_equal(report.written.packs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(repack_moves_what_is_needed_of_mostly_dead_packs),
        TEST(repack_merges_many_small_packs_and_can_be_repeated),
        TEST(repack_does_not_carry_damage_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
