/* Which of a cluster's 16384 slots a key is of: CRC-16 (XMODEM) of what stands between its first
 * '{' and the next '}', if there is something, or of all of it. */
#ifndef HF_REDIS_SLOTS_H
#define HF_REDIS_SLOTS_H

#include <stddef.h>
#include <stdint.h>

enum { HF_REDIS_SLOTS = 16384 };

unsigned hf_redis_slot(const uint8_t *key, size_t len);

#endif
