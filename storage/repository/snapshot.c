#include "storage/repository/snapshot.h"

#include "storage/repository/catalog.h"
#include "storage/repository/chunk_reader.h"
#include "storage/repository/fallback.h"
#include "storage/repository/feed.h"
#include "storage/repository/index.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

struct hf_snapshot {
    struct hf_fallback *fallback; /* or NULL */
    bool manifest_elsewhere;
    struct hf_snapshot_info info;
    struct hf_index *index;
    struct hf_chunk_reader *reader;
    struct hf_catalog catalog;
    struct hf_feeder *feeder;
};

void hf_snapshot_close(struct hf_snapshot *snapshot)
{
    if (snapshot->feeder)
        hf_feeder_free(snapshot->feeder);
    hf_catalog_free(&snapshot->catalog);
    if (snapshot->reader)
        hf_chunk_reader_free(snapshot->reader);
    hf_index_free(snapshot->index);
    if (snapshot->fallback)
        hf_fallback_free(snapshot->fallback);
    hf_snapshot_info_done(&snapshot->info);
    free(snapshot);
}

static enum hf_status find_key(struct hf_repo *repo, const char *id, struct hf_strings *keys,
                               const char **out, struct hf_error *err)
{
    HF_TRY(hf_snapshot_keys(repo, keys, err));
    for (size_t i = 0; i < keys->count; i++) {
        char other[HF_SNAPSHOT_ID_TEXT];
        if (hf_manifest_key_id(keys->items[i], other) && strcmp(other, id) == 0) {
            *out = keys->items[i];
            return HF_OK;
        }
    }
    return hf_error_set(err, HF_NOT_FOUND, "there is no snapshot %s", id);
}

static enum hf_status load_manifest(struct hf_repo *repo, const char *id, struct hf_manifest *out,
                                    struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    const char *key;
    HF_TRY(find_key(repo, id, &keys, &key, err));
    return hf_manifest_read(repo, key, out, err);
}

/* A manifest that is gone or damaged here is the same one there: its id is its hash. */
static enum hf_status find_manifest(struct hf_snapshot *snapshot, struct hf_repo *repo,
                                    const char *id, struct hf_manifest *out, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT, ignored = HF_ERROR_INIT;
    enum hf_status status = load_manifest(repo, id, out, &why);
    if (snapshot->fallback && (status == HF_NOT_FOUND || status == HF_DAMAGED || status == HF_IO) &&
        load_manifest(hf_fallback_repo(snapshot->fallback), id, out, &ignored) == HF_OK) {
        hf_fallback_note(snapshot->fallback, &why);
        snapshot->manifest_elsewhere = true;
        return HF_OK;
    }
    if (status != HF_OK)
        *err = why;
    return status;
}

static void note_fault(void *ctx, const char *object, const struct hf_error *why)
{
    size_t *faults = ctx;
    (void)object;
    (void)why;
    (*faults)++;
}

enum hf_status hf_index_load_whole(struct hf_index *index, struct hf_repo *repo,
                                   struct hf_error *err)
{
    size_t faults = 0;
    struct hf_index_survey survey;
    const struct hf_index_faults told = {.ctx = &faults, .fn = note_fault};
    HF_TRY(hf_index_load(index, repo, &told, err));
    if (faults == 0)
        return HF_OK;
    return hf_index_survey(index, repo, "", &told, &survey, err);
}

/* Every stream that the manifest counts, and what they add up to. */
static enum hf_status check_totals(const struct hf_snapshot *snapshot, struct hf_error *err)
{
    uint64_t bytes = 0, records = 0;
    for (size_t i = 0; i < snapshot->catalog.count; i++) {
        bytes += snapshot->catalog.items[i].info.bytes;
        records += snapshot->catalog.items[i].info.records;
    }
    if (snapshot->catalog.count != snapshot->info.streams || bytes != snapshot->info.bytes ||
        records != snapshot->info.records)
        return hf_error_set(err, HF_DAMAGED, "manifest and catalog do not agree on the streams");
    return HF_OK;
}

static enum hf_status open_parts(struct hf_snapshot *snapshot, struct hf_repo *repo, const char *id,
                                 const struct hf_read_options *options, struct hf_error *err)
{
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    if (options->fallback)
        HF_TRY(
            hf_fallback_new(repo, options->fallback, options->observer, &snapshot->fallback, err));
    HF_TRY(find_manifest(snapshot, repo, id, &manifest, err));
    struct hf_reflist_root catalog = manifest.catalog;
    hf_snapshot_info_take(&snapshot->info, id, &manifest);
    HF_TRY(hf_snapshot_load_state(repo, &snapshot->info, err));
    HF_TRY(hf_index_new(&snapshot->index, err));
    HF_TRY(hf_index_load_whole(snapshot->index, repo, err));
    HF_TRY(hf_chunk_reader_new(repo, snapshot->index, &snapshot->reader, err));
    hf_chunk_reader_fall_back(snapshot->reader, snapshot->fallback);
    HF_TRY(
        hf_catalog_read(&catalog, hf_chunk_read_meta, snapshot->reader, &snapshot->catalog, err));
    HF_TRY(check_totals(snapshot, err));
    return hf_feeder_new(snapshot->reader, repo, &snapshot->catalog, options, &snapshot->feeder,
                         err);
}

enum hf_status hf_snapshot_open(struct hf_repo *repo, const char *id,
                                const struct hf_read_options *options, struct hf_snapshot **out,
                                struct hf_error *err)
{
    HF_AUTO_PTR(hf_snapshot) snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return hf_error_memory(err);
    if (open_parts(snapshot, repo, id, options, err) != HF_OK)
        return hf_error_prefix(err, "snapshot %.8s", id);
    *out = snapshot;
    snapshot = NULL;
    return HF_OK;
}

const struct hf_feed *hf_snapshot_feed(struct hf_snapshot *snapshot)
{
    return hf_feeder_feed(snapshot->feeder);
}

void hf_snapshot_fell_back(const struct hf_snapshot *snapshot, struct hf_fell_back *out)
{
    *out = (struct hf_fell_back){.manifest = snapshot->manifest_elsewhere};
    if (snapshot->fallback)
        hf_fallback_stats(snapshot->fallback, out);
}

const struct hf_snapshot_info *hf_snapshot_info(const struct hf_snapshot *snapshot)
{
    return &snapshot->info;
}
