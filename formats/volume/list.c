#include "formats/volume/list.h"

#include "formats/volume/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = {'H', 'F', 'V', 'O', 'L', '0', '0', '1'};

enum {
    PIECE_LEAST = 32 << 10, /* a cut may come */
    PIECE_MASK = 127,       /* about every so many records after that */
    PIECE_MOST = 256 << 10, /* and comes */
    NUMBER_MAX = 10,
};

void hf_vol_bundle_name(char name[HF_VOL_BUNDLE_NAME], uint32_t bundle)
{
    (void)snprintf(name, HF_VOL_BUNDLE_NAME, "content/%08x", bundle);
}

bool hf_vol_bundle_number(const char *name, uint32_t *out)
{
    static const char prefix[] = "content/";
    uint8_t bytes[sizeof *out];
    const char *digits = name + sizeof prefix - 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || !hf_unhex(bytes, sizeof bytes, digits))
        return false;
    *out = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

uint32_t hf_vol_path_hash(const char *path)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *path; path++)
        h = (h ^ (uint8_t)*path) * UINT64_C(1099511628211);
    return (uint32_t)(h ^ h >> 32);
}

/* ---- writing ---- */

struct hf_vol_list_writer {
    const struct hf_sink *sink;
    struct hf_sink_stream *stream; /* NULL once it ended */
    struct hf_buf piece;
    struct hf_buf last; /* path of the record before in this piece */
    uint64_t records;
};

static void writer_free(struct hf_vol_list_writer *list)
{
    hf_buf_free(&list->piece);
    hf_buf_free(&list->last);
    free(list);
}

enum hf_status hf_vol_list_create(const struct hf_sink *sink, struct hf_vol_list_writer **out,
                                  struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list_writer) list = calloc(1, sizeof *list);
    if (!list)
        return hf_error_memory(err);
    list->sink = sink;
    HF_TRY(sink->open(sink->ctx, HF_VOL_LIST, HF_STREAM_META, &list->stream, err));
    HF_TRY(hf_buf_append(&list->piece, magic, sizeof magic, err));
    *out = list;
    list = NULL;
    return HF_OK;
}

static enum hf_status write_piece(struct hf_vol_list_writer *list, struct hf_error *err)
{
    if (list->piece.len == 0)
        return HF_OK;
    HF_TRY(list->sink->write(list->stream, list->piece.data, list->piece.len, err));
    HF_TRY(list->sink->cut(list->stream, err));
    list->piece.len = 0;
    list->last.len = 0;
    return HF_OK;
}

static size_t shared_with(const struct hf_buf *last, const char *path)
{
    size_t n = 0;
    while (n < last->len && path[n] && last->data[n] == (uint8_t)path[n])
        n++;
    return n;
}

enum hf_status hf_vol_list_add(struct hf_vol_list_writer *list, const struct hf_vol_entry *entry,
                               struct hf_error *err)
{
    size_t len = strlen(entry->path);
    size_t shared = shared_with(&list->last, entry->path);
    HF_TRY(hf_vol_entry_encode(entry, shared, &list->piece, err));
    list->records++;
    if (list->piece.len >= PIECE_MOST ||
        (list->piece.len >= PIECE_LEAST && (hf_vol_path_hash(entry->path) & PIECE_MASK) == 0))
        return write_piece(list, err);
    list->last.len = shared;
    return hf_buf_append(&list->last, entry->path + shared, len - shared, err);
}

enum hf_status hf_vol_list_finish(struct hf_vol_list_writer *list, struct hf_error *err)
{
    enum hf_status status = write_piece(list, err);
    if (status == HF_OK)
        status = list->sink->close(list->stream, list->records, NULL, err);
    else
        list->sink->abandon(list->stream);
    writer_free(list);
    return status;
}

void hf_vol_list_abandon(struct hf_vol_list_writer *list)
{
    if (list->stream)
        list->sink->abandon(list->stream);
    writer_free(list);
}

/* ---- reading ---- */

struct hf_vol_list {
    const struct hf_feed *feed;
    struct hf_feed_stream *stream;
    struct hf_buf rest; /* of a record that goes on in the next piece */
    const uint8_t *at;  /* in the piece, or in rest */
    size_t left;
    struct hf_vol_decoder decoder;
    struct hf_vol_entry entry;
    struct hf_buf last; /* path of the entry before */
    size_t *folders;    /* lengths of the paths of the directories that the last one is in */
    size_t folder_count, folder_cap;
    bool started;
};

void hf_vol_list_close(struct hf_vol_list *list)
{
    if (list->stream)
        list->feed->close(list->stream);
    hf_buf_free(&list->rest);
    hf_buf_free(&list->last);
    hf_vol_decoder_done(&list->decoder);
    free(list->folders);
    free(list);
}

/* More bytes behind those that are left; *out_more false at the end of the stream. */
static enum hf_status more(struct hf_vol_list *list, bool *out_more, struct hf_error *err)
{
    const uint8_t *data;
    size_t len;
    struct hf_buf *rest = &list->rest;
    if (list->left > 0 && rest->len > 0 && list->at >= rest->data &&
        list->at < rest->data + rest->len) {
        memmove(rest->data, list->at, list->left);
        rest->len = list->left;
    } else {
        rest->len = 0;
        HF_TRY(hf_buf_append(rest, list->at, list->left, err));
    }
    HF_TRY(list->feed->next(list->stream, &data, &len, err));
    *out_more = len > 0;
    if (rest->len == 0) {
        list->at = data;
        list->left = len;
        return HF_OK;
    }
    HF_TRY(hf_buf_append(rest, data, len, err));
    list->at = rest->data;
    list->left = rest->len;
    return HF_OK;
}

static enum hf_status need(struct hf_vol_list *list, size_t len, struct hf_error *err)
{
    bool is_more = true;
    while (list->left < len && is_more)
        HF_TRY(more(list, &is_more, err));
    if (list->left < len)
        return hf_error_set(err, HF_DAMAGED, "list of files: it ends within an entry");
    return HF_OK;
}

enum hf_status hf_vol_list_open(const struct hf_feed *feed, struct hf_vol_list **out,
                                struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list) list = calloc(1, sizeof *list);
    if (!list)
        return hf_error_memory(err);
    list->feed = feed;
    HF_TRY(feed->open(feed->ctx, HF_VOL_LIST, &list->stream, err));
    HF_TRY(need(list, sizeof magic, err));
    if (memcmp(list->at, magic, sizeof magic) != 0)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "list of files: of a form that this version of holdfast does not know");
    list->at += sizeof magic;
    list->left -= sizeof magic;
    *out = list;
    list = NULL;
    return HF_OK;
}

/* The length of the next record, read byte by byte as it may be cut anywhere; 0 at the end. */
static enum hf_status record_length(struct hf_vol_list *list, size_t *out, struct hf_error *err)
{
    struct hf_reader r;
    size_t n = 0;
    bool is_more = true;
    if (list->left == 0)
        HF_TRY(more(list, &is_more, err));
    *out = 0;
    if (list->left == 0)
        return HF_OK;
    do
        HF_TRY(need(list, ++n, err));
    while (n < NUMBER_MAX && list->at[n - 1] & 0x80);
    hf_reader_init(&r, list->at, n);
    uint64_t len = hf_vol_get_number(&r);
    if (!hf_reader_done(&r) || len == 0 || len > HF_VOL_RECORD_MAX)
        return hf_error_set(err, HF_DAMAGED, "list of files: an entry of no possible length");
    list->at += n;
    list->left -= n;
    *out = (size_t)len;
    return HF_OK;
}

static enum hf_status push_folder(struct hf_vol_list *list, size_t len, struct hf_error *err)
{
    if (list->folder_count == list->folder_cap) {
        size_t cap = list->folder_cap ? 2 * list->folder_cap : 32;
        size_t *folders = realloc(list->folders, cap * sizeof *folders);
        if (!folders)
            return hf_error_memory(err);
        list->folders = folders;
        list->folder_cap = cap;
    }
    list->folders[list->folder_count++] = len;
    return HF_OK;
}

/* That the entry comes after the one before, and its parent is a listed directory. */
static enum hf_status check_place(struct hf_vol_list *list, struct hf_error *err)
{
    const struct hf_vol_entry *entry = &list->entry;
    const char *path = entry->path, *last;
    const char *slash = strrchr(path, '/');
    size_t parent = slash ? (size_t)(slash - path) : 0;
    if (!list->started) {
        list->started = true;
        if (*path || entry->type != HF_VOL_DIRECTORY)
            return hf_error_set(err, HF_DAMAGED, "list of files: it does not begin with the root");
        return push_folder(list, 0, err);
    }
    HF_TRY(hf_buf_cstr(&list->last, &last, err));
    if (hf_vol_path_compare(last, path) >= 0)
        return hf_error_set(err, HF_DAMAGED, "list of files: not in order");
    /* Directories of the last path that are not on the way to this one are done with. */
    size_t shared = shared_with(&list->last, path);
    while (list->folder_count > 1) {
        size_t top = list->folders[list->folder_count - 1];
        if (top <= shared && path[top] == '/')
            break;
        list->folder_count--;
    }
    if (list->folders[list->folder_count - 1] != parent)
        return hf_error_set(err, HF_DAMAGED, "list of files: an entry that is in no directory");
    return entry->type == HF_VOL_DIRECTORY ? push_folder(list, strlen(path), err) : HF_OK;
}

static enum hf_status remember(struct hf_vol_list *list, struct hf_error *err)
{
    list->last.len = 0;
    return hf_buf_append(&list->last, list->entry.path, strlen(list->entry.path), err);
}

enum hf_status hf_vol_list_next(struct hf_vol_list *list, const struct hf_vol_entry **out,
                                struct hf_error *err)
{
    size_t len;
    HF_TRY(record_length(list, &len, err));
    if (len == 0) {
        if (!list->started)
            return hf_error_set(err, HF_DAMAGED, "list of files: it is empty");
        *out = NULL;
        return HF_OK;
    }
    HF_TRY(need(list, len, err));
    HF_TRY(hf_vol_entry_decode(&list->decoder, list->at, len, &list->entry, err));
    list->at += len;
    list->left -= len;
    HF_TRY(check_place(list, err));
    HF_TRY(remember(list, err));
    *out = &list->entry;
    return HF_OK;
}
