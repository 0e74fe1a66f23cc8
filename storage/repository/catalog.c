#include "storage/repository/catalog.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [HF_STREAM_BYTES] = "bytes", [HF_STREAM_ROWS] = "rows", [HF_STREAM_META] = "meta"};

static void entry_done(struct hf_catalog_entry *entry)
{
    free((char *)entry->info.name);
    json_decref((json_t *)entry->info.attrs);
}

void hf_catalog_free(struct hf_catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++)
        entry_done(&catalog->items[i]);
    free(catalog->items);
    *catalog = (struct hf_catalog)HF_CATALOG_INIT;
}

static enum hf_status grow(struct hf_catalog *catalog, struct hf_error *err)
{
    if (catalog->count < catalog->cap)
        return HF_OK;
    size_t cap = catalog->cap ? catalog->cap * 2 : 16;
    struct hf_catalog_entry *items = realloc(catalog->items, cap * sizeof *items);
    if (!items)
        return hf_error_memory(err);
    catalog->items = items;
    catalog->cap = cap;
    return HF_OK;
}

/* Takes one reference to attrs on success. */
static enum hf_status append(struct hf_catalog *catalog, const char *name, enum hf_stream_kind kind,
                             uint64_t records, json_t *attrs, const struct hf_reflist_root *root,
                             struct hf_error *err)
{
    if (catalog->count >= HF_CATALOG_STREAMS_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "more than %d streams in a snapshot",
                            HF_CATALOG_STREAMS_MAX);
    HF_TRY(grow(catalog, err));
    char *copy = strdup(name);
    if (!copy)
        return hf_error_memory(err);
    catalog->items[catalog->count++] = (struct hf_catalog_entry){
        .info = {.name = copy,
                 .kind = kind,
                 .bytes = root->bytes,
                 .records = records,
                 .chunks = root->chunks,
                 .attrs = attrs},
        .root = *root,
    };
    return HF_OK;
}

static enum hf_status make_line(const struct hf_catalog_entry *entry, struct hf_buf *out,
                                struct hf_error *err)
{
    const struct hf_stream_info *info = &entry->info;
    char root[2 * HF_REF_ID + 1];
    hf_hex(root, entry->root.id, HF_REF_ID);
    HF_AUTO_JSON line = NULL;
    HF_TRY(hf_json_pack(&line, err, "{s:s, s:s, s:I, s:I, s:I, s:i, s:O}", "name", info->name,
                        "kind", kind_names[info->kind], "bytes", (json_int_t)info->bytes, "records",
                        (json_int_t)info->records, "chunks", (json_int_t)info->chunks, "depth",
                        (int)entry->root.depth, "attrs", info->attrs));
    if (info->chunks > 0) {
        if (json_object_set_new(line, "root", json_string(root)) != 0)
            return hf_error_memory(err);
    }
    size_t before = out->len;
    HF_TRY(hf_json_dump(line, out, err));
    HF_TRY(hf_buf_append(out, "\n", 1, err));
    if (out->len - before > HF_CATALOG_LINE_MAX)
        return hf_error_set(err, HF_USAGE, "stream %s: attributes of more than %d bytes",
                            info->name, HF_CATALOG_LINE_MAX);
    return HF_OK;
}

enum hf_status hf_catalog_add(struct hf_catalog *catalog, const char *name,
                              enum hf_stream_kind kind, uint64_t records, const json_t *attrs,
                              const struct hf_reflist_root *root, struct hf_error *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > HF_STREAM_NAME_MAX)
        return hf_error_set(err, HF_USAGE, "a stream name has 1 to %d bytes, not %zu",
                            HF_STREAM_NAME_MAX, len);
    HF_AUTO_JSON utf8 = NULL;
    if (hf_json_pack(&utf8, err, "s", name) != HF_OK)
        return err->status == HF_NO_MEMORY
                   ? err->status
                   : hf_error_set(err, HF_USAGE, "a stream name must be UTF-8");
    if (records > INT64_MAX || root->bytes > INT64_MAX)
        return hf_error_set(err, HF_USAGE, "stream %s: counts beyond 63 bits", name);
    HF_AUTO_JSON copy = attrs ? json_deep_copy(attrs) : json_object();
    if (!copy)
        return hf_error_memory(err);
    HF_TRY(append(catalog, name, kind, records, copy, root, err));
    json_incref(copy); /* the catalog's; ours goes with the scope */
    HF_AUTO(hf_buf) line = HF_BUF_INIT;
    enum hf_status status = make_line(&catalog->items[catalog->count - 1], &line, err);
    if (status != HF_OK)
        entry_done(&catalog->items[--catalog->count]);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const struct hf_catalog_entry *x = a, *y = b;
    return strcmp(x->info.name, y->info.name);
}

/* FNV-1a, folded. Readers need not know it: it only has to stay the same, so that an unchanged
 * run of lines gives the same piece tomorrow. */
static bool name_cuts(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * UINT64_C(1099511628211);
    return ((h ^ h >> 32) & HF_CATALOG_CUT_MASK) == 0;
}

static enum hf_status store_piece(struct hf_buf *piece, struct hf_reflist *list,
                                  hf_reflist_store_fn *store, void *ctx, struct hf_error *err)
{
    if (piece->len == 0)
        return HF_OK;
    struct hf_ref ref = {.len = (uint32_t)piece->len};
    HF_TRY(store(ctx, piece->data, piece->len, ref.id, err));
    piece->len = 0;
    return hf_reflist_add(list, &ref, err);
}

static enum hf_status sort_unique(struct hf_catalog *catalog, struct hf_error *err)
{
    if (catalog->count > 1)
        qsort(catalog->items, catalog->count, sizeof *catalog->items, by_name);
    for (size_t i = 1; i < catalog->count; i++) {
        if (by_name(&catalog->items[i - 1], &catalog->items[i]) == 0)
            return hf_error_set(err, HF_EXISTS, "two streams are named %s",
                                catalog->items[i].info.name);
    }
    return HF_OK;
}

enum hf_status hf_catalog_write(struct hf_catalog *catalog, hf_reflist_store_fn *store, void *ctx,
                                struct hf_reflist_root *out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_reflist) list = NULL;
    HF_AUTO(hf_buf) piece = HF_BUF_INIT;
    HF_TRY(sort_unique(catalog, err));
    HF_TRY(hf_reflist_new(store, ctx, &list, err));
    for (size_t i = 0; i < catalog->count; i++) {
        const struct hf_catalog_entry *entry = &catalog->items[i];
        HF_TRY(make_line(entry, &piece, err));
        if (piece.len >= HF_CATALOG_CUT_MAX ||
            (piece.len >= HF_CATALOG_CUT_MIN && name_cuts(entry->info.name)))
            HF_TRY(store_piece(&piece, list, store, ctx, err));
    }
    HF_TRY(store_piece(&piece, list, store, ctx, err));
    return hf_reflist_finish(list, out, err);
}

static enum hf_status parse_kind(const json_t *line, enum hf_stream_kind *out, struct hf_error *err)
{
    const char *text;
    HF_TRY(hf_json_string(line, "kind", &text, err));
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(text, kind_names[i]) == 0) {
            *out = (enum hf_stream_kind)i;
            return HF_OK;
        }
    }
    return hf_error_set(err, HF_DAMAGED, "\"kind\" is none that this version knows");
}

static enum hf_status parse_root(const json_t *line, struct hf_reflist_root *out,
                                 struct hf_error *err)
{
    uint64_t depth;
    HF_TRY(hf_json_u64(line, "bytes", INT64_MAX, &out->bytes, err));
    HF_TRY(hf_json_u64(line, "chunks", INT64_MAX, &out->chunks, err));
    HF_TRY(hf_json_u64(line, "depth", HF_REFLIST_DEPTH_MAX, &depth, err));
    out->depth = (unsigned)depth;
    if (out->chunks > 0)
        HF_TRY(hf_json_hex(line, "root", out->id, HF_REF_ID, err));
    if (out->chunks > out->bytes || (out->chunks == 0 && (out->bytes > 0 || depth > 0)))
        return hf_error_set(err, HF_DAMAGED, "\"bytes\", \"chunks\" and \"depth\" do not agree");
    return HF_OK;
}

static enum hf_status parse_name(const struct hf_catalog *catalog, const json_t *line,
                                 const char **out, struct hf_error *err)
{
    const char *name;
    HF_TRY(hf_json_string(line, "name", &name, err));
    size_t len = strlen(name);
    if (len == 0 || len > HF_STREAM_NAME_MAX)
        return hf_error_set(err, HF_DAMAGED, "a stream name of %zu bytes", len);
    if (catalog->count > 0 && strcmp(catalog->items[catalog->count - 1].info.name, name) >= 0)
        return hf_error_set(err, HF_DAMAGED, "stream names are not in order");
    *out = name;
    return HF_OK;
}

static enum hf_status parse_line(const void *data, size_t len, struct hf_catalog *catalog,
                                 struct hf_error *err)
{
    HF_AUTO_JSON line = NULL;
    HF_TRY(hf_json_parse_object(data, len, HF_CATALOG_LINE_MAX, "stream", &line, err));
    const char *name = NULL;
    enum hf_stream_kind kind = HF_STREAM_BYTES;
    struct hf_reflist_root root = {.depth = 0};
    uint64_t records = 0;
    json_t *attrs = NULL;
    HF_TRY(parse_name(catalog, line, &name, err));
    HF_TRY(parse_kind(line, &kind, err));
    HF_TRY(hf_json_u64(line, "records", INT64_MAX, &records, err));
    HF_TRY(parse_root(line, &root, err));
    HF_TRY(hf_json_object(line, "attrs", &attrs, err));
    HF_TRY(append(catalog, name, kind, records, attrs, &root, err));
    json_incref(attrs);
    return HF_OK;
}

enum hf_status hf_catalog_parse(const void *data, size_t len, struct hf_catalog *catalog,
                                struct hf_error *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        const uint8_t *end = memchr(at, '\n', len);
        if (!end)
            return hf_error_set(err, HF_DAMAGED, "a line without an end");
        size_t line = (size_t)(end - at);
        if (parse_line(at, line, catalog, err) != HF_OK)
            return hf_error_prefix(err, "line %zu", catalog->count + 1);
        at += line + 1;
        len -= line + 1;
    }
    return HF_OK;
}

static enum hf_status read_pieces(struct hf_refcursor *cursor, hf_reflist_read_fn *read, void *ctx,
                                  struct hf_catalog *catalog, struct hf_error *err)
{
    HF_AUTO(hf_buf) piece = HF_BUF_INIT;
    for (;;) {
        struct hf_ref ref;
        bool end;
        HF_TRY(hf_refcursor_next(cursor, &ref, &end, err));
        if (end)
            return HF_OK;
        piece.len = 0;
        HF_TRY(read(ctx, ref.id, HF_CATALOG_PIECE_MAX, &piece, err));
        if (piece.len != ref.len)
            return hf_error_set(err, HF_DAMAGED, "piece of %zu bytes, listed as %u", piece.len,
                                ref.len);
        HF_TRY(hf_catalog_parse(piece.data, piece.len, catalog, err));
    }
}

enum hf_status hf_catalog_read(const struct hf_reflist_root *root, hf_reflist_read_fn *read,
                               void *ctx, struct hf_catalog *out, struct hf_error *err)
{
    HF_AUTO(hf_catalog) catalog = HF_CATALOG_INIT;
    HF_AUTO_PTR(hf_refcursor) cursor = NULL;
    if (hf_refcursor_open(root, read, ctx, &cursor, err) != HF_OK ||
        read_pieces(cursor, read, ctx, &catalog, err) != HF_OK)
        return hf_error_prefix(err, "catalog");
    *out = catalog;
    catalog = (struct hf_catalog)HF_CATALOG_INIT;
    return HF_OK;
}

const struct hf_catalog_entry *hf_catalog_find(const struct hf_catalog *catalog, const char *name)
{
    struct hf_catalog_entry key = {.info = {.name = name}};
    if (catalog->count == 0)
        return NULL;
    return bsearch(&key, catalog->items, catalog->count, sizeof key, by_name);
}
