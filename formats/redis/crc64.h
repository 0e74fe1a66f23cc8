/*
 * CRC-64 as RDB files and DUMP payloads end with: polynomial ad93d23594c935a9 (Jones), reflected,
 * starting at 0. Eight bytes a step. Any thread.
 */
#ifndef HF_REDIS_CRC64_H
#define HF_REDIS_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from crc; 0 to begin. "123456789" gives e9c6d914c4b8d9ca. */
uint64_t hf_crc64(uint64_t crc, const void *data, size_t len);

#endif
