/* Which databases of a server a source is. */
#ifndef HF_POSTGRES_DATABASES_H
#define HF_POSTGRES_DATABASES_H

#include "base/observer.h"
#include "formats/postgres/connection.h"
#include "formats/postgres/postgres.h"

/*
 * Names, sorted: the one connected to, those that config's names and patterns mean, or all but
 * template0 and template1. Databases that take no connections are left out with a warning, as
 * are those broken by an interrupted DROP DATABASE. HF_NOT_FOUND for a name or pattern that means
 * none.
 */
enum hf_status hf_pg_databases(struct hf_pg *pg, const struct hf_pg_config *config,
                               const struct hf_observer *observer, struct hf_strings *out,
                               struct hf_error *err) HF_WARN_UNUSED;

/* The database to connect to first: conninfo's, or "postgres" where it names none and the source is
 * of several. NULL: conninfo's. */
enum hf_status hf_pg_first_database(const struct hf_pg_config *config, const char **out,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
