/*
 * One key record as bytes (object keys/<id>). Layout: docs/format.md, "Key records".
 *
 *   head    who: kind, role, label, repository, id, public key, and how the secret half is kept
 *   grants  one a generation: box sealed to the public key, signature over head and box
 *   sum     SHA-256 of everything before: tells damage from a wrong passphrase
 *
 * Parsing checks every length and bound, and decides nothing about trust: that is
 * hf_key_record_verify, once a signing key is known.
 */
#ifndef HF_REPOSITORY_KEY_RECORD_H
#define HF_REPOSITORY_KEY_RECORD_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/secret.h"
#include "storage/repository/keys.h"
#include "storage/repository/keyset.h"

enum {
    HF_KEY_RECORD_ID = 16,
    HF_KEY_RECORD_MAX = 1 << 20, /* bytes, whole */
    HF_GRANT_BOX_MAX = HF_GRANT_PLAIN_MAX + 48,
    HF_KDF_SALT = 16,
    HF_KDF_OPS_MAX = 20,               /* beyond these a record is refused: a hostile one could */
    HF_KDF_MEM_MAX = 1 << 30,          /* otherwise make us use all memory or work for hours */
    HF_WRAPPED = 2 * HF_KEY_SIZE + 16, /* secret half, sign_pk, tag */
};

struct hf_key_grant {
    uint32_t generation;
    const uint8_t *box; /* borrowed from the record's bytes */
    size_t box_len;
    uint8_t signature[HF_SIGNATURE];
};

struct hf_key_record {
    struct hf_buf bytes; /* as stored; owned. head is the first head_len of these */
    size_t head_len;     /* with a passphrase, the wrapped secret is the last HF_WRAPPED of these */
    enum hf_key_kind kind;
    enum hf_role role;
    int64_t created;
    char label[HF_KEY_LABEL_MAX + 1];
    uint8_t repo_id[HF_REPO_ID];
    uint8_t id[HF_KEY_RECORD_ID];
    uint8_t pk[HF_KEY_SIZE];
    uint64_t kdf_ops; /* passphrase only */
    uint64_t kdf_mem;
    uint8_t kdf_salt[HF_KDF_SALT];
    uint8_t nonce[24];
    uint8_t sign_pk[HF_SIGN_PK]; /* recipient only: in the clear */
    struct hf_key_grant *grants; /* owned; ascending by generation */
    size_t grant_count;
};

#define HF_KEY_RECORD_INIT                                                                         \
    {                                                                                              \
        .bytes = HF_BUF_INIT                                                                       \
    }
void hf_key_record_done(struct hf_key_record *record);
static inline void hf_key_record_auto(struct hf_key_record *record)
{
    hf_key_record_done(record);
}

/* Bytes are copied. HF_UNSUPPORTED: a newer version or kind. HF_DAMAGED: anything else. out must be
 * freshly HF_KEY_RECORD_INIT. */
enum hf_status hf_key_record_parse(const void *data, size_t len, struct hf_key_record *out,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* How a new record is made. */
struct hf_key_record_new {
    enum hf_role role;
    const char *label;                  /* or NULL */
    const struct hf_secret *passphrase; /* this, or */
    const uint8_t *recipient_pk;        /* this */
    uint64_t kdf_ops;
    uint64_t kdf_mem;
};
/* A record with every generation of keys (a reader's) granted. */
enum hf_status hf_key_record_create(const struct hf_keyset *keys,
                                    const struct hf_key_record_new *options,
                                    struct hf_key_record *out, struct hf_error *err) HF_WARN_UNUSED;
/* The bytes of record with one more grant, appended to out. roster may be NULL. */
enum hf_status hf_key_record_grant(const struct hf_key_record *record, const struct hf_keyset *keys,
                                   uint32_t generation, const struct hf_roster *roster,
                                   struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

/* The same with a grant that another copy of the record has, as it is: nothing is opened. Heads
 * that differ are HF_DAMAGED. generation: one that other has and record lacks. */
enum hf_status hf_key_record_carry(const struct hf_key_record *record,
                                   const struct hf_key_record *other, uint32_t generation,
                                   struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

/* HF_OK when all grants carry the signature of sign_pk's holder, HF_DAMAGED otherwise. */
enum hf_status hf_key_record_verify(const struct hf_key_record *record,
                                    const uint8_t sign_pk[HF_SIGN_PK],
                                    struct hf_error *err) HF_WARN_UNUSED;
bool hf_key_record_has(const struct hf_key_record *record, uint32_t generation);

/* The record's secret half and the signing key it trusts, by passphrase (64 bytes: secret half,
 * sign_pk). HF_DENIED when the passphrase does not fit. */
enum hf_status hf_key_record_unwrap(const struct hf_key_record *record,
                                    const struct hf_secret *passphrase, struct hf_secret **out,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* Opens the grants with the secret half, after their signatures were verified, into a keyset.
 * HF_DAMAGED when a signature or a box is wrong. */
enum hf_status hf_key_record_open(const struct hf_key_record *record, const uint8_t sk[HF_KEY_SIZE],
                                  const uint8_t sign_pk[HF_SIGN_PK], struct hf_keyset **out,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Text forms: prefix, then base32 of 32 bytes and a checksum. */
#define HF_RECIPIENT_PREFIX "holdfast-recipient-1"
#define HF_IDENTITY_PREFIX "holdfast-identity-1"
enum { HF_KEY_TEXT_MAX = 96 };
void hf_key_text_encode(const char *prefix, const uint8_t key[HF_KEY_SIZE],
                        char out[HF_KEY_TEXT_MAX]);
/* HF_USAGE says what is wrong with it, without showing it. */
enum hf_status hf_key_text_decode(const char *prefix, const char *text, size_t len,
                                  uint8_t out[HF_KEY_SIZE], struct hf_error *err) HF_WARN_UNUSED;

#endif
