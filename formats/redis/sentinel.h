/* Where a master or a replica is, as the sentinels say that watch it. */
#ifndef HF_REDIS_SENTINEL_H
#define HF_REDIS_SENTINEL_H

#include "base/cancel.h"
#include "formats/redis/redis.h"

/* "host:port", a heap string, by the first sentinel that answers. replica: of a replica in good
 * state, where there is one; else of the master. HF_NOT_FOUND when they know no such master. */
enum hf_status hf_redis_sentinel_ask(const struct hf_redis_config *config, bool replica,
                                     struct hf_cancel *cancel, char **out,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
