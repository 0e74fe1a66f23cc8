/*
 * Copying the tables over several connections at once, largest first.
 */
#ifndef HF_POSTGRES_WORKERS_H
#define HF_POSTGRES_WORKERS_H

#include "formats/postgres/capture.h"

struct hf_pg_workers;

/*
 * Starts them: every part of every table whose rows are taken, and the large objects' data if
 * there is any. capture is borrowed and must not change until finish.
 */
struct hf_pg_workers_plan {
    struct hf_pg_capture *capture;
    uint64_t large_objects, large_object_bytes;
    unsigned jobs;
};
enum hf_status hf_pg_workers_start(const struct hf_pg_workers_plan *plan,
                                   struct hf_pg_workers **out, struct hf_error *err) HF_WARN_UNUSED;

/*
 * Waits for all of them, copies over the leader's connection what they had to leave (tables that
 * another session has queued up to change: the leader's lock came before), and adds up
 * capture->rows, bytes, data_streams and data_tables. Frees the object, whatever the result.
 */
enum hf_status hf_pg_workers_finish(struct hf_pg_workers *workers,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* After a failure elsewhere: stops them (the work's cancel is failed with cause), waits, frees. */
void hf_pg_workers_stop(struct hf_pg_workers *workers, const struct hf_error *cause);

#endif
