/*
 * Which chunks snapshots need. Several manifests are walked at a time. Nodes of lists and pieces of
 * catalogs that were walked once are passed over, so that ten thousand snapshots that are mostly
 * alike cost little more than one.
 *
 * What is needed is noted at the place where the index finds it: one that counts, if there is one,
 * and else one that was marked or dropped. Of other packs that hold the chunk too nothing is
 * needed.
 */
#include "storage/repository/prune_internal.h"

#include "base/pool.h"
#include "storage/repository/catalog.h"
#include "storage/repository/manifest.h"
#include "storage/repository/snapshot_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 8 };

struct walk {
    struct hf_prune *prune;
    const struct hf_strings *keys;
};

/* ---- notes, under the lock ---- */

static bool set_bit(struct hf_prune_pack *pack, enum hf_prune_bits kind, size_t frame,
                    size_t frames, bool *out_new)
{
    if (!pack->bits[kind])
        pack->bits[kind] = calloc(frames / 8 + 1, 1);
    if (!pack->bits[kind])
        return false;
    *out_new = !hf_prune_has_bit(pack, kind, frame);
    pack->bits[kind][frame / 8] |= (uint8_t)(1u << frame % 8);
    return true;
}

static enum hf_status note_at(struct hf_prune *prune, const struct hf_location *at,
                              enum hf_prune_bits kind, struct hf_error *err)
{
    bool is_new = false;
    if (at->pack->number >= prune->count)
        HF_TRY(hf_prune_grow(prune, err));
    struct hf_prune_pack *pack = &prune->packs[at->pack->number];
    size_t frame = (size_t)(at->frame - at->pack->frames);
    if (!set_bit(pack, kind, frame, at->pack->frame_count, &is_new))
        return hf_error_memory(err);
    if (kind == HF_PRUNE_BITS_NEEDED && is_new) {
        pack->needed_frames++;
        pack->needed_bytes += at->frame->stored_len;
    }
    return HF_OK;
}

static bool find(const struct hf_prune *prune, const uint8_t id[HF_REF_ID], struct hf_location *out)
{
    struct hf_chunk_id key;
    memcpy(key.bytes, id, sizeof key.bytes);
    return hf_index_find(prune->index, &key, out);
}

static bool is_noted(const struct hf_prune *prune, const uint8_t id[HF_REF_ID],
                     enum hf_prune_bits kind)
{
    struct hf_location at;
    return find(prune, id, &at) && at.pack->number < prune->count &&
           hf_prune_has_bit(&prune->packs[at.pack->number], kind,
                            (size_t)(at.frame - at.pack->frames));
}

/* ---- chunks ---- */

/* A chunk that is nowhere is nothing to keep, and no reason to stop: a check tells what it costs.
 * The reader has looked in packs that no index object names. */
static enum hf_status note_missing(struct hf_prune *prune, const uint8_t id[HF_REF_ID],
                                   enum hf_chunk_class class, struct hf_error *err)
{
    struct hf_location at;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_chunk_locate(prune->reader, id, class, 0, &at, &why);
    if (status == HF_OK)
        return note_at(prune, &at, HF_PRUNE_BITS_NEEDED, err);
    if (status != HF_DAMAGED) {
        *err = why;
        return status;
    }
    prune->report->lost++;
    return HF_OK;
}

/* Snapshot after snapshot lists nearly the same chunks: what was noted lately needs no look into
 * the index, where each chunk is in another place of a memory that no cache holds. */
static enum hf_status need(struct hf_prune *prune, const uint8_t id[HF_REF_ID],
                           enum hf_chunk_class class, struct hf_error *err)
{
    struct hf_location at;
    struct hf_chunk_id *lately = &prune->lately[hf_load_u64(id) % HF_PRUNE_LATELY];
    if (memcmp(lately->bytes, id, HF_REF_ID) == 0)
        return HF_OK;
    HF_TRY(find(prune, id, &at) ? note_at(prune, &at, HF_PRUNE_BITS_NEEDED, err)
                                : note_missing(prune, id, class, err));
    memcpy(lately->bytes, id, HF_REF_ID);
    return HF_OK;
}

static enum hf_status need_one(struct hf_prune *prune, const uint8_t id[HF_REF_ID],
                               enum hf_chunk_class class, struct hf_error *err)
{
    pthread_mutex_lock(&prune->lock);
    enum hf_status status = need(prune, id, class, err);
    pthread_mutex_unlock(&prune->lock);
    return status;
}

/* ---- lists ---- */

/* What is done with a leaf of a list; NULL: it is only noted. */
typedef enum hf_status leaf_fn(struct hf_prune *prune, const uint8_t id[HF_REF_ID],
                               struct hf_error *err);

struct list {
    struct hf_prune *prune;
    enum hf_chunk_class class; /* of the leaves */
    leaf_fn *leaf;
};

static enum hf_status walk_leaf(const struct list *list, const uint8_t id[HF_REF_ID],
                                struct hf_error *err)
{
    HF_TRY(need_one(list->prune, id, list->class, err));
    return list->leaf ? list->leaf(list->prune, id, err) : HF_OK;
}

/* All at once: there may be thousands. */
static enum hf_status need_all(const struct list *list, const struct hf_buf *node,
                               struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&list->prune->lock);
    for (size_t at = HF_REFLIST_NODE_HEAD; status == HF_OK && at < node->len;
         at += HF_REFLIST_ENTRY)
        status = need(list->prune, node->data + at, list->class, err);
    pthread_mutex_unlock(&list->prune->lock);
    return status;
}

static enum hf_status walk_node(const struct list *list, const uint8_t id[HF_REF_ID],
                                unsigned depth, uint32_t len, struct hf_error *err);

static enum hf_status walk_entries(const struct list *list, const struct hf_buf *node,
                                   unsigned depth, struct hf_error *err)
{
    if (depth == 1 && !list->leaf)
        return need_all(list, node, err);
    for (size_t at = HF_REFLIST_NODE_HEAD; at < node->len; at += HF_REFLIST_ENTRY) {
        const uint8_t *entry = node->data + at;
        if (depth == 1)
            HF_TRY(walk_leaf(list, entry, err));
        else
            HF_TRY(walk_node(list, entry, depth - 1, hf_load_u32(entry + HF_REF_ID), err));
    }
    return HF_OK;
}

/* Recurses once a level, HF_REFLIST_DEPTH_MAX of them. What was walked once is known to be whole:
 * what is found wrong below ends the prune. */
static enum hf_status walk_node(const struct list *list, const uint8_t id[HF_REF_ID],
                                unsigned depth, uint32_t len, struct hf_error *err)
{
    struct hf_prune *prune = list->prune;
    struct hf_location at;
    HF_AUTO(hf_buf) node = HF_BUF_INIT;
    pthread_mutex_lock(&prune->lock);
    bool walked = is_noted(prune, id, HF_PRUNE_BITS_WALKED);
    pthread_mutex_unlock(&prune->lock);
    if (walked)
        return HF_OK;
    HF_TRY(hf_cancel_check(prune->options->cancel, err));
    HF_TRY(hf_chunk_read_meta(prune->reader, id, HF_REFLIST_NODE_MAX, &node, err));
    HF_TRY(hf_reflist_check_node(&node, depth, len, err));
    HF_TRY(need_one(prune, id, HF_CHUNK_META, err));
    HF_TRY(walk_entries(list, &node, depth, err));
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&prune->lock);
    if (find(prune, id, &at))
        status = note_at(prune, &at, HF_PRUNE_BITS_WALKED, err);
    pthread_mutex_unlock(&prune->lock);
    return status;
}

static enum hf_status walk_list(const struct list *list, const struct hf_reflist_root *root,
                                struct hf_error *err)
{
    if (root->chunks == 0)
        return HF_OK;
    return root->depth == 0 ? walk_leaf(list, root->id, err)
                            : walk_node(list, root->id, root->depth, 0, err);
}

/* ---- snapshots ---- */

static enum hf_status walk_stream(struct hf_prune *prune, const uint8_t *line, size_t len,
                                  struct hf_error *err)
{
    HF_AUTO(hf_catalog) catalog = HF_CATALOG_INIT;
    HF_TRY(hf_catalog_parse(line, len, &catalog, err));
    for (size_t i = 0; i < catalog.count; i++) {
        const struct hf_catalog_entry *entry = &catalog.items[i];
        const struct list list = {.prune = prune, .class = hf_stream_class(entry->info.kind)};
        if (walk_list(&list, &entry->root, err) != HF_OK)
            return hf_error_prefix(err, "stream %s", entry->info.name);
    }
    return HF_OK;
}

/* Most streams are what they were in the snapshot before: a hash tells in a tenth of the time that
 * it takes to parse the line. */
static enum hf_status walk_line(struct hf_prune *prune, const uint8_t *line, size_t len,
                                struct hf_error *err)
{
    struct hf_chunk_id digest;
    if (EVP_Digest(line, len, digest.bytes, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    struct hf_chunk_id *lately = &prune->lines[hf_load_u64(digest.bytes) % HF_PRUNE_LINES];
    pthread_mutex_lock(&prune->lock);
    bool walked = hf_chunk_id_equal(lately, &digest);
    pthread_mutex_unlock(&prune->lock);
    if (walked)
        return HF_OK;
    HF_TRY(walk_stream(prune, line, len, err));
    pthread_mutex_lock(&prune->lock);
    *lately = digest;
    pthread_mutex_unlock(&prune->lock);
    return HF_OK;
}

static enum hf_status walk_lines(struct hf_prune *prune, const struct hf_buf *piece,
                                 struct hf_error *err)
{
    for (size_t at = 0, len; at < piece->len; at += len) {
        const uint8_t *line = piece->data + at;
        const uint8_t *end = memchr(line, '\n', piece->len - at);
        len = end ? (size_t)(end - line) + 1 : piece->len - at;
        HF_TRY(walk_line(prune, line, len, err));
    }
    return HF_OK;
}

static enum hf_status walk_piece(struct hf_prune *prune, const uint8_t id[HF_REF_ID],
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) piece = HF_BUF_INIT;
    struct hf_location at;
    pthread_mutex_lock(&prune->lock);
    bool walked = is_noted(prune, id, HF_PRUNE_BITS_PIECE);
    pthread_mutex_unlock(&prune->lock);
    if (walked)
        return HF_OK;
    HF_TRY(hf_chunk_read_meta(prune->reader, id, HF_CATALOG_PIECE_MAX, &piece, err));
    HF_TRY(walk_lines(prune, &piece, err));
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&prune->lock);
    if (find(prune, id, &at))
        status = note_at(prune, &at, HF_PRUNE_BITS_PIECE, err);
    pthread_mutex_unlock(&prune->lock);
    return status;
}

static enum hf_status tell_unreadable(const char *key, struct hf_error *err)
{
    struct hf_error why = *err;
    return hf_error_set(err, why.status,
                        "%s cannot be read (%s), so what it needs is not known and nothing is "
                        "removed: mend it with \"holdfast check --repair\", from a replica if "
                        "there is one, or forget the snapshot",
                        key, why.text);
}

static bool is_of_object(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_NOT_FOUND || status == HF_DENIED ||
           status == HF_UNSUPPORTED || status == HF_IO;
}

static enum hf_status walk_snapshot(void *arg, size_t item, struct hf_error *err)
{
    const struct walk *walk = arg;
    const char *key = walk->keys->items[item];
    const struct list pieces = {.prune = walk->prune, .class = HF_CHUNK_META, .leaf = walk_piece};
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    enum hf_status status = hf_manifest_read(walk->prune->repo, key, &manifest, err);
    if (status == HF_NOT_FOUND) /* removed since it was listed */
        return HF_OK;
    if (status == HF_OK)
        status = walk_list(&pieces, &manifest.catalog, err);
    if (status != HF_OK && is_of_object(status))
        return tell_unreadable(key, err);
    hf_observe_advance(walk->prune->options->observer, 0, 1);
    return status;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_in(const struct hf_strings *sorted, const char *text)
{
    return sorted->count > 0 &&
           bsearch(&text, sorted->items, sorted->count, sizeof *sorted->items, by_key);
}

/* Those that were not walked yet. */
static enum hf_status new_keys(const struct hf_prune *prune, const struct hf_strings *all,
                               struct hf_strings *out, struct hf_error *err)
{
    for (size_t i = 0; i < all->count; i++)
        if (!is_in(&prune->walked, all->items[i]))
            HF_TRY(hf_strings_add(out, all->items[i], err));
    return HF_OK;
}

/* All that are there, but on a dry run those that would be forgotten. */
static enum hf_status load_keys(const struct hf_prune *prune, struct hf_strings *out,
                                struct hf_error *err)
{
    const struct hf_strings *forgotten = prune->options->forgotten;
    HF_AUTO(hf_strings) there = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) without = HF_STRINGS_INIT;
    if (!prune->options->dry_run || !forgotten || forgotten->count == 0)
        return hf_snapshot_keys(prune->repo, out, err);
    HF_TRY(hf_snapshot_keys(prune->repo, &there, err));
    for (size_t i = 0; i < forgotten->count; i++)
        HF_TRY(hf_strings_add(&without, forgotten->items[i], err));
    qsort(without.items, without.count, sizeof *without.items, by_key);
    for (size_t i = 0; i < there.count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        if (!hf_manifest_key_id(there.items[i], id) || !is_in(&without, id))
            HF_TRY(hf_strings_add(out, there.items[i], err));
    }
    return HF_OK;
}

static enum hf_status walk_keys(struct hf_prune *prune, const struct hf_strings *keys,
                                struct hf_error *err)
{
    const struct walk walk = {prune, keys};
    enum hf_status status = HF_OK;
    prune->lately = calloc(HF_PRUNE_LATELY, sizeof *prune->lately);
    prune->lines = calloc(HF_PRUNE_LINES, sizeof *prune->lines);
    if (!prune->lately || !prune->lines)
        status = hf_error_memory(err);
    if (status == HF_OK)
        status = hf_pool_each(AT_ONCE, keys->count, walk_snapshot, (void *)(uintptr_t)&walk,
                              prune->options->cancel, err);
    free(prune->lately);
    free(prune->lines);
    prune->lately = NULL;
    prune->lines = NULL;
    return status;
}

enum hf_status hf_prune_walk(struct hf_prune *prune, struct hf_error *err)
{
    HF_AUTO(hf_strings) all = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_TRY(load_keys(prune, &all, err));
    HF_TRY(new_keys(prune, &all, &keys, err));
    hf_observe_expect(prune->options->observer, 0, prune->walked.count + keys.count);
    HF_TRY(walk_keys(prune, &keys, err));
    for (size_t i = 0; i < keys.count; i++)
        HF_TRY(hf_strings_add(&prune->walked, keys.items[i], err));
    if (prune->walked.count > 1)
        qsort(prune->walked.items, prune->walked.count, sizeof *prune->walked.items, by_key);
    prune->report->snapshots = all.count;
    return HF_OK;
}
