/*
 * Takes a server's data as a replica does: PSYNC, and the RDB that follows, straight from the
 * socket. Nothing is written to a disk here, nor there where the server does it diskless.
 *
 * The server forks for it, as for any replica. Servers that know REPLCONF rdb-only (6.2 and later)
 * keep no buffer of later writes for us.
 */
#ifndef HF_REDIS_REPLICA_H
#define HF_REDIS_REPLICA_H

#include "formats/redis/rdb.h"
#include "formats/redis/server.h"

enum { HF_REDIS_REPLICATION_ID = 41, HF_REDIS_MARK = 40 };

struct hf_redis_replication {
    char id[HF_REDIS_REPLICATION_ID]; /* "" where the server did not tell */
    int64_t offset;
    int64_t time; /* when the server began its dump, ns: when it answered */
    bool checked; /* the checksum was there and right */
};

/* Asks for the dump. When the server refuses (HF_DENIED, HF_UNSUPPORTED, HF_FAILED), the connection
 * is still good for commands. Other kinds as in server_error.h. */
enum hf_status hf_redis_replica_ask(const struct hf_redis_server *server,
                                    struct hf_redis_replication *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* Reads it into rdb, to its end. Closing the connection is then the way to stop being a replica. */
enum hf_status hf_redis_replica_read(struct hf_redis *redis, struct hf_rdb *rdb,
                                     struct hf_redis_replication *replication,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
