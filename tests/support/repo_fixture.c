#include "tests/support/repo_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct hf_repo_options hf_test_repo_options(void)
{
    return (struct hf_repo_options){
        .cipher = HF_CIPHER_XCHACHA20_POLY1305, .kdf_ops = 1, .kdf_mem = 8192};
}

struct hf_secret *hf_test_secret(const char *text)
{
    struct hf_secret *secret = NULL;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_crypto_init(&err) != HF_OK || hf_secret_new(text, strlen(text), &secret, &err) != HF_OK)
        fail_msg("%s", err.text);
    return secret;
}

enum hf_status hf_test_init(struct hf_store *store, const char *passphrase, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret(passphrase);
    const struct hf_repo_options options = hf_test_repo_options();
    const struct hf_credential credential = {.passphrase = secret};
    return hf_repo_init(store, &options, &credential, err);
}

enum hf_status hf_test_open(struct hf_store *store, const char *passphrase, struct hf_repo **out,
                            struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret(passphrase);
    const struct hf_credential credential = {.passphrase = secret};
    return hf_repo_open(store, &credential, out, err);
}

enum hf_status hf_test_open_identity(struct hf_store *store, const struct hf_secret *identity,
                                     const char *fingerprint, struct hf_repo **out,
                                     struct hf_error *err)
{
    const struct hf_credential credential = {.identity = identity, .fingerprint = fingerprint};
    return hf_repo_open(store, &credential, out, err);
}

void hf_test_make_repo(struct hf_store **out_store, struct hf_repo **out_repo)
{
    struct hf_error err = HF_ERROR_INIT;
    if (hf_memory_store_new(out_store, &err) != HF_OK ||
        hf_test_init(*out_store, HF_TEST_PASSPHRASE, &err) != HF_OK ||
        hf_test_open(*out_store, HF_TEST_PASSPHRASE, out_repo, &err) != HF_OK)
        fail_msg("%s", err.text);
}

void hf_test_add_key(struct hf_repo *repo, enum hf_role role, const char *passphrase,
                     char out_id[HF_KEY_ID_TEXT])
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret(passphrase);
    const struct hf_key_new key = {.role = role, .passphrase = secret, .label = passphrase};
    if (hf_key_add(repo, &key, out_id, &err) != HF_OK)
        fail_msg("%s", err.text);
}

void hf_test_get(struct hf_store *store, const char *key, struct hf_buf *out)
{
    struct hf_error err = HF_ERROR_INIT;
    if (hf_store_get_all(store, key, 1 << 24, out, &err) != HF_OK)
        fail_msg("%s", err.text);
}

int hf_test_repo_setup(void **state)
{
    struct repo_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    hf_test_make_repo(&f->store, &f->repo);
    *state = f;
    return 0;
}

int hf_test_repo_teardown(void **state)
{
    struct repo_fixture *f = *state;
    hf_repo_close(f->repo);
    hf_store_close(f->store);
    free(f);
    return 0;
}

enum hf_status hf_test_first_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                                 struct hf_error *err)
{
    (void)stat;
    (void)err;
    (void)snprintf(ctx, HF_STORE_KEY_MAX + 1, "%s", key);
    return HF_OK;
}
