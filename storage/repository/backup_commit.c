#include "storage/repository/backup_internal.h"

#include "base/clock.h"
#include "storage/repository/catalog.h"
#include "storage/repository/manifest.h"
#include "storage/repository/marks.h"
#include "storage/repository/protect.h"
#include "storage/repository/repository_internal.h"

#include <string.h>

/*
 * What makes a snapshot of what was written. The order is what keeps a crash harmless: packs, then
 * the index, then the manifest, each durable before the next. A crash before the manifest leaves
 * chunks that the next backup finds.
 */

/* For what is stored on this thread: reference lists and catalog. */
struct lister {
    struct hf_backup *backup;
    struct hf_chunk_hasher *hasher;
    struct hf_frame_coder *coder; /* a worker's: they have ended */
};

static enum hf_status store_meta(void *ctx, const void *data, size_t len, uint8_t out_id[HF_REF_ID],
                                 struct hf_error *err)
{
    struct lister *lister = ctx;
    struct hf_chunk_id id;
    HF_TRY(hf_backup_store(lister->backup, lister->hasher, lister->coder, HF_CHUNK_META,
                           HF_STREAM_BYTES, data, len, &id, err));
    memcpy(out_id, id.bytes, HF_REF_ID);
    return HF_OK;
}

static enum hf_status check_streams(const struct hf_backup *backup, struct hf_error *err)
{
    for (const struct hf_backup_stream *stream = backup->streams; stream; stream = stream->next)
        if (stream->state != HF_BACKUP_STREAM_CLOSED && stream->state != HF_BACKUP_STREAM_CARRIED)
            return hf_error_set(err, HF_FAILED, "stream %s was not written to its end",
                                stream->name);
    return HF_OK;
}

/* Lets the workers finish what is queued. */
static enum hf_status drain(struct hf_backup *backup, struct hf_error *err)
{
    struct hf_pool *pool = backup->worker_pool;
    hf_queue_close(backup->queue);
    backup->worker_pool = NULL;
    HF_TRY(hf_pool_join(pool, err));
    hf_packer_flush(backup->packer, HF_CHUNK_DATA);
    return HF_OK;
}

static enum hf_status list_stream(struct lister *lister, const struct hf_backup_stream *stream,
                                  struct hf_reflist_root *out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_reflist) list = NULL;
    HF_TRY(hf_cancel_check(lister->backup->cancel, err));
    if (stream->state == HF_BACKUP_STREAM_CARRIED) {
        *out = stream->root;
        return HF_OK;
    }
    HF_TRY(hf_reflist_new(store_meta, lister, &list, err));
    for (uint64_t i = 0; i < stream->sequence; i++) {
        if (i >= stream->ref_cap || stream->refs[i].len == 0)
            return hf_error_set(err, HF_FAILED, "chunk %llu was never stored",
                                (unsigned long long)i);
        HF_TRY(hf_reflist_add(list, &stream->refs[i], err));
    }
    return hf_reflist_finish(list, out, err);
}

static enum hf_status list_streams(struct lister *lister, struct hf_catalog *catalog,
                                   struct hf_manifest *manifest, struct hf_error *err)
{
    for (const struct hf_backup_stream *stream = lister->backup->streams; stream;
         stream = stream->next) {
        struct hf_reflist_root root;
        enum hf_status status = list_stream(lister, stream, &root, err);
        if (status == HF_OK)
            status = hf_catalog_add(catalog, stream->name, stream->kind, stream->records,
                                    stream->attrs, &root, err);
        if (status != HF_OK)
            return hf_error_prefix(err, "stream %s", stream->name);
        manifest->streams++;
        manifest->bytes += root.bytes;
        manifest->records += stream->records;
    }
    return HF_OK;
}

static enum hf_status write_lists(struct hf_backup *backup, struct hf_manifest *manifest,
                                  struct hf_error *err)
{
    HF_AUTO_PTR(hf_chunk_hasher) hasher = NULL;
    HF_AUTO(hf_catalog) catalog = HF_CATALOG_INIT;
    HF_TRY(hf_chunk_hasher_new(backup->repo->keys, HF_CHUNK_META, &hasher, err));
    struct lister lister = {backup, hasher, backup->workers[0].coder};
    HF_TRY(list_streams(&lister, &catalog, manifest, err));
    HF_TRY(hf_catalog_write(&catalog, store_meta, &lister, &manifest->catalog, err));
    hf_packer_flush(backup->packer, HF_CHUNK_META);
    return HF_OK;
}

/* Waits until every pack is durable, then writes the index of the last ones. */
static enum hf_status settle(struct hf_backup *backup, struct hf_error *err)
{
    struct hf_pool *pool = backup->uploader_pool;
    hf_packer_close(backup->packer);
    backup->uploader_pool = NULL;
    HF_TRY(hf_pool_join(pool, err));
    uint64_t bytes = 0;
    HF_TRY(hf_index_flush(backup->index, backup->repo, &bytes, err));
    atomic_store(&backup->index_bytes, bytes);
    return HF_OK;
}

/* Is a pack that this snapshot needs still there, and nobody about to remove it? */
static enum hf_status check_pack(const struct hf_backup *backup, const struct hf_marks *marks,
                                 const struct hf_index_pack *pack, struct hf_error *err)
{
    char name[HF_PACK_NAME];
    struct hf_store_stat stat;
    hf_pack_name(&pack->id, name);
    if (hf_marks_find(marks, &pack->id, NULL))
        return hf_error_set(err, HF_BUSY,
                            "%s was marked to be removed while the lease of this backup had run "
                            "out: run it again",
                            name);
    enum hf_status status = hf_store_stat(backup->repo->store, name, &stat, err);
    if (status == HF_NOT_FOUND || (status == HF_OK && stat.size != pack->size))
        return hf_error_set(err, HF_BUSY,
                            "%s was removed while the lease of this backup had run out: "
                            "run it again",
                            name);
    return status;
}

static enum hf_status check_packs(struct hf_backup *backup, const struct hf_marks *marks,
                                  struct hf_error *err)
{
    const struct hf_index_pack *pack;
    for (size_t i = 0; (pack = hf_index_pack(backup->index, i)) != NULL; i++)
        if (i >= backup->old_packs || atomic_load(&backup->used[i]))
            HF_TRY(check_pack(backup, marks, pack, err));
    return HF_OK;
}

/*
 * The lease was lost: somebody may have taken the repository for himself and removed packs that no
 * snapshot needed. With a new lease nobody does from here on, but for one who was about to; and he
 * has marked what he removes.
 */
static enum hf_status begin_anew(struct hf_backup *backup, struct hf_error *err)
{
    struct hf_marks marks;
    hf_lease_release(backup->lease);
    backup->lease = NULL;
    HF_TRY(hf_backup_take_lease(backup, err));
    hf_marks_init(&marks);
    enum hf_status status = hf_marks_load(&marks, backup->repo, err);
    if (status == HF_OK)
        status = check_packs(backup, &marks, err);
    hf_marks_done(&marks);
    return status;
}

static enum hf_status check_lease(struct hf_backup *backup, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_lease_confirm(backup->lease, &why);
    if (status == HF_BUSY)
        return begin_anew(backup, err);
    if (status != HF_OK)
        *err = why;
    return status;
}

/* The snapshot is there. But was the lease lost just then (a host that was suspended between the
 * look at it and the put, a store's clock that was set)? Then it must be looked at again what it
 * counts on. A store that does not answer now says nothing against it. */
static enum hf_status check_after(struct hf_backup *backup, const char *key, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    if (hf_lease_confirm(backup->lease, &why) != HF_BUSY || begin_anew(backup, err) == HF_OK)
        return HF_OK;
    if (hf_store_delete(backup->repo->store, key, &why) != HF_OK)
        return hf_error_prefix(err, "%s is not whole, and cannot be removed (%.200s)", key,
                               why.text);
    return err->status;
}

static bool counts_on(void *ctx, size_t number)
{
    const struct hf_backup *backup = ctx;
    return number < backup->old_packs && atomic_load(&backup->used[number]);
}

static enum hf_status protect(struct hf_backup *backup, struct hf_error *err)
{
    const struct hf_protect protect = {.repo = backup->repo,
                                       .index = backup->index,
                                       .counts = counts_on,
                                       .ctx = backup,
                                       .cancel = backup->cancel};
    return hf_protect_run(&protect, err);
}

enum hf_status hf_backup_finish(struct hf_backup *backup, const json_t *properties,
                                char out_id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err)
{
    /* All borrowed: never freed with hf_manifest_done. */
    struct hf_manifest manifest = {
        .time = backup->time,
        .source = backup->source,
        .kind = backup->kind,
        .host = backup->host,
        .job = backup->job,
        .tags = backup->tags,
        .leased = backup->leased,
        .properties = (json_t *)(uintptr_t)properties,
    };
    /* A cause that is known already says more than what it left behind. */
    if (hf_cancel_cause(backup->cancel, err) != HF_OK)
        return err->status;
    HF_TRY(check_streams(backup, err));
    HF_TRY(drain(backup, err));
    HF_TRY(write_lists(backup, &manifest, err));
    HF_TRY(settle(backup, err));
    HF_TRY(protect(backup, err));
    HF_TRY(hf_cancel_check(backup->cancel, err));
    HF_TRY(check_lease(backup, err));
    manifest.finished = hf_clock_now();
    manifest.stored = hf_lease_reckon(backup->lease);
    manifest.stored_bytes = hf_packer_stored(backup->packer) + atomic_load(&backup->index_bytes);
    char key[HF_MANIFEST_KEY_MAX];
    HF_TRY(hf_manifest_write(backup->repo, &manifest, out_id, err));
    hf_manifest_key(backup->time, out_id, key);
    return check_after(backup, key, err);
}
