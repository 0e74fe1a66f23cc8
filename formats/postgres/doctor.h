/* What stands in the way of a backup of a source, in plain words. */
#ifndef HF_POSTGRES_DOCTOR_H
#define HF_POSTGRES_DOCTOR_H

#include "formats/postgres/postgres.h"

/* As struct hf_source_kind says. */
enum hf_status hf_pg_doctor(const void *config, json_t **out_findings,
                            struct hf_error *err) HF_WARN_UNUSED;

#endif
