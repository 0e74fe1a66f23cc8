/* What a capture takes out of a real server, stream by stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/memory_sink.h"
#include "tests/support/pg_capture.h"

static void capture(struct run *run, const char *database)
{
    run_init(run, &server, database);
    assert_ok(run_capture(run), &run->err);
}

static const json_t *database_of(const struct run *run, size_t index)
{
    const json_t *database =
        json_array_get(json_object_get(run->result.properties, "databases"), index);

    assert_non_null(database);
    return database;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void capture_plain_tables_gives_rows_columns_and_counts(void **state)
{
    struct run run;
    const struct memory_stream *stream;
    const json_t *columns;

    (void)state;
    pg_fresh(&server, "plain", "");
    pg_do(&server, "plain",
          "CREATE TABLE t (a int, gone text, b text, c int GENERATED ALWAYS AS (a * 2) STORED);"
          "INSERT INTO t (a, b) VALUES (1, 'one'), (2, ''), (3, NULL), (4, E'tab\\tnl\\n\\\\');"
          "ALTER TABLE t DROP COLUMN gone;"
          "CREATE TABLE empty (x float8);"
          "CREATE UNLOGGED TABLE quick (x int); INSERT INTO quick VALUES (7);"
          "CREATE TEMP TABLE passing (x int)");
    capture(&run, "plain");
    assert_string_equal(run_text(&run, "plain/data/public.t/0000"),
                        "1\tone\n2\t\n3\t\\N\n4\ttab\\tnl\\n\\\\\n");
    stream = memory_sink_find(run.sink, "plain/data/public.t/0000");
    assert_int_equal(stream->records, 4);
    assert_string_equal(text_of(stream->attrs, "schema"), "public");
    assert_string_equal(text_of(stream->attrs, "table"), "t");
    columns = json_object_get(stream->attrs, "columns");
    assert_int_equal(json_array_size(columns), 2);
    assert_string_equal(json_string_value(json_array_get(columns, 1)), "b");
    assert_int_equal(json_integer_value(json_object_get(stream->attrs, "parts")), 1);
    assert_string_equal(run_text(&run, "plain/data/public.empty/0000"), "");
    assert_string_equal(run_text(&run, "plain/data/public.quick/0000"), "7\n");
    assert_memory_equal(run_text(&run, "plain/schema"), "PGDMP", 5);
    assert_int_equal(json_integer_value(json_object_get(database_of(&run, 0), "tables")), 3);
    assert_int_equal(json_integer_value(json_object_get(database_of(&run, 0), "rows")), 5);
    run_done(&run);
}

static void capture_no_columns_gives_a_line_a_row(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "bare", "");
    pg_do(&server, "bare",
          "CREATE TABLE none (); INSERT INTO none DEFAULT VALUES; INSERT INTO none DEFAULT VALUES;"
          "CREATE TABLE made (g int GENERATED ALWAYS AS (42) STORED);"
          "INSERT INTO made DEFAULT VALUES");
    capture(&run, "bare");
    assert_string_equal(run_text(&run, "bare/data/public.none/0000"), "\n\n");
    assert_string_equal(run_text(&run, "bare/data/public.made/0000"), "\n");
    run_done(&run);
}

static void capture_values_are_in_pinned_text_form(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "forms", "");
    pg_do(&server, "postgres",
          "ALTER DATABASE forms SET DateStyle = 'SQL, DMY';"
          "ALTER DATABASE forms SET TimeZone = 'Asia/Kathmandu';"
          "ALTER DATABASE forms SET bytea_output = 'escape';"
          "ALTER DATABASE forms SET IntervalStyle = 'iso_8601';"
          "ALTER DATABASE forms SET extra_float_digits = -10");
    pg_do(&server, "forms",
          "CREATE TABLE t (ts timestamptz, iv interval, by bytea, f float8, n numeric, m money);"
          "INSERT INTO t VALUES ('2026-02-01 03:04:05+00', '1 day 2 hours', '\\x00ff', 0.1::float8"
          " + 0.2, 'NaN', 12.5)");
    capture(&run, "forms");
    assert_string_equal(run_text(&run, "forms/data/public.t/0000"),
                        "2026-02-01 03:04:05+00\t1 day 02:00:00\t\\\\x00ff\t0.30000000000000004\t"
                        "NaN\t$12.50\n");
    run_done(&run);
}

static void capture_partitions_and_children_once_each(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "parts", "");
    pg_do(&server, "parts",
          "CREATE SCHEMA other;"
          "CREATE TABLE p (k int, v text) PARTITION BY RANGE (k);"
          "CREATE TABLE other.p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
          "CREATE TABLE p2 (v text, gone int, k int); ALTER TABLE p2 DROP gone;"
          "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);"
          "INSERT INTO p VALUES (1, 'a'), (11, 'b');"
          "CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent);"
          "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3)");
    capture(&run, "parts");
    assert_false(run_has(&run, "parts/data/public.p/0000"));
    assert_string_equal(run_text(&run, "parts/data/other.p1/0000"), "1\ta\n");
    assert_string_equal(run_text(&run, "parts/data/public.p2/0000"), "b\t11\n");
    assert_string_equal(run_text(&run, "parts/data/public.parent/0000"), "1\n");
    assert_string_equal(run_text(&run, "parts/data/public.child/0000"), "2\t3\n");
    run_done(&run);
}

static void capture_names_that_need_quoting_have_streams_of_their_own(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "\"data/Base %\"", "");
    pg_do(&server, "data/Base %",
          "CREATE SCHEMA \"a.b\"; CREATE SCHEMA a;"
          "CREATE TABLE \"a.b\".c (\"Se\"\"lect\" int); INSERT INTO \"a.b\".c VALUES (1);"
          "CREATE TABLE a.\"b.c\" (x int); INSERT INTO a.\"b.c\" VALUES (2);"
          "CREATE SEQUENCE a.\"s \"\"q\"; SELECT setval('a.\"s \"\"q\"', 5)");
    run_init(&run, &server, "'data/Base %'");
    assert_ok(run_capture(&run), &run.err);
    assert_string_equal(run_text(&run, "data%2FBase %25/data/a%2Eb.c/0000"), "1\n");
    assert_string_equal(run_text(&run, "data%2FBase %25/data/a.b.c/0000"), "2\n");
    assert_string_equal(run_text(&run, "data%2FBase %25/sequences"), "a\ts \"q\t5\tt\n");
    run_done(&run);
}

static void capture_other_encodings_keeps_their_bytes(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    pg_do(&server, "latin",
          "CREATE TABLE \"t\xc3\xa4\" (t text);"
          "INSERT INTO \"t\xc3\xa4\" VALUES ('\xc3\xa9')");
    capture(&run, "latin");
    assert_string_equal(run_text(&run, "latin/data/public.t\xc3\xa4/0000"), "\xe9\n");
    assert_string_equal(text_of(database_of(&run, 0), "encoding"), "LATIN1");
    run_done(&run);
    pg_fresh(&server, "ascii", "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    pg_do(&server, "ascii", "CREATE TABLE t (t text); INSERT INTO t VALUES (E'\\xe9\\xff')");
    capture(&run, "ascii");
    assert_string_equal(run_text(&run, "ascii/data/public.t/0000"), "\xe9\xff\n");
    run_done(&run);
}

static void capture_sequences_and_matviews_in_refresh_order(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "seqs", "");
    pg_do(&server, "seqs",
          "CREATE SEQUENCE fresh START 5; CREATE SEQUENCE used; SELECT nextval('used');"
          "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, s serial);"
          "INSERT INTO t (s) VALUES (DEFAULT), (DEFAULT);"
          "CREATE MATERIALIZED VIEW base AS SELECT 1 AS x;"
          "CREATE VIEW between_them AS SELECT * FROM base;"
          "CREATE MATERIALIZED VIEW top AS SELECT * FROM between_them WITH NO DATA;"
          /* made before what it reads, so that oids do not give the order */
          "CREATE MATERIALIZED VIEW early AS SELECT 1 AS x;"
          "CREATE VIEW v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW reader AS SELECT * FROM v;"
          "CREATE MATERIALIZED VIEW late AS SELECT 2 AS x;"
          "CREATE OR REPLACE VIEW v AS SELECT x FROM late");
    capture(&run, "seqs");
    assert_string_equal(run_text(&run, "seqs/sequences"),
                        "public\tfresh\t5\tf\npublic\tused\t1\tt\npublic\tt_id_seq\t2\tt\n"
                        "public\tt_s_seq\t2\tt\n");
    assert_string_equal(run_text(&run, "seqs/matviews"),
                        "public\tbase\tt\npublic\tearly\tt\npublic\tlate\tt\npublic\ttop\tf\n"
                        "public\treader\tt\n");
    run_done(&run);
}

static void capture_large_objects_in_pieces(void **state)
{
    struct run run;
    const char *data;

    (void)state;
    pg_fresh(&server, "blobs", "");
    pg_do(&server, "blobs",
          "SELECT lo_create(100), lo_from_bytea(200, '\\x0001ff'),"
          " lo_from_bytea(300, decode(repeat('61', 65536), 'hex')),"
          " lo_from_bytea(400, decode(repeat('62', 65536 * 2 + 3), 'hex'));"
          "COMMENT ON LARGE OBJECT 200 IS E'a\\ttab'; GRANT SELECT ON LARGE OBJECT 200 TO PUBLIC");
    capture(&run, "blobs");
    assert_string_equal(run_text(&run, "blobs/largeobjects"),
                        "100\tpostgres\t\\N\t\\N\n"
                        "200\tpostgres\t{postgres=rw/postgres,=r/postgres}\ta\\ttab\n"
                        "300\tpostgres\t\\N\t\\N\n400\tpostgres\t\\N\t\\N\n");
    data = run_text(&run, "blobs/largeobjects/data");
    assert_memory_equal(data, "200\t0\t\\\\x0001ff\n300\t0\t\\\\x6161", 29);
    assert_contains(data, "\n400\t0\t\\\\x62");
    assert_contains(data, "\n400\t65536\t\\\\x62");
    assert_contains(data, "\n400\t131072\t\\\\x626262\n");
    assert_null(strstr(data, "300\t65536"));
    assert_int_equal(memory_sink_find(run.sink, "blobs/largeobjects/data")->records, 5);
    run_done(&run);
}

static void capture_extension_configuration_only_where_it_matters(void **state)
{
    struct run run;
    const struct memory_stream *stream;

    (void)state;
    pg_fresh(&server, "exts", "");
    /* What an extension's script does, without its files: members, and configuration tables. */
    pg_do(&server, "exts",
          "CREATE EXTENSION hstore; CREATE TABLE conf (k text, shipped bool);"
          "CREATE TABLE inner_table (x int); CREATE SEQUENCE counter;"
          "INSERT INTO conf VALUES ('theirs', true), ('mine', false);"
          "INSERT INTO inner_table VALUES (1); SELECT setval('counter', 9);"
          "ALTER EXTENSION hstore ADD TABLE conf; ALTER EXTENSION hstore ADD TABLE inner_table;"
          "ALTER EXTENSION hstore ADD SEQUENCE counter;"
          "UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass::oid, 'counter'::regclass],"
          " extcondition = ARRAY['WHERE NOT shipped', ''] WHERE extname = 'hstore'");
    capture(&run, "exts");
    assert_string_equal(run_text(&run, "exts/data/public.conf/0000"), "mine\tf\n");
    stream = memory_sink_find(run.sink, "exts/data/public.conf/0000");
    assert_string_equal(text_of(stream->attrs, "where"), "WHERE NOT shipped");
    assert_string_equal(text_of(stream->attrs, "extension"), "hstore");
    assert_false(run_has(&run, "exts/data/public.inner_table/0000"));
    assert_string_equal(run_text(&run, "exts/sequences"), "public\tcounter\t9\tt\n");
    run_done(&run);
}

static void capture_a_large_table_is_split_and_whole(void **state)
{
    struct run run;
    uint64_t rows = 0;
    char name[64];
    unsigned parts;

    (void)state;
    pg_fresh(&server, "large", "");
    pg_do(
        &server, "large",
        "CREATE TABLE t (id int PRIMARY KEY, pad text);"
        "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i;"
        "CREATE TABLE toasty (id int, big text); ALTER TABLE toasty ALTER big SET STORAGE EXTERNAL;"
        "INSERT INTO toasty SELECT i, repeat('y', 50000) FROM generate_series(1, 300) i;"
        "CREATE TABLE none (); INSERT INTO none SELECT FROM generate_series(1, 30000)");
    run_init(&run, &server, "large");
    run.config.split = 524288;
    assert_ok(run_capture(&run), &run.err);
    parts = (unsigned)json_integer_value(
        json_object_get(memory_sink_find(run.sink, "large/data/public.t/0000")->attrs, "parts"));
    assert_in_range(parts, 4, 8);
    for (unsigned part = 0; part < parts; part++) {
        (void)snprintf(name, sizeof name, "large/data/public.t/%04u", part);
        rows += memory_sink_find(run.sink, name)->records;
    }
    assert_int_equal(rows, 20000);
    assert_non_null(memory_sink_find(run.sink, "large/data/public.none/0001"));
    assert_int_equal(json_integer_value(json_object_get(database_of(&run, 0), "rows")), 50300);
    run_done(&run);
}

static void capture_several_databases_and_globals(void **state)
{
    struct run run;
    json_t *expected = json_pack("[{s:n,s:[s]},{s:s,s:[s]}]", "role", "settings", "work_mem=8MB",
                                 "role", "r1", "settings", "jit=off");

    (void)state;
    pg_fresh(&server, "many_a", "");
    pg_fresh(&server, "many_b", "");
    pg_do(&server, "many_a", "CREATE TABLE t (x int)");
    pg_do(&server, "postgres",
          "COMMENT ON DATABASE many_b IS 'second'; DROP ROLE IF EXISTS r1;"
          "CREATE ROLE r1; ALTER DATABASE many_b SET work_mem = '8MB';"
          "ALTER ROLE r1 IN DATABASE many_b SET jit = off;"
          "GRANT CONNECT ON DATABASE many_b TO r1");
    run_init(&run, &server, "postgres");
    assert_ok(hf_strings_add(&run.config.databases, "many_*", &run.err), &run.err);
    run.config.globals = true;
    assert_ok(run_capture(&run), &run.err);
    assert_true(run_has(&run, "many_a/data/public.t/0000"));
    assert_true(run_has(&run, "many_b/schema"));
    assert_contains(run_text(&run, "globals"), "CREATE ROLE r1;");
    assert_string_equal(text_of(database_of(&run, 1), "comment"), "second");
    assert_true(json_equal(json_object_get(database_of(&run, 1), "settings"), expected) != 0);
    json_decref(expected);
    assert_int_equal(json_array_size(json_object_get(database_of(&run, 1), "acl")), 3);
    assert_true(json_is_true(json_object_get(run.result.properties, "role_passwords")));
    run_done(&run);
    pg_do(&server, "postgres", "DROP DATABASE many_b");
    pg_do(&server, "postgres", "DROP ROLE r1");
}

static void capture_unknown_database_pattern_is_not_found(void **state)
{
    struct run run;

    (void)state;
    run_init(&run, &server, "postgres");
    assert_ok(hf_strings_add(&run.config.databases, "nowhere*", &run.err), &run.err);
    assert_fails(run_capture(&run), HF_NOT_FOUND, &run.err);
    assert_contains(run.err.text, "nowhere*");
    run_done(&run);
}

static void capture_chosen_schemas_and_tables_only(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "choose", "");
    pg_do(&server, "choose",
          "CREATE SCHEMA app; CREATE SCHEMA audit; CREATE EXTENSION hstore;"
          "CREATE TABLE app.p (k int) PARTITION BY LIST (k);"
          "CREATE TABLE app.p_one PARTITION OF app.p FOR VALUES IN (1);"
          "CREATE TABLE app.big_log (x serial); CREATE TABLE app.kept (h hstore, i serial);"
          "CREATE TABLE audit.t (x int); INSERT INTO app.p VALUES (1); SELECT lo_create(1)");
    run_init(&run, &server, "choose");
    assert_ok(hf_strings_add(&run.config.include_schemas, "app", &run.err), &run.err);
    assert_ok(hf_strings_add(&run.config.exclude_tables, "app.big*", &run.err), &run.err);
    assert_ok(hf_strings_add(&run.config.exclude_data, "p", &run.err), &run.err);
    assert_ok(run_capture(&run), &run.err);
    assert_true(run_has(&run, "choose/data/app.kept/0000"));
    assert_false(run_has(&run, "choose/data/app.big_log/0000"));
    assert_false(run_has(&run, "choose/data/audit.t/0000"));
    assert_false(run_has(&run, "choose/data/app.p_one/0000"));
    assert_false(run_has(&run, "choose/largeobjects"));
    assert_true(json_is_true(json_object_get(database_of(&run, 0), "partial")));
    run_done(&run);
    run_init(&run, &server, "choose");
    assert_ok(hf_strings_add(&run.config.include_tables, "kept", &run.err), &run.err);
    assert_ok(run_capture(&run), &run.err);
    assert_string_equal(run_text(&run, "choose/sequences"), "app\tkept_i_seq\t1\tf\n");
    run_done(&run);
}

static void capture_pattern_that_matches_nothing_is_a_configuration_error(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "typo", "");
    pg_do(&server, "typo", "CREATE TABLE orders (x int)");
    run_init(&run, &server, "typo");
    assert_ok(hf_strings_add(&run.config.exclude_tables, "ordres", &run.err), &run.err);
    assert_fails(run_capture(&run), HF_CONFIG, &run.err);
    assert_string_equal(run.err.text, "exclude_tables: \"ordres\" matches nothing in the database");
    assert_int_equal(memory_sink_count(run.sink), 0);
    run_done(&run);
}

static void capture_foreign_tables_are_named_in_a_warning(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "foreigners", "");
    pg_do(&server, "foreigners",
          "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;"
          "CREATE FOREIGN TABLE away (x int) SERVER far");
    capture(&run, "foreigners");
    assert_contains(run.notes.text, "public.away is a foreign table");
    assert_false(run_has(&run, "foreigners/data/public.away/0000"));
    run_done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capture_plain_tables_gives_rows_columns_and_counts),
        cmocka_unit_test(capture_no_columns_gives_a_line_a_row),
        cmocka_unit_test(capture_values_are_in_pinned_text_form),
        cmocka_unit_test(capture_partitions_and_children_once_each),
        cmocka_unit_test(capture_names_that_need_quoting_have_streams_of_their_own),
        cmocka_unit_test(capture_other_encodings_keeps_their_bytes),
        cmocka_unit_test(capture_sequences_and_matviews_in_refresh_order),
        cmocka_unit_test(capture_large_objects_in_pieces),
        cmocka_unit_test(capture_extension_configuration_only_where_it_matters),
        cmocka_unit_test(capture_a_large_table_is_split_and_whole),
        cmocka_unit_test(capture_several_databases_and_globals),
        cmocka_unit_test(capture_unknown_database_pattern_is_not_found),
        cmocka_unit_test(capture_chosen_schemas_and_tables_only),
        cmocka_unit_test(capture_pattern_that_matches_nothing_is_a_configuration_error),
        cmocka_unit_test(capture_foreign_tables_are_named_in_a_warning),
    };

    return pg_run_tests(tests);
}
