#include "storage/repository/claims.h"

#include "base/pool.h"
#include "storage/repository/chunk_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

static struct hf_chunk_id id_of(uint32_t i)
{
    struct hf_chunk_id id = {{0}};
    hf_store_u32(id.bytes + 8, i);
    hf_store_u32(id.bytes, i % 3); /* few buckets */
    return id;
}

static void take_first_gets_it_others_do_not(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_claims *claims;
    struct hf_index *index;
    struct hf_claim *mine, *again;
    const struct hf_index_pack *known;
    struct hf_chunk_id id = id_of(1), other = id_of(4);
    assert_ok(hf_claims_new(&claims, &err), &err);
    assert_ok(hf_index_new(&index, &err), &err);
    assert_ok(hf_claims_take(claims, index, &id, &mine, &known, &err), &err);
    assert_non_null(mine);
    assert_ok(hf_claims_take(claims, index, &id, &again, &known, &err), &err);
    assert_null(again);
    assert_null(known);
    assert_ok(hf_claims_take(claims, index, &other, &again, &known, &err), &err);
    assert_non_null(again);
    mine->pack_next = again;
    hf_claims_settle(claims, mine);
    assert_ok(hf_claims_take(claims, index, &id, &mine, &known, &err), &err);
    assert_non_null(mine); /* settled, and not in the index: to be stored anew */
    hf_index_free(index);
    hf_claims_free(claims);
}

enum { THREADS = 4, IDS = 2000 };

struct race {
    struct hf_claims *claims;
    struct hf_index *index;
    atomic_uint taken;
};

static enum hf_status take_all(void *arg, size_t thread, struct hf_error *err)
{
    struct race *race = arg;
    for (uint32_t i = 0; i < IDS; i++) {
        struct hf_chunk_id id = id_of((i + (uint32_t)thread * 7) % IDS);
        struct hf_claim *claim;
        const struct hf_index_pack *known;
        HF_TRY(hf_claims_take(race->claims, race->index, &id, &claim, &known, err));
        atomic_fetch_add(&race->taken, claim ? 1 : 0);
    }
    return HF_OK;
}

static void take_from_threads_each_id_once(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct race race = {.taken = 0};
    struct hf_pool *pool;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_claims_new(&race.claims, &err), &err);
    assert_ok(hf_index_new(&race.index, &err), &err);
    assert_ok(hf_pool_start(THREADS, take_all, NULL, &race, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(race.taken, IDS);
    hf_index_free(race.index);
    hf_claims_free(race.claims);
}

static void pool_lends_the_last_given_back(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_chunk_pool *pool;
    assert_ok(hf_chunk_pool_new(3, 4096, &pool, &err), &err);
    struct hf_chunk_buffer *a = hf_chunk_pool_take(pool);
    struct hf_chunk_buffer *b = hf_chunk_pool_take(pool);
    memset(a->data, 1, 4096);
    memset(b->data, 2, 4096);
    assert_int_equal(a->data[4095], 1);
    a->len = 7;
    hf_chunk_pool_give(pool, b);
    hf_chunk_pool_give(pool, a);
    assert_ptr_equal(hf_chunk_pool_take(pool), a);
    assert_int_equal(a->len, 0);
    hf_chunk_pool_stop(pool);
    assert_null(hf_chunk_pool_take(pool));
    hf_chunk_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_first_gets_it_others_do_not),
        cmocka_unit_test(take_from_threads_each_id_once),
        cmocka_unit_test(pool_lends_the_last_given_back),
    };
    return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
