/* The cryptography of key records: making, granting, verifying, opening. */
#include "storage/repository/key_record.h"

#include "base/clock.h"
#include "storage/repository/key_layout.h"

#include <sodium.h>
#include <string.h>

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, WRAPPED_PLAIN = 2 * HF_KEY_SIZE };
_Static_assert(HF_WRAPPED == WRAPPED_PLAIN + crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "key_record.h");

/* What a grant's signature covers: everything that says for whom and for what it is. */
static enum hf_status signed_bytes(const struct hf_key_record *record,
                                   const struct hf_key_grant *grant, struct hf_buf *out,
                                   struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, HF_RECORD_GRANT_LABEL, err));
    HF_TRY(hf_buf_append(out, record->bytes.data, record->head_len, err));
    HF_TRY(hf_buf_u32(out, grant->generation, err));
    HF_TRY(hf_buf_u32(out, (uint32_t)grant->box_len, err));
    return hf_buf_append(out, grant->box, grant->box_len, err);
}

static enum hf_status verify_grant(const struct hf_key_record *record,
                                   const struct hf_key_grant *grant,
                                   const uint8_t sign_pk[HF_SIGN_PK], struct hf_error *err)
{
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_TRY(signed_bytes(record, grant, &bytes, err));
    if (crypto_sign_verify_detached(grant->signature, bytes.data, bytes.len, sign_pk) != 0)
        return hf_error_set(err, HF_DAMAGED,
                            "damaged key record: the grant of generation %u does not carry the "
                            "repository's signature",
                            (unsigned)grant->generation);
    return HF_OK;
}

enum hf_status hf_key_record_verify(const struct hf_key_record *record,
                                    const uint8_t sign_pk[HF_SIGN_PK], struct hf_error *err)
{
    for (size_t i = 0; i < record->grant_count; i++)
        HF_TRY(verify_grant(record, &record->grants[i], sign_pk, err));
    return HF_OK;
}

/* The key under which a passphrase wraps. out: HF_KEY_SIZE bytes. */
static enum hf_status derive(const struct hf_secret *passphrase, const struct hf_key_record *record,
                             uint8_t *out, struct hf_error *err)
{
    if (crypto_pwhash(out, HF_KEY_SIZE, (const char *)passphrase->data, passphrase->len,
                      record->kdf_salt, record->kdf_ops, (size_t)record->kdf_mem,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return hf_error_set(err, HF_NO_MEMORY,
                            "deriving the key from the passphrase needs %llu MiB of memory",
                            (unsigned long long)(record->kdf_mem >> 20));
    return HF_OK;
}

enum hf_status hf_key_record_unwrap(const struct hf_key_record *record,
                                    const struct hf_secret *passphrase, struct hf_secret **out,
                                    struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) key = NULL;
    HF_AUTO_PTR(hf_secret) plain = NULL;
    HF_TRY(hf_secret_new(NULL, HF_KEY_SIZE, &key, err));
    HF_TRY(hf_secret_new(NULL, WRAPPED_PLAIN, &plain, err));
    HF_TRY(derive(passphrase, record, key->data, err));

    size_t ad_len = record->head_len - HF_WRAPPED;
    const uint8_t *head = record->bytes.data;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain->data, NULL, NULL, head + ad_len,
                                                   HF_WRAPPED, head, ad_len, record->nonce,
                                                   key->data) != 0)
        return hf_error_set(err, HF_DENIED, "the passphrase does not fit");
    *out = plain;
    plain = NULL;
    return HF_OK;
}

/* The secret half, sign_pk: what the passphrase protects, behind the head so far. */
static enum hf_status wrap(struct hf_key_record *record, const struct hf_secret *passphrase,
                           const uint8_t *sk, const uint8_t *sign_pk, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) key = NULL;
    HF_AUTO_PTR(hf_secret) plain = NULL;
    HF_TRY(hf_secret_new(NULL, HF_KEY_SIZE, &key, err));
    HF_TRY(hf_secret_new(NULL, WRAPPED_PLAIN, &plain, err));
    HF_TRY(derive(passphrase, record, key->data, err));
    memcpy(plain->data, sk, HF_KEY_SIZE);
    memcpy(plain->data + HF_KEY_SIZE, sign_pk, HF_SIGN_PK);

    uint8_t wrapped[HF_WRAPPED];
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped, NULL, plain->data, plain->len,
                                                     record->bytes.data, record->bytes.len, NULL,
                                                     record->nonce, key->data);
    return hf_buf_append(&record->bytes, wrapped, sizeof wrapped, err);
}

/* The head up to how the secret half is kept. */
static enum hf_status render_who(const struct hf_key_record *record, struct hf_buf *out,
                                 struct hf_error *err)
{
    size_t label_len = strlen(record->label);
    HF_TRY(hf_buf_append(out, HF_RECORD_BEGIN, HF_RECORD_MAGIC, err));
    HF_TRY(hf_buf_u8(out, HF_RECORD_VERSION, err));
    HF_TRY(hf_buf_u8(out,
                     record->kind == HF_KEY_PASSPHRASE ? HF_RECORD_KIND_PASSPHRASE
                                                       : HF_RECORD_KIND_RECIPIENT,
                     err));
    HF_TRY(hf_buf_u8(
        out, record->role == HF_ROLE_READER ? HF_RECORD_ROLE_READER : HF_RECORD_ROLE_WRITER, err));
    HF_TRY(hf_buf_u8(out, (uint8_t)label_len, err));
    HF_TRY(hf_buf_u64(out, (uint64_t)record->created, err));
    HF_TRY(hf_buf_append(out, record->repo_id, sizeof record->repo_id, err));
    HF_TRY(hf_buf_append(out, record->id, sizeof record->id, err));
    HF_TRY(hf_buf_append(out, record->pk, sizeof record->pk, err));
    return hf_buf_append(out, record->label, label_len, err);
}

static enum hf_status make_passphrase_head(struct hf_key_record *record,
                                           const struct hf_keyset *keys,
                                           const struct hf_key_record_new *options,
                                           struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) sk = NULL;
    HF_TRY(hf_secret_new(NULL, HF_KEY_SIZE, &sk, err));
    (void)crypto_box_keypair(record->pk, sk->data);
    record->kdf_ops = options->kdf_ops;
    record->kdf_mem = options->kdf_mem;
    randombytes_buf(record->kdf_salt, sizeof record->kdf_salt);
    randombytes_buf(record->nonce, sizeof record->nonce);

    struct hf_buf *head = &record->bytes;
    HF_TRY(render_who(record, head, err));
    HF_TRY(hf_buf_u8(head, HF_RECORD_KDF_ARGON2ID, err));
    HF_TRY(hf_buf_u32(head, (uint32_t)record->kdf_ops, err));
    HF_TRY(hf_buf_u64(head, record->kdf_mem, err));
    HF_TRY(hf_buf_append(head, record->kdf_salt, sizeof record->kdf_salt, err));
    HF_TRY(hf_buf_append(head, record->nonce, NONCE, err));
    return wrap(record, options->passphrase, sk->data, keys->sign_pk, err);
}

static enum hf_status make_recipient_head(struct hf_key_record *record,
                                          const struct hf_keyset *keys,
                                          const struct hf_key_record_new *options,
                                          struct hf_error *err)
{
    memcpy(record->pk, options->recipient_pk, sizeof record->pk);
    HF_TRY(render_who(record, &record->bytes, err));
    return hf_buf_append(&record->bytes, keys->sign_pk, HF_SIGN_PK, err);
}

static enum hf_status check_new(const struct hf_key_record_new *options, struct hf_error *err)
{
    if (options->label && strlen(options->label) > HF_KEY_LABEL_MAX)
        return hf_error_set(err, HF_USAGE, "a key's label has at most %d bytes", HF_KEY_LABEL_MAX);
    for (const char *c = options->label; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return hf_error_set(err, HF_USAGE, "a key's label has no control characters");
    if (!options->passphrase)
        return HF_OK;
    if (options->passphrase->len == 0)
        return hf_error_set(err, HF_USAGE, "the passphrase is empty");
    if (options->kdf_ops < 1 || options->kdf_ops > HF_KDF_OPS_MAX ||
        options->kdf_mem < crypto_pwhash_MEMLIMIT_MIN || options->kdf_mem > HF_KDF_MEM_MAX)
        return hf_error_set(err, HF_USAGE, "the cost of a passphrase is out of bounds");
    return HF_OK;
}

static enum hf_status make_head(struct hf_key_record *record, const struct hf_keyset *keys,
                                const struct hf_key_record_new *options, struct hf_error *err)
{
    record->kind = options->passphrase ? HF_KEY_PASSPHRASE : HF_KEY_RECIPIENT;
    record->role = options->role;
    record->created = hf_clock_now();
    memcpy(record->repo_id, keys->repo_id, sizeof record->repo_id);
    randombytes_buf(record->id, sizeof record->id);
    if (options->label)
        memcpy(record->label, options->label, strlen(options->label) + 1);
    if (options->passphrase)
        HF_TRY(make_passphrase_head(record, keys, options, err));
    else
        HF_TRY(make_recipient_head(record, keys, options, err));
    record->head_len = record->bytes.len;
    return HF_OK;
}

/* Replaces a record by itself with one more grant. */
static enum hf_status extend(struct hf_key_record *record, const struct hf_keyset *keys,
                             uint32_t generation, const struct hf_roster *roster,
                             struct hf_error *err)
{
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_TRY(hf_key_record_grant(record, keys, generation, roster, &bytes, err));
    struct hf_key_record next = HF_KEY_RECORD_INIT;
    HF_TRY(hf_key_record_parse(bytes.data, bytes.len, &next, err));
    hf_key_record_done(record);
    *record = next;
    return HF_OK;
}

enum hf_status hf_key_record_create(const struct hf_keyset *keys,
                                    const struct hf_key_record_new *options,
                                    struct hf_key_record *out, struct hf_error *err)
{
    HF_TRY(check_new(options, err));
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    HF_TRY(make_head(&record, keys, options, err));
    for (size_t i = 0; i < keys->count; i++)
        HF_TRY(extend(&record, keys, keys->generations[i].number,
                      i + 1 == keys->count ? &keys->roster : NULL, err));
    *out = record;
    record = (struct hf_key_record)HF_KEY_RECORD_INIT;
    return HF_OK;
}

/* The box: what the generation's grant holds, sealed to the record. */
static enum hf_status seal_box(const struct hf_key_record *record, const struct hf_keyset *keys,
                               uint32_t generation, const struct hf_roster *roster,
                               struct hf_buf *out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) plain = NULL;
    HF_TRY(hf_secret_new(NULL, HF_GRANT_PLAIN_MAX, &plain, err));
    size_t len = 0;
    HF_TRY(hf_grant_encode(keys, generation, record->role, roster, plain->data, &len, err));
    HF_TRY(hf_buf_reserve(out, len + crypto_box_SEALBYTES, err));
    if (crypto_box_seal(out->data, plain->data, len, record->pk) != 0)
        return hf_error_set(err, HF_USAGE, "the recipient is not a usable public key");
    out->len = len + crypto_box_SEALBYTES;
    return HF_OK;
}

static enum hf_status render_grant(const struct hf_key_grant *grant, struct hf_buf *out,
                                   struct hf_error *err)
{
    HF_TRY(hf_buf_u32(out, grant->generation, err));
    HF_TRY(hf_buf_u32(out, (uint32_t)grant->box_len, err));
    HF_TRY(hf_buf_append(out, grant->box, grant->box_len, err));
    return hf_buf_append(out, grant->signature, sizeof grant->signature, err);
}

/* Head, grants in order with one more among them, and the sum. */
static enum hf_status render_record(const struct hf_key_record *record,
                                    const struct hf_key_grant *more, struct hf_buf *out,
                                    struct hf_error *err)
{
    HF_TRY(hf_buf_append(out, record->bytes.data, record->head_len, err));
    HF_TRY(hf_buf_u16(out, (uint16_t)(record->grant_count + 1), err));
    size_t i = 0;
    for (; i < record->grant_count && record->grants[i].generation < more->generation; i++)
        HF_TRY(render_grant(&record->grants[i], out, err));
    HF_TRY(render_grant(more, out, err));
    for (; i < record->grant_count; i++)
        HF_TRY(render_grant(&record->grants[i], out, err));

    uint8_t sum[HF_RECORD_SUM];
    (void)crypto_hash_sha256(sum, out->data, out->len);
    return hf_buf_append(out, sum, sizeof sum, err);
}

/* The same, within the bounds of a record, appended to out. */
static enum hf_status append_record(const struct hf_key_record *record,
                                    const struct hf_key_grant *more, struct hf_buf *out,
                                    struct hf_error *err)
{
    HF_AUTO(hf_buf) whole = HF_BUF_INIT;
    if (record->grant_count >= HF_GENERATIONS_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "a key record holds at most %d generations",
                            HF_GENERATIONS_MAX);
    HF_TRY(render_record(record, more, &whole, err));
    if (whole.len > HF_KEY_RECORD_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "the key record would grow beyond %d bytes",
                            HF_KEY_RECORD_MAX);
    return hf_buf_append(out, whole.data, whole.len, err);
}

enum hf_status hf_key_record_grant(const struct hf_key_record *record, const struct hf_keyset *keys,
                                   uint32_t generation, const struct hf_roster *roster,
                                   struct hf_buf *out, struct hf_error *err)
{
    if (keys->role != HF_ROLE_READER)
        return hf_error_set(err, HF_DENIED, "granting needs a reader key");
    HF_AUTO(hf_buf) box = HF_BUF_INIT;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_TRY(seal_box(record, keys, generation, roster, &box, err));
    struct hf_key_grant grant = {.generation = generation, .box = box.data, .box_len = box.len};
    HF_TRY(signed_bytes(record, &grant, &bytes, err));
    (void)crypto_sign_detached(grant.signature, NULL, bytes.data, bytes.len, keys->sign_sk);
    return append_record(record, &grant, out, err);
}

enum hf_status hf_key_record_carry(const struct hf_key_record *record,
                                   const struct hf_key_record *other, uint32_t generation,
                                   struct hf_buf *out, struct hf_error *err)
{
    if (record->head_len != other->head_len ||
        memcmp(record->bytes.data, other->bytes.data, record->head_len) != 0)
        return hf_error_set(err, HF_DAMAGED, "two key records of one id are not the same");
    for (size_t i = 0; i < other->grant_count; i++)
        if (other->grants[i].generation == generation)
            return append_record(record, &other->grants[i], out, err);
    return hf_error_set(err, HF_NOT_FOUND, "the key record has no generation %u",
                        (unsigned)generation);
}

static enum hf_status open_grant(const struct hf_key_record *record,
                                 const struct hf_key_grant *grant, const uint8_t sk[HF_KEY_SIZE],
                                 struct hf_keyset *keys, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) plain = NULL;
    size_t len = grant->box_len - crypto_box_SEALBYTES;
    HF_TRY(hf_secret_new(NULL, len, &plain, err));
    if (crypto_box_seal_open(plain->data, grant->box, grant->box_len, record->pk, sk) != 0)
        return hf_error_set(err, HF_DAMAGED,
                            "damaged key record: the grant of generation %u does not open",
                            (unsigned)grant->generation);
    return hf_grant_decode(keys, grant->generation, plain->data, plain->len, err);
}

enum hf_status hf_key_record_open(const struct hf_key_record *record, const uint8_t sk[HF_KEY_SIZE],
                                  const uint8_t sign_pk[HF_SIGN_PK], struct hf_keyset **out,
                                  struct hf_error *err)
{
    uint8_t pk[HF_KEY_SIZE];
    if (crypto_scalarmult_base(pk, sk) != 0 || memcmp(pk, record->pk, sizeof pk) != 0)
        return hf_error_set(err, HF_DAMAGED,
                            "damaged key record: its public key is not that of its secret half");
    HF_TRY(hf_key_record_verify(record, sign_pk, err));
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    HF_TRY(hf_keyset_new(record->role, record->repo_id, sign_pk, &keys, err));
    for (size_t i = 0; i < record->grant_count; i++)
        HF_TRY(open_grant(record, &record->grants[i], sk, keys, err));
    *out = keys;
    keys = NULL;
    return HF_OK;
}
