#include "storage/repository/key_record.h"

#include "storage/repository/key_layout.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    KDF_MEM_MIN = 8192, /* libsodium's */
    GRANT_BOX_MIN = HF_GRANT_PLAIN_WRITER + crypto_box_SEALBYTES,
};
_Static_assert(HF_GRANT_BOX_MAX == HF_GRANT_PLAIN_MAX + crypto_box_SEALBYTES, "key_record.h");

void hf_key_record_done(struct hf_key_record *record)
{
    hf_buf_free(&record->bytes);
    free(record->grants);
    record->grants = NULL;
    record->grant_count = 0;
}

static enum hf_status damaged(struct hf_error *err, const char *what)
{
    return hf_error_set(err, HF_DAMAGED, "damaged key record: %s", what);
}

/* Magic and sum first: whatever comes after them is either ours or made on purpose. */
static enum hf_status check_whole(const uint8_t *data, size_t len, struct hf_error *err)
{
    if (len < HF_RECORD_MAGIC + 1 + HF_RECORD_SUM ||
        memcmp(data, HF_RECORD_BEGIN, HF_RECORD_MAGIC) != 0)
        return damaged(err, "it does not begin as one");
    uint8_t sum[HF_RECORD_SUM];
    (void)crypto_hash_sha256(sum, data, len - HF_RECORD_SUM);
    if (memcmp(sum, data + len - HF_RECORD_SUM, HF_RECORD_SUM) != 0)
        return damaged(err, "its checksum does not fit");
    if (data[HF_RECORD_MAGIC] != HF_RECORD_VERSION)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "key record of version %u, this program knows %d; use a newer holdfast",
                            data[HF_RECORD_MAGIC], HF_RECORD_VERSION);
    return HF_OK;
}

static bool label_valid(const char *label, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)label[i] < ' ' || label[i] == 0x7f)
            return false;
    return true;
}

static enum hf_status parse_kind_and_role(struct hf_reader *r, struct hf_key_record *out,
                                          struct hf_error *err)
{
    uint8_t kind = hf_reader_u8(r);
    uint8_t role = hf_reader_u8(r);
    if (!hf_reader_ok(r))
        return damaged(err, "truncated");
    if (kind != HF_RECORD_KIND_PASSPHRASE && kind != HF_RECORD_KIND_RECIPIENT)
        return hf_error_set(err, HF_UNSUPPORTED, "key record of a kind (%u) that is not known",
                            kind);
    if (role != HF_RECORD_ROLE_WRITER && role != HF_RECORD_ROLE_READER)
        return damaged(err, "no such role");
    out->kind = kind == HF_RECORD_KIND_PASSPHRASE ? HF_KEY_PASSPHRASE : HF_KEY_RECIPIENT;
    out->role = role == HF_RECORD_ROLE_WRITER ? HF_ROLE_WRITER : HF_ROLE_READER;
    return HF_OK;
}

static void copy_bytes(struct hf_reader *r, uint8_t *out, size_t len)
{
    const uint8_t *at = hf_reader_bytes(r, len);
    if (at)
        memcpy(out, at, len);
}

static enum hf_status parse_secret(struct hf_reader *r, struct hf_key_record *out,
                                   struct hf_error *err)
{
    if (out->kind == HF_KEY_RECIPIENT) {
        copy_bytes(r, out->sign_pk, sizeof out->sign_pk);
        return HF_OK;
    }
    uint8_t kdf = hf_reader_u8(r);
    out->kdf_ops = hf_reader_u32(r);
    out->kdf_mem = hf_reader_u64(r);
    copy_bytes(r, out->kdf_salt, sizeof out->kdf_salt);
    copy_bytes(r, out->nonce, sizeof out->nonce);
    (void)hf_reader_bytes(r, HF_WRAPPED);
    if (!hf_reader_ok(r))
        return damaged(err, "truncated");
    if (kdf != HF_RECORD_KDF_ARGON2ID)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "key record with a key derivation (%u) that is "
                            "not known",
                            kdf);
    if (out->kdf_ops < 1 || out->kdf_ops > HF_KDF_OPS_MAX || out->kdf_mem < KDF_MEM_MIN ||
        out->kdf_mem > HF_KDF_MEM_MAX)
        return damaged(err, "the cost of its passphrase is out of bounds");
    return HF_OK;
}

static enum hf_status parse_head(struct hf_reader *r, struct hf_key_record *out,
                                 struct hf_error *err)
{
    (void)hf_reader_bytes(r, HF_RECORD_MAGIC + 1);
    HF_TRY(parse_kind_and_role(r, out, err));
    uint8_t label_len = hf_reader_u8(r);
    out->created = (int64_t)hf_reader_u64(r);
    copy_bytes(r, out->repo_id, sizeof out->repo_id);
    copy_bytes(r, out->id, sizeof out->id);
    copy_bytes(r, out->pk, sizeof out->pk);
    const char *label = (const char *)hf_reader_bytes(r, label_len);
    if (!hf_reader_ok(r))
        return damaged(err, "truncated");
    if (label_len > HF_KEY_LABEL_MAX || !label_valid(label, label_len))
        return damaged(err, "its label is out of bounds");
    memcpy(out->label, label, label_len);
    out->label[label_len] = '\0';
    return parse_secret(r, out, err);
}

static enum hf_status parse_grant(struct hf_reader *r, struct hf_key_grant *out,
                                  struct hf_error *err)
{
    out->generation = hf_reader_u32(r);
    out->box_len = hf_reader_u32(r);
    if (out->box_len < GRANT_BOX_MIN || out->box_len > HF_GRANT_BOX_MAX)
        return damaged(err, "a grant's size is out of bounds");
    out->box = hf_reader_bytes(r, out->box_len);
    copy_bytes(r, out->signature, sizeof out->signature);
    if (!hf_reader_ok(r))
        return damaged(err, "truncated");
    return HF_OK;
}

static enum hf_status parse_grants(struct hf_reader *r, struct hf_key_record *out,
                                   struct hf_error *err)
{
    size_t count = hf_reader_u16(r);
    if (!hf_reader_ok(r) || count < 1 || count > HF_GENERATIONS_MAX)
        return damaged(err, "the number of its grants is out of bounds");
    out->grants = calloc(count, sizeof *out->grants);
    if (!out->grants)
        return hf_error_memory(err);
    for (; out->grant_count < count; out->grant_count++) {
        struct hf_key_grant *grant = &out->grants[out->grant_count];
        HF_TRY(parse_grant(r, grant, err));
        uint32_t before = out->grant_count > 0 ? grant[-1].generation : 0;
        if (grant->generation <= before)
            return damaged(err, "its grants are not in order");
    }
    return HF_OK;
}

static enum hf_status parse_all(struct hf_key_record *out, struct hf_error *err)
{
    struct hf_reader r;
    hf_reader_init(&r, out->bytes.data, out->bytes.len - HF_RECORD_SUM);
    HF_TRY(parse_head(&r, out, err));
    if (!hf_reader_ok(&r))
        return damaged(err, "truncated");
    out->head_len = (size_t)(r.at - out->bytes.data);
    HF_TRY(parse_grants(&r, out, err));
    if (!hf_reader_done(&r))
        return damaged(err, "there is more behind its grants");
    return HF_OK;
}

enum hf_status hf_key_record_parse(const void *data, size_t len, struct hf_key_record *out,
                                   struct hf_error *err)
{
    if (len > HF_KEY_RECORD_MAX)
        return damaged(err, "too long");
    HF_TRY(check_whole(data, len, err));
    struct hf_key_record record = HF_KEY_RECORD_INIT;
    enum hf_status status = hf_buf_append(&record.bytes, data, len, err);
    if (status == HF_OK)
        status = parse_all(&record, err);
    if (status != HF_OK) {
        hf_key_record_done(&record);
        return status;
    }
    *out = record;
    return HF_OK;
}

bool hf_key_record_has(const struct hf_key_record *record, uint32_t generation)
{
    for (size_t i = 0; i < record->grant_count; i++)
        if (record->grants[i].generation == generation)
            return true;
    return false;
}
