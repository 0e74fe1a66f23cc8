/* The order of a prune's steps. */
#include "storage/repository/prune.h"

#include "base/clock.h"
#include "storage/repository/index_merge.h"
#include "storage/repository/prune_internal.h"

#include <stdlib.h>

/* A dry run only keeps others from deleting under it, and goes on without where the store takes no
 * lease. */
static enum hf_status take_lease(struct hf_prune *prune, struct hf_error *err)
{
    const struct hf_prune_options *options = prune->options;
    const struct hf_lease_options lease = {
        .mode = options->dry_run ? HF_LEASE_SHARED : HF_LEASE_PRUNE,
        .purpose = options->dry_run ? "prune --dry-run" : "prune",
        .cancel = options->cancel,
        .observer = options->observer};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_lease_take(prune->repo, &lease, &prune->lease, &why);
    if (status == HF_OK)
        return hf_lease_time(prune->lease, &prune->now, err);
    if (options->dry_run && status != HF_BUSY && status != HF_CANCELLED) {
        prune->now = hf_clock_now();
        return HF_OK;
    }
    *err = why;
    return status;
}

static enum hf_status look(struct hf_prune *prune, struct hf_error *err)
{
    HF_TRY(hf_marks_load(&prune->marks, prune->repo, err));
    HF_TRY(hf_index_new(&prune->index, err));
    HF_TRY(hf_chunk_reader_new(prune->repo, prune->index, &prune->reader, err));
    HF_TRY(hf_prune_load(prune, err));
    prune->report->index_before = hf_index_objects(prune->index);
    HF_TRY(hf_prune_walk(prune, err));
    hf_prune_decide(prune);
    return HF_OK;
}

/* Many small objects cost whoever loads the index a request each. */
static enum hf_status tidy_index(struct hf_prune *prune, struct hf_error *err)
{
    struct hf_index_merged merged;
    struct hf_error why = HF_ERROR_INIT;
    HF_TRY(hf_index_flush(prune->index, prune->repo, NULL, err));
    if (hf_index_merge(prune->index, prune->repo, prune->lease, prune->options->cancel, &merged,
                       &why) != HF_OK)
        hf_observe(prune->options->observer, HF_NOTE_DETAIL,
                   "small index objects stay as they are, the next backup merges them: %s",
                   why.text);
    return HF_OK;
}

static enum hf_status run(struct hf_prune *prune, struct hf_error *err)
{
    bool dry = prune->options->dry_run;
    HF_TRY(take_lease(prune, err));
    HF_TRY(look(prune, err));
    if (!dry) {
        HF_TRY(hf_lease_check(prune->lease, err));
        HF_TRY(hf_prune_clean_marks(prune, err));
        HF_TRY(hf_prune_mark(prune, err));
    }
    if (prune->options->repack_percent > 0)
        HF_TRY(hf_prune_repack(prune, err));
    HF_TRY(hf_prune_sweep(prune, err));
    if (!dry)
        HF_TRY(tidy_index(prune, err));
    prune->report->index_after = hf_index_objects(prune->index);
    return HF_OK;
}

static void done(struct hf_prune *prune)
{
    for (size_t i = 0; i < prune->count; i++)
        for (size_t kind = 0; kind < HF_PRUNE_BITS; kind++)
            free(prune->packs[i].bits[kind]);
    free(prune->packs);
    if (prune->reader)
        hf_chunk_reader_free(prune->reader);
    hf_index_free(prune->index);
    hf_marks_done(&prune->marks);
    hf_strings_free(&prune->walked);
    if (prune->lease)
        hf_lease_release(prune->lease);
    pthread_mutex_destroy(&prune->lock);
}

enum hf_status hf_prune(struct hf_repo *repo, const struct hf_prune_options *options,
                        struct hf_prune_report *out, struct hf_error *err)
{
    struct hf_prune prune = {.repo = repo, .options = options, .report = out};
    *out = (struct hf_prune_report){.snapshots = 0};
    hf_marks_init(&prune.marks);
    (void)pthread_mutex_init(&prune.lock, NULL); /* cannot fail with default attributes */
    enum hf_status status = run(&prune, err);
    done(&prune);
    return status;
}
