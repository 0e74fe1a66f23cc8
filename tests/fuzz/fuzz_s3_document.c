/* Credentials as JSON, as containers, EC2 and programs say them; what servers say, quoted. */
#include "storage/s3/credential_values.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    HF_AUTO_PTR(hf_secret) document = NULL;
    HF_AUTO(hf_s3_credentials) out = HF_S3_CREDENTIALS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    char quote[64];

    if (!ready && hf_crypto_init(&err) != HF_OK)
        abort();
    ready = true;
    if (hf_secret_new(data, size, &document, &err) != HF_OK)
        return 0;
    if (hf_s3_parse_document(document, "Token", "it", &out, &err) == HF_OK &&
        (!out.access_key || !out.secret_key || strpbrk(hf_secret_text(out.secret_key), " \r\n")))
        abort();
    hf_s3_quote(quote, sizeof quote, hf_secret_text(document), NULL);
    for (const char *c = quote; *c; c++) {
        if (*c < ' ' || *c > '~')
            abort();
    }
    return 0;
}
