/* What the workers of a restore are given, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "formats/postgres/load_plan.h"
#include "tests/support/check.h"
#include "tests/support/toc_builder.h"

#define MIB (UINT64_C(1) << 20)
#define PRE HF_PG_SECTION_PRE_DATA
#define POST HF_PG_SECTION_POST_DATA

/* "big" has a key, two indexes, one of which needs another one, and a foreign key. */
static const struct toc_item items[] = {
    {.id = 1, .section = PRE, .desc = "TABLE", .nspace = "s", .tag = "big"},
    {.id = 2, .section = PRE, .desc = "TABLE", .nspace = "s", .tag = "small"},
    {.id = 3, .section = PRE, .desc = "FUNCTION", .nspace = "s", .tag = "f(integer)"},
    {.id = 4, .section = POST, .desc = "CONSTRAINT", .nspace = "s", .tag = "big_key", .deps = {1}},
    {.id = 5, .section = POST, .desc = "INDEX", .nspace = "s", .tag = "big_a", .deps = {1, 1, 3}},
    {.id = 6, .section = POST, .desc = "INDEX", .nspace = "s", .tag = "big_b", .deps = {1, 4}},
    {.id = 7,
     .section = POST,
     .desc = "CONSTRAINT",
     .nspace = "s",
     .tag = "small_key",
     .deps = {2}},
    {.id = 8, .section = POST, .desc = "FK CONSTRAINT", .nspace = "s", .tag = "fk", .deps = {1, 2}},
    {.id = 9, .section = POST, .desc = "TRIGGER", .nspace = "s", .tag = "t", .deps = {1}},
};
enum { ITEMS = sizeof items / sizeof *items, KEY = 3, INDEX_A = 4 };

struct fixture {
    struct hf_stream_info infos[4];
    const struct hf_stream_info *parts[4];
    struct hf_pg_rows_of tables[3]; /* big, small, empty */
    struct hf_pg_input input;
    struct hf_pg_load_plan *plan;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);

    for (size_t i = 0; i < 4; i++) {
        f->infos[i] = (struct hf_stream_info){.bytes = i < 3 ? 10 * MIB : MIB};
        f->parts[i] = &f->infos[i];
    }
    f->tables[0] = (struct hf_pg_rows_of){.schema = "s",
                                          .table = "big",
                                          .parts = f->parts,
                                          .parts_count = 3,
                                          .bytes = 30 * MIB,
                                          .rows = 1000};
    f->tables[1] = (struct hf_pg_rows_of){.schema = "s",
                                          .table = "small",
                                          .parts = f->parts + 3,
                                          .parts_count = 1,
                                          .bytes = MIB,
                                          .rows = 10};
    f->tables[2] = (struct hf_pg_rows_of){.schema = "s", .table = "empty"};
    f->input = (struct hf_pg_input)HF_PG_INPUT_INIT;
    f->input.toc = toc_make("15.1", items, ITEMS);
    f->input.tables = f->tables;
    f->input.tables_count = 3;
    f->input.bytes = 31 * MIB;
    f->input.selection.included = test_calloc(ITEMS, sizeof(bool));
    for (size_t i = 0; i < ITEMS; i++)
        f->input.selection.included[i] = true;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    hf_pg_load_plan_free(f->plan);
    hf_pg_toc_free(f->input.toc);
    test_free(f->input.selection.included);
    test_free(f);
    return 0;
}

static void make(struct fixture *f, unsigned jobs)
{
    struct hf_error err = HF_ERROR_INIT;

    assert_ok(hf_pg_load_plan_make(&f->input, jobs, &f->plan, &err), &err);
}

static const struct hf_pg_task *next_is(struct fixture *f, enum hf_pg_task_kind kind,
                                        size_t part_or_entry)
{
    const struct hf_pg_task *task = hf_pg_load_plan_next(f->plan);

    assert_non_null(task);
    assert_int_equal(task->kind, kind);
    assert_int_equal(kind == HF_PG_TASK_ROWS ? task->first : task->entry, part_or_entry);
    return task;
}

static void make_takes_what_needs_only_a_large_table(void **state)
{
    struct fixture *f = *state;
    const bool *entries;

    make(f, 1);
    entries = hf_pg_load_plan_entries(f->plan);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(entries[i], i == KEY || i == INDEX_A);
    assert_int_equal(hf_pg_load_plan_tables(f->plan), 2);
    assert_int_equal(hf_pg_load_plan_count(f->plan), 4);
}

static void make_leaves_what_is_not_included(void **state)
{
    struct fixture *f = *state;

    f->input.selection.included[KEY] = false;
    make(f, 1);
    assert_false(hf_pg_load_plan_entries(f->plan)[KEY]);
    assert_int_equal(hf_pg_load_plan_count(f->plan), 3);
}

static void make_leaves_tables_that_are_loaded_by_their_root(void **state)
{
    struct fixture *f = *state;

    f->tables[0].root_table = (char *)"root";
    make(f, 1);
    assert_int_equal(hf_pg_load_plan_count(f->plan), 2);
}

static void make_splits_what_is_more_than_a_fair_share(void **state)
{
    struct fixture *f = *state;

    make(f, 2);
    assert_int_equal(hf_pg_load_plan_count(f->plan), 6);
    for (size_t i = 0; i < 3; i++)
        assert_false(next_is(f, HF_PG_TASK_ROWS, i)->whole);
    assert_true(next_is(f, HF_PG_TASK_ROWS, 0)->whole);
}

static void next_gives_indexes_when_all_rows_of_the_table_are_in(void **state)
{
    struct fixture *f = *state;
    const struct hf_pg_task *parts[3];
    const struct hf_pg_task *small;

    make(f, 2);
    for (size_t i = 0; i < 3; i++)
        parts[i] = next_is(f, HF_PG_TASK_ROWS, i);
    small = next_is(f, HF_PG_TASK_ROWS, 0);
    assert_ptr_equal(small->table, &f->tables[1]);
    for (size_t i = 0; i < 3; i++)
        hf_pg_load_plan_done(f->plan, parts[i]);
    next_is(f, HF_PG_TASK_CONSTRAINT, KEY);
}

/* Two threads want the constraint and the index of one table: they are never out together. */
struct crew {
    struct fixture *f;
    size_t carried_out;
    int at_table;
    bool together;
};

static enum hf_status work(void *arg, size_t index, struct hf_error *err)
{
    struct crew *crew = arg;
    const struct hf_pg_task *task;

    (void)index;
    (void)err;
    while ((task = hf_pg_load_plan_next(crew->f->plan)) != NULL) {
        bool indexes = task->kind != HF_PG_TASK_ROWS;

        if (indexes && __atomic_add_fetch(&crew->at_table, 1, __ATOMIC_SEQ_CST) > 1)
            crew->together = true;
        (void)__atomic_add_fetch(&crew->carried_out, 1, __ATOMIC_SEQ_CST);
        if (indexes)
            (void)__atomic_sub_fetch(&crew->at_table, 1, __ATOMIC_SEQ_CST);
        hf_pg_load_plan_done(crew->f->plan, task);
    }
    return HF_OK;
}

static void next_lets_no_two_tasks_wait_for_a_lock(void **state)
{
    struct crew crew = {.f = *state};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool = NULL;

    make(crew.f, 2);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(4, work, NULL, &crew, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(crew.carried_out, hf_pg_load_plan_count(crew.f->plan));
    assert_false(crew.together);
}

static enum hf_status wait_for_task(void *arg, size_t index, struct hf_error *err)
{
    struct fixture *f = arg;

    (void)index;
    (void)err;
    assert_null(hf_pg_load_plan_next(f->plan));
    return HF_OK;
}

static void stop_ends_the_wait_for_tasks(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool = NULL;

    make(f, 1);
    next_is(f, HF_PG_TASK_ROWS, 0); /* never done: the indexes cannot start */
    next_is(f, HF_PG_TASK_ROWS, 0);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(2, wait_for_task, NULL, f, cancel, &pool, &err), &err);
    hf_pg_load_plan_stop(f->plan);
    assert_ok(hf_pool_join(pool, &err), &err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(make_takes_what_needs_only_a_large_table),
        TEST(make_leaves_what_is_not_included),
        TEST(make_leaves_tables_that_are_loaded_by_their_root),
        TEST(make_splits_what_is_more_than_a_fair_share),
        TEST(next_gives_indexes_when_all_rows_of_the_table_are_in),
        TEST(next_lets_no_two_tasks_wait_for_a_lock),
        TEST(stop_ends_the_wait_for_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
