#include "storage/repository/sealed_json.h"

#include <zstd.h>

enum { LEVEL = 3 };

enum hf_status hf_sealed_json_seal(const struct hf_keyset *keys, enum hf_sealed_type type,
                                   const struct hf_buf *text, struct hf_buf *out,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) packed = HF_BUF_INIT;
    if (text->len > HF_SEALED_JSON_MAX)
        return hf_error_set(err, HF_USAGE, "%zu bytes of JSON are more than %d", text->len,
                            HF_SEALED_JSON_MAX);
    HF_TRY(hf_buf_reserve(&packed, ZSTD_compressBound(text->len), err));
    size_t len = ZSTD_compress(packed.data, packed.cap, text->data, text->len, LEVEL);
    if (ZSTD_isError(len))
        return hf_error_set(err, HF_FAILED, "zstd: %s", ZSTD_getErrorName(len));
    return hf_envelope_seal(keys, type, NULL, packed.data, len, out, err);
}

enum hf_status hf_sealed_json_open(const struct hf_keyset *keys, enum hf_sealed_type type,
                                   const struct hf_buf *object, struct hf_buf *out,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) packed = HF_BUF_INIT;
    HF_TRY(hf_envelope_open(keys, type, NULL, object->data, object->len, &packed, err));
    /* Without a size in the frame this is a number far beyond the bound. */
    unsigned long long size = ZSTD_getFrameContentSize(packed.data, packed.len);
    if (size > HF_SEALED_JSON_MAX)
        return hf_error_set(err, HF_DAMAGED, "not compressed JSON of at most %d bytes",
                            HF_SEALED_JSON_MAX);
    HF_TRY(hf_buf_reserve(out, (size_t)size + 1, err));
    size_t len = ZSTD_decompress(out->data + out->len, (size_t)size, packed.data, packed.len);
    if (ZSTD_isError(len) || len != size)
        return hf_error_set(err, HF_DAMAGED, "its JSON cannot be decompressed");
    out->len += len;
    return HF_OK;
}
