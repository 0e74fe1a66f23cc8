#include "storage/repository/read_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define MIB (UINT64_C(1) << 20)

static struct hf_read_budget *make(uint64_t memory)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_read_budget *budget;
    assert_ok(hf_read_budget_new(memory, &budget, &err), &err);
    return budget;
}

/* How much can be had a megabyte at a time. */
static uint64_t exhaust(struct hf_read_budget *budget, bool ahead)
{
    struct hf_error err = HF_ERROR_INIT;
    uint64_t taken = 0;
    while (ahead ? hf_read_budget_try(budget, MIB)
                 : hf_read_budget_take(budget, MIB, &err) == HF_OK)
        taken += MIB;
    return taken;
}

static void budget_look_ahead_leaves_room_for_need(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_read_budget *budget = make(256 * MIB);
    uint64_t ahead = exhaust(budget, true);
    uint64_t need = exhaust(budget, false);
    assert_true(ahead > 100 * MIB);
    assert_true(need > 30 * MIB);
    assert_true(ahead + need <= 256 * MIB * 7 / 10); /* the rest: kept and larger buffers */
    assert_fails(hf_read_budget_take(budget, MIB, &err), HF_NO_MEMORY, &err);
    assert_contains(err.text, "256");
    assert_int_equal(hf_read_budget_peak(budget), ahead + need);
    hf_read_budget_give(budget, ahead + need);
    assert_true(hf_read_budget_try(budget, MIB));
    hf_read_budget_give(budget, MIB);
    hf_read_budget_free(budget);
}

static void budget_huge_request_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_read_budget *budget = make(0);
    assert_false(hf_read_budget_try(budget, UINT64_MAX));
    assert_fails(hf_read_budget_take(budget, UINT64_MAX, &err), HF_NO_MEMORY, &err);
    assert_int_equal(hf_read_budget_peak(budget), 0);
    hf_read_budget_free(budget);
}

static void budget_share_falls_with_readers(void **state)
{
    (void)state;
    struct hf_read_budget *budget = make(256 * MIB);
    uint64_t alone = hf_read_budget_share(budget);
    for (int i = 0; i < 50; i++)
        hf_read_budget_join(budget);
    uint64_t among = hf_read_budget_share(budget);
    assert_true(among < alone && among * 50 <= 256 * MIB);
    for (int i = 0; i < 50; i++)
        hf_read_budget_leave(budget);
    assert_int_equal(hf_read_budget_share(budget), alone);
    hf_read_budget_free(budget);
}

static void buffer_comes_back_from_the_shelf(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_read_budget *budget = make(64 * MIB);
    struct hf_buf buf;
    assert_ok(hf_read_budget_buffer(budget, MIB, &buf, &err), &err);
    assert_true(buf.cap == MIB && buf.len == 0);
    const uint8_t *block = buf.data;
    hf_read_budget_recycle(budget, &buf);
    assert_null(buf.data);
    assert_ok(hf_read_budget_buffer(budget, MIB - MIB / 10, &buf, &err), &err);
    assert_ptr_equal(buf.data, block);
    hf_read_budget_recycle(budget, &buf);
    /* Much too large for this: a quarter more at the most. */
    assert_ok(hf_read_budget_buffer(budget, MIB / 2, &buf, &err), &err);
    assert_true(buf.cap == MIB / 2);
    hf_read_budget_recycle(budget, &buf);
    hf_read_budget_free(budget);
}

static void buffer_shelf_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct hf_error err = HF_ERROR_INIT;
    struct hf_read_budget *budget = make(64 * MIB);
    struct hf_buf bufs[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        assert_ok(hf_read_budget_buffer(budget, MIB, &bufs[i], &err), &err);
    for (size_t i = 0; i < COUNT; i++) {
        hf_read_budget_recycle(budget, &bufs[i]);
        assert_null(bufs[i].data);
    }
    hf_read_budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_look_ahead_leaves_room_for_need),
        cmocka_unit_test(budget_huge_request_is_refused),
        cmocka_unit_test(budget_share_falls_with_readers),
        cmocka_unit_test(buffer_comes_back_from_the_shelf),
        cmocka_unit_test(buffer_shelf_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
