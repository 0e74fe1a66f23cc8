/*
 * Repositories for tests: in memory, with passphrases that cost nothing.
 */
#ifndef HF_TESTS_REPO_FIXTURE_H
#define HF_TESTS_REPO_FIXTURE_H

#include "storage/repository/keys.h"
#include "storage/repository/repository.h"
#include "tests/support/memory_store.h"

#define HF_TEST_PASSPHRASE "correct horse battery staple"

/* The cheapest that Argon2id allows. */
struct hf_repo_options hf_test_repo_options(void);

/* A text as a secret; fails the test when that cannot be. */
struct hf_secret *hf_test_secret(const char *text);

/* hf_repo_init and hf_repo_open under a passphrase. */
enum hf_status hf_test_init(struct hf_store *store, const char *passphrase,
                            struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_test_open(struct hf_store *store, const char *passphrase, struct hf_repo **out,
                            struct hf_error *err) HF_WARN_UNUSED;
/* The same with an identity file's text; fingerprint may be NULL. */
enum hf_status hf_test_open_identity(struct hf_store *store, const struct hf_secret *identity,
                                     const char *fingerprint, struct hf_repo **out,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* A new repository in a new store, open for reading; fails the test when that cannot be. */
void hf_test_make_repo(struct hf_store **out_store, struct hf_repo **out_repo);
/* Adds a key under a passphrase; fails the test when that cannot be. */
void hf_test_add_key(struct hf_repo *repo, enum hf_role role, const char *passphrase,
                     char out_id[HF_KEY_ID_TEXT]);
/* The content of an object; fails the test when it cannot be had. Append to an empty out. */
void hf_test_get(struct hf_store *store, const char *key, struct hf_buf *out);

#endif
