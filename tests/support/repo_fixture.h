/*
 * Repositories for tests: in memory, with passphrases that cost nothing.
 */
#ifndef HF_TESTS_REPO_FIXTURE_H
#define HF_TESTS_REPO_FIXTURE_H

#include "storage/repository/keys.h"
#include "storage/repository/repository.h"
#include "tests/support/memory_store.h"

#include <stdatomic.h>

#define HF_TEST_PASSPHRASE "correct horse battery staple"

struct repo_fixture {
    struct hf_store *store;
    struct hf_repo *repo; /* opened by the first key, a reader's */
    atomic_uint warnings; /* for the test to count in */
};

/* For cmocka_unit_test_setup_teardown: *state is a struct repo_fixture. */
int hf_test_repo_setup(void **state);
int hf_test_repo_teardown(void **state);

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
/* For hf_store_list: writes the key, the last of several, to ctx, which has room for
 * HF_STORE_KEY_MAX + 1 characters. */
enum hf_status hf_test_first_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                                 struct hf_error *err);
/* The content of an object; fails the test when it cannot be had. Append to an empty out. */
void hf_test_get(struct hf_store *store, const char *key, struct hf_buf *out);

#endif
