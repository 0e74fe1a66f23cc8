/* The relations of a database that a capture deals with. */
#ifndef HF_POSTGRES_TABLES_H
#define HF_POSTGRES_TABLES_H

#include "base/error.h"
#include "base/text.h"

#include <libpq-fe.h>
#include <stdint.h>

enum hf_pg_kind {
    HF_PG_KIND_TABLE,       /* relkind r, leaf partitions too */
    HF_PG_KIND_PARTITIONED, /* p: no rows of its own */
    HF_PG_KIND_FOREIGN,     /* f: its rows are elsewhere */
    HF_PG_KIND_MATVIEW,
    HF_PG_KIND_VIEW,
    HF_PG_KIND_SEQUENCE,
};

struct hf_pg_table {
    Oid oid;
    Oid parent; /* of a partition, or owner table of a sequence, or 0 */
    enum hf_pg_kind kind;
    uint32_t part_blocks; /* blocks a part; 0: one part */
    char *schema, *name;
    char *extension;           /* that it belongs to, or NULL */
    char *where;               /* condition of an extension's configuration table, or NULL */
    struct hf_strings columns; /* those COPY takes: live and not generated, in their order */
    uint64_t bytes;            /* on disk, TOAST included */
    uint64_t blocks;           /* of the table itself */
    unsigned parts;            /* at least 1 where rows are taken */
    bool heap, unlogged, populated;
    bool readable;      /* by privileges */
    bool locked;        /* by our transaction, when it was listed */
    bool identity;      /* the sequence of an identity column */
    bool policed;       /* row-level security would hide rows from us */
    bool named;         /* the qualified name means this very relation */
    bool configuration; /* of an extension, marked with pg_extension_config_dump */
    bool selected;      /* by the configuration's schemas and tables */
    bool out_by_schema; /* not selected, for its schema */
    bool rows;          /* its rows are taken */
};

/* Owned array. Starts as HF_PG_TABLES_INIT. */
struct hf_pg_tables {
    struct hf_pg_table *items;
    size_t count;
    struct hf_strings schemas; /* all that are not the system's, also empty ones */
};
#define HF_PG_TABLES_INIT                                                                          \
    {                                                                                              \
        .items = NULL                                                                              \
    }
void hf_pg_tables_free(struct hf_pg_tables *tables);
static inline void hf_pg_tables_auto(struct hf_pg_tables *tables)
{
    hf_pg_tables_free(tables);
}

/* The one with that oid, or NULL. The array is sorted by oid. */
struct hf_pg_table *hf_pg_tables_find(const struct hf_pg_tables *tables, Oid oid);

#endif
