#include "storage/repository/backup_plan.h"

#include "storage/repository/header.h"
#include "storage/repository/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define MIB (UINT64_C(1) << 20)

static void plan_every_budget_is_kept(void **state)
{
    (void)state;
    static const int levels[] = {1, 3, 19};
    static const uint32_t chunks[] = {64 << 10, HF_CHUNK_MAX, HF_CHUNK_MAX_HIGHEST};
    for (uint64_t memory = 96 * MIB; memory < 40000 * MIB; memory = memory * 5 / 4)
        for (unsigned threads = 1; threads <= 256; threads *= 4)
            for (size_t i = 0; i < 9; i++) {
                struct hf_error err = HF_ERROR_INIT;
                struct hf_backup_plan plan;
                int level = levels[i % 3];
                uint32_t chunk = chunks[i / 3];
                if (hf_backup_plan(memory, threads, level, chunk, &plan, &err) != HF_OK) {
                    assert_int_equal(err.status, HF_USAGE);
                    assert_true(memory < 512 * MIB);
                    continue;
                }
                assert_true(hf_backup_plan_bytes(&plan, level, chunk) <= memory);
                assert_in_range(plan.workers, 1, threads);
                assert_true(plan.uploaders >= 1 && plan.uploaders < plan.packs);
                assert_true(plan.buffers >= 4 && plan.packs >= 2);
                assert_in_range(plan.pack_size, HF_PACK_TARGET, HF_PACK_MAX);
            }
}

static void plan_defaults_serve_every_processor(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_plan plan;
    assert_ok(hf_backup_plan(0, 2, 0, HF_CHUNK_MAX, &plan, &err), &err);
    assert_int_equal(plan.workers, 2);
    assert_true(plan.uploaders >= 2);
    assert_true(plan.buffers >= 12);
    assert_true(hf_backup_plan_bytes(&plan, 0, HF_CHUNK_MAX) <= HF_BACKUP_MEMORY);
}

static void plan_too_little_memory_says_what_is_needed(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_plan plan;
    assert_fails(hf_backup_plan(50 * MIB, 2, 0, HF_CHUNK_MAX, &plan, &err), HF_USAGE, &err);
    assert_contains(err.text, "50.0 MiB");
    assert_contains(err.text, "or more");
}

static void plan_beside_a_large_index_leaves_room_for_it(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup_plan alone, plan;
    uint64_t beyond = 1;
    assert_ok(hf_backup_plan(0, 2, 0, HF_CHUNK_MAX, &alone, &err), &err);
    assert_ok(hf_backup_plan_beside(HF_BACKUP_INDEX, 0, 2, 0, HF_CHUNK_MAX, &plan, &beyond, &err),
              &err);
    assert_int_equal(beyond, 0);
    assert_memory_equal(&plan, &alone, sizeof plan);
    assert_ok(hf_backup_plan_beside(80 * MIB, 0, 2, 0, HF_CHUNK_MAX, &plan, &beyond, &err), &err);
    assert_int_equal(beyond, 0);
    assert_true(hf_backup_plan_bytes(&plan, 0, HF_CHUNK_MAX) + 64 * MIB <= HF_BACKUP_MEMORY);
    /* More than there is: as little as it works in, and by how much it is too much. */
    assert_ok(hf_backup_plan_beside(900 * MIB, 0, 2, 0, HF_CHUNK_MAX, &plan, &beyond, &err), &err);
    assert_int_equal(beyond,
                     hf_backup_plan_bytes(&plan, 0, HF_CHUNK_MAX) + 884 * MIB - HF_BACKUP_MEMORY);
    assert_int_equal(plan.packs, 2);
    assert_fails(hf_backup_plan_beside(0, 50 * MIB, 2, 0, HF_CHUNK_MAX, &plan, &beyond, &err),
                 HF_USAGE, &err);
}

static void spare_leaves_the_least_that_works(void **state)
{
    const uint64_t mib = 1 << 20;
    (void)state;
    for (uint64_t memory = 64 * mib; memory <= 1024 * mib; memory += 7 * mib) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_backup_plan plan;
        uint64_t spare = hf_backup_plan_spare(memory, 1, 4 << 20);
        assert_true(spare < memory);
        if (spare > 0)
            assert_int_equal(hf_backup_plan(memory - spare, 1, 1, 4 << 20, &plan, &err), HF_OK);
        if (memory >= 256 * mib)
            assert_true(spare >= 64 * mib);
    }
    assert_int_equal(hf_backup_plan_spare(0, 1, 4 << 20),
                     hf_backup_plan_spare(HF_BACKUP_MEMORY, 1, 4 << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_every_budget_is_kept),
        cmocka_unit_test(plan_defaults_serve_every_processor),
        cmocka_unit_test(plan_beside_a_large_index_leaves_room_for_it),
        cmocka_unit_test(plan_too_little_memory_says_what_is_needed),
        cmocka_unit_test(spare_leaves_the_least_that_works),
    };
    return cmocka_run_group_tests_name("backup_plan", tests, NULL, NULL);
}
