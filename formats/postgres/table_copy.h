/* Copying one part of a table into its stream, and telling how far the whole is. */
#ifndef HF_POSTGRES_TABLE_COPY_H
#define HF_POSTGRES_TABLE_COPY_H

#include "formats/postgres/capture.h"

#include <pthread.h>

/*
 * What is expected in all starts as sizes on disk and is corrected by what each part really was.
 * Any thread.
 */
struct hf_pg_progress {
    const struct hf_observer *observer;
    pthread_mutex_t lock;
    uint64_t expected_bytes, expected_tables;
    uint64_t told_bytes; /* what the observer knows */
};
void hf_pg_progress_init(struct hf_pg_progress *progress, const struct hf_observer *observer,
                         uint64_t bytes, uint64_t tables);
void hf_pg_progress_done(struct hf_pg_progress *progress);
/* A part is done that was thought to be of estimate bytes. */
void hf_pg_progress_part(struct hf_pg_progress *progress, uint64_t estimate, uint64_t bytes);

enum hf_pg_copy_lock {
    HF_PG_COPY_LOCK_NOWAIT, /* a worker: locks the table first, without waiting */
    HF_PG_COPY_LOCKED,      /* the leader: has it locked */
};

struct hf_pg_part {
    const struct hf_pg_capture *capture;
    const struct hf_pg_table *table;
    unsigned part;
    enum hf_pg_copy_lock lock;
    struct hf_pg_progress *progress;
};

struct hf_pg_copied {
    uint64_t rows, bytes;
};

/* *out_left: the lock was not to be had; nothing was written and the transaction is aborted. */
enum hf_status hf_pg_copy_part(const struct hf_pg_part *part, struct hf_pg *pg,
                               struct hf_pg_copied *out, bool *out_left,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
