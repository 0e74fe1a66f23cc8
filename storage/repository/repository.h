/*
 * A repository: encrypted, deduplicating, on any store. Format: docs/format.md.
 *
 * Open one with a credential; the role it gives decides what can be done: a writer key backs
 * up, lists and checks structure, a reader key also restores. One struct hf_repo may be used by
 * several threads at once for reading; backup.h says who may do what while writing.
 * The store is borrowed and must outlive the repository.
 */
#ifndef HF_REPOSITORY_H
#define HF_REPOSITORY_H

#include "base/error.h"
#include "base/secret.h"
#include "storage/store.h"

#include <stdint.h>

struct hf_repo;

enum { HF_REPO_FORMAT = 1, HF_REPO_ID = 16, HF_REPO_ID_TEXT = 2 * HF_REPO_ID + 1 };

enum hf_repo_cipher {
    HF_CIPHER_XCHACHA20_POLY1305 = 1,
    HF_CIPHER_AES_256_GCM = 2, /* needs a CPU with AES instructions on every host */
};

enum hf_role {
    HF_ROLE_WRITER, /* back up, list, retention, prune */
    HF_ROLE_READER, /* all of that, and read data */
};

/* One way in. fingerprint, if given, pins the repository (hf_repo_fingerprint): a credential
 * that opens another one is refused. Everything is borrowed. */
struct hf_credential {
    const struct hf_secret *passphrase; /* or NULL */
    const struct hf_secret *identity;   /* text of an identity file (keys.h), or NULL */
    const char *fingerprint;            /* or NULL */
};

struct hf_repo_options {
    enum hf_repo_cipher cipher;
    uint64_t kdf_ops; /* Argon2id passes; 0: 6 */
    uint64_t kdf_mem; /* bytes; 0: 128 MiB, so that opening stays within a backup's memory */
};

/*
 * Makes a repository in an empty store: header last, so that a killed init is no repository and
 * can be run again. HF_EXISTS when there is one already, HF_USAGE when the store holds something
 * else. The first key is a reader key under the credential's passphrase, or for its identity's
 * recipient.
 */
enum hf_status hf_repo_init(struct hf_store *store, const struct hf_repo_options *options,
                            const struct hf_credential *credential,
                            struct hf_error *err) HF_WARN_UNUSED;

/* HF_NOT_FOUND: no repository there. HF_UNSUPPORTED: of a newer format. HF_DENIED: no key record
 * opens with this credential. HF_DAMAGED: header or key record unreadable. */
enum hf_status hf_repo_open(struct hf_store *store, const struct hf_credential *credential,
                            struct hf_repo **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_repo_close(struct hf_repo *repo);
HF_DEFINE_AUTO_PTR(hf_repo, hf_repo_close)

enum hf_role hf_repo_role(const struct hf_repo *repo);
struct hf_store *hf_repo_store(const struct hf_repo *repo);
/* Hexadecimal; borrowed. */
const char *hf_repo_id(const struct hf_repo *repo);
/* Hexadecimal digest of the repository's signing key, to pin it; borrowed. */
const char *hf_repo_fingerprint(const struct hf_repo *repo);

#endif
