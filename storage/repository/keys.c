#include "storage/repository/keys.h"

#include "storage/repository/key_store.h"
#include "storage/repository/keys_internal.h"
#include "storage/repository/repository_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hf_status hf_key_trusted(const struct hf_repo *repo, const struct hf_key_record *record,
                              bool *out, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_key_record_verify(record, repo->keys->sign_pk, &why);
    if (status == HF_NO_MEMORY) {
        *err = why;
        return status;
    }
    *out = status == HF_OK;
    return HF_OK;
}

static enum hf_status describe(const struct hf_repo *repo, const struct hf_key_record *record,
                               struct hf_key_info *out, struct hf_error *err)
{
    hf_hex(out->id, record->id, sizeof record->id);
    memcpy(out->label, record->label, sizeof out->label);
    out->kind = record->kind;
    out->role = record->role;
    out->created = record->created;
    out->generations = (uint32_t)record->grant_count;
    out->current = strcmp(out->id, repo->key_id) == 0;
    return hf_key_trusted(repo, record, &out->trusted, err);
}

enum hf_status hf_key_list(struct hf_repo *repo, struct hf_key_info **out, size_t *out_count,
                           struct hf_error *err)
{
    HF_AUTO(hf_key_records) records = HF_KEY_RECORDS_INIT;
    HF_TRY(hf_key_records_load(repo->store, repo->header.id, &records, err));
    struct hf_key_info *list = calloc(records.count + 1, sizeof *list);
    if (!list)
        return hf_error_memory(err);
    enum hf_status status = HF_OK;
    for (size_t i = 0; i < records.count && status == HF_OK; i++)
        status = describe(repo, &records.items[i], &list[i], err);
    if (status != HF_OK) {
        free(list);
        return status;
    }
    *out = list;
    *out_count = records.count;
    return HF_OK;
}

enum hf_status hf_keys_begin(struct hf_repo *repo, const char *purpose, struct hf_lease **out,
                             struct hf_error *err)
{
    const struct hf_lease_options options = {.mode = HF_LEASE_KEYS, .purpose = purpose};
    if (repo->keys->role != HF_ROLE_READER)
        return hf_error_set(err, HF_DENIED,
                            "%s: changing keys needs a reader key; this one is a writer's",
                            hf_store_name(repo->store));
    return hf_lease_take(repo, &options, out, err);
}

static enum hf_status take_recipient(const struct hf_key_new *key, uint8_t pk[HF_KEY_SIZE],
                                     struct hf_key_record_new *out, struct hf_error *err)
{
    if (!key->passphrase == !key->recipient)
        return hf_error_set(err, HF_USAGE, "a key takes a passphrase or a recipient");
    if (!key->recipient)
        return HF_OK;
    if (hf_key_text_decode(HF_RECIPIENT_PREFIX, key->recipient, strlen(key->recipient), pk, err) !=
        HF_OK)
        return hf_error_prefix(err, "the recipient is none");
    out->recipient_pk = pk;
    return HF_OK;
}

/* One passphrase for two keys would open whichever comes first: a reader might find himself a
 * writer. */
static enum hf_status check_passphrase_new(const struct hf_key_records *records,
                                           const struct hf_secret *passphrase, struct hf_error *err)
{
    for (size_t i = 0; passphrase && i < records->count; i++) {
        const struct hf_key_record *record = &records->items[i];
        HF_AUTO_PTR(hf_secret) plain = NULL;
        struct hf_error why = HF_ERROR_INIT;
        char id[HF_KEY_ID_TEXT];
        if (record->kind != HF_KEY_PASSPHRASE)
            continue;
        enum hf_status status = hf_key_record_unwrap(record, passphrase, &plain, &why);
        hf_hex(id, record->id, sizeof record->id);
        if (status == HF_OK)
            return hf_error_set(err, HF_EXISTS, "the passphrase opens key %s already; take another",
                                id);
        if (status != HF_DENIED) {
            *err = why;
            return status;
        }
    }
    return HF_OK;
}

static enum hf_status check_room(const struct hf_key_records *records, const uint8_t *recipient_pk,
                                 struct hf_error *err)
{
    if (records->count >= HF_KEY_RECORDS_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "a repository has at most %d keys",
                            HF_KEY_RECORDS_MAX);
    for (size_t i = 0; recipient_pk && i < records->count; i++) {
        const struct hf_key_record *record = &records->items[i];
        char id[HF_KEY_ID_TEXT];
        hf_hex(id, record->id, sizeof record->id);
        if (record->kind == HF_KEY_RECIPIENT && memcmp(record->pk, recipient_pk, HF_KEY_SIZE) == 0)
            return hf_error_set(err, HF_EXISTS, "the recipient has a key already: %s", id);
    }
    return HF_OK;
}

enum hf_status hf_key_add(struct hf_repo *repo, const struct hf_key_new *key,
                          char out_id[HF_KEY_ID_TEXT], struct hf_error *err)
{
    uint8_t pk[HF_KEY_SIZE];
    struct hf_key_record_new options = {.role = key->role,
                                        .label = key->label,
                                        .passphrase = key->passphrase,
                                        .kdf_ops = repo->kdf_ops,
                                        .kdf_mem = repo->kdf_mem};
    HF_TRY(take_recipient(key, pk, &options, err));
    HF_AUTO_PTR(hf_lease) lease = NULL;
    HF_AUTO(hf_key_records) records = HF_KEY_RECORDS_INIT;
    HF_TRY(hf_keys_begin(repo, "key add", &lease, err));
    HF_TRY(hf_key_records_load(repo->store, repo->header.id, &records, err));
    HF_TRY(check_room(&records, options.recipient_pk, err));
    HF_TRY(check_passphrase_new(&records, options.passphrase, err));
    HF_TRY(hf_keys_complete(repo, lease, &records, err));

    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    char object[HF_KEY_OBJECT_TEXT];
    HF_TRY(hf_key_record_create(repo->keys, &options, &record, err));
    hf_key_object(object, record.id);
    HF_TRY(hf_lease_check(lease, err));
    HF_TRY(
        hf_store_put(repo->store, object, record.bytes.data, record.bytes.len, HF_PUT_CREATE, err));
    hf_hex(out_id, record.id, sizeof record.id);
    return HF_OK;
}

/* The one name that begins with what was given. */
static enum hf_status resolve(struct hf_repo *repo, const char *id, char out[HF_KEY_ID_TEXT],
                              struct hf_error *err)
{
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_TRY(hf_key_names(repo->store, &names, err));
    const char *found = NULL;
    for (size_t i = 0; i < names.count; i++) {
        if (*id == '\0' || strncmp(names.items[i], id, strlen(id)) != 0)
            continue;
        if (found)
            return hf_error_set(err, HF_USAGE, "more than one key begins with %.32s", id);
        found = names.items[i];
    }
    if (!found)
        return hf_error_set(err, HF_NOT_FOUND,
                            "%s: no key begins with \"%.32s\"; see `holdfast "
                            "key list`",
                            hf_store_name(repo->store), id);
    (void)snprintf(out, HF_KEY_ID_TEXT, "%s", found);
    return HF_OK;
}

/* Without the record, is there still a reader key, and somebody who holds each generation? */
static enum hf_status check_removable(const struct hf_repo *repo,
                                      const struct hf_key_records *records, const char *id,
                                      struct hf_error *err)
{
    uint32_t newest = 0;
    HF_TRY(hf_key_newest(repo, records, &newest, err));
    bool reader = false;
    bool newest_held = false;
    for (size_t i = 0; i < records->count; i++) {
        const struct hf_key_record *record = &records->items[i];
        char name[HF_KEY_ID_TEXT];
        hf_hex(name, record->id, sizeof record->id);
        bool trusted = false;
        HF_TRY(hf_key_trusted(repo, record, &trusted, err));
        if (strcmp(name, id) == 0 || record->role != HF_ROLE_READER || !trusted)
            continue;
        reader = true;
        newest_held = newest_held || hf_key_record_has(record, newest);
    }
    if (!reader)
        return hf_error_set(err, HF_USAGE,
                            "%s is the last key that can read the repository; add another first",
                            id);
    if (!newest_held)
        return hf_error_set(err, HF_USAGE,
                            "%s is the only reader key that holds key generation %u; finish the "
                            "rotation first: run `holdfast key rotate` with that key",
                            id, (unsigned)newest);
    return HF_OK;
}

enum hf_status hf_key_remove(struct hf_repo *repo, const char *id, struct hf_error *err)
{
    char name[HF_KEY_ID_TEXT];
    char object[HF_KEY_OBJECT_TEXT];
    HF_AUTO_PTR(hf_lease) lease = NULL;
    HF_AUTO(hf_key_records) records = HF_KEY_RECORDS_INIT;
    HF_TRY(hf_keys_begin(repo, "key remove", &lease, err));
    HF_TRY(resolve(repo, id, name, err));
    HF_TRY(hf_key_records_load(repo->store, repo->header.id, &records, err));
    HF_TRY(check_removable(repo, &records, name, err));
    (void)snprintf(object, sizeof object, HF_KEYS_PREFIX "%s", name);
    HF_TRY(hf_lease_check(lease, err));
    return hf_store_delete(repo->store, object, err);
}

enum hf_status hf_key_export(struct hf_repo *repo, const char *id, struct hf_buf *out,
                             struct hf_error *err)
{
    char name[HF_KEY_ID_TEXT];
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    HF_TRY(resolve(repo, id, name, err));
    HF_TRY(hf_key_load(repo->store, name, &record, err)); /* a damaged one is of no use elsewhere */
    return hf_buf_append(out, record.bytes.data, record.bytes.len, err);
}
