#include "formats/postgres/connection.h"

#include "base/clock.h"
#include "formats/postgres/conninfo.h"
#include "formats/postgres/pooler.h"
#include "formats/postgres/server_error.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds for one host to answer. With several, TCP_USER_TIMEOUT ends the wait for each. */
enum { CONNECT_SECONDS = 30, HOST_SECONDS = 65 };

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static PGconn *start_connection(const struct hf_pg_address *address)
{
    const char *password = address->password ? hf_secret_text(address->password) : NULL;
    const char *keywords[10] = {"fallback_application_name", "keepalives_idle",
                                "keepalives_interval",       "keepalives_count",
                                "tcp_user_timeout",          "dbname"};
    const char *values[10] = {"holdfast", "30", "10", "6", "60000", address->conninfo};
    size_t count = 6;

    /* libpq takes later values over earlier ones, and only the first dbname as a string of more. */
    if (address->database) {
        keywords[count] = "dbname";
        values[count++] = address->database;
    }
    if (password) {
        keywords[count] = "password";
        values[count++] = password;
    }
    return PQconnectStartParams(keywords, values, 1);
}

static int64_t deadline_of(const struct hf_pg_address *address)
{
    struct hf_error ignored = HF_ERROR_INIT;
    HF_AUTO_FREE char *timeout = NULL;
    HF_AUTO_FREE char *hosts = NULL;
    int64_t seconds = CONNECT_SECONDS;

    if (hf_pg_conninfo_get(address->conninfo, "connect_timeout", &timeout, &ignored) == HF_OK &&
        timeout && strtol(timeout, NULL, 10) > 0)
        seconds = strtol(timeout, NULL, 10);
    if (hf_pg_conninfo_get(address->conninfo, "host", &hosts, &ignored) == HF_OK && hosts) {
        for (const char *c = strchr(hosts, ','); c; c = strchr(c + 1, ','))
            seconds += HOST_SECONDS;
    }
    return hf_clock_monotonic() + seconds * HF_NS_PER_S;
}

static enum hf_status wait_connecting(const struct hf_pg *pg, short events, int64_t deadline,
                                      struct hf_error *err)
{
    struct pollfd fds[2] = {
        {.fd = PQsocket(pg->conn), .events = events},
        {.fd = pg->cancel ? hf_cancel_fd(pg->cancel) : -1, .events = POLLIN},
    };
    int64_t left = (deadline - hf_clock_monotonic()) / 1000000;
    int ready = poll(fds, 2, left > 0 ? (int)left : 0);

    if (ready < 0 && errno != EINTR)
        return hf_error_sys(err, errno, "waiting for the server");
    if (ready == 0)
        return hf_error_set(err, HF_UNREACHABLE,
                            "connection to server at \"%s\", port %s failed: no answer in time",
                            PQhost(pg->conn), PQport(pg->conn));
    return ready > 0 && fds[1].revents ? hf_cancel_check(pg->cancel, err) : HF_OK;
}

static enum hf_status finish_connection(struct hf_pg *pg, int64_t deadline, struct hf_error *err)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    (void)PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE); /* for the SQLSTATE, server_error.c */
    while (PQstatus(pg->conn) != CONNECTION_BAD) {
        short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;

        HF_TRY(wait_connecting(pg, events, deadline, err));
        state = PQconnectPoll(pg->conn);
        if (state == PGRES_POLLING_OK)
            break;
        if (state == PGRES_POLLING_FAILED)
            return hf_pg_fail_connect(pg->conn, err);
    }
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        return hf_pg_fail_connect(pg->conn, err);
    (void)PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
    (void)PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
    return PQsetnonblocking(pg->conn, 1) == 0 ? HF_OK : hf_pg_fail(pg, NULL, err);
}

static void name_place(struct hf_pg *pg)
{
    const char *host = PQhost(pg->conn);

    (void)snprintf(pg->where, sizeof pg->where, "database %s on %s:%s", PQdb(pg->conn),
                   host && *host ? host : "local", PQport(pg->conn));
}

static enum hf_status identify(struct hf_pg *pg, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    const char *encoding;

    HF_TRY(hf_pg_query(pg,
                       "SELECT pg_catalog.pg_backend_pid() AS pid,"
                       " pg_catalog.current_setting('server_version_num') AS version,"
                       " pg_catalog.current_setting('is_superuser') = 'on' AS superuser,"
                       " pg_catalog.getdatabaseencoding() AS encoding",
                       &result, err));
    pg->backend = (int)hf_pg_field_u64(result, 0, "pid");
    pg->version = (int)hf_pg_field_u64(result, 0, "version");
    pg->superuser = hf_pg_field_bool(result, 0, "superuser");
    encoding = hf_pg_field(result, 0, "encoding");
    (void)snprintf(pg->encoding, sizeof pg->encoding, "%s", encoding ? encoding : "");
    pg->ascii = strcmp(pg->encoding, "SQL_ASCII") == 0;
    if (pg->version < HF_PG_OLDEST)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "%s: the server is PostgreSQL %d.%d; 13 is the oldest supported",
                            pg->where, pg->version / 10000, pg->version % 100);
    return HF_OK;
}

/* Connected and identified, nothing set. */
static enum hf_status connect_bare(const struct hf_pg_address *address, struct hf_cancel *cancel,
                                   struct hf_pg **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;
    HF_AUTO_FREE char *checked = NULL;

    HF_TRY(hf_pg_conninfo_strip(address->conninfo, address->database, &checked, NULL, err));
    pg = calloc(1, sizeof *pg);
    if (!pg)
        return hf_error_memory(err);
    pg->cancel = cancel;
    pg->conn = start_connection(address);
    if (!pg->conn)
        return hf_error_memory(err);
    HF_TRY(finish_connection(pg, deadline_of(address), err));
    name_place(pg);
    HF_TRY(identify(pg, err));
    *out = pg;
    pg = NULL;
    return HF_OK;
}

/* A pooler makes up the pid that it tells in the protocol; a server tells the truth. */
static enum hf_status check_pooler(struct hf_pg *pg, const struct hf_pg_address *address,
                                   struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) other = NULL;

    if (address->pooler_checked || PQbackendPID(pg->conn) == pg->backend)
        return HF_OK;
    HF_TRY(connect_bare(address, pg->cancel, &other, err));
    return hf_pg_pooler_check(pg, other, err);
}

enum hf_status hf_pg_connect(const struct hf_pg_address *address, struct hf_cancel *cancel,
                             struct hf_pg **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;
    HF_AUTO(hf_buf) settings = HF_BUF_INIT;
    const char *sql;

    HF_TRY(connect_bare(address, cancel, &pg, err));
    HF_TRY(check_pooler(pg, address, err));
    HF_TRY(hf_pg_session_settings(pg->version, pg->ascii ? "SQL_ASCII" : "UTF8", &settings, err));
    HF_TRY(hf_buf_cstr(&settings, &sql, err));
    HF_TRY(hf_pg_run(pg, sql, err));
    *out = pg;
    pg = NULL;
    return HF_OK;
}

void hf_pg_close(struct hf_pg *pg)
{
    if (!pg)
        return;
    PQfinish(pg->conn);
    free(pg);
}
