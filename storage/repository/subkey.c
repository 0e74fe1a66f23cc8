#include "storage/repository/subkey.h"

#include <sodium.h>
#include <string.h>

void hf_subkey(const uint8_t key[HF_SUBKEY], const char *label, uint8_t out[HF_SUBKEY])
{
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, key, HF_SUBKEY);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)label, strlen(label));
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}
