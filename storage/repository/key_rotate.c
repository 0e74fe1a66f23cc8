/*
 * Rotation. The order makes every crash recoverable: the own record is granted the new generation
 * first, together with the roster of those that are to have it. Until that is durable nothing has
 * happened; after it, the rotation can be finished by anybody who holds the generation.
 *
 * Only records that hold the newest generation so far are put on the roster. So a record that was
 * removed before an earlier rotation, and that somebody with write access put back, stays behind.
 */
#include "storage/repository/keys.h"

#include "storage/repository/keys_internal.h"
#include "storage/repository/repository_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum hf_status hf_key_newest(const struct hf_repo *repo, const struct hf_key_records *records,
                             uint32_t *out, struct hf_error *err)
{
    uint32_t newest = hf_keyset_current(repo->keys)->number;
    for (size_t i = 0; i < records->count; i++) {
        const struct hf_key_record *record = &records->items[i];
        uint32_t last = record->grants[record->grant_count - 1].generation;
        bool trusted = false;
        HF_TRY(hf_key_trusted(repo, record, &trusted, err));
        if (last > newest && trusted)
            newest = last;
    }
    *out = newest;
    return HF_OK;
}

/* Stores the record with one more grant, and then takes it in memory too. */
static enum hf_status grant(struct hf_repo *repo, struct hf_lease *lease,
                            struct hf_key_record *record, const struct hf_keyset *keys,
                            uint32_t generation, const struct hf_roster *roster,
                            struct hf_error *err)
{
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    char object[HF_KEY_OBJECT_TEXT];
    hf_key_object(object, record->id);
    HF_TRY(hf_key_record_grant(record, keys, generation, roster, &bytes, err));
    struct hf_key_record next = HF_KEY_RECORD_INIT;
    HF_TRY(hf_key_record_parse(bytes.data, bytes.len, &next, err));

    enum hf_status status = hf_lease_check(lease, err);
    if (status == HF_OK)
        status = hf_store_put(repo->store, object, bytes.data, bytes.len, HF_PUT_REPLACE, err);
    if (status != HF_OK) {
        hf_key_record_done(&next);
        return status;
    }
    hf_key_record_done(record);
    *record = next;
    return HF_OK;
}

static bool on_roster(const struct hf_roster *roster, const uint8_t id[HF_KEY_RECORD_ID])
{
    for (size_t i = 0; i < roster->count; i++)
        if (memcmp(roster->ids[i], id, HF_KEY_RECORD_ID) == 0)
            return true;
    return false;
}

static enum hf_status grant_missing(struct hf_repo *repo, struct hf_lease *lease,
                                    struct hf_key_record *record, struct hf_error *err)
{
    const struct hf_keyset *keys = repo->keys;
    for (size_t i = 0; i < keys->count; i++) {
        uint32_t number = keys->generations[i].number;
        if (hf_key_record_has(record, number))
            continue;
        HF_TRY(grant(repo, lease, record, keys, number, i + 1 == keys->count ? &keys->roster : NULL,
                     err));
    }
    return HF_OK;
}

enum hf_status hf_keys_complete(struct hf_repo *repo, struct hf_lease *lease,
                                struct hf_key_records *records, struct hf_error *err)
{
    uint32_t newest = 0;
    HF_TRY(hf_key_newest(repo, records, &newest, err));
    if (newest != hf_keyset_current(repo->keys)->number)
        return hf_error_set(err, HF_BUSY,
                            "%s: key generation %u was begun with another key and not granted to "
                            "this one; run `holdfast key rotate` with that key, or open the "
                            "repository again if it was rotated meanwhile",
                            hf_store_name(repo->store), (unsigned)newest);
    for (size_t i = 0; i < records->count; i++) {
        struct hf_key_record *record = &records->items[i];
        bool trusted = false;
        HF_TRY(hf_key_trusted(repo, record, &trusted, err));
        if (trusted && on_roster(&repo->keys->roster, record->id))
            HF_TRY(grant_missing(repo, lease, record, err));
    }
    return HF_OK;
}

/* Those that go along: trusted, and up to date. ids: room for every record. */
static enum hf_status make_roster(const struct hf_repo *repo, const struct hf_key_records *records,
                                  uint8_t (*ids)[HF_KEY_RECORD_ID], size_t *out_count,
                                  struct hf_error *err)
{
    uint32_t current = hf_keyset_current(repo->keys)->number;
    size_t count = 0;
    for (size_t i = 0; i < records->count; i++) {
        const struct hf_key_record *record = &records->items[i];
        bool trusted = false;
        HF_TRY(hf_key_trusted(repo, record, &trusted, err));
        if (trusted && hf_key_record_has(record, current))
            memcpy(ids[count++], record->id, HF_KEY_RECORD_ID);
    }
    *out_count = count;
    return HF_OK;
}

static struct hf_key_record *own_record(const struct hf_repo *repo,
                                        const struct hf_key_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        char id[HF_KEY_ID_TEXT];
        hf_hex(id, records->items[i].id, HF_KEY_RECORD_ID);
        if (strcmp(id, repo->key_id) == 0)
            return &records->items[i];
    }
    return NULL;
}

/* A copy of the keyset with a new generation. The repository's own stays as it is until the new one
 * is durable in its own record. */
static enum hf_status with_new_generation(const struct hf_keyset *keys, uint32_t number,
                                          const struct hf_roster *roster, struct hf_keyset **out,
                                          struct hf_error *err)
{
    HF_AUTO_PTR(hf_keyset) next = NULL;
    HF_TRY(hf_keyset_copy(keys, &next, err));
    struct hf_generation fresh;
    hf_generation_random(number, &fresh);
    enum hf_status status = hf_keyset_add(next, &fresh, err);
    sodium_memzero(&fresh, sizeof fresh);
    if (status != HF_OK)
        return status;
    HF_TRY(hf_keyset_set_roster(next, roster, err));
    *out = next;
    next = NULL;
    return HF_OK;
}

/* Makes the generation and grants it to the own record. From then on it is the repository's. */
static enum hf_status begin_generation(struct hf_repo *repo, struct hf_lease *lease,
                                       struct hf_key_record *own, const struct hf_roster *roster,
                                       struct hf_error *err)
{
    HF_AUTO_PTR(hf_keyset) next = NULL;
    uint32_t number = hf_keyset_current(repo->keys)->number;
    if (number == UINT32_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "there are no more key generations");
    HF_TRY(with_new_generation(repo->keys, number + 1, roster, &next, err));
    HF_TRY(grant(repo, lease, own, next, number + 1, roster, err));

    struct hf_keyset *before = repo->keys;
    repo->keys = next;
    next = before; /* freed here */
    return HF_OK;
}

static enum hf_status rotate(struct hf_repo *repo, struct hf_lease *lease,
                             struct hf_key_records *records, struct hf_error *err)
{
    struct hf_key_record *own = own_record(repo, records);
    if (!own)
        return hf_error_set(err, HF_NOT_FOUND,
                            "%s: the key that opened the repository is gone or damaged; use "
                            "another",
                            hf_store_name(repo->store));
    uint8_t(*ids)[HF_KEY_RECORD_ID] = calloc(records->count, sizeof *ids);
    if (!ids)
        return hf_error_memory(err);
    struct hf_roster roster = {.ids = (const void *)ids};
    enum hf_status status = make_roster(repo, records, ids, &roster.count, err);
    if (status == HF_OK)
        status = begin_generation(repo, lease, own, &roster, err);
    free(ids);
    return status;
}

enum hf_status hf_key_rotate(struct hf_repo *repo, uint32_t *out_generation, struct hf_error *err)
{
    HF_AUTO_PTR(hf_lease) lease = NULL;
    HF_AUTO(hf_key_records) records = HF_KEY_RECORDS_INIT;
    HF_TRY(hf_keys_begin(repo, "key rotate", &lease, err));
    HF_TRY(hf_key_records_load(repo->store, repo->header.id, &records, err));
    HF_TRY(hf_keys_complete(repo, lease, &records, err));
    HF_TRY(rotate(repo, lease, &records, err));

    uint32_t generation = hf_keyset_current(repo->keys)->number;
    if (hf_keys_complete(repo, lease, &records, err) != HF_OK)
        return hf_error_prefix(err,
                               "key generation %u is made, but not every key was granted it; run "
                               "it again",
                               (unsigned)generation);
    *out_generation = generation;
    return HF_OK;
}
