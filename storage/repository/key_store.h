/* Key records in the store: finding, loading, opening. */
#ifndef HF_REPOSITORY_KEY_STORE_H
#define HF_REPOSITORY_KEY_STORE_H

#include "base/text.h"
#include "storage/repository/header.h"
#include "storage/repository/key_record.h"
#include "storage/repository/keyset.h"

#define HF_KEYS_PREFIX "keys/"
enum { HF_KEYS_BYTES_MAX = 64 << 20 }; /* of all records of a repository together */

/* "keys/<32 hex>" of a record's id. */
enum { HF_KEY_OBJECT_TEXT = 5 + HF_KEY_ID_TEXT };
void hf_key_object(char text[HF_KEY_OBJECT_TEXT], const uint8_t id[HF_KEY_RECORD_ID]);

/* Ids (32 hex digits) of all objects that are named as records, sorted. HF_UNSUPPORTED when there
 * are more than HF_KEY_RECORDS_MAX. */
enum hf_status hf_key_names(struct hf_store *store, struct hf_strings *out,
                            struct hf_error *err) HF_WARN_UNUSED;
/* name: 32 hex digits. HF_DAMAGED also when the record is not the one of that name. out must be
 * freshly HF_KEY_RECORD_INIT. */
enum hf_status hf_key_load(struct hf_store *store, const char *name, struct hf_key_record *out,
                           struct hf_error *err) HF_WARN_UNUSED;

/* Every readable record of one repository, oldest first. */
struct hf_key_records {
    struct hf_key_record *items;
    size_t count;
};
#define HF_KEY_RECORDS_INIT                                                                        \
    {                                                                                              \
        .items = NULL                                                                              \
    }
enum hf_status hf_key_records_load(struct hf_store *store, const uint8_t repo_id[HF_REPO_ID],
                                   struct hf_key_records *out, struct hf_error *err) HF_WARN_UNUSED;
void hf_key_records_done(struct hf_key_records *records);
static inline void hf_key_records_auto(struct hf_key_records *records)
{
    hf_key_records_done(records);
}

/* What a credential opened. */
struct hf_key_opened {
    struct hf_keyset *keys; /* owned by the caller on success */
    char id[HF_KEY_ID_TEXT];
    uint64_t kdf_ops; /* of a passphrase's record; 0 otherwise */
    uint64_t kdf_mem;
};
/* Tries every record of the repository that the credential may fit. A record that is unreadable,
 * of another repository, or not signed never stops another from opening. Errors: hf_repo_open. */
enum hf_status hf_key_open(struct hf_store *store, const struct hf_repo_header *header,
                           const struct hf_credential *credential, struct hf_key_opened *out,
                           struct hf_error *err) HF_WARN_UNUSED;

/* SHA-256 of a signing key in hexadecimal. */
enum { HF_FINGERPRINT_TEXT = 65 };
void hf_key_fingerprint(char text[HF_FINGERPRINT_TEXT], const uint8_t sign_pk[HF_SIGN_PK]);

/* The secret half in the text of an identity file: the one line that is no comment. HF_USAGE. */
enum hf_status hf_identity_parse(const struct hf_secret *identity, struct hf_secret **out,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
