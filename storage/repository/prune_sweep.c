/*
 * Removing packs that were marked long enough ago. The repository is this prune's alone from before
 * the manifests are read again until the last pack is removed. Order: the index first, so that it
 * never names a pack that is gone; the packs; their marks last, so that a crash leaves packs that
 * the next prune finds marked.
 */
#include "storage/repository/prune_internal.h"

#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, LOOKS_AT_ONCE = 16 };

struct sweep {
    struct hf_prune *prune;
    const struct hf_index_pack **due;
    size_t count;
    struct hf_store_stat *stats; /* of due packs, where somebody looked; size 0: not there */
};

/* Packs of a folder together, which is what a directory likes. */
static int by_id(const void *a, const void *b)
{
    const struct hf_index_pack *const *x = a, *const *y = b;
    return memcmp((*x)->id.bytes, (*y)->id.bytes, sizeof(*x)->id.bytes);
}

static enum hf_status collect(struct sweep *sweep, struct hf_error *err)
{
    struct hf_prune *prune = sweep->prune;
    sweep->due = calloc(prune->count + 1, sizeof(const struct hf_index_pack *));
    sweep->stats = calloc(prune->count + 1, sizeof *sweep->stats);
    if (!sweep->due || !sweep->stats)
        return hf_error_memory(err);
    for (size_t i = 0; i < prune->count; i++)
        if (prune->packs[i].fate == HF_PRUNE_DUE)
            sweep->due[sweep->count++] = hf_index_pack(prune->index, i);
    if (sweep->count > 1)
        qsort(sweep->due, sweep->count, sizeof(const struct hf_index_pack *), by_id);
    return HF_OK;
}

static struct hf_prune_pack *state_of(const struct sweep *sweep, size_t i)
{
    return &sweep->prune->packs[sweep->due[i]->number];
}

/* Takes what is not due any more off the list. */
static void compact(struct sweep *sweep)
{
    size_t kept = 0;
    for (size_t i = 0; i < sweep->count; i++)
        if (state_of(sweep, i)->fate == HF_PRUNE_DUE)
            sweep->due[kept++] = sweep->due[i];
    sweep->count = kept;
}

/* ---- locks ---- */

static enum hf_status look(void *arg, size_t i, struct hf_error *err)
{
    struct sweep *sweep = arg;
    struct hf_store_stat *stat = &sweep->stats[i];
    char name[HF_PACK_NAME];
    hf_pack_name(&sweep->due[i]->id, name);
    enum hf_status status = hf_store_stat(sweep->prune->repo->store, name, stat, err);
    if (status == HF_NOT_FOUND)
        *stat = (struct hf_store_stat){.size = 0};
    return status == HF_NOT_FOUND ? HF_OK : status;
}

static enum hf_status look_at_all(struct sweep *sweep, struct hf_error *err)
{
    return hf_pool_each(LOOKS_AT_ONCE, sweep->count, look, sweep, sweep->prune->options->cancel,
                        err);
}

static void note_locked(struct sweep *sweep, size_t i)
{
    struct hf_prune_report *report = sweep->prune->report;
    int64_t until = sweep->stats[i].locked_until;
    state_of(sweep, i)->fate = HF_PRUNE_LOCKED;
    hf_prune_add(&report->locked, sweep->due[i]->size);
    if (report->locked_until == 0 || until < report->locked_until)
        report->locked_until = until;
}

/* Before they are touched: what is locked stays in the index. */
static enum hf_status sort_out_locked(struct sweep *sweep, struct hf_error *err)
{
    if (!hf_store_protects(sweep->prune->repo->store))
        return HF_OK;
    HF_TRY(look_at_all(sweep, err));
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->stats[i].locked_until > sweep->prune->now)
            note_locked(sweep, i);
    compact(sweep);
    return HF_OK;
}

/* ---- removing ---- */

static void note_deleted(struct sweep *sweep, size_t i)
{
    state_of(sweep, i)->fate = HF_PRUNE_DELETED;
    hf_prune_add(&sweep->prune->report->deleted, sweep->due[i]->size);
}

/* Some of these were refused: which? Those that are locked are no error. */
static enum hf_status settle_refused(struct sweep *sweep, size_t at, size_t count,
                                     const struct hf_error *why, struct hf_error *err)
{
    bool refused = false;
    struct sweep part = {
        .prune = sweep->prune, .due = sweep->due + at, .count = count, .stats = sweep->stats + at};
    HF_TRY(look_at_all(&part, err));
    for (size_t i = 0; i < count; i++) {
        if (part.stats[i].size == 0)
            note_deleted(&part, i);
        else if (part.stats[i].locked_until > 0)
            note_locked(&part, i);
        else
            refused = true;
    }
    if (refused)
        *err = *why;
    return refused ? why->status : HF_OK;
}

static enum hf_status delete_batch(struct sweep *sweep, size_t at, size_t count,
                                   struct hf_error *err)
{
    char names[BATCH][HF_PACK_NAME];
    const char *keys[BATCH];
    struct hf_error why = HF_ERROR_INIT;
    struct hf_prune *prune = sweep->prune;
    for (size_t i = 0; i < count; i++) {
        hf_pack_name(&sweep->due[at + i]->id, names[i]);
        keys[i] = names[i];
    }
    HF_TRY(hf_cancel_check(prune->options->cancel, err));
    HF_TRY(hf_lease_confirm(prune->lease, err));
    enum hf_status status = hf_store_delete_many(prune->repo->store, keys, count, &why);
    if (status == HF_DENIED)
        return settle_refused(sweep, at, count, &why, err);
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    for (size_t i = 0; i < count; i++)
        note_deleted(sweep, at + i);
    hf_observe_advance(prune->options->observer, 0, count);
    return HF_OK;
}

static enum hf_status delete_all(struct sweep *sweep, struct hf_error *err)
{
    for (size_t at = 0; at < sweep->count; at += BATCH) {
        size_t left = sweep->count - at;
        HF_TRY(delete_batch(sweep, at, left < BATCH ? left : BATCH, err));
    }
    return HF_OK;
}

static enum hf_status strip_index(struct sweep *sweep, struct hf_error *err)
{
    struct hf_prune *prune = sweep->prune;
    HF_AUTO_FREE bool *gone = calloc(prune->count + 1, sizeof *gone);
    if (!gone)
        return hf_error_memory(err);
    for (size_t i = 0; i < sweep->count; i++)
        gone[sweep->due[i]->number] = true;
    HF_TRY(hf_lease_confirm(prune->lease, err));
    return hf_index_strip(prune->index, prune->repo, gone, prune->count, prune->now, err);
}

/* What came since everything was looked at. */
static enum hf_status look_again(struct sweep *sweep, struct hf_error *err)
{
    struct hf_prune *prune = sweep->prune;
    const struct hf_index_faults faults = {NULL, NULL};
    HF_TRY(hf_index_load(prune->index, prune->repo, &faults, err));
    HF_TRY(hf_prune_grow(prune, err));
    HF_TRY(hf_prune_walk(prune, err));
    for (size_t i = 0; i < sweep->count; i++) {
        if (state_of(sweep, i)->needed_frames == 0)
            continue;
        state_of(sweep, i)->fate = HF_PRUNE_NEEDED;
        hf_prune_add(&prune->report->needed, sweep->due[i]->size);
        hf_prune_add(&prune->report->unmarked, sweep->due[i]->size);
    }
    compact(sweep);
    return HF_OK;
}

static enum hf_status remove_due(struct sweep *sweep, struct hf_error *err)
{
    HF_TRY(look_again(sweep, err));
    if (sweep->count > 0) {
        HF_TRY(strip_index(sweep, err));
        enum hf_status status = delete_all(sweep, err);
        struct hf_error ignored = HF_ERROR_INIT;
        if (status != HF_OK) { /* marks of packs that are gone say nothing wrong */
            (void)!hf_prune_clean_marks(sweep->prune, &ignored);
            return status;
        }
    }
    return hf_prune_clean_marks(sweep->prune, err);
}

static void leave(struct sweep *sweep, const struct hf_error *why)
{
    struct hf_prune *prune = sweep->prune;
    prune->report->busy = true;
    for (size_t i = 0; i < sweep->count; i++)
        hf_prune_add(&prune->report->left, sweep->due[i]->size);
    hf_observe(prune->options->observer, HF_NOTE_WARNING,
               "%zu pack%s could be removed, but others were at work all the time (%s): the next "
               "prune tries again",
               sweep->count, sweep->count == 1 ? "" : "s", why->text);
}

static enum hf_status run(struct sweep *sweep, struct hf_error *err)
{
    struct hf_prune *prune = sweep->prune;
    struct hf_error why = HF_ERROR_INIT;
    HF_TRY(collect(sweep, err));
    HF_TRY(sort_out_locked(sweep, err));
    if (sweep->count == 0)
        return HF_OK;
    if (prune->options->dry_run) {
        for (size_t i = 0; i < sweep->count; i++)
            note_deleted(sweep, i);
        return HF_OK;
    }
    enum hf_status status =
        hf_lease_raise(prune->lease, prune->options->wait, prune->options->cancel, &why);
    if (status == HF_BUSY && hf_lease_check(prune->lease, err) == HF_OK) {
        leave(sweep, &why);
        return hf_cancel_check(prune->options->cancel, err);
    }
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    status = remove_due(sweep, err);
    if (hf_lease_lower(prune->lease, &why) != HF_OK && status == HF_OK) {
        *err = why;
        status = why.status;
    }
    return status;
}

enum hf_status hf_prune_sweep(struct hf_prune *prune, struct hf_error *err)
{
    struct sweep sweep = {.prune = prune};
    enum hf_status status = run(&sweep, err);
    free(sweep.due);
    free(sweep.stats);
    return status;
}
