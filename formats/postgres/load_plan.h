/*
 * What the workers of a restore do, and when: rows into tables, largest first, and the indexes and
 * constraints of a large table as soon as all of its rows are in, beside the rows of others. The
 * rest of the archive's post-data stage comes when every row is in.
 *
 * A table is one task, so that its rows can be frozen; one that is larger than a fair share of
 * everything is a task for each of its parts. An index of a large table is a task of its own, in
 * an order that never lets two tasks wait for each other's locks.
 *
 * Any thread may call next, done and stop at any time.
 */
#ifndef HF_POSTGRES_LOAD_PLAN_H
#define HF_POSTGRES_LOAD_PLAN_H

#include "formats/postgres/restore_input.h"

/* Bytes of rows above which a table's indexes are not left to the stage that follows. */
#define HF_PG_LARGE_TABLE (UINT64_C(8) << 20)

enum hf_pg_task_kind {
    HF_PG_TASK_ROWS,       /* of one table */
    HF_PG_TASK_INDEX,      /* shares its table with other indexes */
    HF_PG_TASK_CONSTRAINT, /* has its table for itself */
};

struct hf_pg_task {
    enum hf_pg_task_kind kind;
    struct hf_pg_rows_of *table; /* borrowed from the input */
    size_t first, end;           /* HF_PG_TASK_ROWS: its parts */
    bool whole;                  /* that is all of them: the table, in one transaction */
    size_t entry;                /* otherwise: of the archive's table of contents */
};

struct hf_pg_load_plan;

/* input is borrowed, and must outlive the plan. */
enum hf_status hf_pg_load_plan_make(const struct hf_pg_input *input, unsigned jobs,
                                    struct hf_pg_load_plan **out,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_pg_load_plan_free(struct hf_pg_load_plan *plan);
HF_DEFINE_AUTO_PTR(hf_pg_load_plan, hf_pg_load_plan_free)

/* Tasks of all kinds, and tables that have rows to load. */
size_t hf_pg_load_plan_count(const struct hf_pg_load_plan *plan);
size_t hf_pg_load_plan_tables(const struct hf_pg_load_plan *plan);

/* The next task; waits while there are some that others' have to be done for. NULL when all were
 * given out, or after a stop. */
const struct hf_pg_task *hf_pg_load_plan_next(struct hf_pg_load_plan *plan);
/* To be told of every task that was carried out. */
void hf_pg_load_plan_done(struct hf_pg_load_plan *plan, const struct hf_pg_task *task);
/* No more tasks: something failed. */
void hf_pg_load_plan_stop(struct hf_pg_load_plan *plan);

/* One an entry of the archive: whether it is a task of the plan. */
const bool *hf_pg_load_plan_entries(const struct hf_pg_load_plan *plan);

#endif
