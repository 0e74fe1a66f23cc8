#include "storage/repository/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_manifest manifest;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_manifest_parse(data, size, &manifest, &err) == HF_OK)
        hf_manifest_done(&manifest);
    return 0;
}
