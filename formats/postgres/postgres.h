/*
 * PostgreSQL 13 to 18 as a source.
 *
 * Streams of a snapshot, one set a database (DB is the database's name, encoded as
 * hf_stream_name_part does):
 *
 *   globals                    plain SQL of pg_dumpall --globals-only (server sources only)
 *   DB/schema                  pg_dump -Fc -Z0 --schema-only archive
 *   DB/data/SCHEMA.TABLE/NNNN  COPY text of a table; parts are numbered from 0000
 *   DB/sequences               COPY text: schema, name, last_value, is_called
 *   DB/matviews                COPY text: schema, name, populated (t/f), in refresh order
 *   DB/largeobjects            COPY text: oid, owner, acl, comment
 *   DB/largeobjects/data       COPY text: oid, offset, bytea (pieces of at most 64 KiB)
 *
 * attrs of a data stream: {"schema","table","columns":[…],"part","parts","where"?,"extension"?}.
 * A table that was left out by configuration has no stream; an empty one has one with 0 records.
 * Manifest properties: formats/postgres/properties.h.
 */
#ifndef HF_POSTGRES_H
#define HF_POSTGRES_H

#include "base/secret.h"
#include "formats/source.h"

struct hf_pg_config {
    char *conninfo; /* "postgresql://…" or "key=value …" without the password; owned */
    struct hf_secret *password;  /* or NULL: what libpq finds (PGPASSWORD, ~/.pgpass); owned */
    struct hf_strings databases; /* names or patterns; empty: the one conninfo names */
    bool all_databases;
    bool globals; /* default with all_databases */
    struct hf_strings include_schemas, exclude_schemas;
    struct hf_strings include_tables, exclude_tables; /* "schema.table" or "table" patterns */
    struct hf_strings exclude_data;                   /* structure only */
    enum hf_large_objects large_objects;
    char *bin_dir;         /* where pg_dump and friends are; NULL: search; owned */
    uint64_t split;        /* bytes of a table above which it is cut; 0: 256 MiB */
    unsigned jobs;         /* connections; 0: one a processor, at least 2, at most 8 */
    unsigned lock_timeout; /* seconds to wait for a table lock; 0: 300 */
};

void hf_pg_config_done(struct hf_pg_config *config);

extern const struct hf_source_kind hf_pg_source;

#endif
