#include "agent/cli/names.h"

#include <stdlib.h>

enum hf_status hf_names_add(struct hf_names *names, const char *name, struct hf_error *err)
{
    const char **more = realloc(names->items, (names->count + 2) * sizeof(const char *));

    if (!more)
        return hf_error_memory(err);
    names->items = more;
    more[names->count++] = name;
    more[names->count] = NULL;
    return HF_OK;
}

const char *const *hf_names_list(const struct hf_names *names)
{
    static const char *const none[] = {NULL};

    return names->items ? names->items : none;
}

void hf_names_auto(struct hf_names *names)
{
    free(names->items);
    *names = (struct hf_names)HF_NAMES_INIT;
}
