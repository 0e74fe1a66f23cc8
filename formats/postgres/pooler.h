/*
 * Connection poolers in between. One that hands a client another server connection for every
 * transaction (PgBouncer's transaction mode and its like) cannot carry session settings or
 * exported snapshots, and what we SET would leak into other clients' sessions. So this is found
 * out before anything is SET. Pooling by session is fine.
 */
#ifndef HF_POSTGRES_POOLER_H
#define HF_POSTGRES_POOLER_H

#include "formats/postgres/connection.h"

/* first and second: two connections to the same place, idle and outside of a transaction, from
 * which only pids are asked. HF_UNSUPPORTED when they share server connections. */
enum hf_status hf_pg_pooler_check(struct hf_pg *first, struct hf_pg *second,
                                  struct hf_error *err) HF_WARN_UNUSED;

#endif
