/*
 * Reads a server's data by SCAN, DUMP and PEXPIRETIME, where replication is refused. Keys are read
 * one after the other while the server goes on: this is no moment in time, and a key that is
 * renamed or made meanwhile may be missed, or come twice.
 */
#ifndef HF_REDIS_SCAN_H
#define HF_REDIS_SCAN_H

#include "formats/redis/rdb.h"
#include "formats/redis/server.h"

/* Tells the handler what an RDB would: header, functions (unless the server forbids these), keys.
 */
enum hf_status hf_redis_scan_read(struct hf_redis_server *server,
                                  const struct hf_rdb_handler *handler,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Of the server's RDBs, going by its version. */
unsigned hf_redis_rdb_version(const struct hf_redis_server *server);

#endif
