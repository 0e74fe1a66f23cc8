/*
 * Key records: the ways into a repository (keys/<id>), and their generations.
 *
 * A record has an X25519 pair of its own. Its secret half is wrapped under a passphrase
 * (Argon2id, XChaCha20-Poly1305) together with the repository's signing public key; a recipient
 * keeps the secret half in an identity file instead. What the repository grants to the record, one
 * grant a generation, is a box sealed to the record's public key and signed with the signing key,
 * which only readers hold: so a new generation reaches every record without anybody's
 * passphrase, and nobody who can merely write to the store can slip a record of his own in.
 *
 * Adding, removing and rotating need a reader key.
 */
#ifndef HF_REPOSITORY_KEYS_H
#define HF_REPOSITORY_KEYS_H

#include "base/text.h"
#include "storage/repository/repository.h"

enum { HF_KEY_ID_TEXT = 33, HF_KEY_LABEL_MAX = 100 };

enum hf_key_kind { HF_KEY_PASSPHRASE, HF_KEY_RECIPIENT };

struct hf_key_info {
    char id[HF_KEY_ID_TEXT];
    char label[HF_KEY_LABEL_MAX + 1];
    enum hf_key_kind kind;
    enum hf_role role;
    int64_t created;      /* ns */
    uint32_t generations; /* how many it was granted */
    bool current;         /* it opened this repository */
    bool trusted;         /* its grants carry the repository's signature */
};

/* Oldest first; *out is malloc'ed, the caller frees it. */
enum hf_status hf_key_list(struct hf_repo *repo, struct hf_key_info **out, size_t *out_count,
                           struct hf_error *err) HF_WARN_UNUSED;

struct hf_key_new {
    enum hf_role role;
    const struct hf_secret *passphrase; /* or NULL */
    const char *recipient;              /* or NULL: "holdfast-recipient-1…" */
    const char *label;                  /* or NULL */
};
/* HF_EXISTS: the passphrase opens another key already, or the recipient has one. */
enum hf_status hf_key_add(struct hf_repo *repo, const struct hf_key_new *key,
                          char out_id[HF_KEY_ID_TEXT], struct hf_error *err) HF_WARN_UNUSED;
/* id may be shortened while it is unique. Refuses the last reader key (HF_USAGE). */
enum hf_status hf_key_remove(struct hf_repo *repo, const char *id,
                             struct hf_error *err) HF_WARN_UNUSED;
/* A new generation, granted to every trusted record; *out_generation is its number. What is
 * written from now on is sealed with it; nothing is rewritten. A crash in between leaves records
 * that open and can be rotated again. */
enum hf_status hf_key_rotate(struct hf_repo *repo, uint32_t *out_generation,
                             struct hf_error *err) HF_WARN_UNUSED;
/* The record as stored, still wrapped: safe to keep elsewhere, put back as keys/<id>. */
enum hf_status hf_key_export(struct hf_repo *repo, const char *id, struct hf_buf *out,
                             struct hf_error *err) HF_WARN_UNUSED;

/* A new identity: the text for an identity file, and its recipient (malloc'ed). */
enum hf_status hf_identity_new(struct hf_secret **out_identity, char **out_recipient,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
