/*
 * struct hf_repo, for storage/repository only. Set by hf_repo_open and constant after, but for
 * keys, which hf_key_rotate and hf_replica_carry_keys replace and which nobody else may use while
 * they run. And the parts of hf_repo_init that making a replica shares.
 */
#ifndef HF_REPOSITORY_INTERNAL_H
#define HF_REPOSITORY_INTERNAL_H

#include "base/text.h"
#include "storage/repository/header.h"
#include "storage/repository/init_claim.h"
#include "storage/repository/keys.h"
#include "storage/repository/keyset.h"
#include "storage/repository/repository.h"

struct hf_repo {
    struct hf_store *store; /* borrowed */
    struct hf_repo_header header;
    struct hf_keyset *keys; /* owned; role, repo id, generations */
    char id_text[HF_REPO_ID_TEXT];
    char fingerprint[65];
    char key_id[HF_KEY_ID_TEXT]; /* the record that opened it */
    uint64_t kdf_ops;            /* of that record when it is a passphrase's, else the defaults; */
    uint64_t kdf_mem;            /* used for records added later */
};

/* The store holds no repository and nothing but keys of an init that was killed, which are added
 * to leftovers. Errors: hf_repo_init. */
enum hf_status hf_repo_check_empty(struct hf_store *store, struct hf_strings *leftovers,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Nobody else makes a repository here while it is held, and there is none: HF_EXISTS, HF_BUSY. */
enum hf_status hf_repo_claim(struct hf_store *store, struct hf_init_claim *out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* The step that makes a repository of a store, while the claim counts. HF_EXISTS when it is one
 * already, HF_BUSY when too late. Where nobody knows whether it was done the claim is left. */
enum hf_status hf_repo_put_header(struct hf_store *store, const struct hf_repo_header *header,
                                  struct hf_init_claim *claim, struct hf_error *err) HF_WARN_UNUSED;

#endif
