#include "base/json.h"
#include "formats/postgres/schema_compare.h"
#include "tests/support/toc_builder.h"

#include <stdlib.h>

static void definition_casts_and_parentheses_do_not_count(void **state)
{
    (void)state;
    assert_true(hf_pg_definition_equal(
        "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character "
        "varying])::text[])))",
        "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character "
        "varying)::text])))"));
    assert_true(hf_pg_definition_equal("a::timestamp(3) with time zone < b",
                                       "a < (b)::pg_catalog.timestamptz"));
    assert_true(hf_pg_definition_equal("x::numeric(10,2)[] y", "x  y"));
}

static void definition_types_and_values_count(void **state)
{
    (void)state;
    assert_false(hf_pg_definition_equal("CREATE TABLE t (a integer)", "CREATE TABLE t (a bigint)"));
    assert_false(hf_pg_definition_equal("CHECK (a > 1)", "CHECK (a > 2)"));
    assert_false(hf_pg_definition_equal("a varchar(10)", "a varchar(20)"));
    assert_false(hf_pg_definition_equal("a", "a b"));
    assert_false(hf_pg_definition_equal("f $$ (a) $$", "f $$ a $$"));
}

struct outcome {
    json_t *differences, *notes;
};

static struct outcome compare(const char *version, const struct toc_item *a, size_t a_count,
                              const struct toc_item *b, size_t b_count, bool no_owner)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_strings none = HF_STRINGS_INIT;
    const struct hf_pg_choice choice = {.schemas = &none, .tables = &none};
    HF_AUTO(hf_pg_selection) sel = HF_PG_SELECTION_INIT;
    HF_AUTO_PTR(hf_pg_toc) x = toc_make("15.4", a, a_count);
    HF_AUTO_PTR(hf_pg_toc) y = toc_make(version, b, b_count);
    struct outcome o = {json_array(), json_array()};
    struct hf_pg_schema_comparison c = {
        .expected = x, .selection = &sel, .found = y, .no_owner = no_owner};

    assert_int_equal(hf_pg_selection_make(x, &choice, &sel, &err), HF_OK);
    assert_int_equal(hf_pg_schema_compare(&c, o.differences, o.notes, &err), HF_OK);
    return o;
}

static void expect(struct outcome o, size_t differences, size_t notes)
{
    assert_int_equal(json_array_size(o.differences), differences);
    assert_int_equal(json_array_size(o.notes), notes);
    json_decref(o.differences);
    json_decref(o.notes);
}

static const struct toc_item base[] = {
    {1, HF_PG_SECTION_PRE_DATA, "TABLE", "public", "t", "app", "CREATE TABLE t (a int);", {0}},
    {2, HF_PG_SECTION_PRE_DATA, "OPERATOR", "public", "+", "app", "one", {0}},
    {3, HF_PG_SECTION_PRE_DATA, "OPERATOR", "public", "+", "app", "two", {0}},
    {4, HF_PG_SECTION_NONE, "ACL", "public", "TABLE t", "app", "GRANT A;\nGRANT B;\n", {1}},
    {5, HF_PG_SECTION_PRE_DATA, "DATABASE", NULL, "shop", "app", "CREATE DATABASE shop;", {0}},
};

static void compare_same_schema_has_no_differences(void **state)
{
    static const struct toc_item same[] = {
        {7, HF_PG_SECTION_PRE_DATA, "OPERATOR", "public", "+", "app", "two", {0}},
        {8, HF_PG_SECTION_NONE, "ACL", "public", "TABLE t", "app", "GRANT B;\nGRANT A;\n", {3}},
        {3, HF_PG_SECTION_PRE_DATA, "TABLE", "public", "t", "app", "CREATE TABLE t (a int);", {0}},
        {2, HF_PG_SECTION_PRE_DATA, "OPERATOR", "public", "+", "app", "one", {0}},
        {5, HF_PG_SECTION_PRE_DATA, "DATABASE", NULL, "x", "bob", "CREATE DATABASE x;", {0}},
    };

    (void)state;
    expect(compare("15.9", base, 5, same, 5, false), 0, 0);
}

static void compare_changed_missing_and_new_entries_are_differences(void **state)
{
    static const struct toc_item other[] = {
        {1, HF_PG_SECTION_PRE_DATA, "TABLE", "public", "t", "bob", "CREATE TABLE t (a text);", {0}},
        {2, HF_PG_SECTION_PRE_DATA, "OPERATOR", "public", "+", "app", "one", {0}},
        {9, HF_PG_SECTION_PRE_DATA, "VIEW", "public", "v", "app", "CREATE VIEW v;", {0}},
    };

    (void)state;
    /* definition and owner of t, operator, ACL, view */
    expect(compare("15.4", base, 5, other, 3, false), 5, 0);
    /* without owners: neither the owner nor the ACL counts */
    expect(compare("15.4", base, 5, other, 3, true), 3, 0);
    /* another major: only what is missing */
    expect(compare("17.1", base, 5, other, 3, false), 2, 3);
}

static void compare_inherited_columns_in_other_order_are_equal(void **state)
{
    static const struct toc_item a[] = {
        {1,
         HF_PG_SECTION_PRE_DATA,
         "TABLE",
         "p",
         "c",
         "app",
         "CREATE TABLE p.c (\n    b text,\n    m integer,\n    a integer\n)\nINHERITS (p.p);\n",
         {0}}};
    static const struct toc_item b[] = {
        {1,
         HF_PG_SECTION_PRE_DATA,
         "TABLE",
         "p",
         "c",
         "app",
         "CREATE TABLE p.c (\n    a integer,\n    b text,\n    m integer\n)\nINHERITS (p.p);\n",
         {0}}};
    static const struct toc_item c[] = {
        {1,
         HF_PG_SECTION_PRE_DATA,
         "TABLE",
         "p",
         "c",
         "app",
         "CREATE TABLE p.c (\n    a bigint,\n    b text,\n    m integer\n)\nINHERITS (p.p);\n",
         {0}}};

    (void)state;
    expect(compare("15.4", a, 1, b, 1, false), 0, 0);
    expect(compare("15.4", a, 1, c, 1, false), 1, 0);
}

static void compare_policies_with_roles_in_other_order_are_equal(void **state)
{
    static const char *const others[] = {
        "CREATE POLICY p ON s.t TO a, \"B, c\", d USING ((x > 1)) WITH CHECK (y);",
        "CREATE POLICY p ON s.t TO a, d USING ((x > 1)) WITH CHECK (y);",
        "CREATE POLICY p ON s.t TO d, a, \"B, c\" USING ((x > 2)) WITH CHECK (y);",
        "CREATE POLICY p ON s.t USING ((x > 1)) WITH CHECK (y);"};
    struct toc_item a = {.id = 1,
                         .section = HF_PG_SECTION_POST_DATA,
                         .desc = "POLICY",
                         .nspace = "s",
                         .tag = "t p",
                         .defn = "CREATE POLICY p ON s.t TO d, a, \"B, c\" USING ((x > 1)) WITH "
                                 "CHECK (y);"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct toc_item b = a;

        b.defn = others[i];
        expect(compare("15.4", &a, 1, &b, 1, false), i == 0 ? 0 : 1, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition_casts_and_parentheses_do_not_count),
        cmocka_unit_test(definition_types_and_values_count),
        cmocka_unit_test(compare_policies_with_roles_in_other_order_are_equal),
        cmocka_unit_test(compare_same_schema_has_no_differences),
        cmocka_unit_test(compare_inherited_columns_in_other_order_are_equal),
        cmocka_unit_test(compare_changed_missing_and_new_entries_are_differences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
