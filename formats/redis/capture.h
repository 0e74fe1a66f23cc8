/* Backing up a server, or every shard of a cluster: the capture function of struct hf_source_kind.
 */
#ifndef HF_REDIS_CAPTURE_H
#define HF_REDIS_CAPTURE_H

#include "formats/redis/redis.h"

/*
 * config: struct hf_redis_config. As a replica, or by SCAN where the configuration wants that or
 * the server refuses the other (told as a warning). Streams: redis.h; properties: tally.h.
 */
enum hf_status hf_redis_capture(const void *config, const struct hf_sink *sink,
                                const struct hf_work *work, struct hf_capture_result *out,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
