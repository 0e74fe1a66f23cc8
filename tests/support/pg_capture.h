/* What tests of the capture share: a server, databases in it, statements, and a capture into
 * memory. One test program has one server. Include after <cmocka.h>. */
#ifndef HF_TESTS_PG_CAPTURE_H
#define HF_TESTS_PG_CAPTURE_H

#include "base/secret.h"
#include "formats/postgres/connection.h"
#include "formats/postgres/postgres.h"
#include "formats/postgres/server_capture.h"
#include "tests/support/check.h"
#include "tests/support/memory_sink.h"
#include "tests/support/pg_fixture.h"

enum { SKIP_CODE = 77 };

static struct pg_fixture server;

static inline int pg_group_setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    if (hf_crypto_init(&err) != HF_OK)
        return -1;
    if (!pg_fixture_start(&server, HF_SOURCE_DIR "/tests/servers/postgres", NULL))
        exit(SKIP_CODE); /* NOLINT(concurrency-mt-unsafe): there are no threads yet */
    return 0;
}

static inline int pg_group_teardown(void **state)
{
    (void)state;
    pg_fixture_stop(&server);
    return 0;
}

/* For main: all tests with the server; 77 where there is none to be had. */
#define pg_run_tests(tests) cmocka_run_group_tests(tests, pg_group_setup, pg_group_teardown)

/* Notes of the capture, one a line. */
struct notes {
    struct hf_observer observer;
    char text[8192];
};

static inline void notes_take(void *ctx, enum hf_note_level level, const char *text)
{
    struct notes *notes = ctx;
    size_t used = strlen(notes->text);

    (void)level;
    (void)snprintf(notes->text + used, sizeof notes->text - used, "%s\n", text);
}

static inline void notes_init(struct notes *notes)
{
    *notes = (struct notes){.observer = {.ctx = notes, .note = notes_take}};
}

/* A capture: configure, run, look. */
struct run {
    struct hf_pg_config config;
    struct memory_sink *sink;
    struct hf_cancel *cancel;
    struct notes notes;
    struct hf_capture_result result;
    struct hf_error err;
};

static inline struct hf_pg *pg_open(const struct pg_fixture *fixture, const char *database)
{
    const struct hf_pg_address address = {.conninfo = fixture->conninfo, .database = database};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg *pg = NULL;

    assert_ok(hf_pg_connect(&address, NULL, &pg, &err), &err);
    assert_ok(hf_pg_run(pg, "RESET search_path", &err), &err);
    return pg;
}

static inline void pg_do(const struct pg_fixture *fixture, const char *database, const char *sql)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg *pg = pg_open(fixture, database);

    assert_ok(hf_pg_run(pg, sql, &err), &err);
    hf_pg_close(pg);
}

/* An empty database of that name, whatever was there before. */
static inline void pg_fresh(const struct pg_fixture *fixture, const char *database,
                            const char *options)
{
    char sql[512];

    (void)snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
    pg_do(fixture, "postgres", sql);
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE %s %s", database, options);
    pg_do(fixture, "postgres", sql);
}

static inline void run_init(struct run *run, const struct pg_fixture *fixture, const char *database)
{
    *run = (struct run){.err = HF_ERROR_INIT};
    notes_init(&run->notes);
    run->sink = memory_sink_new();
    assert_ok(hf_cancel_new(&run->cancel, &run->err), &run->err);
    if (asprintf(&run->config.conninfo, "%s dbname=%s", fixture->conninfo, database) < 0)
        abort();
}

static inline enum hf_status run_capture(struct run *run)
{
    const struct hf_work work = {.cancel = run->cancel, .observer = &run->notes.observer};

    return hf_pg_capture(&run->config, memory_sink_sink(run->sink), &work, &run->result, &run->err);
}

static inline void run_done(struct run *run)
{
    assert_int_equal(memory_sink_open_count(run->sink), 0);
    json_decref(run->result.properties);
    memory_sink_free(run->sink);
    hf_cancel_free(run->cancel);
    hf_pg_config_done(&run->config);
}

/* The bytes of a stream as a string; fails the test where there is none. */
static inline const char *run_text(struct run *run, const char *stream)
{
    const struct memory_stream *found = memory_sink_find(run->sink, stream);
    struct hf_error err = HF_ERROR_INIT;
    const char *text = NULL;

    if (!found)
        fail_msg("there is no stream %s", stream);
    assert_ok(hf_buf_cstr((struct hf_buf *)&found->data, &text, &err), &err);
    return text;
}

static inline bool run_has(struct run *run, const char *stream)
{
    return memory_sink_find(run->sink, stream) != NULL;
}

#endif
