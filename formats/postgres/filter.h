/*
 * Which relations the configuration means. Pure.
 *
 * A pattern with a dot is of "schema.table", one without of a table in any schema. A partition
 * goes with the tables it is a partition of.
 */
#ifndef HF_POSTGRES_FILTER_H
#define HF_POSTGRES_FILTER_H

#include "formats/postgres/postgres.h"
#include "formats/postgres/tables.h"

struct hf_pg_filter {
    const struct hf_pg_config *config;
    bool *matched; /* one a pattern, over all lists in their order; for all databases */
    size_t patterns;
};

/* config is borrowed. */
enum hf_status hf_pg_filter_init(struct hf_pg_filter *filter, const struct hf_pg_config *config,
                                 struct hf_error *err) HF_WARN_UNUSED;
void hf_pg_filter_done(struct hf_pg_filter *filter);

/* Sets selected and rows of every relation. standby: unlogged tables cannot be read. */
enum hf_status hf_pg_filter_apply(struct hf_pg_filter *filter, struct hf_pg_tables *tables,
                                  bool standby, struct hf_error *err) HF_WARN_UNUSED;

/* HF_CONFIG naming the first pattern that has matched nothing in all calls so far. */
enum hf_status hf_pg_filter_check(const struct hf_pg_filter *filter,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Schemas or tables are chosen. */
bool hf_pg_filter_includes(const struct hf_pg_config *config);
/* Large objects belong to no schema: they go with everything, or as configured. */
bool hf_pg_filter_large_objects(const struct hf_pg_config *config);
/* Something is chosen or left out. */
bool hf_pg_filter_partial(const struct hf_pg_config *config);

#endif
