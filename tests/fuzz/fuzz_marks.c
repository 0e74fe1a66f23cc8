/* A marks object's plaintext: as many packs as it has bytes for. */
#include "storage/repository/marks.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_marks_object object = {.key = NULL};
    if (hf_marks_parse(data, size, &object, &err) == HF_OK) {
        if (size != 12 + object.count * HF_CHUNK_ID)
            abort();
        for (size_t i = 0; i < object.count; i++)
            if (object.packs[i].bytes[0] != data[12 + i * HF_CHUNK_ID])
                abort();
    } else if (object.packs) {
        abort();
    }
    free(object.packs);
    return 0;
}
