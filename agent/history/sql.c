#include "agent/history/sql.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>

static enum hf_status kind_of(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
        return HF_DAMAGED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return HF_BUSY;
    case SQLITE_FULL:
        return HF_NO_SPACE;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return HF_DENIED;
    case SQLITE_NOMEM:
        return HF_NO_MEMORY;
    default:
        return db && sqlite3_system_errno(db) == ENOSPC ? HF_NO_SPACE : HF_IO;
    }
}

enum hf_status hf_sql_fail(sqlite3 *db, int code, struct hf_error *err)
{
    const char *words = sqlite3_errstr(code);
    const char *more = db && sqlite3_extended_errcode(db) == code ? sqlite3_errmsg(db) : words;

    return hf_error_set(err, kind_of(db, code), "%s", more);
}

enum hf_status hf_sql_exec(sqlite3 *db, const char *text, struct hf_error *err)
{
    int code = sqlite3_exec(db, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? HF_OK : hf_sql_fail(db, code, err);
}

static int bind(sqlite3_stmt *statement, const char *format, va_list values)
{
    int code = SQLITE_OK;

    for (int i = 1; format && *format && code == SQLITE_OK; format++, i++) {
        if (*format == 't')
            code = sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_STATIC);
        else
            code = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
    }
    return code;
}

static enum hf_status query(sqlite3 *db, struct hf_error *err, hf_sql_row_fn *fn, void *ctx,
                            const char *text, const char *format, va_list values)
{
    sqlite3_stmt *statement = NULL;
    enum hf_status status = HF_OK;
    int code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = bind(statement, format, values);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW && fn)
            status = fn(ctx, statement, err);
        if (status != HF_OK)
            break;
    }
    if (status == HF_OK && code != SQLITE_DONE)
        status = hf_sql_fail(db, code, err);
    (void)sqlite3_finalize(statement); /* repeats the error of the last step */
    return status;
}

enum hf_status hf_sql_run(sqlite3 *db, struct hf_error *err, const char *text, const char *format,
                          ...)
{
    enum hf_status status;
    va_list values;

    va_start(values, format);
    status = query(db, err, NULL, NULL, text, format, values);
    va_end(values);
    return status;
}

enum hf_status hf_sql_query(sqlite3 *db, struct hf_error *err, hf_sql_row_fn *fn, void *ctx,
                            const char *text, const char *format, ...)
{
    enum hf_status status;
    va_list values;

    va_start(values, format);
    status = query(db, err, fn, ctx, text, format, values);
    va_end(values);
    return status;
}

struct number {
    int64_t value;
    bool known;
};

static enum hf_status take_number(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    struct number *number = ctx;

    (void)err;
    if (!number->known)
        *number = (struct number){.value = sqlite3_column_int64(row, 0), .known = true};
    return HF_OK;
}

enum hf_status hf_sql_number(sqlite3 *db, struct hf_error *err, int64_t *out, const char *text,
                             const char *format, ...)
{
    struct number number = {.value = 0};
    enum hf_status status;
    va_list values;

    va_start(values, format);
    status = query(db, err, take_number, &number, text, format, values);
    va_end(values);
    if (status == HF_OK)
        *out = number.value;
    return status;
}

const char *hf_sql_text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

uint64_t hf_sql_count(sqlite3_stmt *row, int column)
{
    int64_t value = sqlite3_column_int64(row, column);

    return value > 0 ? (uint64_t)value : 0;
}

enum hf_status hf_sql_begin(sqlite3 *db, struct hf_error *err)
{
    return hf_sql_exec(db, "BEGIN IMMEDIATE", err);
}

enum hf_status hf_sql_end(sqlite3 *db, enum hf_status status, struct hf_error *err)
{
    if (status == HF_OK)
        status = hf_sql_exec(db, "COMMIT", err);
    /* Some errors have rolled back already. */
    if (status != HF_OK && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
