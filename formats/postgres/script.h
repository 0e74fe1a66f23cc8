/* An SQL script being written, and the parts of an export that are more than the schema and rows.
 * Internal to the export. */
#ifndef HF_POSTGRES_SCRIPT_H
#define HF_POSTGRES_SCRIPT_H

#include "formats/postgres/postgres.h"
#include "formats/postgres/restore_input.h"
#include "formats/postgres/tools.h"

struct hf_pg_script {
    const struct hf_pg_config *config;
    const struct hf_restore_options *options;
    const struct hf_work *work;
    const struct hf_feed *feed;
    const json_t *database; /* its properties */
    bool server;            /* several databases, which the script makes itself */
    bool has_globals;       /* roles and tablespaces are to be written */
    struct hf_pg_input input;
    struct hf_pg_tool pg_restore;
    bool wants_objects; /* large objects are to be written */
    bool has_hashes;    /* tables are partitioned by hash */
    int fd;
    struct hf_buf out; /* what is not written yet */
};

/* Formatted text; written out now and then. */
enum hf_status hf_pg_script_put(struct hf_pg_script *script, struct hf_error *err,
                                const char *format, ...) HF_PRINTF(3, 4) HF_WARN_UNUSED;
enum hf_status hf_pg_script_bytes(struct hf_pg_script *script, const void *data, size_t len,
                                  struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_script_ident(struct hf_pg_script *script, const char *name,
                                  struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_script_qualified(struct hf_pg_script *script, const char *schema,
                                      const char *name, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_script_literal(struct hf_pg_script *script, const char *text,
                                    struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_script_flush(struct hf_pg_script *script, struct hf_error *err) HF_WARN_UNUSED;

/* Called with each row of a stream, without its newline. */
typedef enum hf_status hf_pg_stream_row_fn(struct hf_pg_script *script, const char *row, size_t len,
                                           struct hf_error *err);
/* All rows of a stream that need not be there. */
enum hf_status hf_pg_script_rows(struct hf_pg_script *script, const char *what,
                                 hf_pg_stream_row_fn *take, struct hf_error *err) HF_WARN_UNUSED;

/* script_schema.c: what pg_restore writes for a stage. */
enum hf_status hf_pg_script_stage(struct hf_pg_script *script, enum hf_pg_stage stage,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* script_objects.c */
enum hf_status hf_pg_script_large_objects(struct hf_pg_script *script,
                                          struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_script_settings(struct hf_pg_script *script,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* The roles that the script speaks of, as a comment. */
enum hf_status hf_pg_script_roles(struct hf_pg_script *script, struct hf_error *err) HF_WARN_UNUSED;

/* script_server.c: what comes before the databases: roles and tablespaces where the snapshot has
 * them, and the databases themselves, empty. HF_UNSUPPORTED for a name that psql cannot take. */
enum hf_status hf_pg_script_server(struct hf_pg_script *script, const json_t *properties,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* From here on the script is about that database. */
enum hf_status hf_pg_script_connect(struct hf_pg_script *script, const char *database,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
