#include "storage/repository/backup_internal.h"

#include "storage/repository/catalog.h"
#include "storage/repository/chunk_reader.h"
#include "storage/repository/feed.h"
#include "storage/repository/manifest.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * The snapshot that a backup builds on: its meta streams can be read, and streams of it become
 * streams of the new one by their reference lists alone. What is counted on is looked for in the
 * index first, chunk by chunk: the base may be damaged, the new snapshot must not be.
 */
struct hf_backup_base {
    struct hf_base base;
    struct hf_backup *backup;
    struct hf_manifest manifest;
    struct hf_catalog catalog;
    struct hf_chunk_reader *reader;
    struct hf_feeder *feeder;
};

void hf_backup_base_free(struct hf_backup_base *base)
{
    if (!base)
        return;
    if (base->feeder)
        hf_feeder_free(base->feeder);
    if (base->reader)
        hf_chunk_reader_free(base->reader);
    hf_catalog_free(&base->catalog);
    hf_manifest_done(&base->manifest);
    free(base);
}
HF_DEFINE_AUTO_PTR(hf_backup_base, hf_backup_base_free)

struct visit {
    struct hf_backup *backup;
    enum hf_chunk_class class; /* of the stream's chunks */
    bool lacks;
};

static void visit_any(struct visit *visit, const uint8_t id[HF_REF_ID], enum hf_chunk_class class,
                      uint32_t len)
{
    struct hf_location at;
    struct hf_chunk_id key;
    memcpy(key.bytes, id, sizeof key.bytes);
    if (!hf_index_find(visit->backup->index, &key, &at) || at.dropped || at.pack->class != class ||
        (len != 0 && at.frame->plain_len != len))
        visit->lacks = true;
    else
        hf_backup_note_used(visit->backup, at.pack);
}

static enum hf_status visit_node(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                 struct hf_error *err)
{
    (void)err;
    visit_any(ctx, id, HF_CHUNK_META, len);
    return HF_OK;
}

static enum hf_status visit_chunk(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                  struct hf_error *err)
{
    struct visit *visit = ctx;
    (void)err;
    visit_any(visit, id, visit->class, len);
    return HF_OK;
}

/* A list that cannot be read is none to count on. */
static enum hf_status base_holds(void *ctx, const char *name, bool *out, struct hf_error *err)
{
    struct hf_backup_base *base = ctx;
    const struct hf_catalog_entry *entry = hf_catalog_find(&base->catalog, name);
    struct hf_error why = HF_ERROR_INIT;
    *out = false;
    if (!entry)
        return HF_OK;
    struct visit visit = {.backup = base->backup, .class = hf_stream_class(entry->info.kind)};
    enum hf_status status = hf_reflist_walk(&entry->root, hf_chunk_read_meta, base->reader,
                                            visit_node, visit_chunk, &visit, &why);
    if (status != HF_OK && status != HF_DAMAGED) {
        *err = why;
        return status;
    }
    *out = status == HF_OK && !visit.lacks;
    return HF_OK;
}

static enum hf_status open_parts(struct hf_backup_base *base, struct hf_error *err)
{
    struct hf_backup *backup = base->backup;
    const struct hf_read_options options = {
        .threads = 1, .cancel = backup->cancel, .leased = true, .one_by_one = true};
    HF_TRY(hf_chunk_reader_new(backup->repo, backup->index, &base->reader, err));
    HF_TRY(hf_catalog_read(&base->manifest.catalog, hf_chunk_read_meta, base->reader,
                           &base->catalog, err));
    HF_TRY(hf_feeder_new(base->reader, backup->repo, &base->catalog, &options, &base->feeder, err));
    base->base = (struct hf_base){.ctx = base,
                                  .feed = hf_feeder_feed(base->feeder),
                                  .properties = base->manifest.properties,
                                  .holds = base_holds};
    return HF_OK;
}

/* *out stays NULL for a snapshot of another source, and for one that cannot be read: it is no
 * base, and no reason to fail. */
static enum hf_status open_base(struct hf_backup *backup, const char *key,
                                struct hf_backup_base **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_backup_base) base = calloc(1, sizeof *base);
    struct hf_error why = HF_ERROR_INIT;
    if (!base)
        return hf_error_memory(err);
    base->backup = backup;
    enum hf_status status = hf_manifest_read(backup->repo, key, &base->manifest, &why);
    if (status == HF_OK && strcmp(base->manifest.source, backup->source) == 0 &&
        strcmp(base->manifest.kind, backup->kind) == 0 &&
        strcmp(base->manifest.host, backup->host) == 0) {
        status = open_parts(base, &why);
        if (status == HF_OK) {
            *out = base;
            base = NULL;
        }
    }
    if (status == HF_OK || status == HF_DAMAGED || status == HF_NOT_FOUND ||
        status == HF_UNSUPPORTED || status == HF_DENIED)
        return HF_OK;
    *err = why;
    return status;
}

static int newest_first(const void *a, const void *b)
{
    return -strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys of manifests sort by time. */
static enum hf_status find_base(struct hf_backup *backup, struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_TRY(hf_snapshot_keys(backup->repo, &keys, err));
    if (keys.count > 1)
        qsort(keys.items, keys.count, sizeof *keys.items, newest_first);
    for (size_t i = 0; i < keys.count && !backup->base; i++) {
        HF_TRY(hf_cancel_check(backup->cancel, err));
        HF_TRY(open_base(backup, keys.items[i], &backup->base, err));
    }
    return HF_OK;
}

enum hf_status hf_backup_base(void *ctx, const struct hf_base **out, struct hf_error *err)
{
    struct hf_backup *backup = ctx;
    if (!backup->base_sought && find_base(backup, err) != HF_OK)
        return hf_error_prefix(err, "looking for the last snapshot of %s", backup->source);
    backup->base_sought = true;
    *out = backup->base ? &backup->base->base : NULL;
    return HF_OK;
}

enum hf_status hf_backup_carry(void *ctx, const char *name, struct hf_error *err)
{
    struct hf_backup *backup = ctx;
    struct hf_backup_stream *stream;
    const struct hf_catalog_entry *entry =
        backup->base ? hf_catalog_find(&backup->base->catalog, name) : NULL;
    if (!entry)
        return hf_error_set(err, HF_NOT_FOUND, "the last snapshot has no stream %s", name);
    HF_TRY(hf_backup_stream_new(backup, name, entry->info.kind, &stream, err));
    pthread_mutex_lock(&backup->lock);
    stream->state = HF_BACKUP_STREAM_CARRIED;
    stream->records = entry->info.records;
    stream->attrs = json_incref((json_t *)(uintptr_t)entry->info.attrs);
    stream->root = entry->root;
    pthread_mutex_unlock(&backup->lock);
    return HF_OK;
}
