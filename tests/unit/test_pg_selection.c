#include "formats/postgres/role_names.h"
#include "formats/postgres/selection.h"
#include "tests/support/toc_builder.h"

#include <stdlib.h>

/* clang-format off */
static const struct toc_item items[] = {
    {1, HF_PG_SECTION_PRE_DATA, "SCHEMA", NULL, "sales", .deps = {0}},
    {2, HF_PG_SECTION_PRE_DATA, "SCHEMA", NULL, "other", .deps = {0}},
    {3, HF_PG_SECTION_PRE_DATA, "EXTENSION", NULL, "citext", .deps = {0}},
    {4, HF_PG_SECTION_PRE_DATA, "TYPE", "other", "mood", .deps = {2}},
    {5, HF_PG_SECTION_PRE_DATA, "FUNCTION", "other", "stamp()", .owner = "dev", .deps = {2}},
    {10, HF_PG_SECTION_PRE_DATA, "TABLE", "sales", "orders", .deps = {1, 4, 3}},
    {11, HF_PG_SECTION_PRE_DATA, "SEQUENCE", "sales", "orders_id_seq", .deps = {1, 10}},
    {12, HF_PG_SECTION_PRE_DATA, "SEQUENCE OWNED BY", "sales", "orders_id_seq", .deps = {11}},
    {13, HF_PG_SECTION_PRE_DATA, "DEFAULT", "sales", "orders id", .deps = {11, 10}},
    {20, HF_PG_SECTION_PRE_DATA, "TABLE", "sales", "customers", .deps = {1}},
    {21, HF_PG_SECTION_POST_DATA, "CONSTRAINT", "sales", "customers customers_pkey", .deps = {20}},
    {22, HF_PG_SECTION_POST_DATA, "FK CONSTRAINT", "sales", "orders orders_customer_fkey",
     .deps = {10, 20, 21}},
    {23, HF_PG_SECTION_POST_DATA, "INDEX", "sales", "orders_i", .deps = {10}},
    {24, HF_PG_SECTION_NONE, "COMMENT", "sales", "INDEX orders_i", .deps = {23}},
    {25, HF_PG_SECTION_POST_DATA, "TRIGGER", "sales", "orders t", .deps = {10, 5}},
    {26, HF_PG_SECTION_NONE, "ACL", "sales", "TABLE orders",
     .defn = "GRANT SELECT ON TABLE sales.orders TO \"Reader\" WITH GRANT OPTION;\n"
             "SET SESSION AUTHORIZATION boss;\nREVOKE ALL ON TABLE sales.orders FROM a, PUBLIC;\n",
     .deps = {10}},
    {27, HF_PG_SECTION_POST_DATA, "POLICY", "sales", "orders p",
     .defn = "CREATE POLICY p ON sales.orders TO clerk USING ((to = 1));", .deps = {10}},
    {30, HF_PG_SECTION_PRE_DATA, "TABLE", "sales", "events", .deps = {1}},
    {31, HF_PG_SECTION_PRE_DATA, "TABLE", "other", "events_1", .deps = {2}},
    {32, HF_PG_SECTION_PRE_DATA, "TABLE ATTACH", "other", "events_1", .deps = {31, 30}},
    {33, HF_PG_SECTION_PRE_DATA, "TABLE", "sales", "special", .deps = {1, 20}},
    {34, HF_PG_SECTION_PRE_DATA, "VIEW", "other", "v", .deps = {20}},
    {35, HF_PG_SECTION_PRE_DATA, "FOREIGN TABLE", "other", "events_far", .deps = {2}},
    {36, HF_PG_SECTION_PRE_DATA, "TABLE ATTACH", "other", "events_far", .deps = {35, 30}},
    {40, HF_PG_SECTION_POST_DATA, "EVENT TRIGGER", NULL, "et", .deps = {5}},
    {41, HF_PG_SECTION_NONE, "COMMENT", NULL, "EVENT TRIGGER et", .deps = {40}},
    {42, HF_PG_SECTION_PRE_DATA, "ENCODING", NULL, "ENCODING", .deps = {0}},
    {43, HF_PG_SECTION_NONE, "DEFAULT ACL", NULL, "DEFAULT PRIVILEGES FOR TABLES",
     .defn = "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT SELECT ON TABLES TO taker;",
     .deps = {0}},
};
/* clang-format on */
enum { ITEMS = sizeof items / sizeof *items };

struct fixture {
    struct hf_pg_toc *toc;
    struct hf_pg_selection sel;
};

static enum hf_status choose(struct fixture *f, const char *schema, const char *table,
                             struct hf_error *err)
{
    char *schema_item = (char *)schema;
    char *table_item = (char *)table;
    struct hf_strings schemas = {.items = &schema_item, .count = schema != NULL};
    struct hf_strings tables = {.items = &table_item, .count = table != NULL};
    struct hf_pg_choice choice = {.schemas = &schemas, .tables = &tables};

    return hf_pg_selection_make(f->toc, &choice, &f->sel, err);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->toc = toc_make("15.4", items, ITEMS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hf_pg_selection_free(&f->sel);
    hf_pg_toc_free(f->toc);
    free(f);
    return 0;
}

/* ids ends with 0: exactly these are included. */
static void expect(const struct fixture *f, const int32_t *ids)
{
    for (size_t i = 0; i < ITEMS; i++) {
        bool wanted = false;

        for (const int32_t *id = ids; *id != 0; id++)
            wanted |= *id == items[i].id;
        if (f->sel.included[i] != wanted)
            print_error("entry %d %s %s\n", items[i].id, items[i].desc, items[i].tag);
        assert_int_equal(f->sel.included[i], wanted);
    }
}

static bool mentions(const struct hf_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strstr(list->items[i], text))
            return true;
    return false;
}

static void make_table_brings_needs_and_attached(void **state)
{
    static const int32_t wanted[] = {1, 2, 3, 4, 5, 10, 11, 12, 13, 23, 24, 25, 26, 27, 0};
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = *state;

    assert_int_equal(choose(f, NULL, "sales.orders", &err), HF_OK);
    expect(f, wanted);
    assert_true(mentions(&f->sel.left_out, "orders_customer_fkey: left out, as sales.customers"));
    assert_true(hf_pg_selection_has_rows(f->toc, &f->sel, "sales", "orders", NULL));
    assert_false(hf_pg_selection_has_rows(f->toc, &f->sel, "sales", "customers", NULL));
    assert_true(hf_pg_selection_has_rows(f->toc, &f->sel, "x", "y", "citext"));
    assert_false(hf_pg_selection_has_rows(f->toc, &f->sel, "x", "y", "hstore"));
}

static void make_partitioned_table_brings_partitions_with_rows(void **state)
{
    static const int32_t wanted[] = {1, 2, 30, 31, 32, 35, 36, 0};
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = *state;

    assert_int_equal(choose(f, NULL, "events", &err), HF_OK);
    expect(f, wanted);
    assert_true(hf_pg_selection_has_rows(f->toc, &f->sel, "other", "events_1", NULL));
}

static void make_child_brings_parent_without_rows(void **state)
{
    static const int32_t wanted[] = {1, 20, 21, 33, 0};
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = *state;

    assert_int_equal(choose(f, NULL, "special", &err), HF_OK);
    expect(f, wanted);
    assert_false(hf_pg_selection_has_rows(f->toc, &f->sel, "sales", "customers", NULL));
    assert_true(mentions(&f->sel.left_out, "sales.customers: restored without its rows"));
}

static void make_schema_takes_all_in_it(void **state)
{
    static const int32_t wanted[] = {1,  2,  3,  4,  5,  10, 11, 12, 13, 20, 21, 22,
                                     23, 24, 25, 26, 27, 30, 31, 32, 33, 35, 36, 0};
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = *state;

    assert_int_equal(choose(f, "sales", NULL, &err), HF_OK);
    expect(f, wanted);
    assert_int_equal(f->sel.left_out.count, 0);
}

static void make_unknown_name_is_not_found_with_nearest(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = *state;

    assert_int_equal(choose(f, NULL, "sales.oders", &err), HF_NOT_FOUND);
    assert_non_null(strstr(err.text, "did you mean \"orders\""));
    assert_int_equal(choose(f, "nowhere", NULL, &err), HF_NOT_FOUND);
}

static void list_everything_puts_each_entry_in_its_stage(void **state)
{
    static const struct {
        enum hf_pg_stage stage;
        size_t count;
    } stages[] = {
        {HF_PG_STAGE_PRE_DATA, 17},
        {HF_PG_STAGE_POST_DATA, 6},
        {HF_PG_STAGE_ACL, 2},
        {HF_PG_STAGE_EVENT_TRIGGERS, 2},
    };
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = *state;

    assert_int_equal(choose(f, NULL, NULL, &err), HF_OK);
    for (size_t i = 0; i < 4; i++) {
        HF_AUTO(hf_buf) list = HF_BUF_INIT;
        size_t count;

        assert_int_equal(
            hf_pg_selection_list(f->toc, &f->sel, stages[i].stage, NULL, &list, &count, &err),
            HF_OK);
        assert_int_equal(count, stages[i].count);
        if (stages[i].stage == HF_PG_STAGE_EVENT_TRIGGERS)
            assert_memory_equal(list.data, "40;\n41;\n", 8);
    }
}

static void roles_of_definitions_are_found(void **state)
{
    static const char *const wanted[] = {"Reader", "boss", "a", "clerk", "maker", "taker"};
    HF_AUTO(hf_strings) owners = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) named = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) without_acl = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = *state;

    assert_int_equal(choose(f, NULL, NULL, &err), HF_OK);
    assert_int_equal(hf_pg_roles_owning(f->toc, &f->sel, &owners, &err), HF_OK);
    assert_int_equal(owners.count, 2);
    assert_int_equal(hf_pg_roles_named(f->toc, &f->sel, true, &named, &err), HF_OK);
    assert_int_equal(named.count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < named.count; i++)
        assert_string_equal(named.items[i], wanted[i]);
    assert_int_equal(hf_pg_roles_named(f->toc, &f->sel, false, &without_acl, &err), HF_OK);
    assert_int_equal(without_acl.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(make_table_brings_needs_and_attached, setup, teardown),
        cmocka_unit_test_setup_teardown(make_partitioned_table_brings_partitions_with_rows, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(make_child_brings_parent_without_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(make_schema_takes_all_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(make_unknown_name_is_not_found_with_nearest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(list_everything_puts_each_entry_in_its_stage, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(roles_of_definitions_are_found, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
