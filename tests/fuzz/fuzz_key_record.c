#include "storage/repository/key_layout.h"
#include "storage/repository/key_record.h"

#include <sodium.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
    static const uint8_t sign_pk[HF_SIGN_PK] = {1};
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_key_record_parse(data, size, &record, &err) == HF_OK &&
        hf_key_record_verify(&record, sign_pk, &err) == HF_OK)
        __builtin_trap(); /* nobody signed it */
}

static void decode_grant(const uint8_t *data, size_t size)
{
    static const uint8_t id[HF_REPO_ID];
    static const uint8_t sign_pk[HF_SIGN_PK];
    for (int role = HF_ROLE_WRITER; role <= HF_ROLE_READER; role++) {
        HF_AUTO_PTR(hf_keyset) keys = NULL;
        struct hf_error err = HF_ERROR_INIT;
        if (hf_keyset_new((enum hf_role)role, id, sign_pk, &keys, &err) == HF_OK)
            (void)!hf_grant_decode(keys, 1, data, size, &err);
    }
}

/* As it is, and with the sum that belongs to it, so that what is behind it is reached too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HF_AUTO(hf_buf) summed = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    uint8_t sum[HF_RECORD_SUM];
    if (hf_crypto_init(&err) != HF_OK)
        return 0;
    parse(data, size);
    decode_grant(data, size);
    (void)crypto_hash_sha256(sum, data, size);
    if (hf_buf_append(&summed, data, size, &err) == HF_OK &&
        hf_buf_append(&summed, sum, sizeof sum, &err) == HF_OK)
        parse(summed.data, summed.len);
    return 0;
}
