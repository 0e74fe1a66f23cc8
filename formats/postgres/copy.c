#include "formats/postgres/copy.h"

#include "formats/postgres/quote.h"

#include <inttypes.h>
#include <stdlib.h>

static enum hf_status copy_sql(struct hf_buf *sql, const char *schema, const char *table,
                               const struct hf_strings *columns, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(sql, "COPY ", err));
    HF_TRY(hf_pg_quote_qualified(sql, schema, table, err));
    if (columns->count)
        HF_TRY(hf_buf_u8(sql, ' ', err));
    return hf_pg_quote_columns(sql, columns, err);
}

enum hf_status hf_pg_copy_out_sql(struct hf_buf *sql, const char *schema, const char *table,
                                  const struct hf_strings *columns, const char *encoding,
                                  struct hf_error *err)
{
    HF_TRY(copy_sql(sql, schema, table, columns, err));
    return hf_buf_printf(sql, err, " TO STDOUT WITH (ENCODING '%s')", encoding);
}

enum hf_status hf_pg_copy_in_sql(struct hf_buf *sql, const char *schema, const char *table,
                                 const struct hf_strings *columns, const char *encoding,
                                 bool freeze, struct hf_error *err)
{
    HF_TRY(copy_sql(sql, schema, table, columns, err));
    return hf_buf_printf(sql, err, " FROM STDIN WITH (ENCODING '%s'%s)", encoding,
                         freeze ? ", FREEZE" : "");
}

/* What else the server has to say after a failure, so that the connection may be used again. */
static void forget_results(struct hf_pg *pg)
{
    struct hf_error ignored = HF_ERROR_INIT;

    if (PQstatus(pg->conn) == CONNECTION_OK && hf_pg_drain(pg, &ignored) != HF_OK)
        return; /* then it is not, and the next call on it says so */
}

/* Results up to the one that starts COPY. */
static enum hf_status await_copy(struct hf_pg *pg, ExecStatusType wanted, struct hf_error *err)
{
    for (;;) {
        HF_AUTO_RESULT result = NULL;
        ExecStatusType status;

        HF_TRY(hf_pg_next_result(pg, &result, err));
        if (!result)
            return hf_error_set(err, HF_FAILED, "%s: the server did not start COPY", pg->where);
        status = PQresultStatus(result);
        if (status == wanted)
            return HF_OK;
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            (void)hf_pg_fail(pg, result, err);
            forget_results(pg);
            return err->status;
        }
    }
}

/* The result that ends COPY, and all behind it. */
static enum hf_status end_copy(struct hf_pg *pg, uint64_t *out_rows, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;

    HF_TRY(hf_pg_next_result(pg, &result, err));
    if (!result || PQresultStatus(result) != PGRES_COMMAND_OK) {
        (void)hf_pg_fail(pg, result, err);
        forget_results(pg);
        return err->status;
    }
    *out_rows = strtoull(PQcmdTuples(result), NULL, 10);
    return hf_pg_drain(pg, err);
}

/* Rows until COPY ends. One row a message is what the protocol gives, so that is what take gets. */
static enum hf_status take_rows(struct hf_pg *pg, hf_pg_row_fn *take, void *ctx, uint64_t *out_rows,
                                struct hf_error *err)
{
    uint64_t rows = 0;

    for (;;) {
        char *row = NULL;
        int len = PQgetCopyData(pg->conn, &row, 1);
        enum hf_status status;

        if (len > 0) {
            status = take(ctx, row, (size_t)len, err);
            PQfreemem(row);
            if (status != HF_OK)
                return status;
            rows++;
            continue;
        }
        if (len < 0) {
            *out_rows = rows;
            return len == -1 ? HF_OK : hf_pg_fail(pg, NULL, err);
        }
        HF_TRY(hf_pg_wait(pg, false, err));
        if (!PQconsumeInput(pg->conn))
            return hf_pg_fail(pg, NULL, err);
    }
}

/* After a failure of ours: the server is told to stop and what is under way is thrown away. */
static void stop_copy_out(struct hf_pg *pg)
{
    struct hf_error ignored = HF_ERROR_INIT;

    hf_pg_cancel_statement(pg);
    for (;;) {
        char *row = NULL;
        int len = PQgetCopyData(pg->conn, &row, 1);

        PQfreemem(row);
        if (len < 0)
            break;
        if (len == 0 && (hf_pg_wait(pg, false, &ignored) != HF_OK || !PQconsumeInput(pg->conn)))
            return;
    }
    forget_results(pg);
}

enum hf_status hf_pg_copy_out_begin(struct hf_pg *pg, const char *sql, struct hf_error *err)
{
    HF_TRY(hf_pg_send(pg, sql, err));
    return await_copy(pg, PGRES_COPY_OUT, err);
}

enum hf_status hf_pg_copy_out_rows(struct hf_pg *pg, hf_pg_row_fn *take, void *ctx,
                                   uint64_t *out_rows, struct hf_error *err)
{
    uint64_t taken = 0;
    uint64_t sent = 0;

    if (take_rows(pg, take, ctx, &taken, err) != HF_OK) {
        if (err->status != HF_CANCELLED && PQstatus(pg->conn) == CONNECTION_OK)
            stop_copy_out(pg);
        return err->status;
    }
    HF_TRY(end_copy(pg, &sent, err));
    if (sent != taken)
        return hf_error_set(err, HF_FAILED,
                            "%s: COPY sent %" PRIu64 " rows and says it were %" PRIu64, pg->where,
                            taken, sent);
    *out_rows = taken;
    return HF_OK;
}

enum hf_status hf_pg_copy_out(struct hf_pg *pg, const char *sql, hf_pg_row_fn *take, void *ctx,
                              uint64_t *out_rows, struct hf_error *err)
{
    HF_TRY(hf_pg_copy_out_begin(pg, sql, err));
    return hf_pg_copy_out_rows(pg, take, ctx, out_rows, err);
}

enum hf_status hf_pg_copy_in_begin(struct hf_pg *pg, const char *sql, struct hf_error *err)
{
    HF_TRY(hf_pg_send(pg, sql, err));
    return await_copy(pg, PGRES_COPY_IN, err);
}

/* The server may have failed meanwhile and wait for the end; what it said comes from copy_in_end.
 */
enum hf_status hf_pg_copy_in_write(struct hf_pg *pg, const void *data, size_t len,
                                   struct hf_error *err)
{
    enum { PIECE = 1 << 20 };

    while (len > 0) {
        int piece = len > PIECE ? PIECE : (int)len;
        int queued = PQputCopyData(pg->conn, data, piece);

        if (queued < 0)
            return hf_pg_fail(pg, NULL, err);
        if (queued > 0) {
            data = (const char *)data + piece;
            len -= (size_t)piece;
        }
        HF_TRY(hf_pg_flush(pg, err));
    }
    return HF_OK;
}

enum hf_status hf_pg_copy_in_end(struct hf_pg *pg, uint64_t *out_rows, struct hf_error *err)
{
    for (;;) {
        int queued = PQputCopyEnd(pg->conn, NULL);

        if (queued < 0)
            return hf_pg_fail(pg, NULL, err);
        if (queued > 0)
            break;
        HF_TRY(hf_pg_flush(pg, err));
    }
    HF_TRY(hf_pg_flush(pg, err));
    return end_copy(pg, out_rows, err);
}

void hf_pg_copy_in_abort(struct hf_pg *pg)
{
    struct hf_error ignored = HF_ERROR_INIT;

    if (PQstatus(pg->conn) != CONNECTION_OK)
        return;
    (void)PQputCopyEnd(pg->conn, "stopped");
    if (hf_pg_flush(pg, &ignored) == HF_OK)
        forget_results(pg);
}
