/* Restores that must not be done, or not in that way, and what they leave behind. */
#include "tests/support/memory_sink.h"
#include "tests/support/pg_world.h"

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

/* The streams without t->stream. */
static const struct hf_stream_info *lacking_info(void *ctx, size_t index)
{
    struct tampered *t = ctx;

    for (size_t i = 0; i <= index; i++) {
        const struct hf_stream_info *info = t->inner->info(t->inner->ctx, i);

        if (!info || strcmp(info->name, t->stream) == 0)
            return t->inner->info(t->inner->ctx, index + 1);
    }
    return t->inner->info(t->inner->ctx, index);
}

static void restore_missing_piece_of_table_is_damaged(void **state)
{
    struct trip trip = zoo_trip("broken");
    struct tampered t = tamper(trip.feed, "zoo/data/kinds.many_rows/0001");

    (void)state;
    assert_non_null(trip.feed->find(trip.feed->ctx, t.stream));
    t.feed.ctx = &t;
    t.feed.info = lacking_info;
    trip.feed = &t.feed;
    assert_int_equal(restore(&trip), HF_DAMAGED);
    assert_contains(trip.err.text, "kinds.many_rows: part 2 of");
    check_databases("broken%", "0");
}

/* Other rows than those of t->stream: of a table with the same columns and fewer rows. */
static enum hf_status swapped_open(void *ctx, const char *name, struct hf_feed_stream **out,
                                   struct hf_error *err)
{
    struct tampered *t = ctx;

    return t->inner->open(t->inner->ctx,
                          strcmp(name, t->stream) == 0 ? "zoo/data/kinds.unlogged/0000" : name, out,
                          err);
}

static void restore_other_number_of_rows_is_damaged(void **state)
{
    struct trip trip = zoo_trip("broken");
    struct tampered t = tamper(trip.feed, "zoo/data/public.plain/0000");

    (void)state;
    t.feed.ctx = &t;
    t.feed.open = swapped_open;
    trip.feed = &t.feed;
    assert_int_equal(restore(&trip), HF_DAMAGED);
    assert_contains(trip.err.text, "public.plain");
    assert_contains(trip.err.text, "100 rows where 1000");
    check_databases("broken%", "0");
}

static void restore_missing_table_is_damaged(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restore_taken_name_is_refused),
        cmocka_unit_test(restore_replace_keeps_old_aside),
        cmocka_unit_test(restore_replace_in_use_is_busy_and_names_who),
        cmocka_unit_test(restore_unknown_table_is_not_found),
        cmocka_unit_test(restore_visitor_of_temporary_database_is_ended),
        cmocka_unit_test(restore_damaged_stream_names_table_and_leaves_nothing),
        cmocka_unit_test(restore_missing_table_is_damaged),
        cmocka_unit_test(restore_missing_piece_of_table_is_damaged),
        cmocka_unit_test(restore_other_number_of_rows_is_damaged),
        cmocka_unit_test(restore_changed_row_is_a_mismatch_and_dropped),
        cmocka_unit_test(restore_drops_leftovers_whose_lock_is_free),
        cmocka_unit_test(restore_interrupted_leaves_nothing),
        cmocka_unit_test(restore_without_createdb_is_denied),
        cmocka_unit_test(restore_missing_extension_is_missing),
        cmocka_unit_test(restore_older_server_is_missing),
        cmocka_unit_test(restore_unknown_locale_is_missing),
    };

    return world_run(tests, sizeof tests / sizeof *tests);
}
