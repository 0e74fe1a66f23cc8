/* Locks that keep the tables of a capture as they are. */
#ifndef HF_POSTGRES_LOCK_H
#define HF_POSTGRES_LOCK_H

#include "formats/postgres/connection.h"
#include "formats/postgres/tables.h"

/*
 * Locks every selected table and partitioned table in ACCESS SHARE mode, in batches, in a
 * transaction that is begun and has no snapshot yet. Tables that are gone meanwhile are passed
 * over. HF_BUSY, naming the table, when a lock is not had in timeout seconds. lock_timeout stays
 * set to that for the transaction.
 */
enum hf_status hf_pg_lock_tables(struct hf_pg *pg, const struct hf_pg_tables *tables,
                                 unsigned timeout, struct hf_error *err) HF_WARN_UNUSED;

/*
 * Locks a table that came between the locks and the snapshot, after the fact. *out_same: it is
 * still what the snapshot shows under that name, neither gone nor replaced, truncated or rewritten.
 */
enum hf_status hf_pg_lock_late(struct hf_pg *pg, const struct hf_pg_table *table, bool *out_same,
                               struct hf_error *err) HF_WARN_UNUSED;

/* "LOCK TABLE ONLY "s"."t" IN ACCESS SHARE MODE NOWAIT; " */
enum hf_status hf_pg_lock_nowait_sql(struct hf_buf *sql, const struct hf_pg_table *table,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* Whether a capture holds a lock on it. */
bool hf_pg_wants_lock(const struct hf_pg_table *table);

#endif
