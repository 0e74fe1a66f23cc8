/* Finding the record that a credential opens. */
#include "storage/repository/key_store.h"

#include <sodium.h>
#include <string.h>

struct attempt {
    struct hf_store *store;
    const struct hf_repo_header *header;
    const struct hf_credential *credential;
    struct hf_secret *identity_sk; /* or NULL */
    uint8_t identity_pk[HF_KEY_SIZE];
    size_t denied;     /* records that were tried and did not open */
    size_t unreadable; /* records that could not even be tried */
    struct hf_error first_unreadable;
    struct hf_error broken; /* a record that opened, but must not be used; or the store failed */
};

static enum hf_status check_pin(const struct attempt *a, const uint8_t sign_pk[HF_SIGN_PK],
                                struct hf_error *err)
{
    if (!a->credential->fingerprint)
        return HF_OK;
    char text[HF_FINGERPRINT_TEXT];
    hf_key_fingerprint(text, sign_pk);
    if (strcmp(text, a->credential->fingerprint) != 0)
        return hf_error_set(err, HF_DENIED,
                            "this is another repository than the one that was pinned: its "
                            "fingerprint is %s",
                            text);
    return HF_OK;
}

/* sk fits the record: everything that must hold before its keys are used. */
static enum hf_status accept(struct attempt *a, const struct hf_key_record *record,
                             const uint8_t sk[HF_KEY_SIZE], const uint8_t sign_pk[HF_SIGN_PK],
                             struct hf_key_opened *out, struct hf_error *err)
{
    HF_TRY(check_pin(a, sign_pk, err));
    enum hf_status status = hf_header_verify(a->header, sign_pk, err);
    if (status != HF_OK)
        return hf_error_prefix(err, "object %s", HF_HEADER_KEY);
    struct hf_keyset *keys = NULL;
    HF_TRY(hf_key_record_open(record, sk, sign_pk, &keys, err));
    out->keys = keys;
    hf_hex(out->id, record->id, sizeof record->id);
    out->kdf_ops = record->kdf_ops;
    out->kdf_mem = record->kdf_mem;
    return HF_OK;
}

static void note_broken(struct attempt *a, const struct hf_error *err)
{
    if (a->broken.status == HF_OK)
        a->broken = *err;
}

/* True when the record opened. */
static bool try_record(struct attempt *a, const struct hf_key_record *record,
                       struct hf_key_opened *out)
{
    struct hf_error err = HF_ERROR_INIT;
    enum hf_status status = HF_OK;
    if (record->kind == HF_KEY_RECIPIENT) {
        if (!a->identity_sk)
            return false;
        if (memcmp(record->pk, a->identity_pk, HF_KEY_SIZE) != 0) {
            a->denied++;
            return false;
        }
        status = accept(a, record, a->identity_sk->data, record->sign_pk, out, &err);
    } else {
        if (!a->credential->passphrase)
            return false;
        HF_AUTO_PTR(hf_secret) plain = NULL;
        status = hf_key_record_unwrap(record, a->credential->passphrase, &plain, &err);
        if (status == HF_DENIED) {
            a->denied++;
            return false;
        }
        if (status == HF_OK)
            status = accept(a, record, plain->data, plain->data + HF_KEY_SIZE, out, &err);
    }
    if (status == HF_OK)
        return true;
    char object[HF_KEY_OBJECT_TEXT];
    hf_key_object(object, record->id);
    (void)hf_error_prefix(&err, "%s: %s", hf_store_name(a->store), object);
    note_broken(a, &err);
    return false;
}

static bool try_name(struct attempt *a, const char *name, struct hf_key_opened *out)
{
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    struct hf_error err = HF_ERROR_INIT;
    enum hf_status status = hf_key_load(a->store, name, &record, &err);
    if (status == HF_DAMAGED || status == HF_UNSUPPORTED) {
        if (a->unreadable++ == 0)
            a->first_unreadable = err;
        return false;
    }
    if (status == HF_NOT_FOUND) /* removed meanwhile */
        return false;
    if (status != HF_OK) {
        note_broken(a, &err);
        return false;
    }
    /* One of another repository, left by an init that was killed, is none of ours. */
    return memcmp(record.repo_id, a->header->id, HF_REPO_ID) == 0 && try_record(a, &record, out);
}

static enum hf_status nothing_opened(const struct attempt *a, struct hf_error *err)
{
    const char *store = hf_store_name(a->store);
    const char *what = a->credential->passphrase ? "passphrase" : "identity";
    if (a->broken.status != HF_OK) {
        *err = a->broken;
        return err->status;
    }
    if (a->denied == 0 && a->unreadable > 0) {
        *err = a->first_unreadable;
        return hf_error_prefix(err, "no key of this repository opens");
    }
    if (a->unreadable > 0)
        return hf_error_set(err, HF_DENIED,
                            "%s: no key of this repository opens with this %s; %zu key records "
                            "could not be read (%.300s)",
                            store, what, a->unreadable, a->first_unreadable.text);
    return hf_error_set(err, HF_DENIED, "%s: no key of this repository opens with this %s", store,
                        what);
}

static enum hf_status prepare(struct attempt *a, struct hf_error *err)
{
    if (!a->credential->passphrase && !a->credential->identity)
        return hf_error_set(err, HF_USAGE, "%s: a passphrase or an identity is needed to open it",
                            hf_store_name(a->store));
    if (!a->credential->identity)
        return HF_OK;
    HF_TRY(hf_identity_parse(a->credential->identity, &a->identity_sk, err));
    (void)crypto_scalarmult_base(a->identity_pk, a->identity_sk->data);
    return HF_OK;
}

enum hf_status hf_key_open(struct hf_store *store, const struct hf_repo_header *header,
                           const struct hf_credential *credential, struct hf_key_opened *out,
                           struct hf_error *err)
{
    struct attempt attempt = {.store = store, .header = header, .credential = credential};
    HF_TRY(prepare(&attempt, err));
    HF_AUTO_PTR(hf_secret) identity_sk = attempt.identity_sk; /* freed with this function */
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_TRY(hf_key_names(store, &names, err));
    for (size_t i = 0; i < names.count; i++)
        if (try_name(&attempt, names.items[i], out))
            return HF_OK;
    if (names.count == 0)
        return hf_error_set(err, HF_DAMAGED,
                            "%s: its key records are gone; put an exported one back as keys/<id>",
                            hf_store_name(store));
    return nothing_opened(&attempt, err);
}
