/* Loading the list of snapshots: every manifest, then every proof of those. */
#include "storage/repository/manifest.h"
#include "storage/repository/proof.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_snapshot_info_done(struct hf_snapshot_info *info)
{
    free(info->source);
    free(info->kind);
    free(info->host);
    json_decref(info->properties);
    *info = (struct hf_snapshot_info){.time = 0};
}

void hf_snapshots_free(struct hf_snapshots *list)
{
    for (size_t i = 0; i < list->count; i++)
        hf_snapshot_info_done(&list->items[i]);
    free(list->items);
    *list = (struct hf_snapshots){.items = NULL};
}

void hf_snapshot_info_take(struct hf_snapshot_info *info, const char *id,
                           struct hf_manifest *manifest)
{
    *info = (struct hf_snapshot_info){
        .time = manifest->time,
        .finished = manifest->finished,
        .source = manifest->source,
        .kind = manifest->kind,
        .host = manifest->host,
        .state = HF_SNAPSHOT_STORED,
        .streams = manifest->streams,
        .bytes = manifest->bytes,
        .records = manifest->records,
        .stored_bytes = manifest->stored_bytes,
        .properties = manifest->properties,
    };
    memcpy(info->id, id, sizeof info->id);
    *manifest = (struct hf_manifest){.time = 0};
}

static enum hf_status collect_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                                  struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

enum hf_status hf_snapshot_keys(struct hf_repo *repo, struct hf_strings *out, struct hf_error *err)
{
    return hf_store_list(repo->store, "snapshots/", collect_key, out, err);
}

static enum hf_status append(struct hf_snapshots *list, size_t *cap, const char *key,
                             struct hf_manifest *manifest, struct hf_error *err)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    if (list->count == *cap) {
        size_t more = *cap ? 2 * *cap : 64;
        struct hf_snapshot_info *items = realloc(list->items, more * sizeof *items);
        if (!items)
            return hf_error_memory(err);
        list->items = items;
        *cap = more;
    }
    if (!hf_manifest_key_id(key, id))
        return hf_error_set(err, HF_DAMAGED, "%s: not the name of a snapshot", key);
    hf_snapshot_info_take(&list->items[list->count++], id, manifest);
    return HF_OK;
}

/* What is wrong with one object alone, and is no reason to hide the others. One that is gone was
 * removed since it was listed. */
static bool is_about_object(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_UNSUPPORTED || status == HF_DENIED;
}

static enum hf_status load_one(struct hf_repo *repo, const char *key, const char *source,
                               const struct hf_observer *observer, struct hf_snapshots *list,
                               size_t *cap, struct hf_error *err)
{
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_manifest_read(repo, key, &manifest, &why);
    if (status == HF_NOT_FOUND)
        return HF_OK;
    if (is_about_object(status)) {
        list->unreadable++;
        hf_observe(observer, HF_NOTE_WARNING, "a snapshot cannot be read: %s", why.text);
        return HF_OK;
    }
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    if (source && strcmp(manifest.source, source) != 0)
        return HF_OK;
    return append(list, cap, key, &manifest, err);
}

static int by_time(const void *a, const void *b)
{
    const struct hf_snapshot_info *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return strcmp(x->id, y->id);
}

struct hf_snapshot_info *hf_snapshots_by_id(const struct hf_snapshots *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    }
    return NULL;
}

static void apply_proof(struct hf_snapshot_info *info, const struct hf_proof *proof)
{
    if (proof->state < info->state ||
        (proof->state == info->state && proof->time < info->state_time))
        return;
    info->state = proof->state;
    info->state_time = proof->time;
}

static enum hf_status load_proof(struct hf_repo *repo, const char *key,
                                 const struct hf_observer *observer, struct hf_snapshot_info *info,
                                 struct hf_error *err)
{
    struct hf_proof proof;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_proof_read(repo, key, &proof, &why);
    if (status == HF_OK)
        apply_proof(info, &proof);
    else if (is_about_object(status))
        hf_observe(observer, HF_NOTE_WARNING, "a proof cannot be read: %s", why.text);
    else if (status != HF_NOT_FOUND) {
        *err = why;
        return status;
    }
    return HF_OK;
}

static enum hf_status load_proofs(struct hf_repo *repo, const char *prefix,
                                  const struct hf_observer *observer, struct hf_snapshots *list,
                                  struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_TRY(hf_store_list(repo->store, prefix, collect_key, &keys, err));
    for (size_t i = 0; i < keys.count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        struct hf_snapshot_info *info =
            hf_proof_key_id(keys.items[i], id) ? hf_snapshots_by_id(list, id) : NULL;
        if (info)
            HF_TRY(load_proof(repo, keys.items[i], observer, info, err));
    }
    return HF_OK;
}

enum hf_status hf_snapshot_load_state(struct hf_repo *repo, struct hf_snapshot_info *info,
                                      struct hf_error *err)
{
    char prefix[sizeof "proofs//" + HF_SNAPSHOT_ID_TEXT];
    struct hf_snapshots one = {.items = info, .count = 1};
    (void)snprintf(prefix, sizeof prefix, "proofs/%s/", info->id);
    return load_proofs(repo, prefix, NULL, &one, err);
}

enum hf_status hf_snapshots_load(struct hf_repo *repo, const char *source,
                                 const struct hf_observer *observer, struct hf_snapshots *out,
                                 struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_AUTO(hf_snapshots) list = {.items = NULL};
    size_t cap = 0;
    HF_TRY(hf_snapshot_keys(repo, &keys, err));
    for (size_t i = 0; i < keys.count; i++)
        HF_TRY(load_one(repo, keys.items[i], source, observer, &list, &cap, err));
    if (list.count > 1)
        qsort(list.items, list.count, sizeof *list.items, by_time);
    if (list.count > 0)
        HF_TRY(load_proofs(repo, "proofs/", observer, &list, err));
    *out = list;
    list = (struct hf_snapshots){.items = NULL};
    return HF_OK;
}
