/*
 * struct hf_repo, for storage/repository only. Set by hf_repo_open and constant after, but for
 * keys, which hf_key_rotate replaces and which nobody else may use while it runs.
 */
#ifndef HF_REPOSITORY_INTERNAL_H
#define HF_REPOSITORY_INTERNAL_H

#include "storage/repository/header.h"
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

#endif
