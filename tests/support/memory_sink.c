#include "tests/support/memory_sink.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS_MAX = 4096, PIECE = 4096 };

struct hf_sink_stream {
    struct memory_sink *sink;
    struct memory_stream stream;
    struct hf_stream_info info; /* set once the capture is over; never changes after */
};

struct hf_feed_stream {
    const struct memory_stream *stream;
    size_t at;
};

struct memory_sink {
    struct hf_sink sink;
    struct hf_feed feed;
    pthread_mutex_t lock;
    struct hf_sink_stream *streams[STREAMS_MAX];
    size_t count;
    bool sorted;
    memory_sink_hook *hook;
    void *hook_arg;
};

static enum hf_status sink_open(void *ctx, const char *name, enum hf_stream_kind kind,
                                struct hf_sink_stream **out, struct hf_error *err)
{
    struct memory_sink *sink = ctx;
    struct hf_sink_stream *stream = calloc(1, sizeof *stream);
    enum hf_status status = HF_OK;

    if (!stream || !(stream->stream.name = strdup(name)))
        abort();
    stream->sink = sink;
    stream->stream.kind = kind;
    (void)pthread_mutex_lock(&sink->lock);
    for (size_t i = 0; i < sink->count; i++) {
        if (strcmp(sink->streams[i]->stream.name, name) == 0)
            status = hf_error_set(err, HF_EXISTS, "stream %s: opened twice", name);
    }
    if (sink->count == STREAMS_MAX || sink->sorted)
        abort();
    sink->streams[sink->count++] = stream;
    (void)pthread_mutex_unlock(&sink->lock);
    *out = stream;
    return status;
}

static enum hf_status sink_write(struct hf_sink_stream *stream, const void *data, size_t len,
                                 struct hf_error *err)
{
    HF_TRY(hf_buf_append(&stream->stream.data, data, len, err));
    return stream->sink->hook ? stream->sink->hook(stream->sink->hook_arg, &stream->stream, err)
                              : HF_OK;
}

static enum hf_status sink_close(struct hf_sink_stream *stream, uint64_t records,
                                 const json_t *attrs, struct hf_error *err)
{
    (void)err;
    stream->stream.records = records;
    stream->stream.attrs = attrs ? json_deep_copy(attrs) : json_object();
    stream->stream.closed = true;
    return HF_OK;
}

static void sink_abandon(struct hf_sink_stream *stream)
{
    stream->stream.abandoned = true;
}

static int by_name(const void *a, const void *b)
{
    const struct hf_sink_stream *const *x = a;
    const struct hf_sink_stream *const *y = b;

    return strcmp((*x)->stream.name, (*y)->stream.name);
}

static void describe(struct hf_sink_stream *stream)
{
    const struct memory_stream *s = &stream->stream;

    stream->info = (struct hf_stream_info){.name = s->name,
                                           .kind = s->kind,
                                           .bytes = s->data.len,
                                           .records = s->records,
                                           .chunks = s->data.len / PIECE + 1,
                                           .attrs = s->attrs};
}

/* Ends the capture: from here on what the feed says stays. */
static void sort(struct memory_sink *sink)
{
    if (sink->sorted)
        return;
    qsort(sink->streams, sink->count, sizeof(struct hf_sink_stream *), by_name);
    for (size_t i = 0; i < sink->count; i++)
        describe(sink->streams[i]);
    sink->sorted = true;
}

static const struct hf_stream_info *feed_info(void *ctx, size_t index)
{
    const struct memory_sink *sink = ctx;

    return index < sink->count ? &sink->streams[index]->info : NULL;
}

static const struct hf_stream_info *feed_find(void *ctx, const char *name)
{
    const struct memory_sink *sink = ctx;

    for (size_t i = 0; i < sink->count; i++)
        if (sink->streams[i]->stream.closed && strcmp(sink->streams[i]->stream.name, name) == 0)
            return &sink->streams[i]->info;
    return NULL;
}

static enum hf_status feed_open(void *ctx, const char *name, struct hf_feed_stream **out,
                                struct hf_error *err)
{
    const struct memory_stream *stream = memory_sink_find(ctx, name);

    if (!stream)
        return hf_error_set(err, HF_NOT_FOUND, "stream %s: there is none", name);
    *out = calloc(1, sizeof **out);
    if (!*out)
        abort();
    (*out)->stream = stream;
    return HF_OK;
}

/* Pieces of whole rows where rows are short, as a repository gives them. */
static enum hf_status feed_next(struct hf_feed_stream *stream, const uint8_t **data, size_t *len,
                                struct hf_error *err)
{
    const struct hf_buf *all = &stream->stream->data;
    size_t left = all->len - stream->at;
    size_t piece = left < PIECE ? left : PIECE;

    (void)err;
    *data = all->data + stream->at;
    if (piece < left && stream->stream->kind == HF_STREAM_ROWS) {
        const uint8_t *end = memrchr(*data, '\n', piece);

        if (end)
            piece = (size_t)(end - *data) + 1;
    }
    stream->at += piece;
    *len = piece;
    return HF_OK;
}

static void feed_close(struct hf_feed_stream *stream)
{
    free(stream);
}

struct memory_sink *memory_sink_new(void)
{
    struct memory_sink *sink = calloc(1, sizeof *sink);

    if (!sink)
        abort();
    (void)pthread_mutex_init(&sink->lock, NULL);
    sink->sink = (struct hf_sink){.ctx = sink,
                                  .open = sink_open,
                                  .write = sink_write,
                                  .close = sink_close,
                                  .abandon = sink_abandon};
    sink->feed = (struct hf_feed){.ctx = sink,
                                  .info = feed_info,
                                  .find = feed_find,
                                  .open = feed_open,
                                  .next = feed_next,
                                  .close = feed_close};
    return sink;
}

void memory_sink_free(struct memory_sink *sink)
{
    for (size_t i = 0; i < sink->count; i++) {
        free(sink->streams[i]->stream.name);
        hf_buf_free(&sink->streams[i]->stream.data);
        json_decref(sink->streams[i]->stream.attrs);
        free(sink->streams[i]);
    }
    (void)pthread_mutex_destroy(&sink->lock);
    free(sink);
}

const struct hf_sink *memory_sink_sink(struct memory_sink *sink)
{
    return &sink->sink;
}

const struct hf_feed *memory_sink_feed(struct memory_sink *sink)
{
    sort(sink);
    return &sink->feed;
}

void memory_sink_set_hook(struct memory_sink *sink, memory_sink_hook *hook, void *arg)
{
    sink->hook = hook;
    sink->hook_arg = arg;
}

const struct memory_stream *memory_sink_find(struct memory_sink *sink, const char *name)
{
    const struct memory_stream *found = NULL;

    (void)pthread_mutex_lock(&sink->lock);
    for (size_t i = 0; i < sink->count && !found; i++) {
        if (sink->streams[i]->stream.closed && strcmp(sink->streams[i]->stream.name, name) == 0)
            found = &sink->streams[i]->stream;
    }
    (void)pthread_mutex_unlock(&sink->lock);
    return found;
}

size_t memory_sink_count(struct memory_sink *sink)
{
    return sink->count;
}

size_t memory_sink_open_count(struct memory_sink *sink)
{
    size_t open = 0;

    for (size_t i = 0; i < sink->count; i++)
        open += !sink->streams[i]->stream.closed && !sink->streams[i]->stream.abandoned;
    return open;
}
