/*
 * Redis 6.2 to 8 and Valkey 7.2 to 9 as a source.
 *
 * Streams of a snapshot (S: the shard, 0 but for a cluster; D: the logical database; N: a number
 * from 0000, counted over the shard):
 *
 *   S/head        the RDB's first 9 bytes, then functions and whatever else came before the keys
 * and is none, as sent; without the aux fields, which are in the properties S/keys/D/N    keys.
 * attrs {"order": "hash"}: held in memory and put in order, so that the same keys make the same
 * bytes; {"order": "server"}: as they came S/hints/D/N   access hints (LRU, LFU) of the keys in the
 * stream of that number, where there are S/big/D/N     one key too large to be held; its hint is in
 * attrs ("idle" or "freq") S/tail        what came behind the first key and is none S/rest what
 * could not be understood, to the end, without end and checksum
 *
 * How a key is written: record.h. Manifest properties: tally.h.
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
    char *file;   /* an .rdb file to restore into, instead of a server */
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
