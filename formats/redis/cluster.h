/*
 * A cluster: its shards, which slots they serve, and whether these stay where they are.
 */
#ifndef HF_REDIS_CLUSTER_H
#define HF_REDIS_CLUSTER_H

#include "formats/redis/server.h"

/* server: connected, the callback's to close or keep; slots: [[first, last], …]. */
typedef enum hf_status hf_redis_on_shard(void *ctx, unsigned shard, struct hf_redis_server *server,
                                         const json_t *slots, struct hf_error *err);

/*
 * Calls back for every shard, ordered by its lowest slot: with its master, or a replica where the
 * configuration asks for that and one is well. HF_BUSY when slots are migrating, before the first
 * and after the last, or when the map changed in between; HF_UNREACHABLE when slots are unserved.
 */
enum hf_status hf_redis_cluster_each(const struct hf_redis_config *config, struct hf_cancel *cancel,
                                     hf_redis_on_shard *on_shard, void *ctx,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
