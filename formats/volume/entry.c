#include "formats/volume/entry.h"

#include "formats/volume/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { NS_PER_S = 1000000000, XATTR_NAME_MAX = 255, XATTR_VALUE_MAX = 1 << 20 };

/* Bits of the byte behind the type. */
enum { BIT_TORN = 1, BIT_SPARSE = 2, BIT_XATTRS = 4, BITS = 7 };

bool hf_vol_time_equal(struct hf_vol_time a, struct hf_vol_time b)
{
    return a.s == b.s && a.ns == b.ns;
}

static struct hf_vol_time time_of(const struct timespec *ts)
{
    return (struct hf_vol_time){ts->tv_sec, (uint32_t)ts->tv_nsec};
}

static bool type_of(mode_t mode, enum hf_vol_type *out)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        *out = HF_VOL_DIRECTORY;
        return true;
    case S_IFREG:
        *out = HF_VOL_FILE;
        return true;
    case S_IFLNK:
        *out = HF_VOL_SYMLINK;
        return true;
    case S_IFCHR:
        *out = HF_VOL_CHARACTER;
        return true;
    case S_IFBLK:
        *out = HF_VOL_BLOCK;
        return true;
    case S_IFIFO:
        *out = HF_VOL_FIFO;
        return true;
    default:
        return false;
    }
}

bool hf_vol_entry_stat(struct hf_vol_entry *entry, const struct stat *st)
{
    if (!type_of(st->st_mode, &entry->type))
        return false;
    entry->mode = st->st_mode & 07777;
    entry->uid = st->st_uid;
    entry->gid = st->st_gid;
    entry->mtime = time_of(&st->st_mtim);
    entry->ctime = time_of(&st->st_ctim);
    entry->inode = st->st_ino;
    entry->size = entry->type == HF_VOL_FILE ? (uint64_t)st->st_size : 0;
    if (entry->type == HF_VOL_CHARACTER || entry->type == HF_VOL_BLOCK) {
        entry->major = major(st->st_rdev);
        entry->minor = minor(st->st_rdev);
    }
    return true;
}

enum hf_status hf_vol_entry_copy(struct hf_vol_entry *entry, struct hf_vol_arena *arena,
                                 struct hf_error *err)
{
    entry->parts = hf_vol_arena_copy(arena, entry->parts, entry->part_count * sizeof *entry->parts);
    entry->extents =
        hf_vol_arena_copy(arena, entry->extents, entry->extent_count * sizeof *entry->extents);
    entry->xattrs = hf_vol_arena_copy(arena, entry->xattrs, entry->xattrs_len);
    return entry->parts && entry->extents && entry->xattrs ? HF_OK : hf_error_memory(err);
}

uint64_t hf_vol_entry_stored(const struct hf_vol_entry *entry)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < entry->part_count; i++)
        bytes += entry->parts[i].len;
    return bytes;
}

bool hf_vol_xattr_next(const struct hf_vol_entry *entry, size_t *at, struct hf_vol_xattr *out)
{
    struct hf_reader r;
    if (*at >= entry->xattrs_len)
        return false;
    hf_reader_init(&r, entry->xattrs + *at, entry->xattrs_len - *at);
    out->name_len = hf_reader_u16(&r);
    out->name = (const char *)hf_reader_bytes(&r, out->name_len);
    out->len = hf_reader_u32(&r);
    out->value = hf_reader_bytes(&r, out->len);
    *at = entry->xattrs_len - r.left;
    return hf_reader_ok(&r);
}

/* ---- numbers ---- */

enum hf_status hf_vol_put_number(struct hf_buf *out, uint64_t value, struct hf_error *err)
{
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n] = (uint8_t)(value & 0x7f);
        value >>= 7;
        bytes[n] |= value ? 0x80 : 0;
        n++;
    } while (value);
    return hf_buf_append(out, bytes, n, err);
}

/* Exactly one form of each number: what is longer than needed is bad. */
uint64_t hf_vol_get_number(struct hf_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = hf_reader_u8(r);
        if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0))
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    r->bad = true;
    return 0;
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

static enum hf_status put_time(struct hf_buf *out, struct hf_vol_time time, struct hf_error *err)
{
    HF_TRY(hf_vol_put_number(out, zigzag(time.s), err));
    return hf_vol_put_number(out, time.ns, err);
}

static struct hf_vol_time get_time(struct hf_reader *r)
{
    struct hf_vol_time time = {.s = unzigzag(hf_vol_get_number(r))};
    uint64_t ns = hf_vol_get_number(r);
    if (ns >= NS_PER_S)
        r->bad = true;
    else
        time.ns = (uint32_t)ns;
    return time;
}

static uint32_t get_u32(struct hf_reader *r)
{
    uint64_t value = hf_vol_get_number(r);
    if (value > UINT32_MAX)
        r->bad = true;
    return (uint32_t)value;
}

static enum hf_status put_bytes(struct hf_buf *out, const void *data, size_t len,
                                struct hf_error *err)
{
    HF_TRY(hf_vol_put_number(out, len, err));
    return hf_buf_append(out, data, len, err);
}

/* ---- encoding ---- */

static enum hf_status put_file(const struct hf_vol_entry *entry, struct hf_buf *out,
                               struct hf_error *err)
{
    HF_TRY(hf_vol_put_number(out, entry->size, err));
    HF_TRY(put_time(out, entry->ctime, err));
    HF_TRY(hf_vol_put_number(out, entry->inode, err));
    HF_TRY(hf_vol_put_number(out, entry->part_count, err));
    for (size_t i = 0; i < entry->part_count; i++) {
        HF_TRY(hf_vol_put_number(out, entry->parts[i].bundle, err));
        HF_TRY(hf_vol_put_number(out, entry->parts[i].offset, err));
        HF_TRY(hf_vol_put_number(out, entry->parts[i].len, err));
    }
    if (!entry->sparse)
        return HF_OK;
    HF_TRY(hf_vol_put_number(out, entry->extent_count, err));
    uint64_t end = 0;
    for (size_t i = 0; i < entry->extent_count; i++) {
        HF_TRY(hf_vol_put_number(out, entry->extents[i].offset - end, err));
        HF_TRY(hf_vol_put_number(out, entry->extents[i].len, err));
        end = entry->extents[i].offset + entry->extents[i].len;
    }
    return HF_OK;
}

static enum hf_status put_body(const struct hf_vol_entry *entry, size_t shared, struct hf_buf *out,
                               struct hf_error *err)
{
    unsigned bits = (entry->flags & HF_VOL_TORN ? BIT_TORN : 0) | (entry->sparse ? BIT_SPARSE : 0) |
                    (entry->xattr_count ? BIT_XATTRS : 0);
    HF_TRY(hf_vol_put_number(out, shared, err));
    HF_TRY(put_bytes(out, entry->path + shared, strlen(entry->path + shared), err));
    HF_TRY(hf_buf_u8(out, (uint8_t)entry->type, err));
    HF_TRY(hf_buf_u8(out, (uint8_t)bits, err));
    HF_TRY(hf_vol_put_number(out, entry->mode, err));
    HF_TRY(hf_vol_put_number(out, entry->uid, err));
    HF_TRY(hf_vol_put_number(out, entry->gid, err));
    HF_TRY(put_time(out, entry->mtime, err));
    if (entry->type == HF_VOL_FILE)
        HF_TRY(put_file(entry, out, err));
    if (entry->type == HF_VOL_SYMLINK || entry->type == HF_VOL_HARD_LINK)
        HF_TRY(put_bytes(out, entry->target, strlen(entry->target), err));
    if (entry->type == HF_VOL_CHARACTER || entry->type == HF_VOL_BLOCK) {
        HF_TRY(hf_vol_put_number(out, entry->major, err));
        HF_TRY(hf_vol_put_number(out, entry->minor, err));
    }
    if (entry->xattr_count == 0)
        return HF_OK;
    HF_TRY(hf_vol_put_number(out, entry->xattr_count, err));
    return hf_buf_append(out, entry->xattrs, entry->xattrs_len, err);
}

/* The length stands before the body and is of few bytes: the body is made first, behind room for
 * it, and moved up. */
enum hf_status hf_vol_entry_encode(const struct hf_vol_entry *entry, size_t shared,
                                   struct hf_buf *out, struct hf_error *err)
{
    char text[HF_VOL_PATH_TEXT];
    size_t before = out->len;
    HF_AUTO(hf_buf) length = HF_BUF_INIT;
    enum hf_status status = put_body(entry, shared, out, err);
    size_t body = out->len - before;
    if (status == HF_OK && body > HF_VOL_RECORD_MAX)
        status = hf_error_set(err, HF_UNSUPPORTED,
                              "%s: more extended attributes or holes than %d "
                              "MiB of them",
                              hf_vol_path_text(text, entry->path), HF_VOL_RECORD_MAX >> 20);
    if (status == HF_OK)
        status = hf_vol_put_number(&length, body, err);
    if (status == HF_OK)
        status = hf_buf_reserve(out, length.len, err);
    if (status != HF_OK) {
        out->len = before;
        return status;
    }
    memmove(out->data + before + length.len, out->data + before, body);
    memcpy(out->data + before, length.data, length.len);
    out->len += length.len;
    return HF_OK;
}

/* ---- decoding ---- */

void hf_vol_decoder_done(struct hf_vol_decoder *decoder)
{
    hf_buf_free(&decoder->path);
    hf_buf_free(&decoder->target);
    free(decoder->parts);
    free(decoder->extents);
    *decoder = (struct hf_vol_decoder){.parts = NULL};
}

static enum hf_status bad(struct hf_error *err, const char *what)
{
    return hf_error_set(err, HF_DAMAGED, "list of files: %s", what);
}

static enum hf_status get_path(struct hf_vol_decoder *decoder, struct hf_reader *r,
                               struct hf_vol_entry *out, struct hf_error *err)
{
    uint64_t shared = hf_vol_get_number(r);
    uint64_t len = hf_vol_get_number(r);
    size_t had = decoder->path.len;
    if (r->bad || shared > had || len > r->left || shared + len > HF_VOL_PATH_MAX)
        return bad(err, "a path that does not fit");
    decoder->path.len = (size_t)shared;
    HF_TRY(hf_buf_append(&decoder->path, hf_reader_bytes(r, (size_t)len), (size_t)len, err));
    HF_TRY(hf_buf_cstr(&decoder->path, &out->path, err));
    if (!hf_vol_path_valid(out->path, decoder->path.len))
        return bad(err, "a path that leads elsewhere");
    return HF_OK;
}

/* Room for count items, of which each takes at least two of the bytes that are left. */
static enum hf_status grow(void **items, size_t *cap, uint64_t count, size_t size, uint64_t most,
                           const struct hf_reader *r, struct hf_error *err)
{
    if (count > most || count > r->left / 2)
        return bad(err, "more parts than there can be");
    if (count <= *cap)
        return HF_OK;
    void *more = realloc(*items, (size_t)count * size);
    if (!more)
        return hf_error_memory(err);
    *items = more;
    *cap = (size_t)count;
    return HF_OK;
}

static enum hf_status get_parts(struct hf_vol_decoder *decoder, struct hf_reader *r,
                                struct hf_vol_entry *out, uint64_t *out_stored,
                                struct hf_error *err)
{
    uint64_t count = hf_vol_get_number(r);
    *out_stored = 0;
    HF_TRY(grow((void **)&decoder->parts, &decoder->part_cap, count, sizeof *decoder->parts,
                HF_VOL_PARTS_MAX, r, err));
    for (size_t i = 0; i < count; i++) {
        struct hf_vol_part *part = &decoder->parts[i];
        part->bundle = get_u32(r);
        part->offset = hf_vol_get_number(r);
        part->len = hf_vol_get_number(r);
        if (r->bad || part->len == 0 || part->len > INT64_MAX || part->offset > INT64_MAX ||
            part->len > INT64_MAX - *out_stored)
            return bad(err, "a part that cannot be");
        *out_stored += part->len;
    }
    out->parts = decoder->parts;
    out->part_count = (size_t)count;
    return HF_OK;
}

static enum hf_status get_extents(struct hf_vol_decoder *decoder, struct hf_reader *r,
                                  struct hf_vol_entry *out, uint64_t stored, struct hf_error *err)
{
    uint64_t count = hf_vol_get_number(r);
    uint64_t end = 0, sum = 0;
    HF_TRY(grow((void **)&decoder->extents, &decoder->extent_cap, count, sizeof *decoder->extents,
                HF_VOL_EXTENTS_MAX, r, err));
    for (size_t i = 0; i < count; i++) {
        struct hf_vol_extent *extent = &decoder->extents[i];
        uint64_t gap = hf_vol_get_number(r);
        extent->len = hf_vol_get_number(r);
        if (r->bad || gap > out->size - end || extent->len == 0 ||
            extent->len > out->size - end - gap)
            return bad(err, "holes that are not in the file");
        extent->offset = end + gap;
        end = extent->offset + extent->len;
        sum += extent->len;
    }
    if (sum != stored)
        return bad(err, "holes that do not agree with the content");
    out->sparse = true;
    out->extents = decoder->extents;
    out->extent_count = (size_t)count;
    return HF_OK;
}

static enum hf_status get_file(struct hf_vol_decoder *decoder, struct hf_reader *r, bool sparse,
                               struct hf_vol_entry *out, struct hf_error *err)
{
    uint64_t stored;
    out->size = hf_vol_get_number(r);
    out->ctime = get_time(r);
    out->inode = hf_vol_get_number(r);
    if (r->bad || out->size > INT64_MAX)
        return bad(err, "a file without a size");
    HF_TRY(get_parts(decoder, r, out, &stored, err));
    if (sparse)
        return get_extents(decoder, r, out, stored, err);
    return stored == out->size ? HF_OK : bad(err, "a file larger or smaller than its content");
}

static enum hf_status get_target(struct hf_vol_decoder *decoder, struct hf_reader *r,
                                 struct hf_vol_entry *out, struct hf_error *err)
{
    uint64_t len = hf_vol_get_number(r);
    if (r->bad || len == 0 || len > r->left || len > HF_VOL_PATH_MAX)
        return bad(err, "a link to nowhere");
    decoder->target.len = 0;
    HF_TRY(hf_buf_append(&decoder->target, hf_reader_bytes(r, (size_t)len), (size_t)len, err));
    HF_TRY(hf_buf_cstr(&decoder->target, &out->target, err));
    if (memchr(out->target, 0, (size_t)len))
        return bad(err, "a link to nowhere");
    if (out->type == HF_VOL_HARD_LINK && (!hf_vol_path_valid(out->target, (size_t)len) ||
                                          hf_vol_path_compare(out->target, out->path) >= 0))
        return bad(err, "a hard link that leads elsewhere");
    return HF_OK;
}

static enum hf_status get_xattrs(struct hf_reader *r, struct hf_vol_entry *out,
                                 struct hf_error *err)
{
    uint64_t count = hf_vol_get_number(r);
    if (r->bad || count == 0 || count > HF_VOL_XATTRS_MAX)
        return bad(err, "more attributes than there can be");
    out->xattrs = r->at;
    out->xattr_count = (size_t)count;
    for (uint64_t i = 0; i < count; i++) {
        uint16_t name = hf_reader_u16(r);
        const uint8_t *bytes = hf_reader_bytes(r, name);
        uint32_t value = hf_reader_u32(r);
        if (r->bad || name == 0 || name > XATTR_NAME_MAX || memchr(bytes, 0, name) ||
            value > XATTR_VALUE_MAX || !hf_reader_bytes(r, value))
            return bad(err, "an attribute that cannot be");
    }
    out->xattrs_len = (size_t)(r->at - out->xattrs);
    return HF_OK;
}

static enum hf_status get_rest(struct hf_vol_decoder *decoder, struct hf_reader *r, unsigned bits,
                               struct hf_vol_entry *out, struct hf_error *err)
{
    switch (out->type) {
    case HF_VOL_FILE:
        HF_TRY(get_file(decoder, r, bits & BIT_SPARSE, out, err));
        break;
    case HF_VOL_SYMLINK:
    case HF_VOL_HARD_LINK:
        HF_TRY(get_target(decoder, r, out, err));
        break;
    case HF_VOL_CHARACTER:
    case HF_VOL_BLOCK:
        out->major = get_u32(r);
        out->minor = get_u32(r);
        break;
    case HF_VOL_DIRECTORY:
    case HF_VOL_FIFO:
        break;
    default:
        return bad(err, "a type that this version does not know");
    }
    return bits & BIT_XATTRS ? get_xattrs(r, out, err) : HF_OK;
}

enum hf_status hf_vol_entry_decode(struct hf_vol_decoder *decoder, const void *data, size_t len,
                                   struct hf_vol_entry *out, struct hf_error *err)
{
    struct hf_vol_entry entry = {.path = NULL};
    struct hf_reader r;
    hf_reader_init(&r, data, len);
    HF_TRY(get_path(decoder, &r, &entry, err));
    entry.type = (enum hf_vol_type)hf_reader_u8(&r);
    unsigned bits = hf_reader_u8(&r);
    entry.mode = get_u32(&r);
    entry.uid = get_u32(&r);
    entry.gid = get_u32(&r);
    entry.mtime = get_time(&r);
    if (r.bad || bits > BITS || entry.mode > 07777 ||
        (entry.type != HF_VOL_FILE && bits & (BIT_TORN | BIT_SPARSE)))
        return bad(err, "an entry that cannot be");
    entry.flags = bits & BIT_TORN ? HF_VOL_TORN : 0;
    HF_TRY(get_rest(decoder, &r, bits, &entry, err));
    if (!hf_reader_done(&r))
        return bad(err, "an entry of another length than it says");
    *out = entry;
    return HF_OK;
}
