/* RDB: no read past the end, and pieces of any size tell the same as the whole. */
#include "formats/redis/rdb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    uint64_t keys, bytes, texts, rest;
};

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *key, struct hf_error *err)
{
    struct told *told = ctx;

    (void)err;
    told->keys++;
    told->bytes += key->len;
    return HF_OK;
}

static enum hf_status on_value(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    (void)data;
    (void)err;
    ((struct told *)ctx)->bytes += len;
    return HF_OK;
}

static enum hf_status on_rest(void *ctx, uint32_t database, const uint8_t *data, size_t len,
                              struct hf_error *err)
{
    (void)database;
    (void)data;
    (void)err;
    ((struct told *)ctx)->rest += len;
    return HF_OK;
}

static enum hf_status on_text(void *ctx, const uint8_t *data, size_t len, bool last,
                              struct hf_error *err)
{
    (void)data;
    (void)err;
    ((struct told *)ctx)->texts += len + last;
    return HF_OK;
}

static enum hf_status read_pieces(const uint8_t *data, size_t size, size_t piece, struct told *told)
{
    static const struct hf_rdb_visitor visitor = {.text = on_text};
    const struct hf_rdb_handler handler = {.ctx = told,
                                           .key = on_key,
                                           .value = on_value,
                                           .rest = on_rest,
                                           .visitor = &visitor,
                                           .visitor_ctx = told};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_rdb) rdb;
    bool checked;

    hf_rdb_init(&rdb, &handler);
    for (size_t at = 0; at < size; at += piece)
        HF_TRY(hf_rdb_feed(&rdb, data + at, piece < size - at ? piece : size - at, &err));
    return hf_rdb_end(&rdb, &checked, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct told whole = {.keys = 0}, parts = {.keys = 0};
    size_t piece = size > 10 ? data[size - 1] % 40U + 1 : 1;
    enum hf_status status;

    status = read_pieces(data, size, size ? size : 1, &whole);
    if (read_pieces(data, size, piece, &parts) != status)
        abort();
    if (status == HF_OK && memcmp(&whole, &parts, sizeof whole) != 0)
        abort();
    return 0;
}
