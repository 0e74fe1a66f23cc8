/* Loading the list of snapshots: every manifest, then every proof of those. */
#include "storage/repository/manifest.h"
#include "storage/repository/proof.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include "base/pool.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 8 }; /* objects that are asked for at a time */

void hf_snapshot_info_done(struct hf_snapshot_info *info)
{
    free(info->source);
    free(info->kind);
    free(info->host);
    free(info->job);
    hf_strings_free(&info->tags);
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
        .job = manifest->job,
        .tags = manifest->tags,
        .earliest = manifest->stored ? manifest->leased : INT64_MIN,
        .latest = manifest->stored ? manifest->stored : INT64_MAX,
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

/* Keys, and when the store got what is there. */
struct listed {
    struct hf_strings keys;
    int64_t *mtimes;
    size_t cap;
};

static void listed_auto(struct listed *listed)
{
    hf_strings_free(&listed->keys);
    free(listed->mtimes);
}

static enum hf_status collect_listed(void *ctx, const char *key, const struct hf_store_stat *stat,
                                     struct hf_error *err)
{
    struct listed *listed = ctx;
    if (listed->keys.count == listed->cap) {
        size_t cap = listed->cap ? 2 * listed->cap : 64;
        int64_t *mtimes = realloc(listed->mtimes, cap * sizeof *mtimes);
        if (!mtimes)
            return hf_error_memory(err);
        listed->mtimes = mtimes;
        listed->cap = cap;
    }
    listed->mtimes[listed->keys.count] = stat->mtime;
    return hf_strings_add(&listed->keys, key, err);
}

/* What is wrong with one object alone, and is no reason to hide the others. One that is gone was
 * removed since it was listed. */
static bool is_about_object(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_UNSUPPORTED || status == HF_DENIED;
}

/* Manifests or proofs that are read several at a time: on a bucket each takes a while. */
struct loading {
    struct hf_repo *repo;
    const struct hf_strings *keys;
    struct loaded *items; /* by key */
};

struct loaded {
    bool there;
    char *problem; /* why it cannot be read; owned */
    struct hf_manifest manifest;
    struct hf_proof proof;
};

static void free_loaded(struct loaded *items, size_t count)
{
    for (size_t i = 0; items && i < count; i++) {
        hf_manifest_done(&items[i].manifest);
        free(items[i].problem);
    }
    free(items);
}

/* What reading one of them came to; an error is one that ends it all. */
static enum hf_status settle(struct loaded *item, enum hf_status status, struct hf_error *err)
{
    item->there = status == HF_OK;
    if (status == HF_OK || status == HF_NOT_FOUND)
        return HF_OK;
    if (!is_about_object(status))
        return status;
    struct hf_error why = *err;
    return hf_text_copy(why.text, &item->problem, err);
}

static enum hf_status load_manifest(void *arg, size_t i, struct hf_error *err)
{
    const struct loading *loading = arg;
    struct loaded *item = &loading->items[i];
    return settle(
        item, hf_manifest_read(loading->repo, loading->keys->items[i], &item->manifest, err), err);
}

static enum hf_status load_proof(void *arg, size_t i, struct hf_error *err)
{
    const struct loading *loading = arg;
    struct loaded *item = &loading->items[i];
    return settle(item, hf_proof_read(loading->repo, loading->keys->items[i], &item->proof, err),
                  err);
}

static enum hf_status load_each(struct hf_repo *repo, const struct hf_strings *keys,
                                hf_pool_item_fn *load, struct loaded **out, struct hf_error *err)
{
    struct loading loading = {.repo = repo, .keys = keys};
    loading.items = calloc(keys->count + 1, sizeof *loading.items);
    if (!loading.items)
        return hf_error_memory(err);
    enum hf_status status = hf_pool_each(AT_ONCE, keys->count, load, &loading, NULL, err);
    if (status != HF_OK) {
        free_loaded(loading.items, keys->count);
        return status;
    }
    *out = loading.items;
    return HF_OK;
}

static enum hf_status take_manifests(const struct listed *listed, struct loaded *items,
                                     const char *source, const struct hf_observer *observer,
                                     struct hf_snapshots *list, struct hf_error *err)
{
    size_t cap = 0;
    for (size_t i = 0; i < listed->keys.count; i++) {
        if (items[i].problem) {
            list->unreadable++;
            hf_observe(observer, HF_NOTE_WARNING, "a snapshot cannot be read: %s",
                       items[i].problem);
        }
        if (!items[i].there || (source && strcmp(items[i].manifest.source, source) != 0))
            continue;
        HF_TRY(append(list, &cap, listed->keys.items[i], &items[i].manifest, err));
        struct hf_snapshot_info *info = &list->items[list->count - 1];
        if (listed->mtimes[i] < info->latest)
            info->latest = listed->mtimes[i];
    }
    return HF_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct hf_snapshot_info *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* The snapshots of a list by their ids: each proof asks for one. */
struct by_id {
    struct hf_snapshot_info **items;
    size_t count;
};

static int compare_ids(const void *a, const void *b)
{
    const struct hf_snapshot_info *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static enum hf_status sort_by_id(const struct hf_snapshots *list, struct by_id *out,
                                 struct hf_error *err)
{
    out->count = list->count;
    out->items = calloc(list->count + 1, sizeof(struct hf_snapshot_info *));
    if (!out->items)
        return hf_error_memory(err);
    for (size_t i = 0; i < list->count; i++)
        out->items[i] = &list->items[i];
    if (list->count > 1)
        qsort(out->items, out->count, sizeof(struct hf_snapshot_info *), compare_ids);
    return HF_OK;
}

static struct hf_snapshot_info *find_id(const struct by_id *by_id, const char *id)
{
    struct hf_snapshot_info key, *wanted = &key;
    if (by_id->count == 0)
        return NULL;
    (void)snprintf(key.id, sizeof key.id, "%s", id);
    struct hf_snapshot_info **found = bsearch(&wanted, by_id->items, by_id->count,
                                              sizeof(struct hf_snapshot_info *), compare_ids);
    return found ? *found : NULL;
}

static void apply_proof(struct hf_snapshot_info *info, const struct hf_proof *proof)
{
    if (proof->state < info->state ||
        (proof->state == info->state && proof->time < info->state_time))
        return;
    info->state = proof->state;
    info->state_time = proof->time;
}

/* Proofs of snapshots that are not in the list mean nothing, and are not read. */
static enum hf_status proof_keys(struct hf_repo *repo, const char *prefix,
                                 const struct by_id *by_id, struct hf_strings *out,
                                 struct hf_error *err)
{
    HF_AUTO(hf_strings) all = HF_STRINGS_INIT;
    HF_TRY(hf_store_list(repo->store, prefix, collect_key, &all, err));
    for (size_t i = 0; i < all.count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        if (hf_proof_key_id(all.items[i], id) && find_id(by_id, id))
            HF_TRY(hf_strings_add(out, all.items[i], err));
    }
    return HF_OK;
}

static void note_unclear(const struct by_id *by_id, const char *key, const char *problem,
                         const struct hf_observer *observer)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_snapshot_info *info = hf_proof_key_id(key, id) ? find_id(by_id, id) : NULL;
    if (info)
        info->unclear = true;
    hf_observe(observer, HF_NOTE_WARNING, "a proof cannot be read: %s", problem);
}

static enum hf_status read_proofs(struct hf_repo *repo, const char *prefix,
                                  const struct hf_observer *observer, const struct by_id *by_id,
                                  struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    struct loaded *items;
    HF_TRY(proof_keys(repo, prefix, by_id, &keys, err));
    HF_TRY(load_each(repo, &keys, load_proof, &items, err));
    for (size_t i = 0; i < keys.count; i++) {
        if (items[i].problem)
            note_unclear(by_id, keys.items[i], items[i].problem, observer);
        if (items[i].there)
            apply_proof(find_id(by_id, items[i].proof.snapshot), &items[i].proof);
    }
    free_loaded(items, keys.count);
    return HF_OK;
}

static enum hf_status load_proofs(struct hf_repo *repo, const char *prefix,
                                  const struct hf_observer *observer, struct hf_snapshots *list,
                                  struct hf_error *err)
{
    struct by_id by_id = {.items = NULL};
    enum hf_status status = sort_by_id(list, &by_id, err);
    if (status == HF_OK)
        status = read_proofs(repo, prefix, observer, &by_id, err);
    free(by_id.items);
    return status;
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
    __attribute__((cleanup(listed_auto))) struct listed listed = {.cap = 0};
    HF_AUTO(hf_snapshots) list = {.items = NULL};
    struct loaded *items;
    HF_TRY(hf_store_list(repo->store, "snapshots/", collect_listed, &listed, err));
    HF_TRY(load_each(repo, &listed.keys, load_manifest, &items, err));
    enum hf_status status = take_manifests(&listed, items, source, observer, &list, err);
    free_loaded(items, listed.keys.count);
    HF_TRY(status);
    if (list.count > 1)
        qsort(list.items, list.count, sizeof *list.items, by_time);
    if (list.count > 0)
        HF_TRY(load_proofs(repo, "proofs/", observer, &list, err));
    *out = list;
    list = (struct hf_snapshots){.items = NULL};
    return HF_OK;
}
