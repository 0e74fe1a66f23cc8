/*
 * The columns codec's transposition: COPY text turned so that all values of a column stand
 * together, which zstd then packs tighter and faster.
 *
 * Rows "a\tb\n" "c\td\n" become: number of columns (2 bytes, little-endian), then the values
 * column by column, each ended by a newline: "a\nc\nb\nd\n". COPY text escapes tabs and newlines
 * within values, so that is exactly reversible: with c columns and n newlines in all there are n /
 * c rows. docs/format.md, "Columns".
 *
 * What does not look like that (one column, rows of different lengths, no newline at the end,
 * mostly empty values) is no error: it does not fit, and is stored without.
 */
#ifndef HF_REPOSITORY_COLUMNS_H
#define HF_REPOSITORY_COLUMNS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_COLUMNS_HEAD = 2,   /* what the transposed form is longer by */
    HF_COLUMNS_MIN = 2,    /* columns worth the work */
    HF_COLUMNS_MAX = 4096, /* PostgreSQL allows 1600 */
    HF_COLUMNS_DENSITY = 2 /* mean bytes of a value with its delimiter, at least */
};

/* Where the values end; memory that is kept from chunk to chunk. Start with zeroes; at most
 * 4 * len / HF_COLUMNS_DENSITY bytes for the longest chunk. */
struct hf_columns {
    uint32_t *ends;
    size_t cap;
};
void hf_columns_free(struct hf_columns *columns);

/* in (len bytes) to out (len + HF_COLUMNS_HEAD bytes). *out_fits says whether it could be done; out
 * is undefined otherwise. */
enum hf_status hf_columns_split(struct hf_columns *columns, const uint8_t *in, size_t len,
                                uint8_t *out, bool *out_fits, struct hf_error *err) HF_WARN_UNUSED;

/* The reverse: in (len bytes, of anything) to out (len - HF_COLUMNS_HEAD bytes). HF_DAMAGED when in
 * is nothing that split makes. */
enum hf_status hf_columns_join(struct hf_columns *columns, const uint8_t *in, size_t len,
                               uint8_t *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
