#include "formats/redis/crc64.h"

#include "base/buffer.h"

#include <pthread.h>

#define POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* bits in reverse */

/* tables[n][b]: what byte b does to the sum when n more bytes follow it in the same step. */
static uint64_t tables[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (unsigned b = 0; b < 256; b++) {
        uint64_t sum = b;

        for (int bit = 0; bit < 8; bit++)
            sum = (sum >> 1) ^ (sum & 1 ? POLYNOMIAL : 0);
        tables[0][b] = sum;
    }
    for (unsigned b = 0; b < 256; b++) {
        for (int n = 1; n < 8; n++)
            tables[n][b] = (tables[n - 1][b] >> 8) ^ tables[0][tables[n - 1][b] & 0xff];
    }
}

uint64_t hf_crc64(uint64_t crc, const void *data, size_t len)
{
    const uint8_t *at = data;

    (void)pthread_once(&once, make_tables);
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word = crc ^ hf_load_u64(at);

        crc = tables[7][word & 0xff] ^ tables[6][(word >> 8) & 0xff] ^
              tables[5][(word >> 16) & 0xff] ^ tables[4][(word >> 24) & 0xff] ^
              tables[3][(word >> 32) & 0xff] ^ tables[2][(word >> 40) & 0xff] ^
              tables[1][(word >> 48) & 0xff] ^ tables[0][word >> 56];
    }
    for (; len > 0; at++, len--)
        crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
    return crc;
}
