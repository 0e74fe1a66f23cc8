/*
 * Streams kept in memory: a struct hf_sink to capture into and a struct hf_feed of what was
 * captured, for tests of formats/ without a repository.
 */
#ifndef HF_TESTS_MEMORY_SINK_H
#define HF_TESTS_MEMORY_SINK_H

#include "base/stream.h"

struct memory_stream {
    char *name;
    enum hf_stream_kind kind;
    struct hf_buf data;
    uint64_t records;
    json_t *attrs; /* NULL until closed; then an object */
    bool closed, abandoned;
};

struct memory_sink;

struct memory_sink *memory_sink_new(void);
void memory_sink_free(struct memory_sink *sink);

/* Valid as long as the object. The feed has the closed streams; use it after the capture. */
const struct hf_sink *memory_sink_sink(struct memory_sink *sink);
const struct hf_feed *memory_sink_feed(struct memory_sink *sink);

/* Called after every write, on the writing thread; an error it gives is the write's. */
typedef enum hf_status memory_sink_hook(void *arg, const struct memory_stream *stream,
                                        struct hf_error *err);
void memory_sink_set_hook(struct memory_sink *sink, memory_sink_hook *hook, void *arg);

/* By name; NULL when there is none that was closed. */
const struct memory_stream *memory_sink_find(struct memory_sink *sink, const char *name);
size_t memory_sink_count(struct memory_sink *sink);
/* Streams that were opened and neither closed nor abandoned: a leak. */
size_t memory_sink_open_count(struct memory_sink *sink);

#endif
