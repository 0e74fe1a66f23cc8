/* What a capture decides before it starts: ranges, choice of tables and of programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/postgres/filter.h"
#include "formats/postgres/schema_dump.h"
#include "formats/postgres/server_error.h"
#include "formats/postgres/split.h"
#include "formats/postgres/tools.h"
#include "tests/support/check.h"

#define MIB (UINT64_C(1) << 20)

static struct hf_pg_table heap_table(uint64_t bytes, uint64_t blocks)
{
    return (struct hf_pg_table){.schema = "s",
                                .name = "t",
                                .bytes = bytes,
                                .blocks = blocks,
                                .heap = true,
                                .rows = true,
                                .parts = 1};
}

static void split_of_a_table_at_most_the_size_is_one_part(void **state)
{
    struct hf_pg_table table = heap_table(256 * MIB, 32768);

    (void)state;
    hf_pg_split(&table, 256 * MIB, 150000);
    assert_int_equal(table.parts, 1);
    assert_int_equal(table.part_blocks, 0);
}

static void split_is_by_the_largest_power_of_two_that_fits(void **state)
{
    struct hf_pg_table table = heap_table(1000 * MIB, 128000);

    (void)state;
    hf_pg_split(&table, 256 * MIB, 150000);
    assert_int_equal(table.part_blocks, 32768);
    assert_int_equal(table.parts, 4);
}

static void split_counts_toast_with_each_block(void **state)
{
    struct hf_pg_table table = heap_table(1024 * MIB, 1024); /* a MiB a block */

    (void)state;
    hf_pg_split(&table, 256 * MIB, 150000);
    assert_int_equal(table.part_blocks, 256);
    assert_int_equal(table.parts, 4);
    table = heap_table(1024 * MIB, 2); /* more in a block than a part may have */
    hf_pg_split(&table, 256 * MIB, 150000);
    assert_int_equal(table.part_blocks, 1);
    assert_int_equal(table.parts, 2);
}

static void split_stays_put_while_the_table_grows(void **state)
{
    struct hf_pg_table before = heap_table(1000 * MIB, 128000);
    struct hf_pg_table after = heap_table(1900 * MIB, 243200);

    (void)state;
    hf_pg_split(&before, 256 * MIB, 150000);
    hf_pg_split(&after, 256 * MIB, 150000);
    assert_int_equal(before.part_blocks, after.part_blocks);
}

static void split_is_not_where_ranges_cannot_be_read(void **state)
{
    struct hf_pg_table table = heap_table(1024 * MIB, 131072);

    (void)state;
    hf_pg_split(&table, 256 * MIB, 130020);
    assert_int_equal(table.parts, 1);
    table.heap = false;
    hf_pg_split(&table, 256 * MIB, 150000);
    assert_int_equal(table.parts, 1);
    table.heap = true;
    table.where = "WHERE x";
    hf_pg_split(&table, 256 * MIB, 150000);
    assert_int_equal(table.parts, 1);
}

static void split_of_a_huge_table_has_a_bound(void **state)
{
    struct hf_pg_table table = heap_table(UINT64_C(1) << 45, UINT64_C(1) << 32);

    (void)state;
    hf_pg_split(&table, MIB, 150000);
    assert_in_range(table.parts, 2, HF_PG_PARTS_MAX);
}

static void part_sql_covers_every_block_once(void **state)
{
    struct hf_pg_table table = heap_table(1024 * MIB, 131072);
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *text;

    (void)state;
    hf_pg_split(&table, 256 * MIB, 150000);
    assert_int_equal(table.parts, 4);
    assert_ok(hf_pg_part_sql(&sql, &table, 0, "UTF8", &err), &err);
    assert_ok(hf_buf_cstr(&sql, &text, &err), &err);
    assert_string_equal(text,
                        "COPY (SELECT  FROM ONLY \"s\".\"t\" WHERE ctid >= '(0,0)' AND ctid < "
                        "'(32768,0)') TO STDOUT WITH (ENCODING 'UTF8')");
    sql.len = 0;
    assert_ok(hf_pg_part_sql(&sql, &table, 3, "UTF8", &err), &err);
    assert_ok(hf_buf_cstr(&sql, &text, &err), &err);
    assert_contains(text, "WHERE ctid >= '(98304,0)') TO");
}

static void choose_prefers_the_same_major_then_the_next(void **state)
{
    static const int majors[] = {13, 18, 15, 16};

    (void)state;
    assert_int_equal(hf_pg_tool_choose(majors, 4, 15), 2);
    assert_int_equal(hf_pg_tool_choose(majors, 4, 14), 2);
    assert_int_equal(hf_pg_tool_choose(majors, 4, 17), 1);
    assert_int_equal(hf_pg_tool_choose(majors, 4, 19), 4);
    assert_int_equal(hf_pg_tool_choose(majors, 0, 13), 0);
}

static void parse_version_reads_releases_and_betas(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    char *version = NULL;
    int major = 0;

    (void)state;
    assert_true(hf_pg_tool_parse_version("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n",
                                         &major, &version, &err));
    assert_int_equal(major, 15);
    assert_string_equal(version, "15.20");
    free(version);
    assert_true(hf_pg_tool_parse_version("psql (PostgreSQL) 18beta1\n", &major, &version, &err));
    assert_int_equal(major, 18);
    assert_string_equal(version, "18beta1");
    free(version);
    assert_false(hf_pg_tool_parse_version("pg_dump: command not found", &major, &version, &err));
    assert_false(hf_pg_tool_parse_version("pg_dump (PostgreSQL) x", &major, &version, &err));
}

static void status_of_sqlstate_tells_kinds_apart(void **state)
{
    (void)state;
    assert_int_equal(hf_pg_status_of_sqlstate("42501"), HF_DENIED);
    assert_int_equal(hf_pg_status_of_sqlstate("28P01"), HF_DENIED);
    assert_int_equal(hf_pg_status_of_sqlstate("3D000"), HF_NOT_FOUND);
    assert_int_equal(hf_pg_status_of_sqlstate("08006"), HF_UNREACHABLE);
    assert_int_equal(hf_pg_status_of_sqlstate("57P01"), HF_UNREACHABLE);
    assert_int_equal(hf_pg_status_of_sqlstate("55P03"), HF_BUSY);
    assert_int_equal(hf_pg_status_of_sqlstate("53100"), HF_NO_SPACE);
    assert_int_equal(hf_pg_status_of_sqlstate("XX000"), HF_FAILED);
    assert_int_equal(hf_pg_status_of_sqlstate(""), HF_FAILED);
}

/* A partitioned table with a partition elsewhere, a table with its two kinds of sequence. */
static void relations(struct hf_pg_table items[5])
{
    items[0] = (struct hf_pg_table){
        .oid = 1, .kind = HF_PG_KIND_PARTITIONED, .schema = "app", .name = "events"};
    items[1] = (struct hf_pg_table){
        .oid = 2, .parent = 1, .kind = HF_PG_KIND_TABLE, .schema = "old", .name = "events_1"};
    items[2] =
        (struct hf_pg_table){.oid = 3, .kind = HF_PG_KIND_TABLE, .schema = "app", .name = "users"};
    items[3] = (struct hf_pg_table){
        .oid = 4, .parent = 3, .kind = HF_PG_KIND_SEQUENCE, .schema = "app", .name = "users_s"};
    items[4] = (struct hf_pg_table){.oid = 5,
                                    .parent = 3,
                                    .identity = true,
                                    .kind = HF_PG_KIND_SEQUENCE,
                                    .schema = "app",
                                    .name = "users_i"};
}

static void choose_with(const struct hf_pg_config *config, struct hf_pg_table items[5])
{
    struct hf_pg_tables tables = {.items = items, .count = 5};
    struct hf_pg_filter filter;
    struct hf_error err = HF_ERROR_INIT;

    relations(items);
    assert_ok(hf_pg_filter_init(&filter, config, &err), &err);
    assert_ok(hf_pg_filter_apply(&filter, &tables, false, &err), &err);
    hf_pg_filter_done(&filter);
}

static void filter_excluded_table_takes_its_partitions_along(void **state)
{
    struct hf_pg_config config = {.conninfo = NULL};
    struct hf_pg_table items[5];
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_strings_add(&config.exclude_tables, "app.ev*", &err), &err);
    choose_with(&config, items);
    assert_false(items[0].selected || items[1].selected);
    assert_true(items[2].selected && items[3].rows);
    hf_strings_free(&config.exclude_tables);
}

static void filter_included_table_brings_partitions_and_sequences(void **state)
{
    struct hf_pg_config config = {.conninfo = NULL};
    struct hf_pg_table items[5];
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_strings_add(&config.include_tables, "users", &err), &err);
    choose_with(&config, items);
    assert_false(items[0].selected || items[1].selected);
    assert_true(items[2].selected && items[3].selected && items[4].selected);
    hf_strings_free(&config.include_tables);
}

/* As pg_dump has it: a serial's sequence stays when its table is left out, an identity's goes. */
static void filter_excluded_table_takes_identity_sequences_only(void **state)
{
    struct hf_pg_config config = {.conninfo = NULL};
    struct hf_pg_table items[5];
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_strings_add(&config.exclude_tables, "users", &err), &err);
    choose_with(&config, items);
    assert_true(items[3].selected);
    assert_false(items[4].selected);
    hf_strings_free(&config.exclude_tables);
}

static void filter_excluded_data_keeps_the_table(void **state)
{
    struct hf_pg_config config = {.conninfo = NULL};
    struct hf_pg_table items[5];
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_strings_add(&config.exclude_data, "events", &err), &err);
    choose_with(&config, items);
    assert_true(items[1].selected);
    assert_false(items[1].rows);
    hf_strings_free(&config.exclude_data);
}

static void schema_options_name_what_was_chosen(void **state)
{
    struct hf_pg_config config = {.conninfo = NULL};
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;
    struct hf_pg_table items[5];
    struct hf_pg_tables tables = {.items = items, .count = 5};
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_strings_add(&config.include_tables, "users", &err), &err);
    choose_with(&config, items);
    assert_ok(hf_pg_schema_dump_options(&config, &tables, 15, &command, &err), &err);
    assert_int_equal(command.argv.count, 4);
    assert_string_equal(command.argv.items[0], "--extension=*");
    assert_string_equal(command.argv.items[1], "--table=\"app\".\"users\"");
    hf_strings_free(&config.include_tables);
}

static void command_never_has_the_password_among_its_arguments(void **state)
{
    const struct hf_pg_address address = {.conninfo = "postgresql://me:hush@db/app"};
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_pg_command_init(&command, "/bin/pg_dump", &address, &err), &err);
    for (size_t i = 0; i < command.argv.count; i++)
        assert_null(strstr(command.argv.items[i], "hush"));
    assert_string_equal(hf_secret_text(command.password), "PGPASSWORD=hush");
}

static int group_setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_of_a_table_at_most_the_size_is_one_part),
        cmocka_unit_test(split_is_by_the_largest_power_of_two_that_fits),
        cmocka_unit_test(split_counts_toast_with_each_block),
        cmocka_unit_test(split_stays_put_while_the_table_grows),
        cmocka_unit_test(split_is_not_where_ranges_cannot_be_read),
        cmocka_unit_test(split_of_a_huge_table_has_a_bound),
        cmocka_unit_test(part_sql_covers_every_block_once),
        cmocka_unit_test(choose_prefers_the_same_major_then_the_next),
        cmocka_unit_test(parse_version_reads_releases_and_betas),
        cmocka_unit_test(status_of_sqlstate_tells_kinds_apart),
        cmocka_unit_test(filter_excluded_table_takes_its_partitions_along),
        cmocka_unit_test(filter_included_table_brings_partitions_and_sequences),
        cmocka_unit_test(filter_excluded_table_takes_identity_sequences_only),
        cmocka_unit_test(filter_excluded_data_keeps_the_table),
        cmocka_unit_test(schema_options_name_what_was_chosen),
        cmocka_unit_test(command_never_has_the_password_among_its_arguments),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
