/* A NULL-ended list of borrowed strings: names to suggest, or the words of a command. */
#ifndef HF_AGENT_CLI_NAMES_H
#define HF_AGENT_CLI_NAMES_H

#include "base/error.h"

#include <stddef.h>

struct hf_names {
    const char **items;
    size_t count;
};

#define HF_NAMES_INIT                                                                              \
    {                                                                                              \
        .items = NULL                                                                              \
    }

enum hf_status hf_names_add(struct hf_names *names, const char *name,
                            struct hf_error *err) HF_WARN_UNUSED;
/* The list with its NULL, never NULL itself. */
const char *const *hf_names_list(const struct hf_names *names);
void hf_names_auto(struct hf_names *names);

#endif
