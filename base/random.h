/* Random bytes and names from the system's generator (through libsodium). Any thread. */
#ifndef HF_BASE_RANDOM_H
#define HF_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void hf_random_bytes(void *data, size_t len);
/* A number below bound. */
uint32_t hf_random_below(uint32_t bound);
/* len random bytes in hexadecimal; text holds 2 * len + 1 bytes. */
void hf_random_hex(char *text, size_t len);

#endif
