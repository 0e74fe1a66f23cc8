/* COPY over a connection: rows out of the server and into it, in text form. */
#ifndef HF_POSTGRES_COPY_H
#define HF_POSTGRES_COPY_H

#include "base/text.h"
#include "formats/postgres/connection.h"

/* "COPY "s"."t" ("a", "b") TO STDOUT WITH (ENCODING 'UTF8')"; the columns may be none. */
enum hf_status hf_pg_copy_out_sql(struct hf_buf *sql, const char *schema, const char *table,
                                  const struct hf_strings *columns, const char *encoding,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* "COPY … FROM STDIN WITH (ENCODING 'UTF8'[, FREEZE])" */
enum hf_status hf_pg_copy_in_sql(struct hf_buf *sql, const char *schema, const char *table,
                                 const struct hf_strings *columns, const char *encoding,
                                 bool freeze, struct hf_error *err) HF_WARN_UNUSED;

/* Called with each row, its newline included, valid during the call. An error ends the COPY. */
typedef enum hf_status hf_pg_row_fn(void *ctx, const char *row, size_t len, struct hf_error *err);

/*
 * Runs sql, the last statement of which is COPY … TO STDOUT, and hands over every row. *out_rows
 * is how many, and is what the server says too. After a failure that is the server's the
 * transaction is aborted and the connection usable; after one of take it is cancelled likewise.
 */
enum hf_status hf_pg_copy_out(struct hf_pg *pg, const char *sql, hf_pg_row_fn *take, void *ctx,
                              uint64_t *out_rows, struct hf_error *err) HF_WARN_UNUSED;

/* The same in two steps: until the server sends, and the rows. When begin fails nothing was sent.
 */
enum hf_status hf_pg_copy_out_begin(struct hf_pg *pg, const char *sql,
                                    struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_copy_out_rows(struct hf_pg *pg, hf_pg_row_fn *take, void *ctx,
                                   uint64_t *out_rows, struct hf_error *err) HF_WARN_UNUSED;

/* COPY … FROM STDIN: begin, write any pieces of text, end (or abort, which makes the COPY fail on
 * the server and leaves the connection usable; it may be called after any error). */
enum hf_status hf_pg_copy_in_begin(struct hf_pg *pg, const char *sql,
                                   struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_copy_in_write(struct hf_pg *pg, const void *data, size_t len,
                                   struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_copy_in_end(struct hf_pg *pg, uint64_t *out_rows,
                                 struct hf_error *err) HF_WARN_UNUSED;
void hf_pg_copy_in_abort(struct hf_pg *pg);

#endif
