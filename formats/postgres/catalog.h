/* What is in a database, out of its catalogs. */
#ifndef HF_POSTGRES_CATALOG_H
#define HF_POSTGRES_CATALOG_H

#include "formats/postgres/connection.h"
#include "formats/postgres/tables.h"

enum hf_pg_listing {
    HF_PG_LIST_NAMES, /* without columns, sizes and locks: takes no locks, so it never waits */
    HF_PG_LIST_ALL,   /* for relations that are locked already */
};

/*
 * All relations that are not the system's, sorted by oid: those of extensions too, temporary ones
 * not. In one query, and one more for the columns. HF_UNSUPPORTED for names that are not UTF-8.
 */
enum hf_status hf_pg_list_relations(struct hf_pg *pg, enum hf_pg_listing listing,
                                    struct hf_pg_tables *out, struct hf_error *err) HF_WARN_UNUSED;

/* HF_DENIED, naming them and saying what to grant, when there are selected tables or sequences that
 * the role may not read, or not all rows of. */
enum hf_status hf_pg_check_readable(const struct hf_pg *pg, const struct hf_pg_tables *tables,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
