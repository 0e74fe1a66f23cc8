/* Connections, doctor and standbys, on real servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/pool.h"
#include "formats/postgres/copy.h"
#include "formats/postgres/doctor.h"
#include "tests/support/memory_sink.h"
#include "tests/support/pg_capture.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Accepts connections and never says a word. */
static int silent_port(int *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

static void connect_to_a_silent_host_gives_up_in_time(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg *pg = NULL;
    char conninfo[128];
    int port = 0;
    int fd = silent_port(&port);

    (void)state;
    (void)snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d connect_timeout=1", port);
    assert_fails(hf_pg_connect(&(struct hf_pg_address){.conninfo = conninfo}, NULL, &pg, &err),
                 HF_UNREACHABLE, &err);
    assert_contains(err.text, "no answer in time");
    assert_null(pg);
    (void)close(fd);
}

static void connect_stops_when_interrupted(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_cancel *cancel = NULL;
    struct hf_pg *pg = NULL;
    char conninfo[128];
    int port = 0;
    int fd = silent_port(&port);

    (void)state;
    (void)snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d", port);
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    hf_cancel_interrupt(cancel);
    assert_fails(hf_pg_connect(&(struct hf_pg_address){.conninfo = conninfo}, cancel, &pg, &err),
                 HF_CANCELLED, &err);
    hf_cancel_free(cancel);
    (void)close(fd);
}

static enum hf_status sleep_long(void *arg, size_t index, struct hf_error *err)
{
    const struct hf_pg_address address = {.conninfo = server.conninfo};
    HF_AUTO_PTR(hf_pg) pg = NULL;

    (void)index;
    HF_TRY(hf_pg_connect(&address, arg, &pg, err));
    return hf_pg_run(pg, "SELECT pg_catalog.pg_sleep(600)", err);
}

static void await_sleepers(const char *wanted)
{
    struct hf_pg *pg = pg_open(&server, "postgres");
    struct hf_error err = HF_ERROR_INIT;
    char *count = NULL;

    do {
        free(count);
        assert_ok(hf_pg_query_value(pg,
                                    "SELECT count(*) FROM pg_stat_activity"
                                    " WHERE query LIKE '%pg_sleep(600)' AND state = 'active'",
                                    &count, &err),
                  &err);
    } while (strcmp(count, wanted) != 0);
    free(count);
    hf_pg_close(pg);
}

static void query_interrupted_ends_here_and_on_the_server(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_cancel *cancel = NULL;
    struct hf_pool *pool = NULL;

    (void)state;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(1, sleep_long, NULL, cancel, cancel, &pool, &err), &err);
    await_sleepers("1");
    hf_cancel_interrupt(cancel);
    assert_fails(hf_pool_join(pool, &err), HF_CANCELLED, &err);
    await_sleepers("0");
    hf_cancel_free(cancel);
}

static void query_errors_have_kinds_and_hints(void **state)
{
    struct hf_pg *pg = pg_open(&server, "postgres");
    struct hf_error err = HF_ERROR_INIT;
    PGresult *result = NULL;

    (void)state;
    assert_fails(hf_pg_run(pg, "SELECT * FROM nowhere", &err), HF_NOT_FOUND, &err);
    assert_string_equal(pg->sqlstate, "42P01");
    assert_fails(hf_pg_run(pg, "CREATE DATABASE postgres", &err), HF_EXISTS, &err);
    assert_fails(hf_pg_run(pg, "SELECT lenght('x')", &err), HF_FAILED, &err);
    assert_contains(err.text, "hint: No function matches");
    assert_fails(hf_pg_query(pg, "SELECT 1; SELECT 1/0; SELECT 2", &result, &err), HF_FAILED, &err);
    assert_null(result);
    assert_ok(hf_pg_run(pg, "SELECT 1", &err), &err);
    assert_string_equal(pg->sqlstate, "");
    hf_pg_close(pg);
}

static void copy_in_and_out_round_trip(void **state)
{
    struct hf_pg *pg = pg_open(&server, "postgres");
    struct hf_error err = HF_ERROR_INIT;
    uint64_t rows = 0;

    (void)state;
    assert_ok(hf_pg_run(pg, "CREATE TEMP TABLE t (a int, b text)", &err), &err);
    assert_ok(hf_pg_copy_in_begin(pg, "COPY t FROM STDIN", &err), &err);
    assert_ok(hf_pg_copy_in_write(pg, "1\tone\n2", 7, &err), &err);
    assert_ok(hf_pg_copy_in_write(pg, "\t\\N\n", 4, &err), &err);
    assert_ok(hf_pg_copy_in_end(pg, &rows, &err), &err);
    assert_int_equal(rows, 2);
    assert_ok(hf_pg_copy_in_begin(pg, "COPY t FROM STDIN", &err), &err);
    assert_ok(hf_pg_copy_in_write(pg, "not a number\tx\n", 15, &err), &err);
    assert_fails(hf_pg_copy_in_end(pg, &rows, &err), HF_FAILED, &err);
    assert_contains(err.text, "invalid input syntax");
    assert_ok(hf_pg_copy_in_begin(pg, "COPY t FROM STDIN", &err), &err);
    assert_ok(hf_pg_copy_in_write(pg, "3\tthree\n", 8, &err), &err);
    hf_pg_copy_in_abort(pg);
    assert_fails(hf_pg_copy_in_begin(pg, "COPY nowhere FROM STDIN", &err), HF_NOT_FOUND, &err);
    assert_ok(hf_pg_run(pg, "DO $$ BEGIN ASSERT (SELECT count(*) FROM t) = 2; END $$", &err), &err);
    hf_pg_close(pg);
}

static enum hf_status refuse_row(void *ctx, const char *row, size_t len, struct hf_error *err)
{
    (void)row;
    (void)len;
    return ++*(int *)ctx < 3 ? HF_OK : hf_error_set(err, HF_NO_SPACE, "full");
}

static void copy_out_refused_leaves_the_connection_usable(void **state)
{
    struct hf_pg *pg = pg_open(&server, "postgres");
    struct hf_error err = HF_ERROR_INIT;
    uint64_t rows = 0;
    int taken = 0;

    (void)state;
    assert_fails(hf_pg_copy_out(pg, "COPY (SELECT generate_series(1, 100000000)) TO STDOUT",
                                refuse_row, &taken, &rows, &err),
                 HF_NO_SPACE, &err);
    assert_int_equal(taken, 3);
    assert_ok(hf_pg_run(pg, "SELECT 1", &err), &err);
    hf_pg_close(pg);
}

static const char *finding(const json_t *findings, const char *what, bool ok)
{
    const json_t *item;
    size_t i;

    json_array_foreach (findings, i, item) {
        if (strcmp(json_string_value(json_object_get(item, "what")), what) == 0 &&
            json_is_true(json_object_get(item, "ok")) == ok)
            return json_string_value(json_object_get(item, "text"));
    }
    fail_msg("no finding %s", what);
    return NULL;
}

static json_t *ask_doctor(struct run *run)
{
    json_t *findings = NULL;

    assert_ok(hf_pg_doctor(&run->config, &findings, &run->err), &run->err);
    return findings;
}

static void doctor_of_a_good_source_finds_what_it_needs(void **state)
{
    struct run run;
    json_t *findings;

    (void)state;
    run_init(&run, &server, "postgres");
    run.config.globals = true;
    findings = ask_doctor(&run);
    assert_contains(finding(findings, "server", true), "a primary");
    assert_contains(finding(findings, "pg_dump", true), "/pg_dump is ");
    (void)finding(findings, "pg_dumpall", true);
    (void)finding(findings, "rights", true);
    json_decref(findings);
    run_done(&run);
}

static void doctor_finds_what_is_wrong(void **state)
{
    struct run run;
    json_t *findings;

    (void)state;
    run_init(&run, &server, "not_there");
    findings = ask_doctor(&run);
    assert_contains(finding(findings, "server", false), "does not exist");
    json_decref(findings);
    run_done(&run);
    pg_fresh(&server, "ill", "");
    pg_do(&server, "ill", "CREATE TABLE closed (x int); CREATE ROLE poor LOGIN");
    run_init(&run, &server, "ill user=poor");
    assert_ok(hf_text_copy("/nowhere", &run.config.bin_dir, &run.err), &run.err);
    assert_ok(hf_strings_add(&run.config.exclude_tables, "slip", &run.err), &run.err);
    run.config.globals = true;
    findings = ask_doctor(&run);
    assert_contains(finding(findings, "rights", false), "public.closed");
    assert_contains(finding(findings, "pg_dump", false), "/nowhere");
    assert_contains(finding(findings, "patterns", false), "slip");
    assert_contains(finding(findings, "globals", false), "superuser");
    json_decref(findings);
    run_done(&run);
    pg_do(&server, "postgres", "DROP ROLE poor");
}

/* A standby of the fixture's server beside it. */
static void make_standby(struct pg_fixture *standby)
{
    char command[2048];

    *standby = server;
    (void)snprintf(standby->server, sizeof standby->server, "%s/sb", server.folder);
    (void)snprintf(standby->socket, sizeof standby->socket, "%s/s", standby->server);
    (void)snprintf(command, sizeof command,
                   "set -e; mkdir -m 777 '%s' '%s'; cp '%s/version' '%s/';"
                   " [ $(id -u) != 0 ] || as='setpriv --reuid=postgres --regid=postgres"
                   " --clear-groups';"
                   " $as /usr/lib/postgresql/15/bin/pg_basebackup -d '%s' -D '%s/data' -R -X stream"
                   " -c fast",
                   standby->server, standby->socket, server.server, standby->server,
                   server.conninfo, standby->server);
    assert_int_equal(pg_fixture_run((const char *const[]){"sh", "-c", command, NULL}), 0);
    (void)snprintf(command, sizeof command, "unix_socket_directories=%s", standby->socket);
    assert_true(pg_fixture_start_server(standby, (const char *const[]){command, NULL}));
}

static void capture_of_a_standby_takes_all_but_unlogged_rows(void **state)
{
    struct pg_fixture standby;
    struct run run;
    json_t *findings;

    (void)state;
    pg_fresh(&server, "app", "");
    pg_do(&server, "app",
          "CREATE TABLE t (x serial); INSERT INTO t DEFAULT VALUES; SELECT lo_create(7);"
          "CREATE UNLOGGED TABLE u (x int); INSERT INTO u VALUES (1)");
    make_standby(&standby);
    run_init(&run, &standby, "app");
    assert_ok(run_capture(&run), &run.err);
    assert_string_equal(run_text(&run, "app/data/public.t/0000"), "1\n");
    assert_false(run_has(&run, "app/data/public.u/0000"));
    assert_string_equal(run_text(&run, "app/largeobjects"), "7\tpostgres\t\\N\t\\N\n");
    assert_contains(run.notes.text, "public.u is unlogged");
    findings = ask_doctor(&run);
    assert_contains(finding(findings, "standby", false), "hot_standby_feedback");
    json_decref(findings);
    run_done(&run);
    pg_fixture_stop_server(&standby, "immediate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_to_a_silent_host_gives_up_in_time),
        cmocka_unit_test(connect_stops_when_interrupted),
        cmocka_unit_test(query_interrupted_ends_here_and_on_the_server),
        cmocka_unit_test(query_errors_have_kinds_and_hints),
        cmocka_unit_test(copy_in_and_out_round_trip),
        cmocka_unit_test(copy_out_refused_leaves_the_connection_usable),
        cmocka_unit_test(doctor_of_a_good_source_finds_what_it_needs),
        cmocka_unit_test(doctor_finds_what_is_wrong),
        cmocka_unit_test(capture_of_a_standby_takes_all_but_unlogged_rows),
    };

    return pg_run_tests(tests);
}
