/* Making a replica, and telling whether two repositories are replicas. */
#include "storage/repository/replica.h"

#include "storage/repository/key_store.h"
#include "storage/repository/keys_internal.h"
#include "storage/repository/repository_internal.h"

#include <sodium.h>
#include <string.h>

/* ---- checking ---- */

static bool same_generation(const struct hf_generation *a, const struct hf_generation *b)
{
    return sodium_memcmp(a->meta_key, b->meta_key, sizeof a->meta_key) == 0 &&
           memcmp(a->data_pk, b->data_pk, sizeof a->data_pk) == 0;
}

static enum hf_status check_generations(const struct hf_repo *a, const struct hf_repo *b,
                                        struct hf_error *err)
{
    for (size_t i = 0; i < a->keys->count; i++) {
        const struct hf_generation *one = &a->keys->generations[i];
        const struct hf_generation *other = hf_keyset_find(b->keys, one->number);
        if (other && !same_generation(one, other))
            return hf_error_set(err, HF_MISMATCH,
                                "%s and %s each had their keys rotated on their own: key "
                                "generation %u is not the same in both. Keep one of them, and "
                                "make the other one anew from it: \"holdfast init --replica-of\"",
                                hf_store_name(a->store), hf_store_name(b->store),
                                (unsigned)one->number);
    }
    return HF_OK;
}

enum hf_status hf_replica_check(const struct hf_repo *a, const struct hf_repo *b,
                                struct hf_error *err)
{
    const struct hf_keyset *x = a->keys, *y = b->keys;
    if (memcmp(a->header.id, b->header.id, HF_REPO_ID) != 0 ||
        memcmp(x->sign_pk, y->sign_pk, HF_SIGN_PK) != 0 ||
        sodium_memcmp(x->id_key, y->id_key, HF_KEY_SIZE) != 0)
        return hf_error_set(err, HF_USAGE,
                            "%s and %s are two repositories with keys of their own: what is "
                            "sealed in one cannot be read in the other. \"holdfast init "
                            "--replica-of\" makes one that can take copies",
                            hf_store_name(a->store), hf_store_name(b->store));
    return check_generations(a, b, err);
}

/* ---- making ---- */

static enum hf_status check_credential(struct hf_repo *original,
                                       const struct hf_credential *credential, struct hf_error *err)
{
    struct hf_key_opened opened = {.keys = NULL};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status =
        hf_key_open(original->store, &original->header, credential, &opened, &why);
    hf_keyset_free(opened.keys);
    if (status == HF_OK)
        return HF_OK;
    if (status != HF_DENIED) {
        *err = why;
        return status;
    }
    return hf_error_set(err, HF_DENIED,
                        "a replica has the keys of its original, and none of these opens with "
                        "what is given for the replica (%.600s); give the same passphrase or "
                        "identity, or add a key to the original first: \"holdfast key add\"",
                        why.text);
}

/* Over what a killed init left: the same id is the same record. */
static enum hf_status put_records(const struct hf_repo *original,
                                  const struct hf_key_records *records, struct hf_store *store,
                                  struct hf_strings *out_objects, struct hf_error *err)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct hf_key_record *record = &records->items[i];
        char object[HF_KEY_OBJECT_TEXT];
        bool trusted = false;
        HF_TRY(hf_key_trusted(original, record, &trusted, err));
        if (!trusted)
            continue;
        hf_key_object(object, record->id);
        HF_TRY(hf_strings_add(out_objects, object, err));
        HF_TRY(hf_store_put(store, object, record->bytes.data, record->bytes.len, HF_PUT_REPLACE,
                            err));
    }
    return HF_OK;
}

enum hf_status hf_replica_init(struct hf_repo *original, struct hf_store *store,
                               const struct hf_credential *credential, struct hf_error *err)
{
    HF_AUTO(hf_strings) leftovers = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) written = HF_STRINGS_INIT;
    HF_AUTO(hf_key_records) records = HF_KEY_RECORDS_INIT;
    HF_TRY(hf_repo_check_empty(store, &leftovers, err));
    HF_TRY(check_credential(original, credential, err));
    HF_TRY(hf_key_records_load(original->store, original->header.id, &records, err));
    HF_AUTO(hf_init_claim) claim = HF_INIT_CLAIM_INIT;
    HF_TRY(hf_repo_claim(store, &claim, err));
    HF_TRY(put_records(original, &records, store, &written, err));
    HF_TRY(hf_repo_put_header(store, &original->header, &claim, err));

    for (size_t i = 0; i < leftovers.count; i++) {
        struct hf_error ignored = HF_ERROR_INIT;
        if (!hf_strings_contain(&written, leftovers.items[i]))
            (void)!hf_store_delete(store, leftovers.items[i], &ignored);
    }
    return HF_OK;
}
