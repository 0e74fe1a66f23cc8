#include "storage/repository/backup.h"

#include "base/clock.h"
#include "base/text.h"
#include "storage/repository/backup_internal.h"
#include "storage/repository/index_merge.h"
#include "storage/repository/repository_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_backup_stop(void *arg)
{
    struct hf_backup *backup = arg;
    hf_chunk_pool_stop(backup->buffers);
    hf_queue_cancel(backup->queue);
    hf_packer_stop(backup->packer);
}

/* Ends the threads that still run, whatever they are at. */
static void end_threads(struct hf_backup *backup)
{
    struct hf_error ignored = HF_ERROR_INIT;
    if (backup->worker_pool || backup->uploader_pool)
        hf_backup_stop(backup);
    if (backup->worker_pool)
        (void)!hf_pool_join(backup->worker_pool, &ignored);
    if (backup->uploader_pool)
        (void)!hf_pool_join(backup->uploader_pool, &ignored);
    backup->worker_pool = NULL;
    backup->uploader_pool = NULL;
}

static void free_workers(struct hf_backup *backup)
{
    for (size_t i = 0; backup->workers && i < backup->plan.workers; i++) {
        hf_chunk_hasher_free(backup->workers[i].hashers[HF_CHUNK_DATA]);
        hf_chunk_hasher_free(backup->workers[i].hashers[HF_CHUNK_META]);
        hf_frame_coder_free(backup->workers[i].coder);
    }
    free(backup->workers);
    backup->workers = NULL;
}

/* What takes memory by the dozen MiB. The packer goes with it, and with it its count. */
static void free_pipeline(struct hf_backup *backup)
{
    end_threads(backup);
    hf_backup_streams_free(backup);
    free_workers(backup);
    if (backup->queue)
        hf_queue_free(backup->queue);
    hf_packer_free(backup->packer);
    hf_claims_free(backup->claims);
    hf_chunk_pool_free(backup->buffers);
    backup->queue = NULL;
    backup->packer = NULL;
    backup->claims = NULL;
    backup->buffers = NULL;
}

void hf_backup_abort(struct hf_backup *backup)
{
    if (!backup)
        return;
    free_pipeline(backup);
    hf_backup_base_free(backup->base);
    hf_index_free(backup->index);
    if (backup->lease)
        hf_lease_release(backup->lease);
    sodium_memzero(&backup->chunker, sizeof backup->chunker);
    pthread_mutex_destroy(&backup->lock);
    free(backup->used);
    free(backup->source);
    free(backup->kind);
    free(backup->host);
    free(backup->job);
    hf_strings_free(&backup->tags);
    free(backup);
}

enum hf_status hf_backup_take_lease(struct hf_backup *backup, struct hf_error *err)
{
    char purpose[HF_LEASE_PURPOSE_MAX];
    (void)snprintf(purpose, sizeof purpose, "backup %s", backup->source);
    /* Not our cancel: a host that was asleep for a while may finish its backup, after a look
     * whether all it counts on is still there (backup_commit.c). */
    struct hf_lease_options options = {
        .mode = HF_LEASE_SHARED,
        .purpose = purpose,
        .observer = backup->observer,
    };
    HF_TRY(hf_lease_take(backup->repo, &options, &backup->lease, err));
    backup->leased = hf_lease_reckon(backup->lease);
    return HF_OK;
}

/* What the repository has: by its index, and by its packs. */
static enum hf_status load_index(struct hf_backup *backup, struct hf_error *err)
{
    struct hf_index_survey survey;
    HF_TRY(hf_index_new(&backup->index, err));
    HF_TRY(hf_index_load_surveyed(backup->index, backup->repo, backup->lease, backup->observer,
                                  &survey, err));
    backup->adopted = survey.adopted;
    if (survey.lost > 0)
        hf_observe(backup->observer, HF_NOTE_WARNING,
                   "%llu packs are missing or cut short: what they held is stored again as far as "
                   "it is in this backup; `holdfast check` tells which snapshots lack it",
                   (unsigned long long)survey.lost);
    while (hf_index_pack(backup->index, backup->old_packs))
        backup->old_packs++;
    backup->used = calloc(backup->old_packs + 1, sizeof *backup->used);
    return backup->used ? HF_OK : hf_error_memory(err);
}

/* Now that the size of the index is known. */
static enum hf_status plan_again(struct hf_backup *backup, const struct hf_backup_options *options,
                                 struct hf_error *err)
{
    uint64_t index = hf_index_bytes(backup->index), beyond = 0;
    uint64_t memory = options->memory ? options->memory : HF_BACKUP_MEMORY;
    HF_TRY(hf_backup_plan_beside(index, memory - options->beside, options->threads, options->level,
                                 backup->repo->header.chunk_max, &backup->plan, &beyond, err));
    if (beyond == 0)
        return HF_OK;
    char has[HF_SIZE_TEXT], more[HF_SIZE_TEXT];
    hf_text_format_size(has, index);
    hf_text_format_size(more, beyond);
    hf_observe(backup->observer, HF_NOTE_WARNING,
               "the index of this repository takes %s of memory: this backup may use %s more than "
               "it was allowed; raise memory",
               has, more);
    return HF_OK;
}

static enum hf_status make_chunker(struct hf_backup *backup, struct hf_error *err)
{
    const struct hf_repo_header *header = &backup->repo->header;
    uint8_t seed[HF_KEY_SIZE];
    hf_keyset_id_subkey(backup->repo->keys, HF_ID_CHUNKER, seed);
    enum hf_status status = hf_chunker_init(&backup->chunker, seed, header->chunk_min,
                                            header->chunk_avg, header->chunk_max, err);
    sodium_memzero(seed, sizeof seed);
    return status;
}

static enum hf_status make_workers(struct hf_backup *backup, struct hf_error *err)
{
    backup->workers = calloc(backup->plan.workers, sizeof *backup->workers);
    if (!backup->workers)
        return hf_error_memory(err);
    for (size_t i = 0; i < backup->plan.workers; i++) {
        struct hf_backup_worker *worker = &backup->workers[i];
        for (enum hf_chunk_class class = HF_CHUNK_DATA; class <= HF_CHUNK_META; class ++)
            HF_TRY(hf_chunk_hasher_new(backup->repo->keys, class, &worker->hashers[class], err));
        HF_TRY(hf_frame_coder_new(backup->level, &worker->coder, err));
    }
    return HF_OK;
}

static enum hf_status make_pipeline(struct hf_backup *backup, struct hf_error *err)
{
    const struct hf_backup_plan *plan = &backup->plan;
    struct hf_packer_options packer = {
        .repo = backup->repo,
        .index = backup->index,
        .cancel = backup->cancel,
        .packs = plan->packs,
        .pack_size = plan->pack_size,
    };
    HF_TRY(make_chunker(backup, err));
    HF_TRY(make_workers(backup, err));
    HF_TRY(hf_claims_new(&backup->claims, err));
    packer.claims = backup->claims;
    HF_TRY(hf_packer_new(&packer, &backup->packer, err));
    HF_TRY(hf_chunk_pool_new(plan->buffers, backup->chunker.max, &backup->buffers, err));
    return hf_queue_new(plan->buffers, &backup->queue, err);
}

static enum hf_status run_uploader(void *arg, size_t index, struct hf_error *err)
{
    struct hf_backup *backup = arg;
    (void)index;
    return hf_packer_upload(backup->packer, err);
}

static enum hf_status start_threads(struct hf_backup *backup, struct hf_error *err)
{
    HF_TRY(hf_pool_start(backup->plan.uploaders, run_uploader, hf_backup_stop, backup,
                         backup->cancel, &backup->uploader_pool, err));
    return hf_pool_start(backup->plan.workers, hf_backup_work, hf_backup_stop, backup,
                         backup->cancel, &backup->worker_pool, err);
}

static enum hf_status new_backup(struct hf_repo *repo, const struct hf_backup_options *options,
                                 struct hf_backup **out, struct hf_error *err)
{
    struct hf_backup *backup = calloc(1, sizeof *backup);
    if (!backup)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&backup->lock, NULL); /* cannot fail with default attributes */
    backup->repo = repo;
    backup->cancel = options->cancel;
    backup->observer = options->observer;
    backup->level = options->level;
    backup->time = hf_clock_now();
    *out = backup; /* from here on hf_backup_abort frees it */
    HF_TRY(hf_text_copy(options->source, &backup->source, err));
    HF_TRY(hf_text_copy(options->kind, &backup->kind, err));
    HF_TRY(hf_text_copy(options->host, &backup->host, err));
    if (options->job)
        HF_TRY(hf_text_copy(options->job, &backup->job, err));
    for (size_t i = 0; options->tags && i < options->tags->count; i++)
        HF_TRY(hf_strings_add(&backup->tags, options->tags->items[i], err));
    return hf_backup_plan(options->memory, options->threads, options->level, repo->header.chunk_max,
                          &backup->plan, err);
}

uint64_t hf_backup_spare(const struct hf_repo *repo, const struct hf_backup_options *options)
{
    return hf_backup_plan_spare(options->memory, options->level, repo->header.chunk_max);
}

enum hf_status hf_backup_begin(struct hf_repo *repo, const struct hf_backup_options *options,
                               struct hf_backup **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_backup) backup = NULL;
    HF_TRY(new_backup(repo, options, &backup, err));
    hf_backup_sink_init(backup);
    HF_TRY(hf_backup_take_lease(backup, err));
    HF_TRY(load_index(backup, err));
    HF_TRY(plan_again(backup, options, err));
    HF_TRY(make_pipeline(backup, err));
    HF_TRY(start_threads(backup, err));
    *out = backup;
    backup = NULL;
    return HF_OK;
}

const struct hf_sink *hf_backup_sink(struct hf_backup *backup)
{
    return &backup->sink;
}

void hf_backup_set_time(struct hf_backup *backup, int64_t time)
{
    backup->time = time;
}

void hf_backup_stats(struct hf_backup *backup, struct hf_backup_stats *out)
{
    *out = (struct hf_backup_stats){
        .read_bytes = atomic_load(&backup->read_bytes),
        .records = atomic_load(&backup->records),
        .chunks = atomic_load(&backup->chunks),
        .new_chunks = atomic_load(&backup->new_chunks),
        .new_bytes = atomic_load(&backup->new_bytes),
        .stored_bytes = hf_packer_stored(backup->packer) + atomic_load(&backup->index_bytes),
        .adopted_packs = backup->adopted,
    };
}

/* The snapshot is there: whatever becomes of this, nothing is lost. */
static void merge_index(struct hf_backup *backup)
{
    struct hf_index_merged merged;
    struct hf_error why = HF_ERROR_INIT;
    if (hf_index_merge(backup->index, backup->repo, backup->lease, backup->cancel, &merged, &why) !=
        HF_OK)
        hf_observe(backup->observer, HF_NOTE_DETAIL,
                   "small index objects stay as they are, the next backup merges them: %s",
                   why.text);
    if (merged.removed > 0)
        hf_observe(backup->observer, HF_NOTE_DETAIL, "%zu index objects merged into %zu",
                   merged.removed, merged.written);
}

enum hf_status hf_backup_commit(struct hf_backup *backup, const json_t *properties,
                                char out_id[HF_SNAPSHOT_ID_TEXT], struct hf_backup_stats *out_stats,
                                struct hf_error *err)
{
    enum hf_status status = hf_backup_finish(backup, properties, out_id, err);
    struct hf_error cause = HF_ERROR_INIT;
    /* Stopped, yes: but by what? */
    if (status == HF_CANCELLED && hf_cancel_cause(backup->cancel, &cause) != HF_OK) {
        *err = cause;
        status = cause.status;
    }
    if (status == HF_OK && out_stats)
        hf_backup_stats(backup, out_stats);
    free_pipeline(backup);
    if (status == HF_OK)
        merge_index(backup);
    hf_backup_abort(backup);
    return status;
}
