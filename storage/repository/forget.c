#include "storage/repository/forget.h"

#include "storage/repository/pin.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <stdio.h>
#include <string.h>

struct forgetting {
    struct hf_repo *repo;
    const struct hf_forget_options *options;
    const struct hf_strings *keys; /* of all manifests */
};

static const char *key_of(const struct forgetting *f, const char *snapshot)
{
    for (size_t i = 0; i < f->keys->count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        if (hf_manifest_key_id(f->keys->items[i], id) && strcmp(id, snapshot) == 0)
            return f->keys->items[i];
    }
    return NULL;
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
    struct forgetting f = {.repo = repo, .options = options, .keys = &keys};
    for (size_t i = 0; i < ids->count; i++)
        items[i] = (struct hf_forgotten){.outcome = HF_FORGET_LEFT};
    HF_TRY(hf_snapshot_keys(repo, &keys, err));
    for (size_t i = 0; i < ids->count; i++) {
        enum hf_status status = forget_one(&f, ids->items[i], &items[i], err);
        if (status != HF_OK)
            return hf_error_prefix(err, "snapshot %.12s", ids->items[i]);
    }
    return HF_OK;
}
