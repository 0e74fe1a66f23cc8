/* Large objects: which there are, and their bytes. */
#ifndef HF_POSTGRES_LARGEOBJECTS_H
#define HF_POSTGRES_LARGEOBJECTS_H

#include "formats/postgres/capture.h"

enum { HF_PG_LO_PIECE = 64 * 1024 };

/* DB/largeobjects, by the leader; *out_count is how many, and *out_bytes about how large the data
 * is. HF_DENIED when some may not be read. */
enum hf_status hf_pg_capture_large_objects(struct hf_pg_capture *capture, uint64_t *out_count,
                                           uint64_t *out_bytes,
                                           struct hf_error *err) HF_WARN_UNUSED;

/*
 * DB/largeobjects/data, over any connection that has the snapshot. Pieces are always of
 * HF_PG_LO_PIECE bytes but the last of an object, however they were fetched.
 */
enum hf_status hf_pg_capture_large_object_data(const struct hf_pg_capture *capture,
                                               struct hf_pg *pg, uint64_t *out_records,
                                               uint64_t *out_bytes,
                                               struct hf_error *err) HF_WARN_UNUSED;

#endif
