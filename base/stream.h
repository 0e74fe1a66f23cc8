/*
 * The seam between formats/ and storage/: streams that go into a snapshot (sink) and come out of
 * one (feed). storage/repository implements both; formats/ uses both; neither knows the other.
 *
 * Names are UTF-8, '/'-separated, at most HF_STREAM_NAME_MAX bytes; a '/', '%' or control
 * character inside a part is percent-encoded (hf_stream_name_part).
 */
#ifndef HF_BASE_STREAM_H
#define HF_BASE_STREAM_H

#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { HF_STREAM_NAME_MAX = 1024 };

enum hf_stream_kind {
    HF_STREAM_BYTES, /* cut anywhere */
    HF_STREAM_ROWS,  /* COPY text: every write is whole rows, cuts lie between writes where that
                        keeps chunks within bounds, and the columns codec is tried */
    HF_STREAM_META,  /* bytes that a host which only backs up may read again: sealed like lists and
                        catalogs, not like data. For what the next backup needs to know */
};

struct hf_base;

/* Going in. Several threads may each own one open stream; the sink itself is safe for all. */
struct hf_sink_stream;
struct hf_sink {
    void *ctx;
    enum hf_status (*open)(void *ctx, const char *name, enum hf_stream_kind kind,
                           struct hf_sink_stream **out, struct hf_error *err);
    enum hf_status (*write)(struct hf_sink_stream *stream, const void *data, size_t len,
                            struct hf_error *err);
    /* Ends and frees the stream, whatever the result. records: rows or the like; attrs: a JSON
     * object that comes back at restore, borrowed, may be NULL. */
    enum hf_status (*close)(struct hf_sink_stream *stream, uint64_t records, const json_t *attrs,
                            struct hf_error *err);
    /* Frees the stream after a failure; the snapshot can no longer be committed. */
    void (*abandon)(struct hf_sink_stream *stream);
    /* Ends the chunk here, if anything is in it: what follows begins a new one, and so is the same
     * chunk whatever was before it. */
    enum hf_status (*cut)(struct hf_sink_stream *stream, struct hf_error *err);
    /* The newest snapshot of the same source by the same host; *out NULL when there is none that
     * can be used. Looked for at the first call; borrowed from the sink. */
    enum hf_status (*base)(void *ctx, const struct hf_base **out, struct hf_error *err);
    /* Makes a stream of the base one of this snapshot, under its name, with all it has: nothing is
     * read and nothing stored. Only after holds said true of it; once, and no other stream of that
     * name may be opened. */
    enum hf_status (*carry)(void *ctx, const char *name, struct hf_error *err);
};

struct hf_stream_info {
    const char *name;
    enum hf_stream_kind kind;
    uint64_t bytes;
    uint64_t records;
    uint64_t chunks;
    const json_t *attrs; /* an object, never NULL */
};

/* Coming out. The feed is safe for all threads; an open stream belongs to one. */
struct hf_feed_stream;
struct hf_feed {
    void *ctx;
    /* The index-th stream in name order (byte order), or NULL past the last. Borrowed from the
     * snapshot. */
    const struct hf_stream_info *(*info)(void *ctx, size_t index);
    /* By name, or NULL. */
    const struct hf_stream_info *(*find)(void *ctx, const char *name);
    enum hf_status (*open)(void *ctx, const char *name, struct hf_feed_stream **out,
                           struct hf_error *err);
    /* The next piece of the stream, authenticated, valid until the next call; *len 0 at its end.
     * In a HF_STREAM_ROWS stream pieces hold whole rows except where a row is longer than a
     * chunk may be. HF_DAMAGED names the stream and the pack. */
    enum hf_status (*next)(struct hf_feed_stream *stream, const uint8_t **data, size_t *len,
                           struct hf_error *err);
    /* Frees it, at any point. */
    void (*close)(struct hf_feed_stream *stream);
    /* Like open, for bytes [offset, offset + len) of the stream, as far as it has them. Only chunks
     * with some of these are read. */
    enum hf_status (*open_range)(void *ctx, const char *name, uint64_t offset, uint64_t len,
                                 struct hf_feed_stream **out, struct hf_error *err);
};

/* The snapshot that a capture may build on. */
struct hf_base {
    void *ctx;
    const struct hf_feed *feed; /* with a writer's key only HF_STREAM_META streams can be opened */
    const json_t *properties;   /* of that snapshot's manifest; never NULL */
    /* Whether every chunk of the stream is where it can be counted on. Any thread. */
    enum hf_status (*holds)(void *ctx, const char *name, bool *out, struct hf_error *err);
};

/* Appends one part of a name, percent-encoded where needed. */
enum hf_status hf_stream_name_part(struct hf_buf *name, const char *part,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* Takes one piece of a stream, which is its own until it returns. */
typedef enum hf_status hf_feed_piece_fn(void *ctx, const uint8_t *data, size_t len,
                                        struct hf_error *err);
/* Opens a stream, hands on its pieces in order, and closes it; the first error ends it. */
enum hf_status hf_feed_each(const struct hf_feed *feed, const char *name, hf_feed_piece_fn *take,
                            void *ctx, struct hf_error *err) HF_WARN_UNUSED;
/* A whole small stream at once (at most max bytes; larger is HF_DAMAGED). */
enum hf_status hf_feed_read_all(const struct hf_feed *feed, const char *name, size_t max,
                                struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
/* Opens, writes and closes. */
enum hf_status hf_sink_write_all(const struct hf_sink *sink, const char *name,
                                 enum hf_stream_kind kind, const void *data, size_t len,
                                 uint64_t records, const json_t *attrs,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
