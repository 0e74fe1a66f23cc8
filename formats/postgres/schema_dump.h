/* pg_dump --schema-only as a child, at the leader's snapshot. */
#ifndef HF_POSTGRES_SCHEMA_DUMP_H
#define HF_POSTGRES_SCHEMA_DUMP_H

#include "formats/postgres/capture.h"

struct hf_pg_schema_dump;

/* Takes NULL; ends the child. */
void hf_pg_schema_dump_free(struct hf_pg_schema_dump *dump);
HF_DEFINE_AUTO_PTR(hf_pg_schema_dump, hf_pg_schema_dump_free)

/*
 * Starts it, with capture->tables' choice of schemas and tables, and waits until it has its locks.
 * *out_again: another session waits to change a table that we have locked and pg_dump has not, so
 * that pg_dump waits for it, it for us, and we for pg_dump; and it has not given up by itself
 * (a lock_timeout of its own) for patience nanoseconds.
 */
enum hf_status hf_pg_schema_dump_start(const struct hf_pg_capture *capture, int64_t patience,
                                       struct hf_pg_schema_dump **out, bool *out_again,
                                       struct hf_error *err) HF_WARN_UNUSED;

/* Moves its output into DB/schema and checks how it ended. */
enum hf_status hf_pg_schema_dump_take(struct hf_pg_schema_dump *dump,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* The options that make pg_dump choose as capture->tables says. Pure. */
enum hf_status hf_pg_schema_dump_options(const struct hf_pg_config *config,
                                         const struct hf_pg_tables *tables, int pg_dump_major,
                                         struct hf_pg_command *command,
                                         struct hf_error *err) HF_WARN_UNUSED;

#endif
