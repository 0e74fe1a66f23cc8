#include "base/random.h"
#include "base/buffer.h"

#include <sodium.h>

void hf_random_bytes(void *data, size_t len)
{
    randombytes_buf(data, len);
}

uint32_t hf_random_below(uint32_t bound)
{
    return randombytes_uniform(bound);
}

void hf_random_hex(char *text, size_t len)
{
    uint8_t byte;

    for (size_t i = 0; i < len; i++) {
        randombytes_buf(&byte, 1);
        hf_hex(text + 2 * i, &byte, 1);
    }
    text[2 * len] = 0;
}
