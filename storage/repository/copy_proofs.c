/*
 * Proofs and pins go along: a proof is of a snapshot's content, and what was copied is that
 * content, hashed on its way. A snapshot that has a pin in to keeps that one.
 */
#include "storage/repository/copy_internal.h"

#include "base/text.h"
#include "storage/repository/pin.h"
#include "storage/repository/proof.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>
#include <string.h>

static enum hf_status collect_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                                  struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Ids of the snapshots that were asked for and are in to, sorted. */
static enum hf_status list_ids(const struct hf_copy *copy, struct hf_strings *out,
                               struct hf_error *err)
{
    for (size_t i = 0; i < copy->there.count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        if (hf_copy_is_here(copy, copy->there.items[i]) &&
            hf_manifest_key_id(copy->there.items[i], id))
            HF_TRY(hf_strings_add(out, id, err));
    }
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, by_text);
    return HF_OK;
}

static bool holds(const struct hf_strings *sorted, const char *text)
{
    return sorted->count > 0 &&
           bsearch(&text, sorted->items, sorted->count, sizeof *sorted->items, by_text);
}

/* "proofs/<id>/": to has a proof of the same snapshot whose name, and so time, is later. */
static bool has_later(const struct hf_strings *here, const char *key)
{
    size_t folder = (size_t)(strrchr(key, '/') - key) + 1;
    for (size_t i = 0; i < here->count; i++)
        if (strncmp(here->items[i], key, folder) == 0 && strcmp(here->items[i], key) > 0)
            return true;
    return false;
}

/* A later proof says what an older "checked" says, so that one was deleted, or is to be. */
static enum hf_status copy_proof(struct hf_copy *copy, const struct hf_strings *here,
                                 const char *key, struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    struct hf_error why = HF_ERROR_INIT;
    struct hf_proof proof;
    enum hf_status status = hf_proof_load(copy->from, key, &object, &proof, &why);
    if (status == HF_NOT_FOUND)
        return HF_OK; /* superseded since it was listed */
    if (status == HF_DAMAGED || status == HF_DENIED || status == HF_UNSUPPORTED) {
        hf_observe(copy->options->observer, HF_NOTE_WARNING, "a proof cannot be copied: %s",
                   why.text);
        return HF_OK;
    }
    if (status == HF_OK && proof.state == HF_SNAPSHOT_CHECKED && has_later(here, key))
        return HF_OK;
    if (status == HF_OK)
        status = hf_store_put(copy->to->store, key, object.data, object.len, HF_PUT_CREATE, &why);
    if (status == HF_EXISTS)
        return HF_OK;
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    copy->report->proofs++;
    return proof.state == HF_SNAPSHOT_CHECKED
               ? hf_proof_supersede(copy->to, proof.snapshot, proof.time, err)
               : HF_OK;
}

/* Keys below prefix in both, those of to sorted; none of to when from has none. */
static enum hf_status list_both(const struct hf_copy *copy, const char *prefix,
                                struct hf_strings *there, struct hf_strings *here,
                                struct hf_error *err)
{
    HF_TRY(hf_store_list(copy->from->store, prefix, collect_key, there, err));
    if (there->count == 0)
        return HF_OK;
    HF_TRY(hf_store_list(copy->to->store, prefix, collect_key, here, err));
    if (here->count > 1)
        qsort(here->items, here->count, sizeof *here->items, by_text);
    return HF_OK;
}

static enum hf_status copy_pin(struct hf_copy *copy, const char *key, struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    struct hf_error why = HF_ERROR_INIT;
    struct hf_pin pin;
    enum hf_status status = hf_pin_load(copy->from, key, &object, &pin, &why);
    if (status == HF_OK) {
        hf_pin_done(&pin);
        status = hf_store_put(copy->to->store, key, object.data, object.len, HF_PUT_CREATE, &why);
    }
    if (status == HF_OK || status == HF_EXISTS || status == HF_NOT_FOUND)
        return HF_OK; /* or taken away since it was listed */
    if (status == HF_DAMAGED || status == HF_DENIED || status == HF_UNSUPPORTED) {
        hf_observe(copy->options->observer, HF_NOTE_WARNING, "a pin cannot be copied: %s",
                   why.text);
        return HF_OK;
    }
    *err = why;
    return status;
}

static enum hf_status copy_pins(struct hf_copy *copy, const struct hf_strings *ids,
                                struct hf_error *err)
{
    HF_AUTO(hf_strings) there = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) here = HF_STRINGS_INIT;
    HF_TRY(list_both(copy, "pins/", &there, &here, err));
    for (size_t i = 0; i < there.count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        if (hf_pin_key_id(there.items[i], id) && holds(ids, id) && !holds(&here, there.items[i]))
            HF_TRY(copy_pin(copy, there.items[i], err));
    }
    return HF_OK;
}

enum hf_status hf_copy_proofs(struct hf_copy *copy, struct hf_error *err)
{
    HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) there = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) here = HF_STRINGS_INIT;
    HF_TRY(list_ids(copy, &ids, err));
    if (ids.count == 0)
        return HF_OK;
    HF_TRY(copy_pins(copy, &ids, err));
    HF_TRY(list_both(copy, "proofs/", &there, &here, err));
    for (size_t i = 0; i < there.count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        if (hf_proof_key_id(there.items[i], id) && holds(&ids, id) && !holds(&here, there.items[i]))
            HF_TRY(copy_proof(copy, &here, there.items[i], err));
    }
    return HF_OK;
}
