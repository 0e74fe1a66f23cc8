#include "storage/s3/checksum.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#if defined __x86_64__
#include <nmmintrin.h>
#endif

enum hf_status hf_checksum_sha256(const void *data, size_t len, uint8_t out[HF_SHA256],
                                  struct hf_error *err)
{
    if (EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto cannot compute SHA-256");
    return HF_OK;
}

enum hf_status hf_checksum_md5(const void *data, size_t len, uint8_t out[HF_MD5],
                               struct hf_error *err)
{
    if (EVP_Digest(data, len, out, NULL, EVP_md5(), NULL) != 1)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "libcrypto does not compute MD5 here; use another S3 checksum");
    return HF_OK;
}

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
        table[i] = crc;
    }
}

static uint32_t crc_by_table(uint32_t crc, const uint8_t *data, size_t len)
{
    (void)pthread_once(&table_once, fill_table);
    for (size_t i = 0; i < len; i++)
        crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
    return crc;
}

#if defined __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_by_cpu(uint32_t crc, const uint8_t *data,
                                                             size_t len)
{
    uint64_t wide = crc;
    for (; len >= sizeof(uint64_t); data += sizeof(uint64_t), len -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    return crc_by_table((uint32_t)wide, data, len);
}
#endif

uint32_t hf_checksum_crc32c(const void *data, size_t len)
{
    uint32_t crc = UINT32_MAX;
#if defined __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_by_cpu(crc, data, len);
#endif
    return ~crc_by_table(crc, data, len);
}

void hf_checksum_base64(char text[HF_CHECKSUM_BASE64], const uint8_t *data, size_t len)
{
    (void)sodium_bin2base64(text, HF_CHECKSUM_BASE64, data, len, sodium_base64_VARIANT_ORIGINAL);
}
