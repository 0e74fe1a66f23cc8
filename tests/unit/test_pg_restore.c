/* Capture, restore and compare against a private server, with streams kept in memory. */
#include "base/json.h"
#include "base/secret.h"
#include "formats/postgres/connection.h"
#include "formats/postgres/digest.h"
#include "formats/postgres/postgres.h"
#include "tests/support/memory_sink.h"
#include "tests/support/pg_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

#include <fcntl.h>

enum { SKIP = 77, TEXT = 512 };

struct world {
    struct pg_fixture server;
    struct hf_cancel *cancel;
    struct memory_sink *zoo; /* a capture of the database zoo */
    json_t *zoo_properties;
};

static struct world world;

static void psql(const char *database, const char *option, const char *what)
{
    char target[TEXT];
    const char *const argv[] = {"psql", "-X",   "-q",   "-v", "ON_ERROR_STOP=1",
                                "-d",   target, option, what, NULL};

    (void)snprintf(target, sizeof target, "%.255s client_encoding=UTF8 dbname='%.100s'",
                   world.server.conninfo, database);
    assert_int_equal(pg_fixture_run(argv), 0);
}

/* A script whose selects no one wants to see. */
static void psql_quietly(const char *database, const char *path)
{
    char target[TEXT];
    const char *const argv[] = {"psql", "-X",   "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1",
                                "-d",   target, "-f", path, NULL};

    (void)snprintf(target, sizeof target, "%.255s dbname='%.100s'", world.server.conninfo,
                   database);
    assert_int_equal(pg_fixture_run(argv), 0);
}

static void run_sql(const char *database, const char *sql)
{
    psql(database, "-c", sql);
}

static struct hf_pg *connect_to(const char *database)
{
    const struct hf_pg_address address = {.conninfo = world.server.conninfo, .database = database};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg *pg = NULL;

    assert_ok(hf_pg_connect(&address, NULL, &pg, &err), &err);
    return pg;
}

/* One value, as text. */
static void check_value(const char *database, const char *sql, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg *pg = connect_to(database);
    HF_AUTO_FREE char *value = NULL;

    assert_ok(hf_pg_query_value(pg, sql, &value, &err), &err);
    hf_pg_close(pg);
    assert_string_equal(value, expected);
}

static void check_databases(const char *pattern, const char *count)
{
    char sql[TEXT];

    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*)::text FROM pg_catalog.pg_database WHERE datname LIKE '%s'",
                   pattern);
    check_value("postgres", sql, count);
}

/* A configuration for the fixture's server; conninfo holds the text. */
static struct hf_pg_config configure(char conninfo[TEXT], const char *database, const char *user)
{
    (void)snprintf(conninfo, TEXT, "%.255s dbname='%.100s'%s%.60s", world.server.conninfo, database,
                   user ? " user=" : "", user ? user : "");
    return (struct hf_pg_config){.conninfo = conninfo, .jobs = 3, .split = 1 << 20};
}

static void capture(const char *database, struct memory_sink **out, json_t **out_properties)
{
    char conninfo[TEXT];
    const struct hf_pg_config config = configure(conninfo, database, NULL);
    const struct hf_work work = {.cancel = world.cancel};
    struct hf_capture_result result = {.properties = NULL};
    struct hf_error err = HF_ERROR_INIT;

    *out = memory_sink_new();
    assert_ok(hf_pg_source.capture(&config, memory_sink_sink(*out), &work, &result, &err), &err);
    *out_properties = result.properties;
}

struct trip {
    const char *user; /* NULL: superuser */
    const struct hf_feed *feed;
    const json_t *properties;
    struct hf_restore_options options;
    json_t *report;
    struct hf_error err;
};

static struct trip zoo_trip(const char *target)
{
    return (struct trip){.feed = memory_sink_feed(world.zoo),
                         .properties = world.zoo_properties,
                         .options = {.target = target}};
}

static enum hf_status restore(struct trip *trip)
{
    char conninfo[TEXT];
    const struct hf_pg_config config = configure(conninfo, "postgres", trip->user);
    struct hf_cancel *cancel = NULL;
    enum hf_status status;

    assert_ok(hf_cancel_new(&cancel, &trip->err), &trip->err);
    status = hf_pg_source.restore(&config, trip->properties, trip->feed, &trip->options,
                                  &(struct hf_work){.cancel = cancel}, &trip->report, &trip->err);
    hf_cancel_free(cancel);
    return status;
}

static json_t *first_report(const struct trip *trip)
{
    return json_array_get(json_object_get(trip->report, "databases"), 0);
}

static void show(const struct trip *trip)
{
    char *text = json_dumps(trip->report, JSON_INDENT(1));

    print_error("%s\n%s\n", trip->err.text, text ? text : "no report");
    free(text);
}

static void expect_equal(struct trip *trip)
{
    enum hf_status status = restore(trip);

    if (status != HF_OK || !json_is_true(json_object_get(trip->report, "equal")))
        show(trip);
    assert_int_equal(status, HF_OK);
    assert_true(json_is_true(json_object_get(trip->report, "compared")));
    assert_true(json_is_true(json_object_get(trip->report, "equal")));
}

static bool notes_mention(const struct trip *trip, const char *text)
{
    json_t *note;
    size_t i;

    json_array_foreach (json_object_get(first_report(trip), "notes"), i, note) {
        if (strstr(json_string_value(note), text))
            return true;
    }
    return false;
}

/* Whole databases. */

static void restore_zoo_is_equal(void **state)
{
    struct trip trip = zoo_trip("zoo copy");

    (void)state;
    expect_equal(&trip);
    assert_int_equal(json_array_size(json_object_get(first_report(&trip), "notes")), 0);
    json_decref(trip.report);
    check_databases("%holdfast-%", "0");
    check_value("zoo copy", "SELECT count(*)::text FROM kinds.many_rows", "36000");
    check_value("zoo copy", "SELECT count(*)::text FROM kinds.audit", "2");
    check_value("zoo copy",
                "SELECT relispopulated::text FROM pg_catalog.pg_class WHERE relname"
                " = 'a_mat_on_view'",
                "true");
    check_value("zoo copy",
                "SELECT relispopulated::text FROM pg_catalog.pg_class WHERE relname"
                " = 'mat_empty'",
                "false");
    run_sql("postgres", "DROP DATABASE \"zoo copy\"");
}

static void restore_properties_are_kept(void **state)
{
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    struct trip trip = {.options = {.target = "props_copy"}};

    (void)state;
    run_sql("postgres", "CREATE DATABASE props TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C'"
                        " LC_CTYPE 'C' OWNER zoo_owner CONNECTION LIMIT 7");
    run_sql("postgres", "ALTER DATABASE props SET search_path = 'a b', public, \"$user\"; ALTER"
                        " DATABASE props SET work_mem = '5MB'; ALTER ROLE zoo_reader IN DATABASE"
                        " props SET statement_timeout = '1min'; COMMENT ON DATABASE props IS"
                        " 'it''s mine'; REVOKE ALL ON DATABASE props FROM PUBLIC; GRANT CONNECT ON"
                        " DATABASE props TO zoo_reader WITH GRANT OPTION; ALTER DATABASE props SET"
                        " default_transaction_read_only = on");
    run_sql("props", "SET transaction_read_only = off; CREATE TABLE public.latin (t text);"
                     " INSERT INTO public.latin VALUES (chr(233)), (chr(255))");
    capture("props", &sink, &properties);
    trip.feed = memory_sink_feed(sink);
    trip.properties = properties;
    expect_equal(&trip);
    check_value("postgres",
                "SELECT concat_ws('|', pg_get_userbyid(datdba), datconnlimit,"
                " shobj_description(oid, 'pg_database'), pg_encoding_to_char(encoding), datacl)"
                " FROM pg_catalog.pg_database WHERE datname = 'props_copy'",
                "zoo_owner|7|it's mine|LATIN1|{zoo_owner=CTc/zoo_owner,zoo_reader=c*/zoo_owner}");
    check_value("postgres",
                "SELECT string_agg(setrole::regrole || ':' || setconfig::text, ' ' ORDER BY"
                " setrole) FROM pg_catalog.pg_db_role_setting WHERE setdatabase = (SELECT oid FROM"
                " pg_catalog.pg_database WHERE datname = 'props_copy')",
                "-:{\"search_path=\\\"a b\\\", public, \\\"$user\\\"\",work_mem=5MB,"
                "default_transaction_read_only=on} zoo_reader:{statement_timeout=1min}");
    json_decref(trip.report);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "DROP DATABASE props");
    run_sql("postgres", "DROP DATABASE props_copy");
}

static void restore_missing_roles_are_created(void **state)
{
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    struct trip trip = {.options = {.target = "roles_copy"}};

    (void)state;
    run_sql("postgres", "CREATE DATABASE roles");
    run_sql("postgres", "CREATE ROLE gone_owner LOGIN");
    run_sql("postgres", "CREATE ROLE \"Gone Reader\"");
    run_sql("postgres", "CREATE ROLE gone_lo");
    run_sql("roles", "CREATE TABLE t (a int); ALTER TABLE t OWNER TO gone_owner; GRANT SELECT ON t"
                     " TO \"Gone Reader\"; SELECT lo_create(77001); ALTER LARGE OBJECT 77001 OWNER"
                     " TO gone_lo; GRANT SELECT ON LARGE OBJECT 77001 TO \"Gone Reader\"");
    capture("roles", &sink, &properties);
    run_sql("postgres", "DROP DATABASE roles");
    run_sql("postgres", "DROP ROLE gone_owner, \"Gone Reader\", gone_lo");
    trip.feed = memory_sink_feed(sink);
    trip.properties = properties;
    trip.options.no_owner = trip.options.no_acl = true;
    expect_equal(&trip);
    check_value("postgres",
                "SELECT count(*)::text FROM pg_catalog.pg_roles WHERE rolname ILIKE"
                " 'gone%'",
                "0");
    json_decref(trip.report);
    run_sql("postgres", "DROP DATABASE roles_copy");
    trip.report = NULL;
    trip.options.no_owner = trip.options.no_acl = false;
    expect_equal(&trip);
    assert_true(notes_mention(&trip, "\"gone_owner\" was not there"));
    check_value("postgres",
                "SELECT string_agg(rolname || rolcanlogin, ' ' ORDER BY 1) FROM"
                " pg_catalog.pg_roles WHERE rolname ILIKE 'gone%'",
                "Gone Readerfalse gone_lofalse gone_ownerfalse");
    json_decref(trip.report);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "DROP DATABASE roles_copy");
    run_sql("postgres", "DROP ROLE gone_owner, \"Gone Reader\", gone_lo");
}

/* Names in another encoding, chosen by name, and a locale of ICU. */
static void restore_names_of_any_encoding_are_found(void **state)
{
    char *tables[] = {(char *)"public.\xc3\x84pfel"};
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    struct trip trip = {.options = {.target = "latin_copy"}};

    (void)state;
    run_sql("postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C'"
                        " LC_CTYPE 'C'");
    run_sql("latin", "CREATE TABLE public.\"\xc3\x84pfel\" "
                     "(\"\xc3\xb6\" text); INSERT INTO"
                     " public.\"\xc3\x84pfel\" VALUES ('\xc3\xbc'); CREATE TABLE public.other ()");
    capture("latin", &sink, &properties);
    trip.feed = memory_sink_feed(sink);
    trip.properties = properties;
    trip.options.tables = (struct hf_strings){.items = tables, .count = 1};
    expect_equal(&trip);
    check_value("latin_copy", "SELECT \"\xc3\xb6\" FROM public.\"\xc3\x84pfel\"", "\xc3\xbc");
    json_decref(trip.report);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "DROP DATABASE latin");
    run_sql("postgres", "DROP DATABASE latin_copy");
}

static void restore_icu_locale_is_kept(void **state)
{
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    struct trip trip = {.options = {.target = "icu_copy"}};

    (void)state;
    run_sql("postgres", "CREATE DATABASE icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE"
                        " 'de-u-co-phonebk' IS_TEMPLATE true");
    capture("icu", &sink, &properties);
    trip.feed = memory_sink_feed(sink);
    trip.properties = properties;
    expect_equal(&trip);
    check_value("postgres",
                "SELECT concat_ws('|', datlocprovider, daticulocale, datistemplate) FROM"
                " pg_catalog.pg_database WHERE datname = 'icu_copy'",
                "i|de-u-co-phonebk|t");
    json_decref(trip.report);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "ALTER DATABASE icu IS_TEMPLATE false");
    run_sql("postgres", "ALTER DATABASE icu_copy IS_TEMPLATE false");
    run_sql("postgres", "DROP DATABASE icu");
    run_sql("postgres", "DROP DATABASE icu_copy");
}

/* A view whose function trusts the search path is refreshed under the database's own. */
static void restore_matview_of_search_path_is_populated(void **state)
{
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    struct trip trip = {.options = {.target = "path_copy"}};

    (void)state;
    run_sql("postgres", "CREATE DATABASE path");
    run_sql("path", "CREATE SCHEMA app; CREATE TABLE app.t (a int); INSERT INTO app.t VALUES (5);"
                    " CREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN"
                    " (SELECT a FROM t); END'; ALTER DATABASE path SET search_path = app");
    run_sql("path", "CREATE MATERIALIZED VIEW app.m AS SELECT app.f() AS a");
    capture("path", &sink, &properties);
    trip.feed = memory_sink_feed(sink);
    trip.properties = properties;
    expect_equal(&trip);
    assert_true(notes_mention(&trip, "search path"));
    check_value("path_copy", "SELECT a::text FROM app.m", "5");
    json_decref(trip.report);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "DROP DATABASE path");
    run_sql("postgres", "DROP DATABASE path_copy");
}

/* Names that are taken. */

static void restore_taken_name_is_refused(void **state)
{
    struct trip trip = zoo_trip("taken");

    (void)state;
    run_sql("postgres", "CREATE DATABASE taken TEMPLATE template0");
    assert_int_equal(restore(&trip), HF_EXISTS);
    assert_contains(trip.err.text, "--replace");
    assert_null(trip.report);
    check_databases("taken%", "1");
    run_sql("postgres", "DROP DATABASE taken");
}

static void restore_replace_keeps_old_aside(void **state)
{
    struct trip trip = zoo_trip("taken");
    const char *aside;
    char sql[TEXT];

    (void)state;
    run_sql("postgres", "CREATE DATABASE taken TEMPLATE template0");
    run_sql("taken", "CREATE TABLE old_one (a int)");
    trip.options.replace = true;
    trip.options.no_compare = true;
    assert_ok(restore(&trip), &trip.err);
    aside = json_string_value(json_object_get(first_report(&trip), "kept_aside"));
    assert_non_null(aside);
    assert_contains(aside, "taken.old-");
    check_value(aside, "SELECT count(*)::text FROM public.old_one", "0");
    check_value("taken", "SELECT count(*)::text FROM public.plain", "1000");
    (void)snprintf(sql, sizeof sql, "DROP DATABASE \"%s\"", aside);
    run_sql("postgres", sql);
    run_sql("postgres", "DROP DATABASE taken");
    json_decref(trip.report);
}

static void restore_replace_in_use_is_busy_and_names_who(void **state)
{
    struct trip trip = zoo_trip("taken");
    struct hf_pg *user;

    (void)state;
    run_sql("postgres", "CREATE DATABASE taken TEMPLATE template0");
    user = connect_to("taken");
    trip.options.replace = true;
    assert_int_equal(restore(&trip), HF_BUSY);
    assert_contains(trip.err.text, "postgres (");
    hf_pg_close(user);
    check_databases("taken%", "1");
    run_sql("postgres", "DROP DATABASE taken WITH (FORCE)");
}

/* Parts. */

static void restore_table_brings_what_it_needs(void **state)
{
    char *tables[] = {(char *)"kinds.right_t", (char *)"log", (char *)"dropped"};
    struct trip trip = zoo_trip("part");

    (void)state;
    trip.options.tables = (struct hf_strings){.items = tables, .count = 3};
    expect_equal(&trip);
    assert_true(json_is_true(json_object_get(first_report(&trip), "partial")));
    assert_true(notes_mention(&trip, "right_t_l_fkey: left out"));
    check_value("part", "SELECT count(*)::text FROM kinds.log", "171");
    check_value("part", "SELECT count(*)::text FROM parts.log_2021", "52");
    check_value("part", "SELECT to_regclass('kinds.many_rows')::text IS NULL", "t");
    check_value("part",
                "SELECT count(*)::text FROM pg_catalog.pg_constraint WHERE conname ="
                " 'right_t_pkey'",
                "1");
    json_decref(trip.report);
    run_sql("postgres", "DROP DATABASE part");
}

static void restore_schema_brings_all_in_it(void **state)
{
    char *schemas[] = {(char *)"ext", (char *)"kinds"};
    struct trip trip = zoo_trip("part");

    (void)state;
    trip.options.schemas = (struct hf_strings){.items = schemas, .count = 2};
    expect_equal(&trip);
    check_value("part", "SELECT count(*)::text FROM kinds.many_rows", "36000");
    check_value("part", "SELECT to_regclass('public.plain')::text IS NULL", "t");
    json_decref(trip.report);
    run_sql("postgres", "DROP DATABASE part");
}

static void restore_unknown_table_is_not_found(void **state)
{
    char *tables[] = {(char *)"kinds.many_row"};
    struct trip trip = zoo_trip("part");

    (void)state;
    trip.options.tables = (struct hf_strings){.items = tables, .count = 1};
    assert_int_equal(restore(&trip), HF_NOT_FOUND);
    assert_contains(trip.err.text, "did you mean \"many_rows\"");
    check_databases("part%", "0");
}

/* Feeds that are not what was captured. */

struct tampered {
    struct hf_feed feed;
    const struct hf_feed *inner;
    const char *stream;
};

static const struct hf_stream_info *tampered_info(void *ctx, size_t index)
{
    struct tampered *t = ctx;

    return t->inner->info(t->inner->ctx, index);
}

static const struct hf_stream_info *tampered_find(void *ctx, const char *name)
{
    struct tampered *t = ctx;

    return t->inner->find(t->inner->ctx, name);
}

static enum hf_status tampered_open(void *ctx, const char *name, struct hf_feed_stream **out,
                                    struct hf_error *err)
{
    struct tampered *t = ctx;

    if (strcmp(name, t->stream) == 0)
        return hf_error_set(err, HF_DAMAGED, "stream %s: pack 00ff is damaged", name);
    return t->inner->open(t->inner->ctx, name, out, err);
}

static struct tampered tamper(const struct hf_feed *inner, const char *stream)
{
    struct tampered t = {.inner = inner, .stream = stream};

    t.feed = *inner;
    t.feed.info = tampered_info;
    t.feed.find = tampered_find;
    t.feed.open = tampered_open;
    return t;
}

static struct hf_pg *visitor; /* of the temporary database */

/* Someone connects to the temporary database while it is being filled. */
static enum hf_status visiting_open(void *ctx, const char *name, struct hf_feed_stream **out,
                                    struct hf_error *err)
{
    struct tampered *t = ctx;
    HF_AUTO_FREE char *temporary = NULL;
    struct hf_pg *pg;

    if (strcmp(name, t->stream) == 0 && !visitor) {
        pg = connect_to("postgres");
        assert_ok(hf_pg_query_value(pg,
                                    "SELECT datname FROM pg_catalog.pg_database WHERE datname"
                                    " LIKE 'visited.holdfast-%'",
                                    &temporary, err),
                  err);
        hf_pg_close(pg);
        visitor = connect_to(temporary);
    }
    return t->inner->open(t->inner->ctx, name, out, err);
}

static void restore_visitor_of_temporary_database_is_ended(void **state)
{
    char *tables[] = {(char *)"public.plain"};
    struct trip trip = zoo_trip("visited");
    struct tampered t = tamper(trip.feed, "zoo/matviews");

    (void)state;
    t.feed.ctx = &t;
    t.feed.open = visiting_open;
    trip.feed = &t.feed;
    trip.options.tables = (struct hf_strings){.items = tables, .count = 1};
    expect_equal(&trip);
    assert_non_null(visitor);
    hf_pg_close(visitor);
    visitor = NULL;
    json_decref(trip.report);
    run_sql("postgres", "DROP DATABASE visited");
}

static void restore_damaged_stream_names_table_and_leaves_nothing(void **state)
{
    struct trip trip = zoo_trip("broken");
    struct tampered t = tamper(trip.feed, "zoo/data/public.plain/0000");

    (void)state;
    t.feed.ctx = &t;
    trip.feed = &t.feed;
    assert_int_equal(restore(&trip), HF_DAMAGED);
    assert_contains(trip.err.text, "pack 00ff");
    check_databases("broken%", "0");
}

static void restore_missing_part_is_damaged(void **state)
{
    struct trip trip = zoo_trip("broken");
    HF_AUTO_JSON properties = json_deep_copy(world.zoo_properties);
    json_t *database = json_array_get(json_object_get(properties, "databases"), 0);
    json_int_t tables = json_integer_value(json_object_get(database, "tables"));

    (void)state;
    assert_int_equal(json_object_set_new(database, "tables", json_integer(tables + 1)), 0);
    trip.properties = properties;
    assert_int_equal(restore(&trip), HF_DAMAGED);
    check_databases("broken%", "0");
}

/* Differences: a row that changes while the restore runs, by a trigger of the table's own. */
static void restore_changed_row_is_a_mismatch_and_dropped(void **state)
{
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    struct trip trip = {.options = {.target = "changed_copy"}};
    const json_t *difference;

    (void)state;
    run_sql("postgres", "CREATE DATABASE changed");
    /* the view's refresh changes a row: it runs after the rows, before the comparison */
    run_sql("changed",
            "CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, 'x' FROM generate_series(1,"
            " 50) i; CREATE FUNCTION change() RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE"
            " public.t SET b = 'y' WHERE a = 7; RETURN 1; END $$; CREATE MATERIALIZED VIEW m AS"
            " SELECT 1 AS one");
    run_sql("changed", "CREATE FUNCTION on_index(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$"
                       " BEGIN IF current_database() <> 'changed' THEN PERFORM public.change();"
                       " END IF; RETURN 1; END $$; CREATE TABLE u (a int); INSERT INTO u VALUES"
                       " (1); CREATE INDEX ON u (public.on_index(a))");
    capture("changed", &sink, &properties);
    trip.feed = memory_sink_feed(sink);
    trip.properties = properties;
    if (restore(&trip) != HF_MISMATCH)
        show(&trip);
    assert_int_equal(trip.err.status, HF_MISMATCH);
    assert_non_null(trip.report);
    difference = json_array_get(json_object_get(first_report(&trip), "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(difference, "name")), "public.t");
    assert_contains(json_string_value(json_object_get(difference, "expected")), "50 rows");
    assert_true(json_is_false(json_object_get(trip.report, "equal")));
    check_databases("changed_copy%", "0");
    json_decref(trip.report);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "DROP DATABASE changed");
}

/* Leftovers of killed restores. */

static void restore_drops_leftovers_whose_lock_is_free(void **state)
{
    struct trip trip = zoo_trip("kept");
    struct hf_pg *alive;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    run_sql("postgres", "CREATE DATABASE \"kept.holdfast-0badcafe\"");
    run_sql("postgres", "CREATE DATABASE \"kept.holdfast-deadbeef\"");
    run_sql("postgres", "CREATE DATABASE \"kept.holdfast-notours1\"");
    run_sql("kept.holdfast-0badcafe", "CREATE SUBSCRIPTION s CONNECTION 'dbname=none' PUBLICATION"
                                      " p WITH (connect = false)");
    alive = connect_to("zoo");
    assert_ok(hf_pg_run(alive,
                        "SELECT pg_advisory_lock(1752132708,"
                        " 'xdeadbeef'::bit(32)::int4)",
                        &err),
              &err);
    trip.options.no_compare = true;
    assert_ok(restore(&trip), &trip.err);
    assert_true(notes_mention(&trip, "kept.holdfast-0badcafe"));
    check_databases("kept.holdfast-%", "2");
    hf_pg_close(alive);
    json_decref(trip.report);
    run_sql("postgres", "DROP DATABASE kept");
    run_sql("postgres", "DROP DATABASE \"kept.holdfast-deadbeef\"");
    run_sql("postgres", "DROP DATABASE \"kept.holdfast-notours1\"");
}

static void restore_interrupted_leaves_nothing(void **state)
{
    struct trip trip = zoo_trip("stopped");
    char conninfo[TEXT];
    const struct hf_pg_config config = configure(conninfo, "postgres", NULL);
    struct hf_cancel *cancel = NULL;

    (void)state;
    assert_ok(hf_cancel_new(&cancel, &trip.err), &trip.err);
    hf_cancel_interrupt(cancel);
    assert_int_equal(hf_pg_source.restore(&config, trip.properties, trip.feed, &trip.options,
                                          &(struct hf_work){.cancel = cancel}, &trip.report,
                                          &trip.err),
                     HF_CANCELLED);
    hf_cancel_free(cancel);
    check_databases("stopped%", "0");
}

/* Targets that will not do. */

static void restore_without_createdb_is_denied(void **state)
{
    struct trip trip = zoo_trip("denied");

    (void)state;
    run_sql("postgres", "CREATE ROLE weak LOGIN");
    trip.user = "weak";
    assert_int_equal(restore(&trip), HF_DENIED);
    assert_contains(trip.err.text, "CREATEDB");
    run_sql("postgres", "ALTER ROLE weak CREATEDB");
    assert_int_equal(restore(&trip), HF_DENIED);
    assert_contains(trip.err.text, "superuser");
    run_sql("postgres", "DROP ROLE weak");
    check_databases("denied%", "0");
}

static void restore_as_plain_role_without_owners_works(void **state)
{
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    struct trip trip = {.user = "plain_user", .options = {.target = "plain_copy"}};

    (void)state;
    run_sql("postgres", "CREATE ROLE plain_user LOGIN CREATEDB");
    run_sql("postgres", "CREATE DATABASE plain");
    run_sql("plain", "CREATE TABLE t (a serial PRIMARY KEY, b text); INSERT INTO t (b) VALUES"
                     " ('x'); CREATE MATERIALIZED VIEW m AS SELECT * FROM t; SELECT"
                     " lo_from_bytea(0, '\\x00')");
    capture("plain", &sink, &properties);
    trip.feed = memory_sink_feed(sink);
    trip.properties = properties;
    trip.options.no_owner = trip.options.no_acl = true;
    expect_equal(&trip);
    check_value("plain_copy",
                "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE relname"
                " = 't'",
                "plain_user");
    json_decref(trip.report);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "DROP DATABASE plain_copy");
    run_sql("postgres", "DROP DATABASE plain");
    run_sql("postgres", "DROP ROLE plain_user");
}

static void restore_missing_extension_is_missing(void **state)
{
    struct trip trip = zoo_trip("lacking");
    struct hf_error err = HF_ERROR_INIT;
    char path[TEXT];
    char away[TEXT + 8];
    struct hf_pg *pg = connect_to("postgres");
    HF_AUTO_FREE char *share = NULL;

    (void)state;
    assert_ok(hf_pg_query_value(pg, "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'", &share,
                                &err),
              &err);
    hf_pg_close(pg);
    (void)snprintf(path, sizeof path, "%s/extension/hf_zoo.control", share);
    (void)snprintf(away, sizeof away, "%s.away", path);
    if (rename(path, away) != 0)
        skip();
    assert_int_equal(restore(&trip), HF_MISSING);
    assert_int_equal(rename(away, path), 0);
    assert_contains(trip.err.text, "hf_zoo");
    check_databases("lacking%", "0");
}

static void restore_older_server_is_missing(void **state)
{
    HF_AUTO_JSON properties = json_deep_copy(world.zoo_properties);
    struct trip trip = zoo_trip("older");

    (void)state;
    assert_int_equal(json_object_set_new(json_object_get(properties, "server"), "version_num",
                                         json_integer(170004)),
                     0);
    trip.properties = properties;
    assert_int_equal(restore(&trip), HF_MISSING);
    assert_contains(trip.err.text, "older than the 17");
}

static void restore_unknown_locale_is_missing(void **state)
{
    HF_AUTO_JSON properties = json_deep_copy(world.zoo_properties);
    json_t *database = json_array_get(json_object_get(properties, "databases"), 0);
    struct trip trip = zoo_trip("locale");

    (void)state;
    assert_int_equal(json_object_set_new(database, "collate", json_string("xx_XX.UTF-8")), 0);
    trip.properties = properties;
    assert_int_equal(restore(&trip), HF_MISSING);
    assert_contains(trip.err.text, "install the locale");
    check_databases("locale%", "0");
}

/* Names as long as they may be. */
static void restore_longest_name_works(void **state)
{
    const char *name = "ééééééééééééééééééééééééééééééx";
    struct trip trip = zoo_trip(name);
    char *tables[] = {(char *)"public.plain"};
    char sql[TEXT];

    (void)state;
    trip.options.tables = (struct hf_strings){.items = tables, .count = 1};
    expect_equal(&trip);
    json_decref(trip.report);
    check_value(name, "SELECT count(*)::text FROM public.plain", "1000");
    (void)snprintf(sql, sizeof sql, "DROP DATABASE \"%s\"", name);
    run_sql("postgres", sql);
}

/* Rows and digest of all parts of a table, given its first part's name. */
static struct hf_pg_digest_sum digest_table(struct memory_sink *sink, const char *first)
{
    static const struct hf_pg_digest_key key = {{9}};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg_digest_sum sum;
    struct hf_pg_digest digest;

    hf_pg_digest_init(&digest, &key);
    for (int part = 0;; part++) {
        char name[HF_STREAM_NAME_MAX];
        const struct memory_stream *stream;

        (void)snprintf(name, sizeof name, "%.*s/%04d", (int)(strlen(first) - 5), first, part);
        stream = memory_sink_find(sink, name);
        if (!stream)
            break;
        assert_ok(hf_pg_digest_feed(&digest, stream->data.data, stream->data.len, &err), &err);
    }
    assert_ok(hf_pg_digest_end(&digest, &sum, &err), &err);
    hf_pg_digest_done(&digest);
    return sum;
}

static void expect_same_rows(struct memory_sink *again, const char *database, const char *first)
{
    struct hf_pg_digest_sum expected = digest_table(world.zoo, first);
    struct hf_pg_digest_sum found;
    char name[HF_STREAM_NAME_MAX];

    (void)snprintf(name, sizeof name, "%s%s", database, strchr(first, '/'));
    found = digest_table(again, name);
    if (!hf_pg_digest_equal(&expected, &found))
        fail_msg("%s differs", first);
}

static void expect_same_stream(struct memory_sink *again, const char *what)
{
    const struct memory_stream *a;
    const struct memory_stream *b;
    char name[TEXT];

    (void)snprintf(name, sizeof name, "zoo/%s", what);
    a = memory_sink_find(world.zoo, name);
    (void)snprintf(name, sizeof name, "by_script/%s", what);
    b = memory_sink_find(again, name);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->data.len, b->data.len);
    assert_memory_equal(a->data.data, b->data.data, a->data.len);
}

/* The script restores by psql alone, to the same schema and rows: it is captured again. */
static void export_script_restores_by_psql(void **state)
{
    char conninfo[TEXT];
    const struct hf_pg_config config = configure(conninfo, "postgres", NULL);
    const struct hf_restore_options options = {.target = NULL};
    struct hf_error err = HF_ERROR_INIT;
    struct memory_sink *again = NULL;
    json_t *properties = NULL;
    char path[TEXT];
    int fd;

    (void)state;
    (void)snprintf(path, sizeof path, "%.200s/zoo.sql", world.server.folder);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_ok(hf_pg_source.export(&config, world.zoo_properties, memory_sink_feed(world.zoo),
                                  &options, &(struct hf_work){.cancel = world.cancel}, fd, &err),
              &err);
    assert_int_equal(close(fd), 0);
    run_sql("postgres", "CREATE DATABASE by_script TEMPLATE template0 ENCODING 'UTF8'");
    psql_quietly("by_script", path);
    capture("by_script", &again, &properties);
    for (size_t i = 0;; i++) {
        const struct hf_feed *feed = memory_sink_feed(world.zoo);
        const struct hf_stream_info *info = feed->info(feed->ctx, i);

        if (!info)
            break;
        if (strstr(info->name, "/data/") && strstr(info->name, "/0000") &&
            !strstr(info->name, "hashed_enum") && /* moved between partitions */
            !strstr(info->name, "child2"))        /* other column order */
            expect_same_rows(again, "by_script", info->name);
    }
    expect_same_stream(again, "largeobjects");
    expect_same_stream(again, "largeobjects/data");
    expect_same_stream(again, "matviews");
    json_decref(properties);
    memory_sink_free(again);
    run_sql("postgres", "DROP DATABASE by_script");
}

/* A whole server into an empty one: roles with their passwords, then every database. */
static enum hf_status restore_server(struct pg_fixture *target, const struct memory_sink *sink,
                                     json_t *properties, json_t **out_report, struct hf_error *err)
{
    const struct hf_pg_config config = {.conninfo = target->conninfo, .jobs = 2};
    const struct hf_restore_options options = {.target = NULL};

    return hf_pg_source.restore(&config, properties, memory_sink_feed((struct memory_sink *)sink),
                                &options, &(struct hf_work){.cancel = world.cancel}, out_report,
                                err);
}

static void capture_server(struct memory_sink **out, json_t **out_properties)
{
    char conninfo[TEXT];
    struct hf_pg_config config = configure(conninfo, "postgres", NULL);
    struct hf_capture_result result = {.properties = NULL};
    struct hf_error err = HF_ERROR_INIT;

    config.all_databases = config.globals = true;
    *out = memory_sink_new();
    assert_ok(hf_pg_source.capture(&config, memory_sink_sink(*out),
                                   &(struct hf_work){.cancel = world.cancel}, &result, &err),
              &err);
    *out_properties = result.properties;
}

static void restore_server_into_empty_one(void **state)
{
    static const char *const settings[] = {"fsync=off", NULL};
    struct pg_fixture target;
    struct pg_fixture source = world.server;
    struct memory_sink *sink = NULL;
    json_t *properties = NULL;
    json_t *report = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    run_sql("postgres", "CREATE ROLE with_password LOGIN PASSWORD 'secret'; CREATE TABLE"
                        " public.in_postgres (a int); INSERT INTO public.in_postgres VALUES (1)");
    run_sql("postgres", "GRANT zoo_owner TO with_password");
    capture_server(&sink, &properties);
    assert_true(pg_fixture_start(&target, HF_SOURCE_DIR "/tests/servers/postgres", settings));
    if (restore_server(&target, sink, properties, &report, &err) != HF_OK) {
        char *text = json_dumps(report, JSON_INDENT(1));

        print_error("%s\n%s\n", err.text, text ? text : "");
        free(text);
    }
    assert_int_equal(err.status, HF_OK);
    assert_true(json_is_true(json_object_get(report, "equal")));
    world.server = target;
    check_value("zoo", "SELECT count(*)::text FROM kinds.many_rows", "36000");
    check_value("postgres", "SELECT count(*)::text FROM public.in_postgres", "1");
    check_value("postgres",
                "SELECT (rolpassword LIKE 'SCRAM-SHA-256$%')::text FROM pg_authid WHERE"
                " rolname = 'with_password'",
                "true");
    check_value("postgres", "SELECT pg_has_role('with_password', 'zoo_owner', 'member')::text",
                "true");
    json_decref(report);
    report = NULL;
    assert_int_equal(restore_server(&target, sink, properties, &report, &err), HF_EXISTS);
    world.server = source;
    pg_fixture_stop(&target);
    json_decref(properties);
    memory_sink_free(sink);
    run_sql("postgres", "DROP TABLE public.in_postgres");
    run_sql("postgres", "DROP ROLE with_password");
}

static int start(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    if (hf_crypto_init(&err) != HF_OK || hf_cancel_new(&world.cancel, &err) != HF_OK)
        return -1;
    run_sql("postgres", "CREATE DATABASE zoo TEMPLATE template0 ENCODING 'UTF8'");
    psql("zoo", "-f", HF_SOURCE_DIR "/tests/e2e/zoo.sql");
    capture("zoo", &world.zoo, &world.zoo_properties);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    json_decref(world.zoo_properties);
    memory_sink_free(world.zoo);
    hf_cancel_free(world.cancel);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restore_zoo_is_equal),
        cmocka_unit_test(restore_properties_are_kept),
        cmocka_unit_test(restore_missing_roles_are_created),
        cmocka_unit_test(restore_names_of_any_encoding_are_found),
        cmocka_unit_test(restore_icu_locale_is_kept),
        cmocka_unit_test(restore_matview_of_search_path_is_populated),
        cmocka_unit_test(restore_taken_name_is_refused),
        cmocka_unit_test(restore_replace_keeps_old_aside),
        cmocka_unit_test(restore_replace_in_use_is_busy_and_names_who),
        cmocka_unit_test(restore_table_brings_what_it_needs),
        cmocka_unit_test(restore_schema_brings_all_in_it),
        cmocka_unit_test(restore_unknown_table_is_not_found),
        cmocka_unit_test(restore_visitor_of_temporary_database_is_ended),
        cmocka_unit_test(restore_damaged_stream_names_table_and_leaves_nothing),
        cmocka_unit_test(restore_missing_part_is_damaged),
        cmocka_unit_test(restore_changed_row_is_a_mismatch_and_dropped),
        cmocka_unit_test(restore_drops_leftovers_whose_lock_is_free),
        cmocka_unit_test(restore_interrupted_leaves_nothing),
        cmocka_unit_test(restore_without_createdb_is_denied),
        cmocka_unit_test(restore_as_plain_role_without_owners_works),
        cmocka_unit_test(restore_missing_extension_is_missing),
        cmocka_unit_test(restore_older_server_is_missing),
        cmocka_unit_test(restore_unknown_locale_is_missing),
        cmocka_unit_test(restore_longest_name_works),
        cmocka_unit_test(export_script_restores_by_psql),
        cmocka_unit_test(restore_server_into_empty_one),
    };
    static const char *const settings[] = {"fsync=off", NULL};
    int failed;

    if (!pg_fixture_start(&world.server, HF_SOURCE_DIR "/tests/servers/postgres", settings))
        return SKIP;
    failed = cmocka_run_group_tests(tests, start, stop);
    pg_fixture_stop(&world.server);
    return failed;
}
