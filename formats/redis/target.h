/*
 * A connection that keys are restored into, or read back from: many commands in flight, each with
 * the name of its key for the case that it fails. One thread.
 */
#ifndef HF_REDIS_TARGET_H
#define HF_REDIS_TARGET_H

#include "formats/redis/record.h"
#include "formats/redis/server.h"

enum {
    HF_REDIS_IN_FLIGHT = 1024,          /* commands */
    HF_REDIS_BYTES_IN_FLIGHT = 4 << 20, /* of payloads */
    HF_REDIS_NAME_SHOWN = 60,
};

struct hf_redis_pending {
    uint8_t key[HF_REDIS_NAME_SHOWN];
    uint8_t len;
    uint32_t database;
    uint64_t bytes;
};

struct hf_redis_target {
    struct hf_redis_server server;
    int64_t database;                 /* selected; -1: none yet */
    struct hf_redis_pending *pending; /* a ring of HF_REDIS_IN_FLIGHT */
    size_t first, count;
    uint64_t bytes;
};

/* Takes the server over. */
enum hf_status hf_redis_target_init(struct hf_redis_target *target, struct hf_redis_server *server,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_redis_target_done(struct hf_redis_target *target);

/* Waits for every reply that is due. An error names the key. */
enum hf_status hf_redis_target_drain(struct hf_redis_target *target,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* Selects, unless it is. */
enum hf_status hf_redis_target_select(struct hf_redis_target *target, uint32_t database,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* RESTORE in one piece: payload is type and value. */
struct hf_redis_put {
    struct hf_rdb_key key;
    unsigned version; /* of RDB, for the footer */
    bool replace;
};
enum hf_status hf_redis_target_put(struct hf_redis_target *target, const struct hf_redis_put *put,
                                   const void *payload, size_t len,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* In pieces: len bytes of type and value are to come; then the end, with their checksum. */
enum hf_status hf_redis_target_begin(struct hf_redis_target *target, const struct hf_redis_put *put,
                                     uint64_t len, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_target_piece(struct hf_redis_target *target, const void *data, size_t len,
                                     struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_target_end(struct hf_redis_target *target, const struct hf_redis_put *put,
                                   uint64_t crc, struct hf_error *err) HF_WARN_UNUSED;

#endif
