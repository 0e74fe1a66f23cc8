#include "storage/s3/profile_file.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_for(enum hf_profile_file kind, const char *text, size_t len, const char *profile)
{
    struct hf_profile_value value;

    if (hf_profile_find(kind, text, len, profile, "region", &value) &&
        (value.text < text || value.text + value.len > text + len ||
         !hf_profile_exists(kind, text, len, profile)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    look_for(HF_PROFILE_CREDENTIALS, text, size, "a");
    look_for(HF_PROFILE_CONFIG, text, size, "a");
    look_for(HF_PROFILE_CONFIG, text, size, "default");
    return 0;
}
