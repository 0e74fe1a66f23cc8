/* The reader of pg_dump archives on arbitrary bytes, and what is done with its result. */
#include "formats/postgres/role_names.h"
#include "formats/postgres/selection.h"
#include "formats/postgres/toc.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *patterns[] = {(char *)"*"};
    const struct hf_strings none = HF_STRINGS_INIT;
    const struct hf_strings tables = {.items = patterns, .count = 1};
    const struct hf_pg_choice choice = {.schemas = &none, .tables = &tables};
    HF_AUTO(hf_pg_selection) selection = HF_PG_SELECTION_INIT;
    HF_AUTO(hf_strings) roles = HF_STRINGS_INIT;
    HF_AUTO(hf_buf) list = HF_BUF_INIT;
    HF_AUTO_PTR(hf_pg_toc) toc = NULL;
    struct hf_error err = HF_ERROR_INIT;
    size_t count;

    if (hf_pg_toc_parse(data, size, &toc, &err) != HF_OK)
        return 0;
    if (hf_pg_selection_make(toc, &choice, &selection, &err) != HF_OK)
        return 0;
    (void)!hf_pg_selection_list(toc, &selection, HF_PG_STAGE_PRE_DATA, NULL, &list, &count, &err);
    (void)!hf_pg_roles_named(toc, &selection, true, &roles, &err);
    return 0;
}
