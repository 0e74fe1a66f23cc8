/* An index object's plaintext: what is taken into the index is looked up again. */
#include "storage/repository/index.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find_all(struct hf_index *index)
{
    const struct hf_index_pack *pack;
    for (size_t i = 0; (pack = hf_index_pack(index, i)) != NULL; i++) {
        struct hf_location at;
        for (size_t k = 0; k < pack->frame_count; k++)
            if (!hf_index_find(index, &pack->frames[k].id, &at))
                abort();
        if (hf_index_find_pack(index, &pack->id) != pack)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index *index;
    if (hf_index_new(&index, &err) != HF_OK)
        abort();
    if (hf_index_parse(index, data, size, &err) == HF_OK)
        find_all(index);
    else if (hf_index_pack(index, 0))
        abort(); /* all or nothing */
    hf_index_free(index);
    return 0;
}
