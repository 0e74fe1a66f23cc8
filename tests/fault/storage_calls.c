/*
 * Uses the local store and what opens a repository, for test_storage.py to make it fail or end at
 * every call: storage_calls FOLDER put|init|rotate|open. Ends with the error's exit code, and
 * its status and text on standard output. Built plain, as failpoint.so needs it.
 */
#include "base/secret.h"
#include "storage/local/local.h"
#include "storage/repository/keys.h"
#include "storage/repository/repository.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One object is made, one replaced, one removed. */
static enum hf_status put(struct hf_store *store, struct hf_error *err)
{
    HF_TRY(hf_store_put(store, "made/here", "new", 3, HF_PUT_CREATE, err));
    HF_TRY(hf_store_put(store, "there/replaced", "new", 3, HF_PUT_REPLACE, err));
    return hf_store_delete(store, "there/removed", err);
}

static enum hf_status init(struct hf_store *store, const struct hf_credential *credential,
                           struct hf_error *err)
{
    const struct hf_repo_options cheap = {.kdf_ops = 1, .kdf_mem = 8192};
    return hf_repo_init(store, &cheap, credential, err);
}

static enum hf_status open_it(struct hf_store *store, const struct hf_credential *credential,
                              struct hf_error *err)
{
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_FREE struct hf_key_info *keys = NULL;
    size_t count = 0;
    HF_TRY(hf_repo_open(store, credential, &repo, err));
    HF_TRY(hf_key_list(repo, &keys, &count, err));
    for (size_t i = 0; i < count; i++)
        (void)printf("%s %u\n", keys[i].label, (unsigned)keys[i].generations);
    return HF_OK;
}

static enum hf_status rotate(struct hf_store *store, const struct hf_credential *credential,
                             struct hf_error *err)
{
    HF_AUTO_PTR(hf_repo) repo = NULL;
    char id[HF_KEY_ID_TEXT];
    uint32_t generation = 0;
    HF_AUTO_PTR(hf_secret) secret = NULL;
    HF_TRY(hf_secret_new("another", 7, &secret, err));
    const struct hf_key_new writer = {
        .role = HF_ROLE_WRITER, .passphrase = secret, .label = "writer"};
    HF_TRY(hf_repo_open(store, credential, &repo, err));
    enum hf_status status = hf_key_add(repo, &writer, id, err);
    if (status != HF_OK && status != HF_EXISTS) /* by a run that ended half-way */
        return status;
    *err = (struct hf_error)HF_ERROR_INIT;
    return hf_key_rotate(repo, &generation, err);
}

static enum hf_status run(const char *folder, const char *what, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) secret = NULL;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_TRY(hf_crypto_init(err));
    HF_TRY(hf_secret_new("passphrase", 10, &secret, err));
    const struct hf_credential credential = {.passphrase = secret};
    HF_TRY(hf_local_open(folder, HF_LOCAL_CREATE, &store, err));
    if (strcmp(what, "put") == 0)
        return put(store, err);
    if (strcmp(what, "init") == 0)
        return init(store, &credential, err);
    if (strcmp(what, "rotate") == 0)
        return rotate(store, &credential, err);
    return open_it(store, &credential, err);
}

int main(int argc, char **argv)
{
    struct hf_error err = HF_ERROR_INIT;
    if (argc != 3)
        return hf_status_exit_code(HF_USAGE);
    if (run(argv[1], argv[2], &err) != HF_OK)
        (void)printf("%s|%s", hf_status_words(err.status), err.text);
    return hf_status_exit_code(err.status);
}
