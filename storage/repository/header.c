#include "storage/repository/header.h"

#include "base/json.h"

#include <sodium.h>
#include <string.h>

static const char type_name[] = "holdfast repository";
static const char sign_label[] = "holdfast 1 header";

/* Values are format. */
static const struct {
    enum hf_repo_cipher cipher;
    const char *name;
} ciphers[] = {
    {HF_CIPHER_XCHACHA20_POLY1305, "xchacha20-poly1305"},
    {HF_CIPHER_AES_256_GCM, "aes-256-gcm"},
};
enum { CIPHERS = sizeof ciphers / sizeof ciphers[0] };

static const char *cipher_name(enum hf_repo_cipher cipher)
{
    for (size_t i = 0; i < CIPHERS; i++)
        if (ciphers[i].cipher == cipher)
            return ciphers[i].name;
    return NULL;
}

static enum hf_status parse_cipher(const json_t *json, enum hf_repo_cipher *out,
                                   struct hf_error *err)
{
    const char *name = NULL;
    HF_TRY(hf_json_string(json, "cipher", &name, err));
    for (size_t i = 0; i < CIPHERS; i++) {
        if (strcmp(ciphers[i].name, name) == 0) {
            *out = ciphers[i].cipher;
            return HF_OK;
        }
    }
    return hf_error_set(err, HF_UNSUPPORTED,
                        "its cipher \"%.32s\" is not known; use a newer holdfast", name);
}

static enum hf_status parse_u32(const json_t *json, const char *key, uint32_t *out,
                                struct hf_error *err)
{
    uint64_t value = 0;
    HF_TRY(hf_json_u64(json, key, UINT32_MAX, &value, err));
    *out = (uint32_t)value;
    return HF_OK;
}

static bool chunk_bounds_valid(const struct hf_repo_header *h)
{
    return h->chunk_min >= HF_CHUNK_MIN_LOWEST && h->chunk_min < h->chunk_avg &&
           h->chunk_avg < h->chunk_max && h->chunk_max <= HF_CHUNK_MAX_HIGHEST &&
           (h->chunk_avg & (h->chunk_avg - 1)) == 0;
}

/* The format comes first: what else a newer header holds is not ours to judge. */
static enum hf_status parse_format(const json_t *json, uint32_t *out, struct hf_error *err)
{
    const char *type = NULL;
    HF_TRY(hf_json_string(json, "type", &type, err));
    if (strcmp(type, type_name) != 0)
        return hf_error_set(err, HF_DAMAGED, "not the header of a repository");
    HF_TRY(parse_u32(json, "format", out, err));
    if (*out > HF_REPO_FORMAT)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "repository format %u, this program knows formats up to %d; use a "
                            "newer holdfast",
                            (unsigned)*out, HF_REPO_FORMAT);
    if (*out == 0)
        return hf_error_set(err, HF_DAMAGED, "there is no repository format 0");
    return HF_OK;
}

static enum hf_status parse_fields(const json_t *json, struct hf_repo_header *h,
                                   struct hf_error *err)
{
    HF_TRY(parse_format(json, &h->format, err));
    HF_TRY(parse_cipher(json, &h->cipher, err));
    HF_TRY(hf_json_hex(json, "id", h->id, sizeof h->id, err));
    HF_TRY(parse_u32(json, "chunk_min", &h->chunk_min, err));
    HF_TRY(parse_u32(json, "chunk_avg", &h->chunk_avg, err));
    HF_TRY(parse_u32(json, "chunk_max", &h->chunk_max, err));
    HF_TRY(hf_json_hex(json, "signature", h->signature, sizeof h->signature, err));
    if (!chunk_bounds_valid(h))
        return hf_error_set(err, HF_DAMAGED, "its chunk sizes are out of bounds");
    return HF_OK;
}

enum hf_status hf_header_parse(const void *data, size_t len, struct hf_repo_header *out,
                               struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;
    HF_TRY(hf_json_parse_object(data, len, HF_HEADER_MAX, "header", &json, err));
    struct hf_repo_header header = {.format = 0};
    HF_TRY(parse_fields(json, &header, err));

    /* One form only, so that the signature covers every byte there is. */
    HF_AUTO(hf_buf) again = HF_BUF_INIT;
    HF_TRY(hf_header_render(&header, &again, err));
    if (again.len != len || memcmp(again.data, data, len) != 0)
        return hf_error_set(err, HF_DAMAGED, "not in the form in which a header is written");
    *out = header;
    return HF_OK;
}

enum hf_status hf_header_render(const struct hf_repo_header *header, struct hf_buf *out,
                                struct hf_error *err)
{
    char id[2 * HF_REPO_ID + 1];
    char signature[2 * HF_SIGNATURE + 1];
    hf_hex(id, header->id, sizeof header->id);
    hf_hex(signature, header->signature, sizeof header->signature);
    HF_AUTO_JSON json = NULL;
    HF_TRY(hf_json_pack(&json, err, "{s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:s}", "type", type_name,
                        "format", (json_int_t)header->format, "id", id, "cipher",
                        cipher_name(header->cipher), "chunk_min", (json_int_t)header->chunk_min,
                        "chunk_avg", (json_int_t)header->chunk_avg, "chunk_max",
                        (json_int_t)header->chunk_max, "signature", signature));
    return hf_json_dump(json, out, err);
}

/* What is signed: label, then the fields, fixed width. */
enum { SIGNED_LABEL = sizeof sign_label - 1, SIGNED = SIGNED_LABEL + 4 + HF_REPO_ID + 4 * 4 };

static void signed_bytes(const struct hf_repo_header *h, uint8_t out[SIGNED])
{
    memcpy(out, sign_label, SIGNED_LABEL);
    uint8_t *at = out + SIGNED_LABEL;
    hf_store_u32(at, h->format);
    memcpy(at + 4, h->id, HF_REPO_ID);
    at += 4 + HF_REPO_ID;
    hf_store_u32(at, (uint32_t)h->cipher);
    hf_store_u32(at + 4, h->chunk_min);
    hf_store_u32(at + 8, h->chunk_avg);
    hf_store_u32(at + 12, h->chunk_max);
}

void hf_header_sign(struct hf_repo_header *header, const uint8_t sign_sk[HF_SIGN_SK])
{
    uint8_t bytes[SIGNED];
    signed_bytes(header, bytes);
    (void)crypto_sign_detached(header->signature, NULL, bytes, sizeof bytes, sign_sk);
}

enum hf_status hf_header_verify(const struct hf_repo_header *header,
                                const uint8_t sign_pk[HF_SIGN_PK], struct hf_error *err)
{
    uint8_t bytes[SIGNED];
    signed_bytes(header, bytes);
    if (crypto_sign_verify_detached(header->signature, bytes, sizeof bytes, sign_pk) != 0)
        return hf_error_set(err, HF_DAMAGED,
                            "it is not the header that was signed when the repository was made");
    return HF_OK;
}

enum hf_status hf_header_load(struct hf_store *store, struct hf_repo_header *out,
                              struct hf_error *err)
{
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    enum hf_status status = hf_store_get_all(store, HF_HEADER_KEY, HF_HEADER_MAX, &bytes, err);
    if (status == HF_NOT_FOUND)
        return hf_error_set(err, HF_NOT_FOUND,
                            "%s holds no repository; make one with `holdfast init`",
                            hf_store_name(store));
    if (status != HF_OK)
        return status;
    status = hf_header_parse(bytes.data, bytes.len, out, err);
    if (status != HF_OK)
        return hf_error_prefix(err, "%s: object %s", hf_store_name(store), HF_HEADER_KEY);
    return HF_OK;
}
