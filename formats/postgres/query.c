#include "formats/postgres/connection.h"

#include "base/text.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_MS = 2000, CANCEL_TEXT = 256 };

/*
 * PQcancel connects blockingly, for minutes if the network went silent. So whether there is
 * anybody at the other end is asked first, by a connection of our own that may be given up.
 */
static bool answers(int socket_fd)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof peer;
    struct pollfd wait;
    bool reached;
    int fd;

    if (getpeername(socket_fd, (struct sockaddr *)&peer, &len) != 0)
        return false;
    if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
        return true;
    fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    wait = (struct pollfd){.fd = fd, .events = POLLOUT};
    reached = connect(fd, (struct sockaddr *)&peer, len) == 0 ||
              (errno == EINPROGRESS && poll(&wait, 1, PROBE_MS) == 1 && !(wait.revents & POLLERR));
    (void)close(fd);
    return reached;
}

void hf_pg_cancel_statement(struct hf_pg *pg)
{
    char text[CANCEL_TEXT];
    PGcancel *handle;

    if (PQtransactionStatus(pg->conn) != PQTRANS_ACTIVE || !answers(PQsocket(pg->conn)))
        return;
    handle = PQgetCancel(pg->conn);
    if (handle)
        (void)PQcancel(handle, text, sizeof text); /* the connection is dropped in any case */
    PQfreeCancel(handle);
}

enum hf_status hf_pg_wait(struct hf_pg *pg, bool writable, struct hf_error *err)
{
    struct pollfd fds[2] = {
        {.fd = PQsocket(pg->conn), .events = (short)(writable ? POLLIN | POLLOUT : POLLIN)},
        {.fd = pg->cancel ? hf_cancel_fd(pg->cancel) : -1, .events = POLLIN},
    };

    if (fds[0].fd < 0)
        return hf_pg_fail(pg, NULL, err);
    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR)
            return hf_error_sys(err, errno, "%s: waiting for the server", pg->where);
    }
    if (!fds[1].revents)
        return HF_OK;
    hf_pg_cancel_statement(pg);
    return hf_cancel_check(pg->cancel, err);
}

enum hf_status hf_pg_flush(struct hf_pg *pg, struct hf_error *err)
{
    for (;;) {
        int left = PQflush(pg->conn);

        if (left == 0)
            return HF_OK;
        if (left < 0)
            return hf_pg_fail(pg, NULL, err);
        HF_TRY(hf_pg_wait(pg, true, err));
        if (!PQconsumeInput(pg->conn))
            return hf_pg_fail(pg, NULL, err);
    }
}

enum hf_status hf_pg_send(struct hf_pg *pg, const char *sql, struct hf_error *err)
{
    if (pg->cancel)
        HF_TRY(hf_cancel_check(pg->cancel, err));
    pg->sqlstate[0] = '\0';
    if (!PQsendQuery(pg->conn, sql))
        return hf_pg_fail(pg, NULL, err);
    return hf_pg_flush(pg, err);
}

enum hf_status hf_pg_next_result(struct hf_pg *pg, PGresult **out, struct hf_error *err)
{
    while (PQisBusy(pg->conn)) {
        HF_TRY(hf_pg_wait(pg, false, err));
        if (!PQconsumeInput(pg->conn))
            return hf_pg_fail(pg, NULL, err);
    }
    *out = PQgetResult(pg->conn);
    return HF_OK;
}

enum hf_status hf_pg_drain(struct hf_pg *pg, struct hf_error *err)
{
    for (;;) {
        HF_AUTO_RESULT result = NULL;

        HF_TRY(hf_pg_next_result(pg, &result, err));
        if (!result)
            return HF_OK;
    }
}

static bool failed(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

/* All results; the first failed one, or else the last. */
static enum hf_status take_results(struct hf_pg *pg, PGresult **out, struct hf_error *err)
{
    HF_AUTO_RESULT kept = NULL;

    for (;;) {
        HF_AUTO_RESULT result = NULL;

        HF_TRY(hf_pg_next_result(pg, &result, err));
        if (!result)
            break;
        if (!kept || !failed(kept)) {
            PQclear(kept);
            kept = result;
            result = NULL;
        }
    }
    if (!kept || failed(kept))
        return hf_pg_fail(pg, kept, err);
    *out = kept;
    kept = NULL;
    return HF_OK;
}

enum hf_status hf_pg_query(struct hf_pg *pg, const char *sql, PGresult **out, struct hf_error *err)
{
    HF_TRY(hf_pg_send(pg, sql, err));
    return take_results(pg, out, err);
}

enum hf_status hf_pg_query_params(struct hf_pg *pg, const char *sql, int count,
                                  const char *const *values, bool binary, PGresult **out,
                                  struct hf_error *err)
{
    if (pg->cancel)
        HF_TRY(hf_cancel_check(pg->cancel, err));
    pg->sqlstate[0] = '\0';
    if (!PQsendQueryParams(pg->conn, sql, count, NULL, values, NULL, NULL, binary))
        return hf_pg_fail(pg, NULL, err);
    HF_TRY(hf_pg_flush(pg, err));
    return take_results(pg, out, err);
}

enum hf_status hf_pg_run(struct hf_pg *pg, const char *sql, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;

    return hf_pg_query(pg, sql, &result, err);
}

enum hf_status hf_pg_runf(struct hf_pg *pg, struct hf_error *err, const char *format, ...)
{
    HF_AUTO_FREE char *sql = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&sql, format, args);
    va_end(args);
    if (len < 0) {
        sql = NULL;
        return hf_error_memory(err);
    }
    return hf_pg_run(pg, sql, err);
}

enum hf_status hf_pg_query_value(struct hf_pg *pg, const char *sql, char **out,
                                 struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;

    HF_TRY(hf_pg_query(pg, sql, &result, err));
    if (PQntuples(result) != 1 || PQnfields(result) != 1)
        return hf_error_set(err, HF_FAILED, "%s: an answer of %d rows where one was expected",
                            pg->where, PQntuples(result));
    return hf_text_copy(PQgetvalue(result, 0, 0), out, err);
}

const char *hf_pg_field(const PGresult *result, int row, const char *column)
{
    int index = PQfnumber(result, column);

    return index < 0 || PQgetisnull(result, row, index) ? NULL : PQgetvalue(result, row, index);
}

bool hf_pg_field_bool(const PGresult *result, int row, const char *column)
{
    const char *text = hf_pg_field(result, row, column);

    return text && text[0] == 't';
}

uint64_t hf_pg_field_u64(const PGresult *result, int row, const char *column)
{
    const char *text = hf_pg_field(result, row, column);

    return text && text[0] != '-' ? strtoull(text, NULL, 10) : 0;
}
