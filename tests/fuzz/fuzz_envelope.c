#include "storage/repository/envelope.h"

#include "base/secret.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the type to open as; the keys are fixed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t id[HF_REPO_ID];
    static const uint8_t sign_pk[HF_SIGN_PK];
    const struct hf_generation generation = {.number = 1};
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    if (size < 1 || hf_crypto_init(&err) != HF_OK ||
        hf_keyset_new(HF_ROLE_WRITER, id, sign_pk, &keys, &err) != HF_OK ||
        hf_keyset_add(keys, &generation, &err) != HF_OK)
        return 0;
    enum hf_sealed_type type = (enum hf_sealed_type)(data[0] % HF_SEALED_PIN + 1);
    if (hf_envelope_open(keys, type, NULL, data + 1, size - 1, &out, &err) == HF_OK &&
        out.len != size - 1 - HF_ENVELOPE_OVERHEAD)
        __builtin_trap();
    return 0;
}
