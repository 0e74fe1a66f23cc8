/* Checksums as S3 headers want them. Any thread. */
#ifndef HF_STORAGE_S3_CHECKSUM_H
#define HF_STORAGE_S3_CHECKSUM_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_SHA256 = 32,
    HF_SHA256_TEXT = 2 * HF_SHA256 + 1,
    HF_MD5 = 16,
    HF_MD5_TEXT = 2 * HF_MD5 + 1,
    HF_CHECKSUM_BASE64 = 48, /* of 32 bytes, with its NUL */
};

enum hf_status hf_checksum_sha256(const void *data, size_t len, uint8_t out[HF_SHA256],
                                  struct hf_error *err) HF_WARN_UNUSED;
/* HF_UNSUPPORTED where libcrypto refuses MD5 (FIPS). */
enum hf_status hf_checksum_md5(const void *data, size_t len, uint8_t out[HF_MD5],
                               struct hf_error *err) HF_WARN_UNUSED;
/* CRC-32C (Castagnoli), by the CPU's instruction where it has one. */
uint32_t hf_checksum_crc32c(const void *data, size_t len);

/* At most 32 bytes. */
void hf_checksum_base64(char text[HF_CHECKSUM_BASE64], const uint8_t *data, size_t len);

#endif
