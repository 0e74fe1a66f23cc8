/* The cutter of SQL scripts on arbitrary text: it must end, and stay within it. */
#include "formats/postgres/schema_compare.h"
#include "formats/postgres/sql_split.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tokens(const char *at, const char *end)
{
    struct hf_sql_token token;

    do {
        HF_AUTO(hf_buf) name = HF_BUF_INIT;
        struct hf_error err = HF_ERROR_INIT;

        token = hf_sql_token_next(&at, end);
        if (token.kind == HF_SQL_NAME || token.kind == HF_SQL_WORD)
            (void)!hf_sql_token_name(&token, &name, &err);
    } while (token.kind != HF_SQL_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct hf_sql_script script;
    struct hf_error err = HF_ERROR_INIT;
    const char *at;
    size_t len;

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    hf_sql_script_init(&script, text);
    while (hf_sql_script_next(&script, &at, &len, &err) == HF_OK && len > 0)
        tokens(at, at + len);
    if (!hf_pg_definition_equal(text, text))
        abort();
    free(text);
    return 0;
}
