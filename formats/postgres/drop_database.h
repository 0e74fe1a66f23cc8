/* Dropping a database that was made here, whatever was restored into it. */
#ifndef HF_POSTGRES_DROP_DATABASE_H
#define HF_POSTGRES_DROP_DATABASE_H

#include "formats/postgres/connection.h"
#include "formats/postgres/postgres.h"

/* pg is a connection to another database of the server that config names. Ends what is connected
 * to it; a template is dropped too, and subscriptions, which were never connected to anything. One
 * that is not there is no error. */
enum hf_status hf_pg_drop_database(struct hf_pg *pg, const struct hf_pg_config *config,
                                   const char *name, struct hf_cancel *cancel,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
