/* The capture of a source: its databases one after the other, and the server's globals. */
#ifndef HF_POSTGRES_SERVER_CAPTURE_H
#define HF_POSTGRES_SERVER_CAPTURE_H

#include "formats/postgres/postgres.h"

/* As struct hf_source_kind says. */
enum hf_status hf_pg_capture(const void *config, const struct hf_sink *sink,
                             const struct hf_work *work, struct hf_capture_result *out,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
