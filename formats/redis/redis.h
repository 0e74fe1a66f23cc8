/*
 * Redis 6.2 to 8 and Valkey 7.2 to 9 as a source.
 *
 * Streams of a snapshot (N: a number from 0000; S: the shard, 0 but for a cluster; D: the logical
 * database):
 *
 *   S/head           the RDB's first 9 bytes, then functions and whatever else is no key, as sent
 *   S/keys/D/held    keys of low hash, ordered by hash: the same keys make the same bytes
 *   S/keys/D/passed  the others, as they came
 *   S/keys/D/big/N   one key too large to be held in memory
 *   S/hints/D/held   access hints (LRU, LFU) of the keys in the stream of the same name, where any
 *   S/rest           what could not be understood, to the end, without the checksum
 *
 * A key is written as RDB does it: expiry (opcode 252) where it has one, type, key, value; never
 * SELECTDB, and the key's text uncompressed (record.h). attrs: rdb.h's flavour is in the
 * properties. Manifest properties: formats/redis/tally.h.
 */
#ifndef HF_REDIS_H
#define HF_REDIS_H

#include "base/secret.h"
#include "formats/source.h"

enum hf_redis_way {
    HF_REDIS_REPLICA_OR_SCAN, /* as a replica; where that is refused, by SCAN */
    HF_REDIS_REPLICA,
    HF_REDIS_SCAN,
};

enum hf_redis_topology {
    HF_REDIS_SINGLE,
    HF_REDIS_SENTINEL, /* hosts are sentinels; master is the name they watch */
    HF_REDIS_CLUSTER,  /* hosts are any nodes */
};

enum { HF_REDIS_PORT = 6379, HF_REDIS_SENTINEL_PORT = 26379 };

/* Everything owned; released by hf_redis_config_done. */
struct hf_redis_config {
    enum hf_redis_topology topology;
    struct hf_strings hosts; /* "host:port", "[::1]:6379"; exactly one where it is SINGLE */
    char *socket;            /* a unix socket's path instead */
    char *master;            /* what the sentinels call it */
    bool from_replica;       /* SENTINEL, CLUSTER: read from a replica where there is one */
    char *user;              /* ACL user; NULL: the default one */
    struct hf_secret *password;
    char *sentinel_user; /* of the sentinels themselves, which need not be those of the servers */
    struct hf_secret *sentinel_password;
    bool tls;
    bool tls_insecure; /* any certificate will do */
    char *tls_ca, *tls_cert, *tls_key, *tls_name;
    int database; /* to restore into; -1: as it was */
    enum hf_redis_way way;
    uint64_t order_memory;    /* bytes of keys held to be put in order; 0: HF_REDIS_ORDER_MEMORY */
    unsigned connect_timeout; /* seconds; 0: 30 */
    unsigned timeout;         /* seconds without a byte before the server is given up; 0: 300 */
};

#define HF_REDIS_ORDER_MEMORY (UINT64_C(64) << 20)

/* Zeroes, but for what is not zero by default. */
void hf_redis_config_init(struct hf_redis_config *config);
void hf_redis_config_done(struct hf_redis_config *config);

extern const struct hf_source_kind hf_redis_source;

#endif
