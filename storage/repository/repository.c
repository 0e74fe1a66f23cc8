#include "storage/repository/repository.h"

#include "storage/repository/init_claim.h"
#include "storage/repository/key_store.h"
#include "storage/repository/repository_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KDF_OPS = 6, KDF_MEM = 128 << 20 };

/* What an init finds in the store: nothing, or keys of one that was killed. */
static enum hf_status look_at_object(void *ctx, const char *key, const struct hf_store_stat *stat,
                                     struct hf_error *err)
{
    struct hf_strings *leftovers = ctx;
    uint8_t id[HF_KEY_RECORD_ID];
    (void)stat;
    if (strcmp(key, HF_HEADER_KEY) == 0)
        return hf_error_set(err, HF_EXISTS, "there is a repository already");
    if (hf_init_claim_named(key))
        return HF_OK;
    if (strncmp(key, HF_KEYS_PREFIX, strlen(HF_KEYS_PREFIX)) != 0 ||
        !hf_unhex(id, sizeof id, key + strlen(HF_KEYS_PREFIX)))
        return hf_error_set(err, HF_USAGE,
                            "it holds something else (%.100s); a repository is made in an empty "
                            "place",
                            key);
    if (leftovers->count >= HF_KEY_RECORDS_MAX)
        return HF_OK;
    return hf_strings_add(leftovers, key, err);
}

static enum hf_status exists_already(const struct hf_store *store, struct hf_error *err)
{
    return hf_error_set(err, HF_EXISTS, "%s: there is a repository already", hf_store_name(store));
}

static enum hf_status check_no_header(struct hf_store *store, struct hf_error *err)
{
    struct hf_store_stat stat;
    struct hf_error absent = HF_ERROR_INIT;
    enum hf_status status = hf_store_stat(store, HF_HEADER_KEY, &stat, &absent);
    if (status == HF_NOT_FOUND)
        return HF_OK;
    if (status == HF_OK)
        return exists_already(store, err);
    *err = absent;
    return status;
}

/* The header first and by itself: what else there is does not matter then. */
enum hf_status hf_repo_check_empty(struct hf_store *store, struct hf_strings *leftovers,
                                   struct hf_error *err)
{
    HF_TRY(check_no_header(store, err));
    enum hf_status status = hf_store_list(store, "", look_at_object, leftovers, err);
    if (status == HF_EXISTS || status == HF_USAGE)
        return hf_error_prefix(err, "%s", hf_store_name(store));
    return status;
}

static enum hf_status make_header(const struct hf_repo_options *options, struct hf_repo_header *out,
                                  struct hf_error *err)
{
    enum hf_repo_cipher cipher = options->cipher ? options->cipher : HF_CIPHER_XCHACHA20_POLY1305;
    if (cipher != HF_CIPHER_XCHACHA20_POLY1305 && cipher != HF_CIPHER_AES_256_GCM)
        return hf_error_set(err, HF_USAGE, "no such cipher");
    if (cipher == HF_CIPHER_AES_256_GCM && !crypto_aead_aes256gcm_is_available())
        return hf_error_set(err, HF_UNSUPPORTED,
                            "AES-256-GCM needs a CPU with AES instructions; use "
                            "xchacha20-poly1305");
    *out = (struct hf_repo_header){.format = HF_REPO_FORMAT,
                                   .cipher = cipher,
                                   .chunk_min = HF_CHUNK_MIN,
                                   .chunk_avg = HF_CHUNK_AVG,
                                   .chunk_max = HF_CHUNK_MAX};
    randombytes_buf(out->id, sizeof out->id);
    return HF_OK;
}

static enum hf_status make_first_key(const struct hf_keyset *keys,
                                     const struct hf_repo_options *options,
                                     const struct hf_credential *credential,
                                     struct hf_key_record *out, struct hf_error *err)
{
    uint8_t recipient[HF_KEY_SIZE];
    struct hf_key_record_new first = {
        .role = HF_ROLE_READER,
        .label = "first",
        .passphrase = credential->passphrase,
        .kdf_ops = options->kdf_ops ? options->kdf_ops : KDF_OPS,
        .kdf_mem = options->kdf_mem ? options->kdf_mem : KDF_MEM,
    };
    if (!credential->passphrase) {
        if (!credential->identity)
            return hf_error_set(err, HF_USAGE, "a repository needs a passphrase or an identity");
        HF_AUTO_PTR(hf_secret) sk = NULL;
        HF_TRY(hf_identity_parse(credential->identity, &sk, err));
        (void)crypto_scalarmult_base(recipient, sk->data);
        first.recipient_pk = recipient;
    }
    return hf_key_record_create(keys, &first, out, err);
}

/* Under a claim only as long as that counts. */
static enum hf_status create_header(struct hf_store *store, const struct hf_repo_header *header,
                                    bool bounded, int64_t ns, struct hf_error *err)
{
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_TRY(hf_header_render(header, &bytes, err));
    if (bounded)
        return hf_store_put_within(store, HF_HEADER_KEY, bytes.data, bytes.len, HF_PUT_CREATE, ns,
                                   err);
    return hf_store_put(store, HF_HEADER_KEY, bytes.data, bytes.len, HF_PUT_CREATE, err);
}

/* Nobody knows whether a put under a claim was done, or will be. */
static enum hf_status leave_open(struct hf_init_claim *claim, const struct hf_error *why,
                                 struct hf_error *err)
{
    hf_init_claim_leave(claim);
    return hf_error_set(err, why->status,
                        "%s; whether there is a repository now shows in %d seconds: try again then",
                        why->text, HF_INIT_CLAIM_S);
}

/* A put that failed, or found the object there, may have been ours all the same (an answer that
 * got lost), and one that worked under a claim was perhaps overwritten: what is in the store tells,
 * where it can be read. */
enum hf_status hf_repo_put_header(struct hf_store *store, const struct hf_repo_header *header,
                                  struct hf_init_claim *claim, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    struct hf_error ignored = HF_ERROR_INIT;
    struct hf_repo_header there;
    bool claimed = claim->store != NULL;
    int64_t left = 0;
    if (claimed)
        HF_TRY(hf_init_claim_left(claim, &left, err));
    enum hf_status status = create_header(store, header, claimed, left, &why);
    bool unheard = hf_status_retryable(status) || status == HF_CANCELLED;
    bool look = status == HF_OK ? claimed : status == HF_EXISTS || unheard;
    if (look && hf_header_load(store, &there, &ignored) == HF_OK)
        return memcmp(there.id, header->id, sizeof there.id) == 0 ? HF_OK
                                                                  : exists_already(store, err);
    if (status == HF_OK)
        return HF_OK;
    if (status == HF_EXISTS)
        return exists_already(store, err);
    if (unheard && claimed)
        return leave_open(claim, &why, err);
    *err = why;
    return status;
}

enum hf_status hf_repo_claim(struct hf_store *store, struct hf_init_claim *out,
                             struct hf_error *err)
{
    HF_AUTO(hf_init_claim) claim = HF_INIT_CLAIM_INIT;
    struct hf_store_traits traits;
    HF_TRY(hf_store_probe(store, &traits, err));
    if (!traits.creates_atomically)
        HF_TRY(hf_init_claim_take(store, &claim, err));
    /* Whoever had the claim before may have made one. */
    HF_TRY(check_no_header(store, err));
    *out = claim;
    claim.store = NULL;
    return HF_OK;
}

/* The key first, the header last: without a header there is no repository, and with it there is
 * one that opens. A crash in between leaves a key record that the next init removes. */
static enum hf_status write_all(struct hf_store *store, const struct hf_repo_header *header,
                                const struct hf_key_record *record, struct hf_error *err)
{
    char object[HF_KEY_OBJECT_TEXT];
    hf_key_object(object, record->id);
    HF_AUTO(hf_init_claim) claim = HF_INIT_CLAIM_INIT;
    HF_TRY(hf_repo_claim(store, &claim, err));
    HF_TRY(hf_store_put(store, object, record->bytes.data, record->bytes.len, HF_PUT_CREATE, err));
    enum hf_status status = hf_repo_put_header(store, header, &claim, err);
    if (status == HF_EXISTS) { /* another's: our key opens nothing */
        struct hf_error ignored = HF_ERROR_INIT;
        (void)!hf_store_delete(store, object, &ignored);
    }
    return status;
}

enum hf_status hf_repo_init(struct hf_store *store, const struct hf_repo_options *options,
                            const struct hf_credential *credential, struct hf_error *err)
{
    HF_TRY(hf_crypto_init(err));
    HF_AUTO(hf_strings) leftovers = HF_STRINGS_INIT;
    HF_TRY(hf_repo_check_empty(store, &leftovers, err));

    struct hf_repo_header header;
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    HF_TRY(make_header(options, &header, err));
    HF_TRY(hf_keyset_generate(header.id, &keys, err));
    hf_header_sign(&header, keys->sign_sk);
    HF_TRY(make_first_key(keys, options, credential, &record, err));
    HF_TRY(write_all(store, &header, &record, err));

    /* They open nothing, and are skipped where they stay. */
    for (size_t i = 0; i < leftovers.count; i++) {
        struct hf_error ignored = HF_ERROR_INIT;
        (void)!hf_store_delete(store, leftovers.items[i], &ignored);
    }
    return HF_OK;
}

enum hf_status hf_repo_open(struct hf_store *store, const struct hf_credential *credential,
                            struct hf_repo **out, struct hf_error *err)
{
    HF_TRY(hf_crypto_init(err));
    struct hf_repo *repo = calloc(1, sizeof *repo);
    if (!repo)
        return hf_error_memory(err);
    struct hf_key_opened opened = {.keys = NULL};
    enum hf_status status = hf_header_load(store, &repo->header, err);
    if (status == HF_OK)
        status = hf_key_open(store, &repo->header, credential, &opened, err);
    if (status != HF_OK) {
        free(repo);
        return status;
    }
    repo->store = store;
    repo->keys = opened.keys;
    memcpy(repo->key_id, opened.id, sizeof repo->key_id);
    repo->kdf_ops = opened.kdf_ops ? opened.kdf_ops : KDF_OPS;
    repo->kdf_mem = opened.kdf_mem ? opened.kdf_mem : KDF_MEM;
    hf_hex(repo->id_text, repo->header.id, sizeof repo->header.id);
    hf_key_fingerprint(repo->fingerprint, repo->keys->sign_pk);
    *out = repo;
    return HF_OK;
}

void hf_repo_close(struct hf_repo *repo)
{
    if (!repo)
        return;
    hf_keyset_free(repo->keys);
    free(repo);
}

enum hf_role hf_repo_role(const struct hf_repo *repo)
{
    return repo->keys->role;
}

struct hf_store *hf_repo_store(const struct hf_repo *repo)
{
    return repo->store;
}

const char *hf_repo_id(const struct hf_repo *repo)
{
    return repo->id_text;
}

const char *hf_repo_fingerprint(const struct hf_repo *repo)
{
    return repo->fingerprint;
}
