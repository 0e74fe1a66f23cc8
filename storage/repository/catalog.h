/*
 * The catalog of a snapshot: its streams, in byte order of their names.
 *
 * Stored as one JSON line a stream, cut into meta chunks at line ends that the names choose, and
 * listed by a reference list, so that the catalog of 20,000 unchanged tables costs nothing.
 * A catalog belongs to one thread at a time; once read it does not change and any thread may
 * look into it.
 */
#ifndef HF_REPOSITORY_CATALOG_H
#define HF_REPOSITORY_CATALOG_H

#include "base/stream.h"
#include "storage/repository/chunk.h"
#include "storage/repository/reflist.h"

enum {
    HF_CATALOG_LINE_MAX = 1 << 20,  /* a stream's line, newline included */
    HF_CATALOG_CUT_MIN = 16 << 10,  /* bytes of a piece before a cut may come */
    HF_CATALOG_CUT_MASK = 127,      /* a cut about every so many lines after that */
    HF_CATALOG_CUT_MAX = 256 << 10, /* a cut after the line that reaches this */
    HF_CATALOG_PIECE_MAX = HF_CATALOG_CUT_MAX + HF_CATALOG_LINE_MAX,
    HF_CATALOG_STREAMS_MAX = 16 << 20,
};

struct hf_catalog_entry {
    struct hf_stream_info info; /* name and attrs are owned by the catalog; bytes and chunks
                                   are those of root */
    struct hf_reflist_root root;
};

/* Of the stream's chunks. */
static inline enum hf_chunk_class hf_stream_class(enum hf_stream_kind kind)
{
    return kind == HF_STREAM_META ? HF_CHUNK_META : HF_CHUNK_DATA;
}

/* Start with HF_CATALOG_INIT. */
struct hf_catalog {
    struct hf_catalog_entry *items;
    size_t count;
    size_t cap;
};
#define HF_CATALOG_INIT                                                                            \
    {                                                                                              \
        .items = NULL                                                                              \
    }

void hf_catalog_free(struct hf_catalog *catalog);
static inline void hf_catalog_auto(struct hf_catalog *catalog)
{
    hf_catalog_free(catalog);
}

/* Copies name and attrs (NULL: none). HF_USAGE for a name that is empty, too long or not UTF-8, or
 * attrs too large for a line. In any order. */
enum hf_status hf_catalog_add(struct hf_catalog *catalog, const char *name,
                              enum hf_stream_kind kind, uint64_t records, const json_t *attrs,
                              const struct hf_reflist_root *root,
                              struct hf_error *err) HF_WARN_UNUSED;

/* Sorts by name and stores it. HF_EXISTS when two streams have one name. store as in reflist.h;
 * it gets pieces of the catalog and nodes of its list alike, both meta chunks. */
enum hf_status hf_catalog_write(struct hf_catalog *catalog, hf_reflist_store_fn *store, void *ctx,
                                struct hf_reflist_root *out, struct hf_error *err) HF_WARN_UNUSED;

/* The whole catalog. HF_DAMAGED names what does not hold: form, order, bounds. */
enum hf_status hf_catalog_read(const struct hf_reflist_root *root, hf_reflist_read_fn *read,
                               void *ctx, struct hf_catalog *out,
                               struct hf_error *err) HF_WARN_UNUSED;

/* Appends the entries of one piece (whole lines); names must rise from what is there already. */
enum hf_status hf_catalog_parse(const void *data, size_t len, struct hf_catalog *catalog,
                                struct hf_error *err) HF_WARN_UNUSED;

/* By name in a sorted catalog (written or read), or NULL. */
const struct hf_catalog_entry *hf_catalog_find(const struct hf_catalog *catalog, const char *name);

#endif
