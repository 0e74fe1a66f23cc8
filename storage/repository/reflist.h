/*
 * Reference lists: which chunks a stream consists of, in order.
 *
 * A list is a tree of nodes; a node is a meta chunk (docs/format.md, "Reference lists"). How high
 * it is, is its depth:
 *   depth 0  no node: the root is the stream's only chunk (or there is none: an empty stream)
 *   depth 1  the root is a node that lists the stream's chunks
 *   depth n  the root is a node that lists nodes of depth n - 1
 * Nodes are cut where the listed ids say so, never by position alone, so two lists that are
 * mostly alike share most of their nodes.
 *
 * Neither side touches the store: nodes go out and come in through a callback. A list or cursor
 * belongs to one thread at a time; the callbacks are called on that thread.
 */
#ifndef HF_REPOSITORY_REFLIST_H
#define HF_REPOSITORY_REFLIST_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_REF_ID = 32,
    HF_REFLIST_DEPTH_MAX = 8,
    HF_REFLIST_NODE_HEAD = 4,
    HF_REFLIST_ENTRY = HF_REF_ID + 4,
    HF_REFLIST_CUT_MIN = 128,  /* entries of a node, but the last of its level */
    HF_REFLIST_CUT_MASK = 511, /* a cut about every so many entries after the least */
    HF_REFLIST_CUT_MAX = 4096,
    HF_REFLIST_NODE_MAX = HF_REFLIST_NODE_HEAD + HF_REFLIST_CUT_MAX * HF_REFLIST_ENTRY,
};

/* A chunk as lists name it: its id and the length of its plaintext (never 0). */
struct hf_ref {
    uint8_t id[HF_REF_ID];
    uint32_t len;
};

/* What a catalog line or manifest keeps of a list. */
struct hf_reflist_root {
    uint8_t id[HF_REF_ID]; /* zeroes for an empty stream */
    unsigned depth;
    uint64_t chunks; /* listed, not counting nodes */
    uint64_t bytes;  /* sum of their plain lengths */
};

/* Stores one node as a meta chunk (or finds that it is there already) and gives its id. */
typedef enum hf_status hf_reflist_store_fn(void *ctx, const void *data, size_t len,
                                           uint8_t out_id[HF_REF_ID], struct hf_error *err);

/* Appends the plaintext of a meta chunk to out, verified against its id; one longer than max is
 * HF_DAMAGED. */
typedef enum hf_status hf_reflist_read_fn(void *ctx, const uint8_t id[HF_REF_ID], size_t max,
                                          struct hf_buf *out, struct hf_error *err);

/* Building. A list of one chunk costs a hundred bytes and stores nothing. After a failure the
 * list can only be freed. */
struct hf_reflist;
enum hf_status hf_reflist_new(hf_reflist_store_fn *store, void *ctx, struct hf_reflist **out,
                              struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_reflist_add(struct hf_reflist *list, const struct hf_ref *ref,
                              struct hf_error *err) HF_WARN_UNUSED;
/* Stores what is open, level by level, until one root remains. Call once, then free. */
enum hf_status hf_reflist_finish(struct hf_reflist *list, struct hf_reflist_root *out,
                                 struct hf_error *err) HF_WARN_UNUSED;
void hf_reflist_free(struct hf_reflist *list); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_reflist, hf_reflist_free)

/* Reading: one reference after the other, with one node a level in memory. What does not add up
 * (depth, node form, counts, bytes) is HF_DAMAGED; a cursor that failed stays failed. */
struct hf_refcursor;
enum hf_status hf_refcursor_open(const struct hf_reflist_root *root, hf_reflist_read_fn *read,
                                 void *ctx, struct hf_refcursor **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* The next reference; *out_end true, and out untouched, after the last. */
enum hf_status hf_refcursor_next(struct hf_refcursor *cursor, struct hf_ref *out, bool *out_end,
                                 struct hf_error *err) HF_WARN_UNUSED;
void hf_refcursor_close(struct hf_refcursor *cursor); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_refcursor, hf_refcursor_close)

/* Whether a meta chunk is a node of this depth, and of this length (0: any): HF_DAMAGED. Its
 * entries, HF_REFLIST_ENTRY bytes each, follow HF_REFLIST_NODE_HEAD bytes. */
enum hf_status hf_reflist_check_node(const struct hf_buf *node, unsigned depth, uint32_t len,
                                     struct hf_error *err) HF_WARN_UNUSED;

typedef enum hf_status hf_reflist_visit_fn(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                           struct hf_error *err);
/* Walks the whole list: node for every meta chunk before it is read (len 0 for the root, whose
 * length is not known yet), data for every chunk in order. Either may be NULL. An error of either
 * ends the walk. */
enum hf_status hf_reflist_walk(const struct hf_reflist_root *root, hf_reflist_read_fn *read,
                               void *read_ctx, hf_reflist_visit_fn *node, hf_reflist_visit_fn *data,
                               void *visit_ctx, struct hf_error *err) HF_WARN_UNUSED;

#endif
