/*
 * Puts the keys of a dump in an order that stays the same from dump to dump, so that unchanged keys
 * make unchanged bytes: a server sends them in the order of its hash tables, which is another one
 * after every restart. Keys are held in memory and written at the end, by database and hash.
 *
 * Memory is bounded: when it is full, the limit of hashes that are held is halved, and what lies
 * above is passed on as it came, then and from then on. What is held in the end is every key below
 * the limit: a part of the keyspace that is the same tomorrow. Passed ones keep the server's order,
 * which is stable too as long as it is not restarted.
 *
 * One thread.
 */
#ifndef HF_REDIS_ORDER_H
#define HF_REDIS_ORDER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_redis_order;

/* One record (record.h) and its hint. */
struct hf_redis_placed {
    uint32_t database;
    const uint8_t *hint;
    size_t hint_len;
    const uint8_t *data;
    size_t len;
};

typedef enum hf_status hf_redis_pass(void *ctx, const struct hf_redis_placed *record,
                                     struct hf_error *err);

/* memory: bytes, all in all, with what sorting takes; what is not needed is not used. pass takes
 * records that are not held. */
enum hf_status hf_redis_order_new(uint64_t memory, hf_redis_pass *pass, void *ctx,
                                  struct hf_redis_order **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_redis_order_free(struct hf_redis_order *order);
HF_DEFINE_AUTO_PTR(hf_redis_order, hf_redis_order_free)

/* Copies the record, or passes it on. */
enum hf_status hf_redis_order_add(struct hf_redis_order *order, uint64_t hash,
                                  const struct hf_redis_placed *record,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* Gives everything that is held, in order, to out, and forgets it. */
enum hf_status hf_redis_order_end(struct hf_redis_order *order, hf_redis_pass *out, void *ctx,
                                  struct hf_error *err) HF_WARN_UNUSED;

#endif
