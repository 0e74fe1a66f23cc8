#include "storage/repository/forget.h"

#include "storage/repository/pin.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct forgetting {
    struct hf_repo *repo;
    const struct hf_forget_options *options;
    struct key *keys; /* of all manifests, sorted */
    size_t count;
};

struct key {
    char id[HF_SNAPSHOT_ID_TEXT];
    const char *key;
};

static int by_id(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    return strcmp(x->id, y->id);
}

static enum hf_status sort_keys(struct forgetting *f, const struct hf_strings *keys,
                                struct hf_error *err)
{
    f->keys = calloc(keys->count + 1, sizeof *f->keys);
    if (!f->keys)
        return hf_error_memory(err);
    for (size_t i = 0; i < keys->count; i++) {
        f->keys[f->count].key = keys->items[i];
        f->count += hf_manifest_key_id(keys->items[i], f->keys[f->count].id);
    }
    qsort(f->keys, f->count, sizeof *f->keys, by_id);
    return HF_OK;
}

static const char *key_of(const struct forgetting *f, const char *snapshot)
{
    struct key wanted = {.key = NULL};
    (void)snprintf(wanted.id, sizeof wanted.id, "%s", snapshot);
    const struct key *found = bsearch(&wanted, f->keys, f->count, sizeof wanted, by_id);
    return found ? found->key : NULL;
}

static enum hf_status is_pinned(const struct forgetting *f, const char *id, bool *out,
                                struct hf_error *err)
{
    struct hf_pin pin;
    struct hf_error why = HF_ERROR_INIT;
    *out = false;
    if (f->options->pinned)
        return HF_OK;
    enum hf_status status = hf_pin_read(f->repo, id, &pin, &why);
    if (status == HF_NOT_FOUND)
        return HF_OK;
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    *out = hf_pin_holds(&pin, hf_lease_reckon(f->options->lease));
    hf_pin_done(&pin);
    return HF_OK;
}

/* Not now: by its lock, or why says why. */
static enum hf_status note_lock(const struct forgetting *f, const char *key,
                                const struct hf_error *why, struct hf_forgotten *out,
                                struct hf_error *err)
{
    struct hf_store_stat stat;
    HF_TRY(hf_store_stat(f->repo->store, key, &stat, err));
    if (stat.locked_until == 0) {
        *err = *why;
        return why->status;
    }
    *out = (struct hf_forgotten){.outcome = HF_FORGET_LOCKED, .locked_until = stat.locked_until};
    return HF_OK;
}

static enum hf_status would_remove(const struct forgetting *f, const char *key,
                                   struct hf_forgotten *out, struct hf_error *err)
{
    struct hf_store_stat stat;
    HF_TRY(hf_store_stat(f->repo->store, key, &stat, err));
    bool locked = stat.locked_until > hf_lease_reckon(f->options->lease);
    *out = (struct hf_forgotten){
        .outcome = locked ? HF_FORGET_LOCKED : HF_FORGET_REMOVED,
        .locked_until = locked ? stat.locked_until : 0,
    };
    return HF_OK;
}

static enum hf_status collect_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                                  struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

/* Best effort: they mean nothing any more, and one that is locked stays. */
static void remove_traces(const struct forgetting *f, const char *id)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    struct hf_error ignored = HF_ERROR_INIT;
    char prefix[sizeof "proofs//" + HF_SNAPSHOT_ID_TEXT];
    (void)snprintf(prefix, sizeof prefix, "proofs/%s/", id);
    if (hf_store_list(f->repo->store, prefix, collect_key, &keys, &ignored) == HF_OK &&
        keys.count > 0)
        (void)!hf_store_delete_many(f->repo->store, (const char *const *)keys.items, keys.count,
                                    &ignored);
    (void)!hf_pin_remove(f->repo, id, &ignored);
}

static enum hf_status remove_snapshot(const struct forgetting *f, const char *key, const char *id,
                                      struct hf_forgotten *out, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    HF_TRY(hf_lease_check(f->options->lease, err));
    enum hf_status status = hf_store_delete(f->repo->store, key, &why);
    if (status == HF_DENIED)
        return note_lock(f, key, &why, out, err);
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    out->outcome = HF_FORGET_REMOVED;
    remove_traces(f, id);
    return HF_OK;
}

static enum hf_status forget_one(const struct forgetting *f, const char *id,
                                 struct hf_forgotten *out, struct hf_error *err)
{
    const char *key = key_of(f, id);
    bool pinned;
    if (f->options->cancel)
        HF_TRY(hf_cancel_check(f->options->cancel, err));
    if (!key) {
        out->outcome = HF_FORGET_GONE;
        return HF_OK;
    }
    HF_TRY(is_pinned(f, id, &pinned, err));
    if (pinned) {
        out->outcome = HF_FORGET_PINNED;
        return HF_OK;
    }
    return f->options->dry_run ? would_remove(f, key, out, err)
                               : remove_snapshot(f, key, id, out, err);
}

enum hf_status hf_forget(struct hf_repo *repo, const struct hf_strings *ids,
                         const struct hf_forget_options *options, struct hf_forgotten *items,
                         struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    struct forgetting f = {.repo = repo, .options = options};
    enum hf_status status = HF_OK;
    for (size_t i = 0; i < ids->count; i++)
        items[i] = (struct hf_forgotten){.outcome = HF_FORGET_LEFT};
    HF_TRY(hf_snapshot_keys(repo, &keys, err));
    HF_TRY(sort_keys(&f, &keys, err));
    for (size_t i = 0; status == HF_OK && i < ids->count; i++) {
        status = forget_one(&f, ids->items[i], &items[i], err);
        if (status != HF_OK)
            (void)hf_error_prefix(err, "snapshot %.12s", ids->items[i]);
    }
    free(f.keys);
    return status;
}
