#include "storage/repository/backup_internal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* The sink's streams: what producers write is cut here, on their threads. */

enum {
    /* Bytes gathered between two looks of the chunker: small enough to be in the cache still, large
     * enough that a row costs little more than its copy. Also what a cut leaves behind at most,
     * but where rows are long. */
    LOOK_STEP = 16 << 10,
    REFS_LEAST = 4,
};

struct hf_sink_stream {
    struct hf_backup_stream stream;
};

static void stream_free(struct hf_backup_stream *stream)
{
    if (stream->buffer)
        hf_chunk_pool_give(stream->backup->buffers, stream->buffer);
    hf_buf_free(&stream->carry);
    json_decref(stream->attrs);
    pthread_mutex_destroy(&stream->lock);
    free(stream->refs);
    free(stream->name);
    free((struct hf_sink_stream *)(void *)stream);
}

void hf_backup_streams_free(struct hf_backup *backup)
{
    while (backup->streams) {
        struct hf_backup_stream *stream = backup->streams;
        backup->streams = stream->next;
        stream_free(stream);
    }
}

enum hf_status hf_backup_stream_new(struct hf_backup *backup, const char *name,
                                    enum hf_stream_kind kind, struct hf_backup_stream **out,
                                    struct hf_error *err)
{
    HF_AUTO_FREE char *copy = NULL;
    HF_TRY(hf_text_copy(name, &copy, err));
    struct hf_sink_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return hf_error_memory(err);
    stream->stream.backup = backup;
    stream->stream.name = copy;
    stream->stream.kind = kind;
    (void)pthread_mutex_init(&stream->stream.lock, NULL); /* cannot fail with default attributes */
    copy = NULL;
    pthread_mutex_lock(&backup->lock);
    stream->stream.next = backup->streams;
    backup->streams = &stream->stream;
    pthread_mutex_unlock(&backup->lock);
    *out = &stream->stream;
    return HF_OK;
}

static enum hf_status stream_open(void *ctx, const char *name, enum hf_stream_kind kind,
                                  struct hf_sink_stream **out, struct hf_error *err)
{
    struct hf_backup *backup = ctx;
    struct hf_backup_stream *stream;
    size_t len = strlen(name);
    if (len == 0 || len > HF_STREAM_NAME_MAX)
        return hf_error_set(err, HF_USAGE, "a stream's name has 1 to %d bytes, not %zu",
                            HF_STREAM_NAME_MAX, len);
    HF_TRY(hf_cancel_check(backup->cancel, err));
    HF_TRY(hf_backup_stream_new(backup, name, kind, &stream, err));
    *out = (struct hf_sink_stream *)(void *)stream;
    return HF_OK;
}

enum hf_status hf_backup_stream_note(struct hf_backup_stream *stream, uint64_t sequence,
                                     const struct hf_chunk_id *id, uint32_t len,
                                     struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&stream->lock);
    if (sequence >= stream->ref_cap) {
        size_t cap = stream->ref_cap ? stream->ref_cap : REFS_LEAST;
        while (cap <= sequence)
            cap *= 2;
        struct hf_ref *refs = realloc(stream->refs, cap * sizeof *refs);
        if (refs) {
            memset(refs + stream->ref_cap, 0, (cap - stream->ref_cap) * sizeof *refs);
            stream->refs = refs;
            stream->ref_cap = cap;
        } else {
            status = hf_error_memory(err);
        }
    }
    if (status == HF_OK) {
        memcpy(stream->refs[sequence].id, id->bytes, HF_REF_ID);
        stream->refs[sequence].len = len;
    }
    pthread_mutex_unlock(&stream->lock);
    return status;
}

/* Why a queue or pool gave nothing: the work was stopped. */
static enum hf_status stopped(struct hf_backup *backup, struct hf_error *err)
{
    HF_TRY(hf_cancel_check(backup->cancel, err));
    return hf_error_set(err, HF_CANCELLED, "stopped after an error elsewhere");
}

/* Hands the first len bytes of the buffer to the workers; what is behind them waits in carry. */
static enum hf_status submit(struct hf_backup_stream *stream, size_t len, struct hf_error *err)
{
    struct hf_backup *backup = stream->backup;
    struct hf_chunk_buffer *buffer = stream->buffer;
    HF_TRY(hf_buf_append(&stream->carry, buffer->data + len, buffer->len - len, err));
    buffer->len = len;
    buffer->stream = stream;
    buffer->sequence = stream->sequence;
    if (!hf_queue_push(backup->queue, buffer))
        return stopped(backup, err);
    stream->buffer = NULL;
    stream->sequence++;
    stream->scan = (struct hf_chunk_scan){.at = 0};
    atomic_fetch_add(&backup->read_bytes, len);
    return HF_OK;
}

static void plan_look(struct hf_backup_stream *stream)
{
    const struct hf_chunker *chunker = &stream->backup->chunker;
    size_t at = stream->buffer->len + LOOK_STEP;
    if (at < chunker->min)
        at = chunker->min;
    stream->look_at = at < chunker->max ? at : chunker->max;
}

/* An empty buffer for the stream. Only now, as its last one is gone: a producer never waits for a
 * buffer while it holds another, so buffers cannot run out for good. */
static enum hf_status take_buffer(struct hf_backup_stream *stream, struct hf_error *err)
{
    stream->buffer = hf_chunk_pool_take(stream->backup->buffers);
    if (!stream->buffer)
        return stopped(stream->backup, err);
    memcpy(stream->buffer->data, stream->carry.data ? stream->carry.data : (const uint8_t *)"",
           stream->carry.len);
    stream->buffer->len = stream->carry.len;
    stream->carry.len = 0;
    plan_look(stream);
    return HF_OK;
}

/* Lets the chunker look at what is there, and cuts as often as it says so. */
static enum hf_status look(struct hf_backup_stream *stream, struct hf_error *err)
{
    struct hf_chunk_buffer *buffer = stream->buffer;
    size_t cut;
    while ((cut = hf_chunker_scan(&stream->backup->chunker, stream->kind, &stream->scan,
                                  buffer->data, buffer->len)) > 0) {
        HF_TRY(submit(stream, cut, err));
        if (stream->carry.len == 0)
            return HF_OK;
        HF_TRY(take_buffer(stream, err));
        buffer = stream->buffer;
    }
    plan_look(stream);
    return HF_OK;
}

/* The part of a write that does more than copy. */
static enum hf_status write_on(struct hf_backup_stream *stream, const uint8_t *data, size_t len,
                               struct hf_error *err)
{
    HF_TRY(hf_cancel_check(stream->backup->cancel, err));
    while (len > 0) {
        if (!stream->buffer)
            HF_TRY(take_buffer(stream, err));
        struct hf_chunk_buffer *buffer = stream->buffer;
        size_t part = stream->look_at - buffer->len;
        if (part > len)
            part = len;
        memcpy(buffer->data + buffer->len, data, part);
        buffer->len += part;
        data += part;
        len -= part;
        if (buffer->len == stream->look_at)
            HF_TRY(look(stream, err));
    }
    return HF_OK;
}

static enum hf_status stream_write(struct hf_sink_stream *sink_stream, const void *data, size_t len,
                                   struct hf_error *err)
{
    struct hf_backup_stream *stream = &sink_stream->stream;
    struct hf_chunk_buffer *buffer = stream->buffer;
    /* len 0, for which data may be NULL, wraps and takes the other way. */
    if (buffer && len - 1 < stream->look_at - buffer->len - 1) {
        memcpy(buffer->data + buffer->len, data, len);
        buffer->len += len;
        return HF_OK;
    }
    if (write_on(stream, data, len, err) != HF_OK)
        return hf_error_prefix(err, "stream %s", stream->name);
    return HF_OK;
}

static enum hf_status write_rest(struct hf_backup_stream *stream, struct hf_error *err)
{
    HF_TRY(hf_cancel_check(stream->backup->cancel, err));
    if (stream->buffer)
        HF_TRY(look(stream, err));
    if (stream->buffer)
        HF_TRY(submit(stream, stream->buffer->len, err));
    return HF_OK;
}

static enum hf_status stream_cut(struct hf_sink_stream *sink_stream, struct hf_error *err)
{
    struct hf_backup_stream *stream = &sink_stream->stream;
    if (write_rest(stream, err) != HF_OK)
        return hf_error_prefix(err, "stream %s", stream->name);
    return HF_OK;
}

static void end_stream(struct hf_backup_stream *stream, enum hf_backup_stream_state state,
                       uint64_t records, json_t *attrs)
{
    struct hf_backup *backup = stream->backup;
    if (stream->buffer)
        hf_chunk_pool_give(backup->buffers, stream->buffer);
    stream->buffer = NULL;
    hf_buf_free(&stream->carry);
    pthread_mutex_lock(&backup->lock);
    stream->state = state;
    stream->records = records;
    stream->attrs = attrs;
    pthread_mutex_unlock(&backup->lock);
}

static enum hf_status stream_close(struct hf_sink_stream *sink_stream, uint64_t records,
                                   const json_t *attrs, struct hf_error *err)
{
    struct hf_backup_stream *stream = &sink_stream->stream;
    json_t *copy = NULL;
    enum hf_status status = write_rest(stream, err);
    if (status == HF_OK && attrs) {
        copy = json_deep_copy(attrs);
        if (!copy)
            status = hf_error_memory(err);
    }
    if (status != HF_OK) {
        (void)hf_error_prefix(err, "stream %s", stream->name);
        end_stream(stream, HF_BACKUP_STREAM_ABANDONED, 0, NULL);
        return status;
    }
    atomic_fetch_add(&stream->backup->records, records);
    end_stream(stream, HF_BACKUP_STREAM_CLOSED, records, copy);
    return HF_OK;
}

static void stream_abandon(struct hf_sink_stream *sink_stream)
{
    end_stream(&sink_stream->stream, HF_BACKUP_STREAM_ABANDONED, 0, NULL);
}

void hf_backup_sink_init(struct hf_backup *backup)
{
    backup->sink = (struct hf_sink){
        .ctx = backup,
        .open = stream_open,
        .write = stream_write,
        .close = stream_close,
        .abandon = stream_abandon,
        .cut = stream_cut,
        .base = hf_backup_base,
        .carry = hf_backup_carry,
    };
}
