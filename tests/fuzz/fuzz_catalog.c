#include "storage/repository/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_catalog catalog = HF_CATALOG_INIT;
    struct hf_error err = HF_ERROR_INIT;
    (void)!hf_catalog_parse(data, size, &catalog, &err);
    hf_catalog_free(&catalog);
    return 0;
}
