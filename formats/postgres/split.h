/*
 * Cutting a large table into ranges of blocks that are copied apart. Pure.
 *
 * Cuts lie at multiples of a power of two blocks and the last range is open-ended, so that cuts
 * stay where they are while a table grows, and ranges that did not change deduplicate.
 */
#ifndef HF_POSTGRES_SPLIT_H
#define HF_POSTGRES_SPLIT_H

#include "base/buffer.h"
#include "formats/postgres/tables.h"

#define HF_PG_SPLIT_DEFAULT (UINT64_C(256) << 20)
enum { HF_PG_PARTS_MAX = 9999 };

/*
 * Sets part_blocks and parts of a table whose rows are taken: the largest power of two blocks that
 * is no more than about split bytes, TOAST included. One part for a table of at most split bytes,
 * of another access method than heap, with a condition, or on a server before 14, which
 * would read the whole table for each range (no TID range scan).
 */
void hf_pg_split(struct hf_pg_table *table, uint64_t split, int server_version);

/* The statement that copies one part. */
enum hf_status hf_pg_part_sql(struct hf_buf *sql, const struct hf_pg_table *table, unsigned part,
                              const char *encoding, struct hf_error *err) HF_WARN_UNUSED;

#endif
