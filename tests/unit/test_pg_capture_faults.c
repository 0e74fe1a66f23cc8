/* What a capture does when others are in its way: locks, changes, missing rights, ends of all
 * kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "base/process.h"
#include "tests/support/memory_sink.h"
#include "tests/support/pg_capture.h"

#include <stdatomic.h>
#include <sys/stat.h>

static const char bin[] = "/usr/lib/postgresql/15/bin";

static void capture_fails(struct run *run, enum hf_status expected)
{
    enum hf_status status = run_capture(run);

    if (status != expected)
        fail_msg("%d instead of %d: %s", (int)status, (int)expected, run->err.text);
    assert_null(run->result.properties);
}

/* For a lock on something in the database that it is asked in. */
#define WAITING                                                                                    \
    "EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT granted"    \
    " AND datname = current_database())"
static const char someone_waits[] = "SELECT " WAITING;
static const char nobody_waits[] = "SELECT NOT " WAITING;

/* A program of that name in a folder of the test's, for bin_dir. */
static void fake_program(char folder[CHECK_PATH], const char *name, const char *script)
{
    char path[CHECK_PATH + 32];
    FILE *file;

    if (!folder[0])
        check_folder(folder);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/bash\nreal=%s/%s\n%s\n", bin, name, script) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

static void remove_folder(const char *folder)
{
    assert_int_equal(pg_fixture_run((const char *const[]){"rm", "-rf", folder, NULL}), 0);
}

/* Waits until the query, in a transaction of its own each time, is true. */
static void await_true(const char *database, const char *sql)
{
    struct hf_pg *pg = pg_open(&server, database);
    struct hf_error err = HF_ERROR_INIT;
    char *answer = NULL;

    do {
        free(answer);
        assert_ok(hf_pg_query_value(pg, sql, &answer, &err), &err);
    } while (answer[0] != 't');
    free(answer);
    hf_pg_close(pg);
}

static void capture_unreadable_tables_are_denied_and_named(void **state)
{
    struct run run;

    (void)state;
    pg_fresh(&server, "rights", "");
    pg_do(&server, "rights",
          "DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN;"
          "CREATE TABLE open_to_all (x int); GRANT SELECT ON open_to_all TO weak;"
          "CREATE TABLE closed (x int); CREATE SEQUENCE closed_too; CREATE TABLE policed (x int);"
          "ALTER TABLE policed ENABLE ROW LEVEL SECURITY; GRANT SELECT ON policed TO weak");
    run_init(&run, &server, "rights user=weak");
    capture_fails(&run, HF_DENIED);
    assert_contains(run.err.text, "may not read public.closed, public.closed_too; let it: GRANT "
                                  "pg_read_all_data TO \"weak\"");
    assert_int_equal(memory_sink_count(run.sink), 0);
    run_done(&run);
    pg_do(&server, "rights", "GRANT pg_read_all_data TO weak");
    run_init(&run, &server, "rights user=weak");
    capture_fails(&run, HF_DENIED);
    assert_contains(run.err.text, "of public.policed; let it: ALTER ROLE \"weak\" BYPASSRLS");
    run_done(&run);
    pg_do(&server, "rights", "ALTER ROLE weak BYPASSRLS; SELECT lo_create(77)");
    run_init(&run, &server, "rights user=weak");
    capture_fails(&run, HF_DENIED);
    assert_contains(run.err.text, "large object");
    run_done(&run);
    pg_do(&server, "rights", "GRANT SELECT ON LARGE OBJECT 77 TO weak");
    run_init(&run, &server, "rights user=weak");
    run.config.globals = true;
    assert_ok(run_capture(&run), &run.err);
    assert_contains(run.notes.text, "no superuser");
    assert_null(strstr(run_text(&run, "globals"), "PASSWORD"));
    run_done(&run);
    pg_do(&server, "postgres", "DROP DATABASE rights");
    pg_do(&server, "postgres", "DROP ROLE weak");
}

static void capture_without_a_server_or_database_says_which(void **state)
{
    struct run run;

    (void)state;
    run_init(&run, &server, "not_there");
    capture_fails(&run, HF_NOT_FOUND);
    assert_contains(run.err.text, "database \"not_there\" does not exist");
    run_done(&run);
    run_init(&run, &server, "postgres host=/nowhere");
    capture_fails(&run, HF_UNREACHABLE);
    run_done(&run);
}

static void capture_wrong_password_is_denied_and_not_told(void **state)
{
    struct run run;
    char *conninfo;

    (void)state;
    run_init(&run, &server, "postgres");
    assert_true(asprintf(&conninfo, "postgresql://postgres:s3cret-word@127.0.0.1:%d/postgres",
                         server.port) > 0);
    free(run.config.conninfo);
    run.config.conninfo = conninfo;
    capture_fails(&run, HF_DENIED);
    assert_contains(run.err.text, "password authentication failed");
    assert_null(strstr(run.err.text, "s3cret"));
    assert_null(strstr(run.err.text, "28P01"));
    run_done(&run);
}

/* Tables come, go, change their names and contents all the time. */
struct churn {
    atomic_bool stop;
    atomic_uint rounds;
};

static const char *const changes[] = {
    "CREATE TABLE comes (x int); INSERT INTO comes VALUES (1)",
    "ALTER TABLE comes RENAME TO went",
    "BEGIN; TRUNCATE refilled; INSERT INTO refilled SELECT generate_series(1, 1000); COMMIT",
    "ALTER TABLE altered ADD y int; ALTER TABLE altered DROP y",
    "DO $$ BEGIN ALTER TABLE one RENAME TO x; ALTER TABLE two RENAME TO one; END $$",
    "DO $$ BEGIN ALTER TABLE one RENAME TO two; ALTER TABLE x RENAME TO one; END $$",
    "DROP TABLE went",
};

static enum hf_status churn(void *arg, size_t index, struct hf_error *err)
{
    struct churn *shared = arg;
    const struct hf_pg_address address = {.conninfo = server.conninfo, .database = "churn"};
    HF_AUTO_PTR(hf_pg) pg = NULL;

    (void)index;
    HF_TRY(hf_pg_connect(&address, NULL, &pg, err));
    HF_TRY(hf_pg_run(pg, "SET search_path = public", err));
    for (size_t i = 0; !atomic_load(&shared->stop); i++) {
        HF_TRY(hf_pg_run(pg, changes[i % (sizeof changes / sizeof *changes)], err));
        HF_TRY(hf_pg_run(pg, "SELECT pg_sleep(0.04)", err)); /* or nobody else gets a lock */
        atomic_fetch_add(&shared->rounds, 1);
    }
    return HF_OK;
}

/* Every capture is of one moment: truncated and refilled in one transaction, the table is never
 * seen empty, whenever the capture's locks and snapshot fell. */
static void capture_while_tables_change_is_of_one_moment(void **state)
{
    static struct churn shared; /* a failed test leaves its thread behind */
    struct hf_cancel *cancel = NULL;
    struct hf_pool *pool = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    pg_fresh(&server, "churn", "");
    pg_do(&server, "churn",
          "CREATE TABLE refilled (x int); INSERT INTO refilled SELECT generate_series(1, 1000);"
          "CREATE TABLE altered (x int); CREATE TABLE one (a int); CREATE TABLE two (b int);"
          "INSERT INTO altered VALUES (1)");
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(1, churn, NULL, &shared, cancel, &pool, &err), &err);
    for (int i = 0; i < 15; i++) {
        struct run run;

        run_init(&run, &server, "churn");
        assert_ok(run_capture(&run), &run.err);
        assert_int_equal(memory_sink_find(run.sink, "churn/data/public.refilled/0000")->records,
                         1000);
        assert_int_equal(memory_sink_find(run.sink, "churn/data/public.altered/0000")->records, 1);
        run_done(&run);
    }
    atomic_store(&shared.stop, true);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_true(atomic_load(&shared.rounds) > 15);
    hf_cancel_free(cancel);
}

/* Queues up an ALTER TABLE when the first row of the larger table is written. */
struct queued {
    struct hf_pg *pg;
};

static enum hf_status queue_alter(void *arg, const struct memory_stream *stream,
                                  struct hf_error *err)
{
    struct queued *queued = arg;

    /* Other threads write other streams at the same time. */
    if (strcmp(stream->name, "queue/data/public.large/0000") != 0 || queued->pg)
        return HF_OK;
    queued->pg = pg_open(&server, "queue");
    HF_TRY(hf_pg_send(queued->pg, "ALTER TABLE small ADD COLUMN more int", err));
    await_true("queue", someone_waits);
    return HF_OK;
}

static void capture_queued_alter_is_left_to_the_leader(void **state)
{
    struct run run;
    struct queued queued = {.pg = NULL};
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    pg_fresh(&server, "queue", "");
    pg_do(&server, "queue",
          "CREATE TABLE large (x int); INSERT INTO large SELECT generate_series(1, 10000);"
          "CREATE TABLE small (x int); INSERT INTO small VALUES (5)");
    run_init(&run, &server, "queue");
    run.config.jobs = 1;
    memory_sink_set_hook(run.sink, queue_alter, &queued);
    assert_ok(run_capture(&run), &run.err);
    assert_string_equal(run_text(&run, "queue/data/public.small/0000"), "5\n");
    assert_contains(run.notes.text, "waits to change table public.small");
    assert_ok(hf_pg_drain(queued.pg, &err), &err); /* it goes through now */
    hf_pg_close(queued.pg);
    run_done(&run);
}

/* The ALTER TABLE comes between the leader's lock and pg_dump's, where only beginning anew helps.
 */
static void capture_alter_before_pg_dump_locks_begins_anew(void **state)
{
    struct run run;
    char folder[CHECK_PATH] = "";
    char script[1024];

    (void)state;
    pg_fresh(&server, "gap", "");
    pg_do(&server, "gap", "CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    check_folder(folder);
    (void)snprintf(script, sizeof script,
                   "q() { env -u PGAPPNAME %s/psql -XAtq '%s dbname=gap' -c \"$1\"; }\n"
                   "if [ \"$1\" != --version ] && [ ! -e %s/done ]; then\n"
                   "  touch %s/done\n"
                   "  q 'ALTER TABLE t ADD y int' </dev/null >/dev/null 2>&1 &\n"
                   "  while [ \"$(q '%s')\" != t ]; do :; done\n"
                   "fi\n"
                   "exec $real \"$@\"",
                   bin, server.conninfo, folder, folder, someone_waits);
    fake_program(folder, "pg_dump", script);
    run_init(&run, &server, "gap");
    assert_ok(hf_text_copy(folder, &run.config.bin_dir, &run.err), &run.err);
    assert_ok(run_capture(&run), &run.err);
    assert_contains(run.notes.text, "letting it go first");
    assert_string_equal(run_text(&run, "gap/data/public.t/0000"), "1\t\\N\n");
    run_done(&run);
    remove_folder(folder);
}

static void capture_lock_not_had_in_time_is_busy(void **state)
{
    struct run run;
    struct hf_pg *holder;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    pg_fresh(&server, "held", "");
    pg_do(&server, "held",
          "CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE c (x int)");
    holder = pg_open(&server, "held");
    assert_ok(hf_pg_run(holder, "BEGIN; LOCK TABLE b", &err), &err);
    run_init(&run, &server, "held");
    run.config.lock_timeout = 1;
    capture_fails(&run, HF_BUSY);
    assert_contains(run.err.text, "table public.b is locked by another session");
    hf_pg_close(holder);
    run_done(&run);
}

static enum hf_status interrupt_when_waiting(void *arg, size_t index, struct hf_error *err)
{
    (void)index;
    (void)err;
    await_true("held", someone_waits);
    hf_cancel_interrupt(arg);
    return HF_OK;
}

static void capture_interrupt_ends_a_wait_for_a_lock(void **state)
{
    struct run run;
    struct hf_pg *holder;
    struct hf_pool *pool = NULL;
    struct hf_cancel *of_pool = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    holder = pg_open(&server, "held");
    assert_ok(hf_pg_run(holder, "BEGIN; LOCK TABLE b", &err), &err);
    run_init(&run, &server, "held");
    assert_ok(hf_cancel_new(&of_pool, &err), &err);
    assert_ok(hf_pool_start(1, interrupt_when_waiting, NULL, run.cancel, of_pool, &pool, &err),
              &err);
    capture_fails(&run, HF_CANCELLED);
    assert_ok(hf_pool_join(pool, &err), &err);
    await_true("held", nobody_waits);
    hf_cancel_free(of_pool);
    hf_pg_close(holder);
    run_done(&run);
}

static enum hf_status interrupt(void *arg, const struct memory_stream *stream, struct hf_error *err)
{
    (void)stream;
    (void)err;
    hf_cancel_interrupt(arg);
    return HF_OK;
}

static void make_rows(const char *database)
{
    pg_fresh(&server, database, "");
    pg_do(&server, database,
          "CREATE TABLE many (x int, pad text);"
          "INSERT INTO many SELECT i, repeat('x', 200) FROM generate_series(1, 50000) i");
}

static void capture_interrupt_ends_a_copy(void **state)
{
    struct run run;

    (void)state;
    make_rows("stopped");
    run_init(&run, &server, "stopped");
    memory_sink_set_hook(run.sink, interrupt, run.cancel);
    capture_fails(&run, HF_CANCELLED);
    assert_false(run_has(&run, "stopped/data/public.many/0000"));
    run_done(&run);
}

static enum hf_status no_space(void *arg, const struct memory_stream *stream, struct hf_error *err)
{
    (void)arg;
    return stream->kind == HF_STREAM_ROWS ? hf_error_set(err, HF_NO_SPACE, "the disk is full")
                                          : HF_OK;
}

static void capture_sink_that_fails_is_the_error(void **state)
{
    struct run run;

    (void)state;
    run_init(&run, &server, "stopped");
    memory_sink_set_hook(run.sink, no_space, NULL);
    capture_fails(&run, HF_NO_SPACE);
    assert_string_equal(run.err.text, "stream stopped/data/public.many/0000: the disk is full");
    run_done(&run);
}

static enum hf_status kill_server(void *arg, const struct memory_stream *stream,
                                  struct hf_error *err)
{
    atomic_flag *done = arg;

    (void)stream;
    (void)err;
    if (!atomic_flag_test_and_set(done))
        pg_fixture_stop_server(&server, "immediate");
    return HF_OK;
}

static void capture_server_going_away_is_unreachable(void **state)
{
    struct run run;
    atomic_flag done = ATOMIC_FLAG_INIT;

    (void)state;
    run_init(&run, &server, "stopped");
    memory_sink_set_hook(run.sink, kill_server, &done);
    capture_fails(&run, HF_UNREACHABLE);
    /* Of the database or of a stream of it: which connection notices first is chance. */
    assert_contains(run.err.text, "stopped");
    assert_false(run_has(&run, "stopped/data/public.many/0000"));
    run_done(&run);
    assert_true(pg_fixture_start_server(&server, NULL));
}

/* The locks went with the leader, so what the workers copied may not be of one moment. */
static enum hf_status kill_leader(void *arg, const struct memory_stream *stream,
                                  struct hf_error *err)
{
    atomic_flag *done = arg;

    (void)err;
    if (strstr(stream->name, "/data/") && !atomic_flag_test_and_set(done))
        pg_do(&server, "stopped",
              "SELECT pg_terminate_backend(pid) FROM pg_locks l JOIN pg_class c"
              " ON c.oid = l.relation AND c.relname = 'many' JOIN pg_stat_activity a USING (pid)"
              " WHERE a.query NOT LIKE '%COPY%' AND a.application_name = 'holdfast'");
    return HF_OK;
}

static void capture_leader_going_away_fails_at_the_latest_at_the_end(void **state)
{
    struct run run;
    atomic_flag done = ATOMIC_FLAG_INIT;

    (void)state;
    run_init(&run, &server, "stopped");
    memory_sink_set_hook(run.sink, kill_leader, &done);
    capture_fails(&run, HF_UNREACHABLE);
    run_done(&run);
}

static void capture_pg_dump_that_dies_fails_with_its_words(void **state)
{
    struct run run;
    char folder[CHECK_PATH] = "";

    (void)state;
    fake_program(folder, "pg_dump",
                 "[ \"$1\" = --version ] && exec $real --version\n"
                 "head -c 100000 /dev/zero; echo 'pg_dump: error: something broke' >&2; exit 1");
    run_init(&run, &server, "postgres");
    assert_ok(hf_text_copy(folder, &run.config.bin_dir, &run.err), &run.err);
    capture_fails(&run, HF_FAILED);
    assert_contains(run.err.text, "stream postgres/schema");
    assert_contains(run.err.text, "something broke");
    assert_false(run_has(&run, "postgres/schema"));
    run_done(&run);
    remove_folder(folder);
}

static void capture_pg_dump_that_is_missing_or_old_says_what_to_install(void **state)
{
    struct run run;
    char folder[CHECK_PATH] = "";

    (void)state;
    check_folder(folder);
    run_init(&run, &server, "postgres");
    assert_ok(hf_text_copy(folder, &run.config.bin_dir, &run.err), &run.err);
    capture_fails(&run, HF_MISSING);
    assert_contains(run.err.text, "postgresql-client-15");
    run_done(&run);
    fake_program(folder, "pg_dump", "echo 'pg_dump (PostgreSQL) 13.9'");
    run_init(&run, &server, "postgres");
    assert_ok(hf_text_copy(folder, &run.config.bin_dir, &run.err), &run.err);
    capture_fails(&run, HF_MISSING);
    assert_contains(run.err.text, "pg_dump is 13.9");
    assert_int_equal(memory_sink_count(run.sink), 0);
    run_done(&run);
    remove_folder(folder);
}

static struct hf_process *start_pooler(char folder[CHECK_PATH], const char *mode)
{
    const char *argv[8] = {"/usr/sbin/pgbouncer", NULL};
    struct hf_process *process = NULL;
    struct hf_error err = HF_ERROR_INIT;
    char path[CHECK_PATH + 32];
    FILE *file;

    check_folder(folder);
    assert_int_equal(chmod(folder, 0777), 0);
    (void)snprintf(path, sizeof path, "%s/pgbouncer.ini", folder);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "[databases]\n* = host=%s port=%d user=postgres\n[pgbouncer]\n"
                        "listen_port = 6432\nunix_socket_dir = %s\nauth_type = any\n"
                        "pool_mode = %s\nlogfile = %s/log\n",
                        server.socket, server.port, folder, mode, folder) > 0);
    assert_int_equal(fclose(file), 0);
    if (geteuid() == 0)
        memcpy(argv,
               (const char *[]){"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                                "/usr/sbin/pgbouncer"},
               5 * sizeof *argv);
    argv[geteuid() == 0 ? 5 : 1] = path;
    assert_ok(hf_process_start(
                  &(struct hf_process_options){.argv = argv, .in_fd = -1, .out_fd = STDERR_FILENO},
                  &process, &err),
              &err);
    (void)snprintf(path, sizeof path, "host=%s port=6432 user=postgres", folder);
    while (PQping(path) != PQPING_OK)
        ; /* until it listens */
    return process;
}

static void capture_through(const char *mode, struct run *run, enum hf_status expected)
{
    char folder[CHECK_PATH] = "";
    struct hf_process *pooler = start_pooler(folder, mode);
    char *conninfo;

    run_init(run, &server, "pooled");
    assert_true(asprintf(&conninfo, "host=%s port=6432 user=postgres dbname=pooled", folder) > 0);
    free(run->config.conninfo);
    run->config.conninfo = conninfo;
    if (run_capture(run) != expected)
        fail_msg("%s: %s", mode, run->err.text);
    hf_process_kill(pooler);
    remove_folder(folder);
}

static void capture_through_a_pooler_by_session_only(void **state)
{
    static const char *const refused[] = {"transaction", "statement"};
    struct run run;

    (void)state;
    if (access("/usr/sbin/pgbouncer", X_OK) != 0)
        skip();
    pg_fresh(&server, "pooled", "");
    pg_do(&server, "pooled", "CREATE TABLE t (x int); INSERT INTO t VALUES (1)");
    for (size_t i = 0; i < 2; i++) {
        capture_through(refused[i], &run, HF_UNSUPPORTED);
        assert_contains(run.err.text, "pooler in transaction mode");
        assert_int_equal(memory_sink_count(run.sink), 0);
        run_done(&run);
    }
    capture_through("session", &run, HF_OK);
    assert_string_equal(run_text(&run, "pooled/data/public.t/0000"), "1\n");
    run_done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capture_unreadable_tables_are_denied_and_named),
        cmocka_unit_test(capture_without_a_server_or_database_says_which),
        cmocka_unit_test(capture_wrong_password_is_denied_and_not_told),
        cmocka_unit_test(capture_while_tables_change_is_of_one_moment),
        cmocka_unit_test(capture_queued_alter_is_left_to_the_leader),
        cmocka_unit_test(capture_alter_before_pg_dump_locks_begins_anew),
        cmocka_unit_test(capture_lock_not_had_in_time_is_busy),
        cmocka_unit_test(capture_interrupt_ends_a_wait_for_a_lock),
        cmocka_unit_test(capture_interrupt_ends_a_copy),
        cmocka_unit_test(capture_sink_that_fails_is_the_error),
        cmocka_unit_test(capture_server_going_away_is_unreachable),
        cmocka_unit_test(capture_leader_going_away_fails_at_the_latest_at_the_end),
        cmocka_unit_test(capture_pg_dump_that_dies_fails_with_its_words),
        cmocka_unit_test(capture_pg_dump_that_is_missing_or_old_says_what_to_install),
        cmocka_unit_test(capture_through_a_pooler_by_session_only),
    };

    return pg_run_tests(tests);
}
