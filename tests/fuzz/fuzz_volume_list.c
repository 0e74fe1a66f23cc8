/* The list of files of a volume, read through; then written again. */
#include "formats/volume/list.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct hf_feed_stream {
    const uint8_t *data;
    size_t size;
    size_t at;
};

static enum hf_status open_stream(void *ctx, const char *name, struct hf_feed_stream **out,
                                  struct hf_error *err)
{
    (void)name;
    (void)err;
    *out = ctx;
    return HF_OK;
}

/* In pieces, so that records go over their ends. */
static enum hf_status next_piece(struct hf_feed_stream *stream, const uint8_t **data, size_t *len,
                                 struct hf_error *err)
{
    size_t left = stream->size - stream->at;
    (void)err;
    *data = stream->data + stream->at;
    *len = left < 100 ? left : 100;
    stream->at += *len;
    return HF_OK;
}

static void close_stream(struct hf_feed_stream *stream)
{
    (void)stream;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_feed_stream stream = {data, size, 0};
    const struct hf_feed feed = {
        .ctx = &stream, .open = open_stream, .next = next_piece, .close = close_stream};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const struct hf_vol_entry *entry;
    if (hf_vol_list_open(&feed, &list, &err) != HF_OK)
        return 0;
    while (hf_vol_list_next(list, &entry, &err) == HF_OK && entry) {
        struct hf_vol_xattr xattr;
        size_t at = 0, count = 0;
        while (hf_vol_xattr_next(entry, &at, &xattr))
            count++;
        if (count != entry->xattr_count)
            __builtin_trap();
        out.len = 0;
        if (hf_vol_entry_encode(entry, 0, &out, &err) != HF_OK)
            __builtin_trap();
    }
    return 0;
}
