/*
 * The capture of one database, and what its parts share. Internal to the capture.
 *
 * A leader connection holds the snapshot and the locks; workers adopt the snapshot; pg_dump gets
 * it by name. Everything below runs on the leader's thread but workers.h.
 */
#ifndef HF_POSTGRES_CAPTURE_H
#define HF_POSTGRES_CAPTURE_H

#include "formats/postgres/connection.h"
#include "formats/postgres/filter.h"
#include "formats/postgres/postgres.h"
#include "formats/postgres/tables.h"
#include "formats/postgres/tools.h"

enum { HF_PG_LOCK_SECONDS = 300, HF_PG_JOBS_MIN = 2, HF_PG_JOBS_MAX = 8 };

struct hf_pg_capture {
    const struct hf_pg_config *config;
    const struct hf_sink *sink;
    const struct hf_work *work;
    struct hf_pg_filter *filter;
    const struct hf_pg_tool *pg_dump;
    struct hf_pg_address address; /* of this database */
    struct hf_pg *leader;
    char *name;     /* of the database */
    char *prefix;   /* the name as the first part of stream names */
    char *snapshot; /* as exported */
    int64_t time;   /* of the snapshot, ns */
    bool standby;
    struct hf_pg_tables tables;
    uint64_t data_streams, data_tables, rows, bytes; /* what was captured */
};

/* "DB/SUFFIX" */
enum hf_status hf_pg_stream_name(const struct hf_pg_capture *capture, const char *suffix,
                                 char **out, struct hf_error *err) HF_WARN_UNUSED;
/* Appends a schema's name to a stream's: like hf_stream_name_part, and a dot is encoded too, so
 * that "a.b"."c" and "a"."b.c" are two streams. */
enum hf_status hf_pg_schema_name_part(struct hf_buf *name, const char *schema,
                                      struct hf_error *err) HF_WARN_UNUSED;
/* Seconds to wait for a lock. */
unsigned hf_pg_lock_seconds(const struct hf_pg_config *config);
/* Connections to copy with. */
unsigned hf_pg_capture_jobs(const struct hf_pg_config *config, const struct hf_work *work);
/* As configured, without a database; the database of conninfo or the one given. */
struct hf_pg_address hf_pg_address_of(const struct hf_pg_config *config, const char *database);

/*
 * The whole of a database into the sink. filter and pg_dump are borrowed; leader is a connection
 * to it and stays the caller's. *out_properties: its entry of the manifest's properties.
 */
struct hf_pg_capture_input {
    const struct hf_pg_config *config;
    const struct hf_sink *sink;
    const struct hf_work *work;
    struct hf_pg_filter *filter;
    const struct hf_pg_tool *pg_dump;
    struct hf_pg *leader;
};
enum hf_status hf_pg_capture_database(const struct hf_pg_capture_input *input,
                                      json_t **out_properties, int64_t *out_time,
                                      struct hf_error *err) HF_WARN_UNUSED;

#endif
