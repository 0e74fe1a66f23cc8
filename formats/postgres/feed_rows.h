/* The rows of a stream of COPY text, one after the other, in bounded memory. */
#ifndef HF_POSTGRES_FEED_ROWS_H
#define HF_POSTGRES_FEED_ROWS_H

#include "base/cancel.h"
#include "base/stream.h"

/* Called with each row, without its newline; the row is valid during the call only. */
typedef enum hf_status hf_pg_row_fn(void *ctx, const char *row, size_t len, struct hf_error *err);

/* All rows of the stream "DB/what", which need not be there. HF_DAMAGED when it ends within a row,
 * or a row is above 64 MiB. Errors name the stream. */
enum hf_status hf_pg_feed_rows(const struct hf_feed *feed, const char *database, const char *what,
                               struct hf_cancel *cancel, hf_pg_row_fn *take, void *ctx,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
