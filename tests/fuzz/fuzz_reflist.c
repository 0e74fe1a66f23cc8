/* A reference list whose nodes are cut from the input: every read takes the next length and bytes.
 */
#include "storage/repository/reflist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum hf_status read_node(void *ctx, const uint8_t id[HF_REF_ID], size_t max,
                                struct hf_buf *out, struct hf_error *err)
{
    struct hf_reader *input = ctx;
    (void)id;
    size_t len = hf_reader_u16(input);
    const uint8_t *bytes = hf_reader_bytes(input, len);
    if (!bytes || len > max)
        return hf_error_set(err, HF_DAMAGED, "no node left");
    return hf_buf_append(out, bytes, len, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_reader input;
    struct hf_error err = HF_ERROR_INIT;
    hf_reader_init(&input, data, size);
    struct hf_reflist_root root = {
        .depth = hf_reader_u8(&input),
        .chunks = hf_reader_u32(&input),
        .bytes = hf_reader_u64(&input),
    };
    (void)!hf_reflist_walk(&root, read_node, &input, NULL, NULL, NULL, &err);
    return 0;
}
