/*
 * The moment of a capture: locks, snapshot, list of tables and pg_dump's own locks, in an order
 * that leaves no gap between what was locked and what the snapshot shows.
 */
#ifndef HF_POSTGRES_SNAPSHOT_H
#define HF_POSTGRES_SNAPSHOT_H

#include "formats/postgres/capture.h"
#include "formats/postgres/schema_dump.h"

/*
 * Begins the leader's transaction. On HF_OK capture->tables, snapshot and time are set, every
 * selected table is locked, and *out_dump is a pg_dump that has all of its locks too. Tables that
 * are created, dropped or renamed meanwhile make it begin anew; HF_BUSY when that has no end.
 */
enum hf_status hf_pg_snapshot_begin(struct hf_pg_capture *capture,
                                    struct hf_pg_schema_dump **out_dump,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* Makes another connection see what the leader sees, in a transaction of its own that is planned
 * for ranges of blocks. */
enum hf_status hf_pg_snapshot_adopt(const struct hf_pg_capture *capture, struct hf_pg *pg,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
