/*
 * Carrying keys from one replica to another. Records go as they are: a grant is sealed to its
 * record and signed, so nothing is opened and a writer key is enough.
 *
 * Readers' records go first. Theirs hold the roster of a new generation, so what a crash leaves is
 * a rotation that was cut short, which the next copy, or any reader, finishes.
 */
#include "storage/repository/replica.h"

#include "storage/repository/key_store.h"
#include "storage/repository/keys_internal.h"
#include "storage/repository/repository_internal.h"

#include <string.h>

struct carry {
    struct hf_repo *from;
    struct hf_repo *to;
    const struct hf_observer *observer;
    struct hf_key_records there; /* of from */
    struct hf_key_records here;  /* of to, as they were */
    struct hf_lease *lease;      /* on to, once there is something to write */
    uint32_t newest;             /* generation of from */
    size_t count;
};

static const struct hf_key_record *find_record(const struct hf_key_records *records,
                                               const struct hf_key_record *like)
{
    for (size_t i = 0; i < records->count; i++)
        if (memcmp(records->items[i].id, like->id, HF_KEY_RECORD_ID) == 0)
            return &records->items[i];
    return NULL;
}

/*
 * Whether a generation of from is known to be to's as well: either both keys hold it (and were
 * compared), or nobody in to has it yet. Otherwise it could be another of the same number.
 */
static enum hf_status may_carry(const struct carry *c, uint32_t generation, bool *out,
                                struct hf_error *err)
{
    *out = hf_keyset_find(c->from->keys, generation) && hf_keyset_find(c->to->keys, generation);
    if (*out)
        return HF_OK;
    for (size_t i = 0; i < c->here.count; i++) {
        bool trusted = false;
        if (!hf_key_record_has(&c->here.items[i], generation))
            continue;
        HF_TRY(hf_key_trusted(c->to, &c->here.items[i], &trusted, err));
        if (trusted) {
            hf_observe(c->observer, HF_NOTE_WARNING,
                       "key generation %u of %s was not copied: it is in %s too, and the keys in "
                       "use cannot tell whether it is the same; copy with a key that holds it",
                       (unsigned)generation, hf_store_name(c->from->store),
                       hf_store_name(c->to->store));
            return HF_OK;
        }
    }
    *out = true;
    return HF_OK;
}

static enum hf_status put_record(struct carry *c, const struct hf_key_record *record,
                                 struct hf_error *err)
{
    const struct hf_lease_options options = {.mode = HF_LEASE_KEYS, .purpose = "copying keys"};
    char object[HF_KEY_OBJECT_TEXT];
    if (!c->lease)
        HF_TRY(hf_lease_take(c->to, &options, &c->lease, err));
    HF_TRY(hf_lease_check(c->lease, err));
    hf_key_object(object, record->id);
    HF_TRY(hf_store_put(c->to->store, object, record->bytes.data, record->bytes.len, HF_PUT_REPLACE,
                        err));
    c->count++;
    return HF_OK;
}

/* base with the grants of record that it lacks and may have; *out_more: there were any. */
static enum hf_status merge(const struct carry *c, const struct hf_key_record *base,
                            const struct hf_key_record *record, struct hf_key_record *out,
                            bool *out_more, struct hf_error *err)
{
    HF_AUTO(hf_key_record) merged = HF_KEY_RECORD_INIT;
    HF_TRY(hf_key_record_parse(base->bytes.data, base->bytes.len, &merged, err));
    for (size_t i = 0; i < record->grant_count; i++) {
        uint32_t generation = record->grants[i].generation;
        HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
        bool may = false;
        if (hf_key_record_has(&merged, generation))
            continue;
        HF_TRY(may_carry(c, generation, &may, err));
        if (!may)
            continue;
        HF_TRY(hf_key_record_carry(&merged, record, generation, &bytes, err));
        hf_key_record_done(&merged);
        merged = (struct hf_key_record)HF_KEY_RECORD_INIT;
        HF_TRY(hf_key_record_parse(bytes.data, bytes.len, &merged, err));
        *out_more = true;
    }
    *out = merged;
    merged = (struct hf_key_record)HF_KEY_RECORD_INIT;
    return HF_OK;
}

/* One that to lacks, with all its generations or not at all. One without the newest was removed
 * before it and put back by somebody, or will have it when its rotation is finished. */
static enum hf_status carry_whole(struct carry *c, const struct hf_key_record *record,
                                  struct hf_error *err)
{
    if (!hf_key_record_has(record, c->newest))
        return HF_OK;
    for (size_t i = 0; i < record->grant_count; i++) {
        bool may = false;
        HF_TRY(may_carry(c, record->grants[i].generation, &may, err));
        if (!may)
            return HF_OK;
    }
    return put_record(c, record, err);
}

static enum hf_status carry_record(struct carry *c, const struct hf_key_record *record,
                                   struct hf_error *err)
{
    const struct hf_key_record *known = find_record(&c->here, record);
    HF_AUTO(hf_key_record) merged = HF_KEY_RECORD_INIT;
    bool more = false, trusted = false;
    HF_TRY(hf_key_trusted(c->from, record, &trusted, err));
    if (!trusted)
        return HF_OK;
    if (known)
        HF_TRY(hf_key_trusted(c->to, known, &trusted, err));
    if (!known || !trusted)
        return carry_whole(c, record, err);
    HF_TRY(merge(c, known, record, &merged, &more, err));
    return more ? put_record(c, &merged, err) : HF_OK;
}

static enum hf_status carry_role(struct carry *c, enum hf_role role, struct hf_error *err)
{
    for (size_t i = 0; i < c->there.count; i++)
        if (c->there.items[i].role == role)
            HF_TRY(carry_record(c, &c->there.items[i], err));
    return HF_OK;
}

/* Removed in from before a rotation: it is still a way into what to holds. */
static void tell_left_behind(const struct carry *c)
{
    for (size_t i = 0; i < c->here.count; i++) {
        const struct hf_key_record *record = &c->here.items[i];
        char id[HF_KEY_ID_TEXT];
        if (find_record(&c->there, record) || hf_key_record_has(record, c->newest))
            continue;
        hf_hex(id, record->id, sizeof record->id);
        hf_observe(c->observer, HF_NOTE_WARNING,
                   "key %.12s (%s) is not in %s any more, but opens %s; remove it there too: "
                   "\"holdfast key remove\"",
                   id, record->label[0] ? record->label : "no label", hf_store_name(c->from->store),
                   hf_store_name(c->to->store));
    }
}

/* What is written in to from now on is sealed with the newest generation of both. */
static enum hf_status adopt_generations(const struct hf_repo *from, struct hf_repo *to,
                                        struct hf_error *err)
{
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    if (hf_keyset_current(from->keys)->number <= hf_keyset_current(to->keys)->number)
        return HF_OK;
    HF_TRY(hf_keyset_copy(to->keys, &keys, err));
    for (size_t i = 0; i < from->keys->count; i++) {
        const struct hf_generation *generation = &from->keys->generations[i];
        if (!hf_keyset_find(keys, generation->number))
            HF_TRY(hf_keyset_add(keys, generation, err));
    }
    HF_TRY(hf_keyset_set_roster(keys, &from->keys->roster, err));
    if (from->keys->role == HF_ROLE_WRITER)
        keys->role = HF_ROLE_WRITER; /* it cannot open data of what came along */
    struct hf_keyset *before = to->keys;
    to->keys = keys;
    keys = before; /* freed here */
    return HF_OK;
}

static enum hf_status run(struct carry *c, struct hf_error *err)
{
    HF_TRY(hf_key_records_load(c->from->store, c->from->header.id, &c->there, err));
    HF_TRY(hf_key_records_load(c->to->store, c->to->header.id, &c->here, err));
    HF_TRY(hf_key_newest(c->from, &c->there, &c->newest, err));
    HF_TRY(carry_role(c, HF_ROLE_READER, err));
    HF_TRY(carry_role(c, HF_ROLE_WRITER, err));
    tell_left_behind(c);
    return adopt_generations(c->from, c->to, err);
}

enum hf_status hf_replica_carry_keys(struct hf_repo *from, struct hf_repo *to,
                                     const struct hf_observer *observer, size_t *out_count,
                                     struct hf_error *err)
{
    struct carry carry = {.from = from,
                          .to = to,
                          .observer = observer,
                          .there = HF_KEY_RECORDS_INIT,
                          .here = HF_KEY_RECORDS_INIT};
    enum hf_status status = run(&carry, err);
    if (carry.lease)
        hf_lease_release(carry.lease);
    hf_key_records_done(&carry.there);
    hf_key_records_done(&carry.here);
    if (status == HF_OK)
        *out_count = carry.count;
    return status;
}
