/*
 * Statements of SQLite, with its errors as ours. Used by agent/history/ alone.
 *
 * Values are bound as a format says, one letter each: t text (const char *, NULL is NULL), i a
 * number (int64_t). Every statement is constant text that fits the schema, so one that does not
 * even compile says that the file is not what it was: HF_DAMAGED.
 */
#ifndef HF_AGENT_HISTORY_SQL_H
#define HF_AGENT_HISTORY_SQL_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

/* HF_DAMAGED, HF_BUSY, HF_NO_SPACE, HF_DENIED, HF_NO_MEMORY or HF_IO, by SQLite's code. */
enum hf_status hf_sql_fail(sqlite3 *db, int code, struct hf_error *err);

/* Several statements without values. */
enum hf_status hf_sql_exec(sqlite3 *db, const char *text, struct hf_error *err) HF_WARN_UNUSED;
/* One statement to its end; rows are thrown away. */
enum hf_status hf_sql_run(sqlite3 *db, struct hf_error *err, const char *text, const char *format,
                          ...) HF_WARN_UNUSED;

/* Called for each row. */
typedef enum hf_status hf_sql_row_fn(void *ctx, sqlite3_stmt *row, struct hf_error *err);
enum hf_status hf_sql_query(sqlite3 *db, struct hf_error *err, hf_sql_row_fn *fn, void *ctx,
                            const char *text, const char *format, ...) HF_WARN_UNUSED;
/* The number in the first column of the first row; 0 when there is none. */
enum hf_status hf_sql_number(sqlite3 *db, struct hf_error *err, int64_t *out, const char *text,
                             const char *format, ...) HF_WARN_UNUSED;

/* NULL for NULL; borrowed until the next row. */
const char *hf_sql_text(sqlite3_stmt *row, int column);
/* Never negative: what is, was not written by us, and is 0. */
uint64_t hf_sql_count(sqlite3_stmt *row, int column);

/* A transaction that waits for its turn at the beginning, not in the middle. */
enum hf_status hf_sql_begin(sqlite3 *db, struct hf_error *err) HF_WARN_UNUSED;
/* Commits when status is HF_OK; rolls back otherwise, and when it cannot be committed. */
enum hf_status hf_sql_end(sqlite3 *db, enum hf_status status, struct hf_error *err) HF_WARN_UNUSED;

#endif
