/* Roles and tablespaces of a server, from the stream "globals". */
#ifndef HF_POSTGRES_RESTORE_GLOBALS_H
#define HF_POSTGRES_RESTORE_GLOBALS_H

#include "base/observer.h"
#include "base/stream.h"
#include "formats/postgres/connection.h"

#include <jansson.h>

/*
 * Runs the script on the connection, statement by statement. Roles that exist are kept as they
 * are, password and all. A tablespace that cannot be made is a note: what was in it goes into the
 * default. Notes are appended to the array.
 */
enum hf_status hf_pg_restore_globals(struct hf_pg *pg, const struct hf_feed *feed, json_t *notes,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
