/*
 * A server of a source: reached by the configuration, and what it says of itself (INFO).
 */
#ifndef HF_REDIS_SERVER_H
#define HF_REDIS_SERVER_H

#include "formats/redis/connection.h"
#include "formats/redis/redis.h"

enum { HF_REDIS_OLDEST = 60200 };

struct hf_redis_server {
    struct hf_redis *redis;
    char *info;       /* INFO, all sections */
    unsigned version; /* 70015, of the server's own numbering */
    bool valkey;
    bool cluster;  /* runs in cluster mode */
    bool replica;  /* of another server */
    bool sentinel; /* is a sentinel */
};

static inline void hf_redis_server_init(struct hf_redis_server *server)
{
    *server = (struct hf_redis_server){.redis = NULL};
}
void hf_redis_server_done(struct hf_redis_server *server);
static inline void hf_redis_server_auto(struct hf_redis_server *server)
{
    hf_redis_server_done(server);
}

/* "host:port", "[v6]:port", "host" (the default port) taken apart; *out_host is a heap string. */
enum hf_status hf_redis_host_split(const char *text, unsigned default_port, char **out_host,
                                   unsigned *out_port, struct hf_error *err) HF_WARN_UNUSED;

/* One of hosts (NULL: the unix socket), with the login of the servers or the sentinels. */
enum hf_status hf_redis_reach(const struct hf_redis_config *config, const char *host, bool sentinel,
                              struct hf_cancel *cancel, struct hf_redis **out,
                              struct hf_error *err) HF_WARN_UNUSED;

/* Reaches and asks. Servers older than 6.2 (Valkey: than 7.2) are HF_UNSUPPORTED. */
enum hf_status hf_redis_server_open(const struct hf_redis_config *config, const char *host,
                                    struct hf_cancel *cancel, struct hf_redis_server *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* The one server of a configuration that is no cluster: as it is named, or as the sentinels say.
 * writable: the master. */
enum hf_status hf_redis_server_find(const struct hf_redis_config *config, bool writable,
                                    struct hf_cancel *cancel, struct hf_redis_server *out,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* A line of INFO, or NULL: a heap string. */
enum hf_status hf_redis_info(const struct hf_redis_server *server, const char *name, char **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* 0 where it is not there. */
uint64_t hf_redis_info_number(const struct hf_redis_server *server, const char *name);

/* Milliseconds since 1970, as the server has it now. */
enum hf_status hf_redis_server_time(struct hf_redis *redis, int64_t *out,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* {"name", "version", "mode", "role", "run_id"} */
enum hf_status hf_redis_server_json(const struct hf_redis_server *server, json_t **out,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
