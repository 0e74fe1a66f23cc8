/*
 * What DUMP gives and RESTORE takes: a type, a value as in RDB, the version of RDB (two bytes), and
 * the checksum of all that (eight); and the same of functions.
 */
#ifndef HF_REDIS_PAYLOAD_H
#define HF_REDIS_PAYLOAD_H

#include "formats/redis/connection.h"
#include "formats/redis/rdb.h"

enum { HF_REDIS_FOOTER = 10 };

/* Writes what stands behind a payload whose bytes have this checksum. */
void hf_redis_footer(uint8_t out[HF_REDIS_FOOTER], unsigned version, uint64_t crc);

/*
 * Reads the answer to DUMP from a connection into a reader of records (hf_rdb_init_records), whose
 * handler is told key, value in pieces and key_end. key: all but its type is set. *out_found false:
 * there was no such key, and nothing was told. HF_DAMAGED when the payload is; HF_UNSUPPORTED for a
 * type that is not known.
 */
enum hf_status hf_redis_payload_read(struct hf_redis *redis, struct hf_rdb *rdb,
                                     struct hf_rdb_key *key, bool *out_found,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* FUNCTION DUMP, without its footer, at most max bytes, and the server's version of RDB. */
enum hf_status hf_redis_functions_dump(struct hf_redis *redis, size_t max, struct hf_buf *out,
                                       unsigned *out_version, struct hf_error *err) HF_WARN_UNUSED;

#endif
