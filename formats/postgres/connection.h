/*
 * A connection to a PostgreSQL server, and questions to it.
 *
 * Everything waits on the socket and on the hf_cancel's descriptor at once: when the work is
 * stopped, what runs on the server is cancelled and the call returns HF_CANCELLED within
 * seconds, also when the network has gone silent. After an error of kind HF_UNREACHABLE or
 * HF_CANCELLED the connection is good for nothing but hf_pg_close.
 *
 * Text to and from the server is UTF-8 (the server's own bytes where the database is SQL_ASCII);
 * COPY data is in the database's encoding, asked for by COPY's ENCODING option (copy.h).
 *
 * Errors: HF_UNREACHABLE for anything wrong with the connection, at its start or later; HF_DENIED
 * for SQLSTATE 42501 and 28xxx; HF_NOT_FOUND for 3D000 and missing relations, schemas and
 * columns; HF_BUSY for locks not had in time and too many connections; HF_EXISTS for names that
 * are taken; HF_NO_SPACE for 53100; HF_UNSUPPORTED for 0A000; HF_FAILED otherwise. Their text
 * holds the server's message, detail and hint, and never the password.
 *
 * A struct hf_pg belongs to one thread at a time.
 */
#ifndef HF_POSTGRES_CONNECTION_H
#define HF_POSTGRES_CONNECTION_H

#include "base/buffer.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/secret.h"

#include <libpq-fe.h>

/* Where to connect. Borrowed; conninfo may hold a password too (it is used when password is NULL).
 */
struct hf_pg_address {
    const char *conninfo;
    const struct hf_secret *password; /* NULL: what conninfo or libpq has */
    const char *database;             /* instead of conninfo's; NULL: that one */
    bool pooler_checked;              /* an earlier connection to there was found fit */
};

struct hf_pg {
    PGconn *conn;
    struct hf_cancel *cancel; /* borrowed; may be NULL */
    int version;              /* 150020 */
    int backend;              /* pid of the server process, as the server itself says */
    bool superuser;
    bool ascii;        /* the database is SQL_ASCII: names need not be UTF-8 */
    char encoding[32]; /* of the database: "UTF8" */
    char sqlstate[6];  /* of the last failed statement, or "" */
    char where[200];   /* "database app on db:5432", for messages */
};

enum { HF_PG_OLDEST = 130000, HF_PG_NEWEST_MAJOR = 18 };

/*
 * Connects, finds out what is above, refuses servers before 13 (HF_UNSUPPORTED) and poolers that
 * share server connections between transactions (pooler.h), and pins the session settings.
 * A server of a major after HF_PG_NEWEST_MAJOR is accepted; callers may warn.
 */
enum hf_status hf_pg_connect(const struct hf_pg_address *address, struct hf_cancel *cancel,
                             struct hf_pg **out, struct hf_error *err) HF_WARN_UNUSED;
/* Takes NULL. Whatever runs is left to the server, which notices. */
void hf_pg_close(struct hf_pg *pg);
HF_DEFINE_AUTO_PTR(hf_pg, hf_pg_close)

static inline int hf_pg_major(const struct hf_pg *pg)
{
    return pg->version / 10000;
}

/* The pinned session settings as SQL ("SET x = y;\n" each) for a server of that version;
 * an exported script starts with the same. encoding: for client_encoding. */
enum hf_status hf_pg_session_settings(int version, const char *encoding, struct hf_buf *out,
                                      struct hf_error *err) HF_WARN_UNUSED;

static inline void hf_pg_result_auto(PGresult **result)
{
    PQclear(*result);
}
#define HF_AUTO_RESULT __attribute__((cleanup(hf_pg_result_auto))) PGresult *

/* Runs statements of which none returns rows that matter. */
enum hf_status hf_pg_run(struct hf_pg *pg, const char *sql, struct hf_error *err) HF_WARN_UNUSED;
/* Formatted; for numbers and already quoted text only (quote.h). */
enum hf_status hf_pg_runf(struct hf_pg *pg, struct hf_error *err, const char *format, ...)
    HF_PRINTF(3, 4) HF_WARN_UNUSED;
/* The result of the last statement, all of its rows, as text. */
enum hf_status hf_pg_query(struct hf_pg *pg, const char *sql, PGresult **out,
                           struct hf_error *err) HF_WARN_UNUSED;
/* One statement with $1… as text (NULL: SQL null). binary: results in binary format. */
enum hf_status hf_pg_query_params(struct hf_pg *pg, const char *sql, int count,
                                  const char *const *values, bool binary, PGresult **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* Exactly one row and one column, as a heap string ("" for NULL). */
enum hf_status hf_pg_query_value(struct hf_pg *pg, const char *sql, char **out,
                                 struct hf_error *err) HF_WARN_UNUSED;

/* The text of a field, NULL for SQL null; borrowed from the result. By column name, which must be
 * one of the result's. */
const char *hf_pg_field(const PGresult *result, int row, const char *column);
bool hf_pg_field_bool(const PGresult *result, int row, const char *column);
uint64_t hf_pg_field_u64(const PGresult *result, int row, const char *column);

/* What the layers on top (copy.h) are made of. */

/* Waits until the socket is readable, or writable too if asked. HF_CANCELLED once stopped. */
enum hf_status hf_pg_wait(struct hf_pg *pg, bool writable, struct hf_error *err) HF_WARN_UNUSED;
/* Sends what libpq still holds. */
enum hf_status hf_pg_flush(struct hf_pg *pg, struct hf_error *err) HF_WARN_UNUSED;
/* Sends statements; results are then taken with hf_pg_next_result. */
enum hf_status hf_pg_send(struct hf_pg *pg, const char *sql, struct hf_error *err) HF_WARN_UNUSED;
/* The next result as it is (also a failed one, or COPY in/out); *out NULL after the last. */
enum hf_status hf_pg_next_result(struct hf_pg *pg, PGresult **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* Takes and forgets all results that are left. */
enum hf_status hf_pg_drain(struct hf_pg *pg, struct hf_error *err) HF_WARN_UNUSED;
/* Asks the server to end what runs there, which would otherwise go on until it next writes to us;
 * its results are still to be taken. At most a few seconds, whatever the network does. */
void hf_pg_cancel_statement(struct hf_pg *pg);
/* Sets err (and pg->sqlstate) from a failed result, or from the connection when result is NULL. */
enum hf_status hf_pg_fail(struct hf_pg *pg, const PGresult *result, struct hf_error *err);

#endif
