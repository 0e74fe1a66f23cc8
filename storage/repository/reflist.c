#include "storage/repository/reflist.h"

#include <stdlib.h>
#include <string.h>

/* Node: these three bytes, its depth, then the entries. */
static const uint8_t node_magic[3] = {'h', 'f', 'l'};

struct level {
    struct hf_buf node; /* with its head as soon as there is an entry */
    size_t entries;
};

struct hf_reflist {
    hf_reflist_store_fn *store;
    void *ctx;
    struct hf_ref first; /* kept out of the levels: most lists have no second one */
    uint64_t chunks;
    uint64_t bytes;
    unsigned depth;       /* levels in use; level i holds nodes of depth i + 1 */
    struct level *levels; /* HF_REFLIST_DEPTH_MAX of them, from the second chunk on */
};

enum hf_status hf_reflist_new(hf_reflist_store_fn *store, void *ctx, struct hf_reflist **out,
                              struct hf_error *err)
{
    struct hf_reflist *list = calloc(1, sizeof *list);
    if (!list)
        return hf_error_memory(err);
    list->store = store;
    list->ctx = ctx;
    *out = list;
    return HF_OK;
}

void hf_reflist_free(struct hf_reflist *list)
{
    if (!list)
        return;
    for (unsigned i = 0; list->levels && i < HF_REFLIST_DEPTH_MAX; i++)
        hf_buf_free(&list->levels[i].node);
    free(list->levels);
    free(list);
}

/* The ids decide, being evenly spread; the least keeps nodes from being all roots and no leaves,
 * and with it the depth is bounded: 128 to the power of 8 chunks are more than u64 bytes. */
static bool cut_after(const struct hf_ref *ref, size_t entries)
{
    if (entries < HF_REFLIST_CUT_MIN)
        return false;
    return entries >= HF_REFLIST_CUT_MAX || (hf_load_u32(ref->id) & HF_REFLIST_CUT_MASK) == 0;
}

static enum hf_status store_node(struct hf_reflist *list, struct level *level, struct hf_ref *out,
                                 struct hf_error *err)
{
    out->len = (uint32_t)level->node.len;
    HF_TRY(list->store(list->ctx, level->node.data, level->node.len, out->id, err));
    level->node.len = 0;
    level->entries = 0;
    return HF_OK;
}

static enum hf_status append_entry(struct level *level, unsigned depth, const struct hf_ref *ref,
                                   struct hf_error *err)
{
    if (level->entries == 0) {
        HF_TRY(hf_buf_append(&level->node, node_magic, sizeof node_magic, err));
        HF_TRY(hf_buf_u8(&level->node, (uint8_t)depth, err));
    }
    HF_TRY(hf_buf_append(&level->node, ref->id, HF_REF_ID, err));
    HF_TRY(hf_buf_u32(&level->node, ref->len, err));
    level->entries++;
    return HF_OK;
}

/* Adds to level i, and while that closes a node, the node to the level above. */
static enum hf_status push(struct hf_reflist *list, unsigned i, const struct hf_ref *ref,
                           struct hf_error *err)
{
    struct hf_ref next = *ref;
    for (;; i++) {
        if (i >= HF_REFLIST_DEPTH_MAX)
            return hf_error_set(err, HF_UNSUPPORTED, "a stream of too many chunks");
        if (i >= list->depth)
            list->depth = i + 1;
        struct level *level = &list->levels[i];
        HF_TRY(append_entry(level, i + 1, &next, err));
        if (!cut_after(&next, level->entries))
            return HF_OK;
        HF_TRY(store_node(list, level, &next, err));
    }
}

enum hf_status hf_reflist_add(struct hf_reflist *list, const struct hf_ref *ref,
                              struct hf_error *err)
{
    if (list->chunks == 0) {
        list->first = *ref;
    } else {
        if (!list->levels) {
            list->levels = calloc(HF_REFLIST_DEPTH_MAX, sizeof *list->levels);
            if (!list->levels)
                return hf_error_memory(err);
            HF_TRY(push(list, 0, &list->first, err));
        }
        HF_TRY(push(list, 0, ref, err));
    }
    list->chunks++;
    list->bytes += ref->len;
    return HF_OK;
}

/* Closes the open node of every level upwards. The topmost level with a single entry needs no
 * node of its own: what it lists is the root. */
static enum hf_status close_levels(struct hf_reflist *list, struct hf_reflist_root *root,
                                   struct hf_error *err)
{
    for (unsigned i = 0;; i++) {
        struct level *level = &list->levels[i];
        struct hf_ref node;
        bool top = i + 1 == list->depth;
        if (top && level->entries == 1) {
            memcpy(root->id, level->node.data + HF_REFLIST_NODE_HEAD, HF_REF_ID);
            root->depth = i;
            return HF_OK;
        }
        if (level->entries == 0)
            continue; /* never the topmost: a level begins with an entry */
        HF_TRY(store_node(list, level, &node, err));
        if (top) {
            memcpy(root->id, node.id, HF_REF_ID);
            root->depth = i + 1;
            return HF_OK;
        }
        HF_TRY(push(list, i + 1, &node, err));
    }
}

enum hf_status hf_reflist_finish(struct hf_reflist *list, struct hf_reflist_root *out,
                                 struct hf_error *err)
{
    struct hf_reflist_root root = {.chunks = list->chunks, .bytes = list->bytes};
    if (list->chunks == 1)
        memcpy(root.id, list->first.id, HF_REF_ID);
    else if (list->chunks > 1)
        HF_TRY(close_levels(list, &root, err));
    *out = root;
    return HF_OK;
}

struct frame {
    struct hf_buf node;
    size_t at;
};

struct hf_refcursor {
    struct hf_reflist_root root;
    hf_reflist_read_fn *read;
    void *ctx;
    hf_reflist_visit_fn *node; /* for walking; or NULL */
    void *node_ctx;
    uint64_t chunks; /* given so far */
    uint64_t bytes;
    bool started; /* the root was taken */
    bool failed;
    struct frame frames[]; /* depth of them; frame i holds a node of depth i + 1 */
};

enum hf_status hf_refcursor_open(const struct hf_reflist_root *root, hf_reflist_read_fn *read,
                                 void *ctx, struct hf_refcursor **out, struct hf_error *err)
{
    if (root->depth > HF_REFLIST_DEPTH_MAX)
        return hf_error_set(err, HF_DAMAGED, "reference list: depth %u is more than %d",
                            root->depth, HF_REFLIST_DEPTH_MAX);
    if (root->depth == 0 &&
        (root->chunks > 1 || root->bytes > UINT32_MAX || (root->chunks == 0) != (root->bytes == 0)))
        return hf_error_set(err, HF_DAMAGED, "reference list: one chunk at most without a node");
    struct hf_refcursor *cursor =
        calloc(1, sizeof *cursor + root->depth * sizeof cursor->frames[0]);
    if (!cursor)
        return hf_error_memory(err);
    cursor->root = *root;
    cursor->read = read;
    cursor->ctx = ctx;
    *out = cursor;
    return HF_OK;
}

void hf_refcursor_close(struct hf_refcursor *cursor)
{
    if (!cursor)
        return;
    for (unsigned i = 0; i < cursor->root.depth; i++)
        hf_buf_free(&cursor->frames[i].node);
    free(cursor);
}

enum hf_status hf_reflist_check_node(const struct hf_buf *node, unsigned depth, uint32_t len,
                                     struct hf_error *err)
{
    if (len != 0 && node->len != len)
        return hf_error_set(err, HF_DAMAGED, "reference list: node of %zu bytes, listed as %u",
                            node->len, len);
    size_t body = node->len < HF_REFLIST_NODE_HEAD ? 0 : node->len - HF_REFLIST_NODE_HEAD;
    if (body == 0 || body % HF_REFLIST_ENTRY != 0 ||
        memcmp(node->data, node_magic, sizeof node_magic) != 0)
        return hf_error_set(err, HF_DAMAGED, "reference list: not a node");
    if (node->data[3] != depth)
        return hf_error_set(err, HF_DAMAGED, "reference list: node of depth %u where %u belongs",
                            node->data[3], depth);
    return HF_OK;
}

/* len 0: not known (the root). */
static enum hf_status load_node(struct hf_refcursor *cursor, unsigned i, const struct hf_ref *ref,
                                struct hf_error *err)
{
    struct frame *frame = &cursor->frames[i];
    frame->node.len = 0;
    frame->at = 0;
    if (cursor->node)
        HF_TRY(cursor->node(cursor->node_ctx, ref->id, ref->len, err));
    HF_TRY(cursor->read(cursor->ctx, ref->id, HF_REFLIST_NODE_MAX, &frame->node, err));
    HF_TRY(hf_reflist_check_node(&frame->node, i + 1, ref->len, err));
    frame->at = HF_REFLIST_NODE_HEAD;
    return HF_OK;
}

/* The next entry of level i; level root.depth is the root alone. Recurses once a level. */
static enum hf_status next_entry(struct hf_refcursor *cursor, unsigned i, struct hf_ref *out,
                                 bool *out_end, struct hf_error *err)
{
    if (i == cursor->root.depth) {
        *out_end = cursor->started;
        cursor->started = true;
        memcpy(out->id, cursor->root.id, HF_REF_ID);
        out->len = 0;
        return HF_OK;
    }
    struct frame *frame = &cursor->frames[i];
    while (frame->at >= frame->node.len) {
        struct hf_ref node;
        HF_TRY(next_entry(cursor, i + 1, &node, out_end, err));
        if (*out_end)
            return HF_OK;
        HF_TRY(load_node(cursor, i, &node, err));
    }
    memcpy(out->id, frame->node.data + frame->at, HF_REF_ID);
    out->len = hf_load_u32(frame->node.data + frame->at + HF_REF_ID);
    frame->at += HF_REFLIST_ENTRY;
    if (out->len == 0)
        return hf_error_set(err, HF_DAMAGED, "reference list: an entry of no length");
    *out_end = false;
    return HF_OK;
}

static enum hf_status next_chunk(struct hf_refcursor *cursor, struct hf_ref *out, bool *out_end,
                                 struct hf_error *err)
{
    const struct hf_reflist_root *root = &cursor->root;
    bool end = root->chunks == 0;
    struct hf_ref ref = {.len = 0};
    if (!end)
        HF_TRY(next_entry(cursor, 0, &ref, &end, err));
    if (end) {
        if (cursor->chunks != root->chunks || cursor->bytes != root->bytes)
            return hf_error_set(err, HF_DAMAGED, "reference list: it ends too early");
        *out_end = true;
        return HF_OK;
    }
    if (root->depth == 0)
        ref.len = (uint32_t)root->bytes;
    if (cursor->chunks == root->chunks || ref.len > root->bytes - cursor->bytes)
        return hf_error_set(err, HF_DAMAGED, "reference list: more than it says it holds");
    cursor->chunks++;
    cursor->bytes += ref.len;
    *out = ref;
    *out_end = false;
    return HF_OK;
}

enum hf_status hf_refcursor_next(struct hf_refcursor *cursor, struct hf_ref *out, bool *out_end,
                                 struct hf_error *err)
{
    if (cursor->failed)
        return hf_error_set(err, HF_DAMAGED, "reference list: it could not be read before");
    enum hf_status status = next_chunk(cursor, out, out_end, err);
    cursor->failed = status != HF_OK;
    return status;
}

enum hf_status hf_reflist_walk(const struct hf_reflist_root *root, hf_reflist_read_fn *read,
                               void *read_ctx, hf_reflist_visit_fn *node, hf_reflist_visit_fn *data,
                               void *visit_ctx, struct hf_error *err)
{
    HF_AUTO_PTR(hf_refcursor) cursor = NULL;
    HF_TRY(hf_refcursor_open(root, read, read_ctx, &cursor, err));
    cursor->node = node;
    cursor->node_ctx = visit_ctx;
    for (;;) {
        struct hf_ref ref;
        bool end;
        HF_TRY(hf_refcursor_next(cursor, &ref, &end, err));
        if (end)
            return HF_OK;
        if (data)
            HF_TRY(data(visit_ctx, ref.id, ref.len, err));
    }
}
