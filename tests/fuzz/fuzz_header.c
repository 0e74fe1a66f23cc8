#include "storage/repository/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses must render to the same bytes: there is one form only. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_repo_header header;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) again = HF_BUF_INIT;
    if (hf_header_parse(data, size, &header, &err) != HF_OK)
        return 0;
    if (hf_header_render(&header, &again, &err) != HF_OK || again.len != size)
        __builtin_trap();
    return 0;
}
