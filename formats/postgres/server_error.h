/* What the server said, as an error of ours. */
#ifndef HF_POSTGRES_SERVER_ERROR_H
#define HF_POSTGRES_SERVER_ERROR_H

#include "formats/postgres/connection.h"

/* The kind of error an SQLSTATE (five characters; "" when there is none) stands for. */
enum hf_status hf_pg_status_of_sqlstate(const char *sqlstate);

/* Sets err from a connection that could not be made. */
enum hf_status hf_pg_fail_connect(PGconn *conn, struct hf_error *err);

#endif
