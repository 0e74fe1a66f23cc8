/*
 * COPY's text form: fields between tabs, rows ended by a newline, \N for null, backslash escapes.
 * Pure; the reader takes bytes that are not trusted.
 */
#ifndef HF_POSTGRES_COPY_TEXT_H
#define HF_POSTGRES_COPY_TEXT_H

#include "base/buffer.h"
#include "base/error.h"

/* Writing a row: fields (value NULL: null), then the end. A tab is put before every field of a
 * row but its first. */
enum hf_status hf_pg_text_field(struct hf_buf *out, bool first, const char *value, size_t len,
                                struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_text_end(struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
/* A whole row of C strings (NULL: null). */
enum hf_status hf_pg_text_row(struct hf_buf *out, const char *const *values, size_t count,
                              struct hf_error *err) HF_WARN_UNUSED;

/* Reading whole rows out of bytes in memory. */
struct hf_pg_rows {
    const char *at;
    size_t left;
    bool torn; /* the bytes ended within a row */
};
void hf_pg_rows_init(struct hf_pg_rows *rows, const void *data, size_t len);
/* The next row without its newline; false at the end. */
bool hf_pg_rows_next(struct hf_pg_rows *rows, const char **out, size_t *out_len);

/* Splits a row into exactly count fields: unescaped, NUL-ended, in storage; fields[i] NULL for
 * null. HF_DAMAGED (naming what) for another number, an escape that is none, or a NUL byte. */
enum hf_status hf_pg_text_split(const char *row, size_t len, const char *what,
                                struct hf_buf *storage, const char **fields, size_t count,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
