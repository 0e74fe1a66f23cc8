/* The columns codec, both ways: joining anything is safe, and what splits comes back. */
#include "storage/repository/columns.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void join_anything(struct hf_columns *columns, const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    uint8_t *out = malloc(size > HF_COLUMNS_HEAD ? size - HF_COLUMNS_HEAD : 1);
    if (!out)
        abort();
    (void)!hf_columns_join(columns, data, size, out, &err);
    free(out);
}

static void split_and_join(struct hf_columns *columns, const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    uint8_t *turned = malloc(size + HF_COLUMNS_HEAD);
    uint8_t *back = malloc(size + 1);
    bool fits;
    if (!turned || !back || hf_columns_split(columns, data, size, turned, &fits, &err) != HF_OK)
        abort();
    if (fits && (hf_columns_join(columns, turned, size + HF_COLUMNS_HEAD, back, &err) != HF_OK ||
                 memcmp(back, data, size) != 0))
        abort();
    free(turned);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_columns columns = {.ends = NULL};
    join_anything(&columns, data, size);
    split_and_join(&columns, data, size);
    hf_columns_free(&columns);
    return 0;
}
