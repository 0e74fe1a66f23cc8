#include "formats/postgres/doctor.h"
#include "formats/postgres/export.h"
#include "formats/postgres/restore.h"
#include "formats/postgres/server_capture.h"

const struct hf_source_kind hf_pg_source = {
    .name = "postgres",
    .capture = hf_pg_capture,
    .restore = hf_pg_restore,
    .export = hf_pg_export,
    .doctor = hf_pg_doctor,
};
