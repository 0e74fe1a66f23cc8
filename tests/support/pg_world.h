/*
 * A private server with a database of one of everything, captured into memory once, and restores
 * of it: for the tests of restore. One test program is one world.
 */
#ifndef HF_TESTS_PG_WORLD_H
#define HF_TESTS_PG_WORLD_H

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

enum { SKIP = 77, TEXT = 512 };

struct world {
    struct pg_fixture server;
    struct hf_cancel *cancel;
    struct memory_sink *zoo; /* a capture of the database zoo */
    json_t *zoo_properties;
};

static struct world world;

static inline void psql(const char *database, const char *option, const char *what)
{
    char target[TEXT];
    const char *const argv[] = {"psql", "-X",   "-q",   "-v", "ON_ERROR_STOP=1",
                                "-d",   target, option, what, NULL};

    (void)snprintf(target, sizeof target, "%.255s client_encoding=UTF8 dbname='%.100s'",
                   world.server.conninfo, database);
    assert_int_equal(pg_fixture_run(argv), 0);
}

/* A script whose selects no one wants to see. */
static inline void psql_quietly(const char *database, const char *path)
{
    char target[TEXT];
    const char *const argv[] = {"psql", "-X",   "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1",
                                "-d",   target, "-f", path, NULL};

    (void)snprintf(target, sizeof target, "%.255s dbname='%.100s'", world.server.conninfo,
                   database);
    assert_int_equal(pg_fixture_run(argv), 0);
}

static inline void run_sql(const char *database, const char *sql)
{
    psql(database, "-c", sql);
}

static inline struct hf_pg *connect_to(const char *database)
{
    const struct hf_pg_address address = {.conninfo = world.server.conninfo, .database = database};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg *pg = NULL;

    assert_ok(hf_pg_connect(&address, NULL, &pg, &err), &err);
    return pg;
}

/* One value, as text. */
static inline void check_value(const char *database, const char *sql, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg *pg = connect_to(database);
    HF_AUTO_FREE char *value = NULL;

    assert_ok(hf_pg_query_value(pg, sql, &value, &err), &err);
    hf_pg_close(pg);
    assert_string_equal(value, expected);
}

static inline void check_databases(const char *pattern, const char *count)
{
    char sql[TEXT];

    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*)::text FROM pg_catalog.pg_database WHERE datname LIKE '%s'",
                   pattern);
    check_value("postgres", sql, count);
}

/* A configuration for the fixture's server; conninfo holds the text. */
static inline struct hf_pg_config configure(char conninfo[TEXT], const char *database,
                                            const char *user)
{
    (void)snprintf(conninfo, TEXT, "%.255s dbname='%.100s'%s%.60s", world.server.conninfo, database,
                   user ? " user=" : "", user ? user : "");
    return (struct hf_pg_config){.conninfo = conninfo, .jobs = 3, .split = 1 << 20};
}

static inline void capture(const char *database, struct memory_sink **out, json_t **out_properties)
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

static inline struct trip zoo_trip(const char *target)
{
    return (struct trip){.feed = memory_sink_feed(world.zoo),
                         .properties = world.zoo_properties,
                         .options = {.target = target}};
}

static inline enum hf_status restore(struct trip *trip)
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

static inline json_t *first_report(const struct trip *trip)
{
    return json_array_get(json_object_get(trip->report, "databases"), 0);
}

static inline void show(const struct trip *trip)
{
    char *text = json_dumps(trip->report, JSON_INDENT(1));

    print_error("%s\n%s\n", trip->err.text, text ? text : "no report");
    free(text);
}

static inline void expect_equal(struct trip *trip)
{
    enum hf_status status = restore(trip);

    if (status != HF_OK || !json_is_true(json_object_get(trip->report, "equal")))
        show(trip);
    assert_int_equal(status, HF_OK);
    assert_true(json_is_true(json_object_get(trip->report, "compared")));
    assert_true(json_is_true(json_object_get(trip->report, "equal")));
}

static inline bool notes_mention(const struct trip *trip, const char *text)
{
    json_t *note;
    size_t i;

    json_array_foreach (json_object_get(first_report(trip), "notes"), i, note) {
        if (strstr(json_string_value(note), text))
            return true;
    }
    return false;
}

static inline int world_start(void **state)
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

static inline int world_stop(void **state)
{
    (void)state;
    json_decref(world.zoo_properties);
    memory_sink_free(world.zoo);
    hf_cancel_free(world.cancel);
    return 0;
}

/* For main: 77 where there is no server to be had. */
static inline int world_run_tests(const char *name, const struct CMUnitTest *tests, size_t count)
{
    static const char *const settings[] = {"fsync=off", NULL};
    int failed;

    if (!pg_fixture_start(&world.server, HF_SOURCE_DIR "/tests/servers/postgres", settings))
        return SKIP;
    failed = _cmocka_run_group_tests(name, tests, count, world_start, world_stop);
    pg_fixture_stop(&world.server);
    return failed;
}
#define world_run(tests, count) world_run_tests(#tests, tests, count)

#endif
