/* Dropping what a restore made: a database, whatever is in it, and roles. */
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

/* Of roles that restores made (names), drops those that are as they were made and that nobody has a
 * use for; nothing while another restore than that of the server process backend (0: than any) runs
 * there, which may count on them. Adds the dropped ones to out_dropped. */
enum hf_status hf_pg_drop_unused_roles(struct hf_pg *pg, const struct hf_strings *names,
                                       int backend, struct hf_strings *out_dropped,
                                       struct hf_error *err) HF_WARN_UNUSED;

#endif
