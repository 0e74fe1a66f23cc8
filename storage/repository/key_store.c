#include "storage/repository/key_store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 2 * HF_KEY_RECORD_ID, PREFIX = sizeof HF_KEYS_PREFIX - 1 };

void hf_key_object(char text[HF_KEY_OBJECT_TEXT], const uint8_t id[HF_KEY_RECORD_ID])
{
    char name[HF_KEY_ID_TEXT];
    hf_hex(name, id, HF_KEY_RECORD_ID);
    (void)snprintf(text, HF_KEY_OBJECT_TEXT, HF_KEYS_PREFIX "%s", name);
}

static enum hf_status add_name(void *ctx, const char *key, const struct hf_store_stat *stat,
                               struct hf_error *err)
{
    struct hf_strings *names = ctx;
    uint8_t id[HF_KEY_RECORD_ID];
    (void)stat;
    const char *name = key + PREFIX;
    if (strlen(name) != NAME || !hf_unhex(id, sizeof id, name))
        return HF_OK;
    if (names->count >= HF_KEY_RECORDS_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "more than %d key records", HF_KEY_RECORDS_MAX);
    return hf_strings_add(names, name, err);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

enum hf_status hf_key_names(struct hf_store *store, struct hf_strings *out, struct hf_error *err)
{
    HF_TRY(hf_store_list(store, HF_KEYS_PREFIX, add_name, out, err));
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, compare_names);
    return HF_OK;
}

static enum hf_status check_name(const struct hf_key_record *record, const char *name,
                                 struct hf_error *err)
{
    char id[HF_KEY_ID_TEXT];
    hf_hex(id, record->id, sizeof record->id);
    if (strcmp(id, name) != 0)
        return hf_error_set(err, HF_DAMAGED, "it is the key record %s under another name", id);
    return HF_OK;
}

enum hf_status hf_key_load(struct hf_store *store, const char *name, struct hf_key_record *out,
                           struct hf_error *err)
{
    char object[HF_KEY_OBJECT_TEXT];
    (void)snprintf(object, sizeof object, HF_KEYS_PREFIX "%s", name);
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_TRY(hf_store_get_all(store, object, HF_KEY_RECORD_MAX, &bytes, err));

    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    enum hf_status status = hf_key_record_parse(bytes.data, bytes.len, &record, err);
    if (status == HF_OK)
        status = check_name(&record, name, err);
    if (status != HF_OK)
        return hf_error_prefix(err, "%s: %s", hf_store_name(store), object);
    *out = record;
    record = (struct hf_key_record)HF_KEY_RECORD_INIT;
    return HF_OK;
}

static int compare_age(const void *a, const void *b)
{
    const struct hf_key_record *x = a;
    const struct hf_key_record *y = b;
    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    return memcmp(x->id, y->id, sizeof x->id);
}

/* Only a record that cannot be read is left out: a store that fails is an error. */
static bool is_records_own_fault(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_UNSUPPORTED || status == HF_NOT_FOUND;
}

static enum hf_status load_each(struct hf_store *store, const struct hf_strings *names,
                                const uint8_t repo_id[HF_REPO_ID], struct hf_key_records *out,
                                struct hf_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct hf_key_record record = HF_KEY_RECORD_INIT;
        struct hf_error ignored = HF_ERROR_INIT;
        enum hf_status status = hf_key_load(store, names->items[i], &record, &ignored);
        if (status != HF_OK && !is_records_own_fault(status)) {
            *err = ignored;
            return status;
        }
        bytes += record.bytes.len;
        if (status != HF_OK || memcmp(record.repo_id, repo_id, HF_REPO_ID) != 0)
            hf_key_record_done(&record);
        else
            out->items[out->count++] = record;
        if (bytes > HF_KEYS_BYTES_MAX)
            return hf_error_set(err, HF_UNSUPPORTED, "%s: more than %d MiB of key records",
                                hf_store_name(store), HF_KEYS_BYTES_MAX >> 20);
    }
    return HF_OK;
}

enum hf_status hf_key_records_load(struct hf_store *store, const uint8_t repo_id[HF_REPO_ID],
                                   struct hf_key_records *out, struct hf_error *err)
{
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_TRY(hf_key_names(store, &names, err));
    struct hf_key_records records = HF_KEY_RECORDS_INIT;
    records.items = calloc(names.count + 1, sizeof *records.items);
    if (!records.items)
        return hf_error_memory(err);
    enum hf_status status = load_each(store, &names, repo_id, &records, err);
    if (status != HF_OK) {
        hf_key_records_done(&records);
        return status;
    }
    qsort(records.items, records.count, sizeof *records.items, compare_age);
    *out = records;
    return HF_OK;
}

void hf_key_records_done(struct hf_key_records *records)
{
    for (size_t i = 0; i < records->count; i++)
        hf_key_record_done(&records->items[i]);
    free(records->items);
    *records = (struct hf_key_records)HF_KEY_RECORDS_INIT;
}

void hf_key_fingerprint(char text[HF_FINGERPRINT_TEXT], const uint8_t sign_pk[HF_SIGN_PK])
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, sign_pk, HF_SIGN_PK);
    hf_hex(text, digest, sizeof digest);
}
