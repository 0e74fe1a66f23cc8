/* Subkeys: HMAC-SHA-256(key, label). Labels are format: docs/format.md. Any thread. */
#ifndef HF_REPOSITORY_SUBKEY_H
#define HF_REPOSITORY_SUBKEY_H

#include <stdint.h>

enum { HF_SUBKEY = 32 };

/* Wipe out after use. */
void hf_subkey(const uint8_t key[HF_SUBKEY], const char *label, uint8_t out[HF_SUBKEY]);

#endif
