/* Streams that the leader writes by itself: sequences, materialized views, what large objects there
 * are; and the globals of a server. */
#ifndef HF_POSTGRES_SMALL_STREAMS_H
#define HF_POSTGRES_SMALL_STREAMS_H

#include "formats/postgres/capture.h"

/* DB/sequences. Values are read after the snapshot: never behind what its rows have used. */
enum hf_status hf_pg_capture_sequences(struct hf_pg_capture *capture,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* DB/matviews, each after those that it reads from. */
enum hf_status hf_pg_capture_matviews(struct hf_pg_capture *capture,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* globals, of the server that pg is connected to. *out_passwords: whether password hashes are in.
 */
enum hf_status hf_pg_capture_globals(const struct hf_pg_config *config, const struct hf_sink *sink,
                                     const struct hf_work *work, const struct hf_pg *pg,
                                     bool *out_passwords, struct hf_error *err) HF_WARN_UNUSED;

#endif
