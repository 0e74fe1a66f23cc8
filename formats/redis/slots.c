#include "formats/redis/slots.h"

#include <string.h>

static uint16_t crc16(const uint8_t *data, size_t len)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc ^ data[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

unsigned hf_redis_slot(const uint8_t *key, size_t len)
{
    const uint8_t *open = len > 0 ? memchr(key, '{', len) : NULL;
    const uint8_t *close = open ? memchr(open + 1, '}', len - (size_t)(open + 1 - key)) : NULL;

    if (close && close > open + 1)
        return crc16(open + 1, (size_t)(close - open - 1)) % HF_REDIS_SLOTS;
    return crc16(key, len) % HF_REDIS_SLOTS;
}
