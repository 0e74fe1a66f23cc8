/* Rows of COPY text: no read past the end, and what was split and is written again is the same. */
#include "formats/postgres/copy_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 6 };

static void check_row(const char *row, size_t len, size_t count, struct hf_buf *storage)
{
    HF_AUTO(hf_buf) again = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *fields[FIELDS_MAX];

    if (hf_pg_text_split(row, len, "fuzz", storage, fields, count, &err) != HF_OK)
        return;
    if (hf_pg_text_row(&again, fields, count, &err) != HF_OK)
        return;
    /* Raw control characters are taken as they are and written escaped, so that may be longer. */
    if (again.len < len + 1)
        abort();
    if (again.len == len + 1 && memcmp(again.data, row, len) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    struct hf_pg_rows rows;
    const char *row;
    size_t len;

    hf_pg_rows_init(&rows, data, size);
    while (hf_pg_rows_next(&rows, &row, &len)) {
        for (size_t count = 1; count <= FIELDS_MAX; count++)
            check_row(row, len, count, &storage);
    }
    return 0;
}
