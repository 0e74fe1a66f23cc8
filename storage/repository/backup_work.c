#include "storage/repository/backup_internal.h"
#include "storage/repository/catalog.h"

void hf_backup_note_used(struct hf_backup *backup, const struct hf_index_pack *pack)
{
    if (pack && pack->number < backup->old_packs)
        atomic_store_explicit(&backup->used[pack->number], true, memory_order_relaxed);
}

enum hf_status hf_backup_store(struct hf_backup *backup, struct hf_chunk_hasher *hasher,
                               struct hf_frame_coder *coder, enum hf_chunk_class class,
                               enum hf_stream_kind kind, const void *data, size_t len,
                               struct hf_chunk_id *out, struct hf_error *err)
{
    struct hf_claim *claim;
    const struct hf_index_pack *known;
    struct hf_frame_body body;
    HF_TRY(hf_chunk_hash(hasher, data, len, out, err));
    HF_TRY(hf_claims_take(backup->claims, backup->index, out, &claim, &known, err));
    if (!claim) {
        hf_backup_note_used(backup, known);
        return HF_OK;
    }
    HF_TRY(hf_frame_encode(coder, kind, data, len, &body, err));
    HF_TRY(hf_packer_store(backup->packer, coder, class, claim, (uint32_t)len, &body, err));
    if (class == HF_CHUNK_DATA) {
        atomic_fetch_add(&backup->new_chunks, 1);
        atomic_fetch_add(&backup->new_bytes, len);
    }
    return HF_OK;
}

static enum hf_status work_on(struct hf_backup *backup, struct hf_backup_worker *worker,
                              const struct hf_chunk_buffer *buffer, struct hf_error *err)
{
    struct hf_chunk_id id;
    enum hf_chunk_class class = hf_stream_class(buffer->stream->kind);
    HF_TRY(hf_cancel_check(backup->cancel, err));
    HF_TRY(hf_backup_store(backup, worker->hashers[class], worker->coder, class,
                           buffer->stream->kind, buffer->data, buffer->len, &id, err));
    atomic_fetch_add(&backup->chunks, 1);
    return hf_backup_stream_note(buffer->stream, buffer->sequence, &id, (uint32_t)buffer->len, err);
}

enum hf_status hf_backup_work(void *arg, size_t index, struct hf_error *err)
{
    struct hf_backup *backup = arg;
    struct hf_chunk_buffer *buffer;
    while ((buffer = hf_queue_pop(backup->queue)) != NULL) {
        enum hf_status status = work_on(backup, &backup->workers[index], buffer, err);
        hf_chunk_pool_give(backup->buffers, buffer);
        HF_TRY(status);
    }
    return HF_OK;
}
