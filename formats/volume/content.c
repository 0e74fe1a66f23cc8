#include "formats/volume/content.h"

#include "base/file.h"
#include "formats/volume/list.h"
#include "formats/volume/path.h"
#include "formats/volume/xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- bundles ---- */

static enum hf_status bundle_write(struct hf_vol_bundle *bundle, const void *data, size_t len,
                                   struct hf_error *err)
{
    if (len == 0)
        return HF_OK;
    if (!bundle->stream) {
        char name[HF_VOL_BUNDLE_NAME];
        hf_vol_bundle_name(name, bundle->number);
        HF_TRY(bundle->sink->open(bundle->sink->ctx, name, HF_STREAM_BYTES, &bundle->stream, err));
    }
    HF_TRY(bundle->sink->write(bundle->stream, data, len, err));
    bundle->len += len;
    return HF_OK;
}

enum hf_status hf_vol_bundle_close(struct hf_vol_bundle *bundle, struct hf_error *err)
{
    struct hf_sink_stream *stream = bundle->stream;
    bundle->stream = NULL;
    return stream ? bundle->sink->close(stream, 0, NULL, err) : HF_OK;
}

void hf_vol_bundle_abandon(struct hf_vol_bundle *bundle)
{
    if (bundle->stream)
        bundle->sink->abandon(bundle->stream);
    bundle->stream = NULL;
}

/* ---- opening ---- */

enum hf_status hf_vol_unreadable(struct hf_vol_noted *notes, bool skip, const char *path, int error,
                                 struct hf_error *err)
{
    char text[HF_VOL_PATH_TEXT];
    if (error == ENOMEM)
        return hf_error_memory(err);
    if (skip)
        return hf_vol_note(notes, HF_VOL_UNREADABLE, path, strerror(error), err);
    return hf_error_sys(err, error, "%s cannot be read (skip_unreadable leaves out such files)",
                        hf_vol_path_text(text, path));
}

static bool is_gone(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ESTALE;
}

static enum hf_status fail_or_note(struct hf_vol_reader *reader, const char *path, int error,
                                   enum hf_vol_outcome *out, struct hf_error *err)
{
    *out = HF_VOL_GONE;
    if (is_gone(error))
        return hf_vol_note(reader->notes, HF_VOL_VANISHED, path, NULL, err);
    return hf_vol_unreadable(reader->notes, reader->skip_unreadable, path, error, err);
}

/* Without a trace in its times where that is allowed. -1 and errno. */
static int open_file(int root, const char *path)
{
    enum { FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY };
    int fd = hf_vol_open(root, path, FLAGS | O_NOATIME, 0);
    return fd < 0 && errno == EPERM ? hf_vol_open(root, path, FLAGS, 0) : fd;
}

static bool is_same(const struct hf_vol_entry *entry, const struct stat *st)
{
    struct hf_vol_entry now = {.path = NULL};
    return hf_vol_entry_stat(&now, st) && now.type == entry->type && now.size == entry->size &&
           now.inode == entry->inode && hf_vol_time_equal(now.mtime, entry->mtime) &&
           hf_vol_time_equal(now.ctime, entry->ctime);
}

/* ---- reading ---- */

void hf_vol_range_done(struct hf_vol_range *range)
{
    free(range->extents);
    *range = (struct hf_vol_range){.start = 0};
}

static enum hf_status add_extent(struct hf_vol_range *range, uint64_t offset, uint64_t len,
                                 struct hf_error *err)
{
    struct hf_vol_extent *last =
        range->extent_count ? &range->extents[range->extent_count - 1] : NULL;
    if (len == 0)
        return HF_OK;
    if (last && last->offset + last->len == offset) {
        last->len += len;
        return HF_OK;
    }
    if (range->extent_count == range->extent_cap) {
        size_t cap = range->extent_cap ? 2 * range->extent_cap : 4;
        struct hf_vol_extent *extents = realloc(range->extents, cap * sizeof *extents);
        if (!extents)
            return hf_error_memory(err);
        range->extents = extents;
        range->extent_cap = cap;
    }
    range->extents[range->extent_count++] = (struct hf_vol_extent){offset, len};
    return HF_OK;
}

struct source {
    struct hf_vol_reader *reader;
    struct hf_vol_bundle *bundle;
    const char *path;
    int fd;
    int error; /* errno of a read that failed */
};

/* Bytes [at, end), or to the end of the file: *out_end is where it stopped. */
static enum hf_status copy_data(struct source *source, uint64_t at, uint64_t end,
                                struct hf_vol_range *range, uint64_t *out_end, struct hf_error *err)
{
    struct hf_vol_reader *reader = source->reader;
    while (at < end) {
        size_t want = end - at < HF_VOL_BUFFER ? (size_t)(end - at) : HF_VOL_BUFFER;
        ssize_t got = pread(source->fd, reader->buffer, want, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            source->error = errno;
        if (got <= 0)
            break;
        HF_TRY(bundle_write(source->bundle, reader->buffer, (size_t)got, err));
        HF_TRY(add_extent(range, at, (uint64_t)got, err));
        at += (uint64_t)got;
        hf_observe_advance(reader->observer, (uint64_t)got, 0);
        HF_TRY(hf_cancel_check(reader->cancel, err));
    }
    *out_end = at;
    return HF_OK;
}

/* The next run of data in [at, end); false when only holes are left. */
static bool next_data(struct source *source, uint64_t at, uint64_t end, uint64_t *out_from,
                      uint64_t *out_to)
{
    off_t from = lseek(source->fd, (off_t)at, SEEK_DATA);
    if (from < 0 && errno == ENXIO)
        return false;
    /* A file system that does not know holes: all is data. */
    off_t to = from < 0 ? (off_t)end : lseek(source->fd, from, SEEK_HOLE);
    *out_from = from < 0 ? at : (uint64_t)from;
    *out_to = to < 0 || (uint64_t)to > end ? end : (uint64_t)to;
    return *out_from < end;
}

/* Reads range->start to range->end. *out_end is where the file ended, if before. */
static enum hf_status copy_range(struct source *source, bool sparse, size_t extents_max,
                                 struct hf_vol_range *range, uint64_t *out_end,
                                 struct hf_error *err)
{
    uint64_t at = range->start;
    range->part = (struct hf_vol_part){source->bundle->number, source->bundle->len, 0};
    range->extent_count = 0;
    *out_end = range->end;
    while (at < range->end) {
        uint64_t from = at, to = range->end, stopped;
        if (sparse && range->extent_count < extents_max &&
            !next_data(source, at, range->end, &from, &to))
            break;
        HF_TRY(copy_data(source, from, to, range, &stopped, err));
        if (stopped < to) {
            *out_end = stopped;
            break;
        }
        at = to;
    }
    range->part.len = source->bundle->len - range->part.offset;
    return HF_OK;
}

static bool has_holes(const struct stat *st)
{
    return (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

/* A file that fits the buffer goes to the bundle only when it is known to be good (or for the last
 * time): no waste. */
static enum hf_status read_small(struct source *source, const struct stat *before, bool last,
                                 struct hf_vol_range *range, bool *out_same, uint64_t *out_end,
                                 struct hf_error *err)
{
    struct hf_vol_reader *reader = source->reader;
    struct stat after;
    size_t len = 0, size = (size_t)before->st_size;
    while (len < size) {
        ssize_t got = pread(source->fd, reader->buffer + len, size - len, (off_t)len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            source->error = errno;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    if (source->error == 0 && fstat(source->fd, &after) != 0)
        source->error = errno;
    *out_same = source->error == 0 && len == size && after.st_size == before->st_size &&
                after.st_mtim.tv_sec == before->st_mtim.tv_sec &&
                after.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
                after.st_ctim.tv_sec == before->st_ctim.tv_sec &&
                after.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
    *out_end = len;
    if (source->error || (!*out_same && !last))
        return HF_OK;
    range->part = (struct hf_vol_part){source->bundle->number, source->bundle->len, len};
    range->extent_count = 0;
    HF_TRY(bundle_write(source->bundle, reader->buffer, len, err));
    hf_observe_advance(reader->observer, len, 0);
    return add_extent(range, 0, len, err);
}

static enum hf_status read_large(struct source *source, const struct stat *before,
                                 const struct hf_vol_entry *entry, struct hf_vol_range *range,
                                 bool *out_same, uint64_t *out_end, struct hf_error *err)
{
    struct stat after;
    range->start = 0;
    range->end = (uint64_t)before->st_size;
    HF_TRY(copy_range(source, has_holes(before), HF_VOL_EXTENTS_MAX, range, out_end, err));
    if (source->error == 0 && fstat(source->fd, &after) != 0)
        source->error = errno;
    *out_same = source->error == 0 && *out_end == range->end && is_same(entry, &after);
    return HF_OK;
}

static enum hf_status set_xattrs(const struct hf_vol_reader *reader, size_t count,
                                 struct hf_vol_arena *arena, struct hf_vol_entry *entry,
                                 struct hf_error *err)
{
    entry->xattr_count = count;
    entry->xattrs_len = count ? reader->xattrs.len : 0;
    entry->xattrs =
        count ? hf_vol_arena_copy(arena, reader->xattrs.data, reader->xattrs.len) : NULL;
    return count && !entry->xattrs ? hf_error_memory(err) : HF_OK;
}

/* One reading of an open file. */
static enum hf_status read_once(struct source *source, struct hf_vol_arena *arena, bool last,
                                struct hf_vol_entry *entry, struct hf_vol_range *range,
                                bool *out_same, struct hf_error *err)
{
    struct hf_vol_reader *reader = source->reader;
    const struct hf_vol_object object = {.fd = source->fd};
    struct stat before;
    uint64_t end = 0;
    size_t count = 0;
    *out_same = false;
    reader->xattrs.len = 0;
    if (fstat(source->fd, &before) != 0)
        source->error = errno;
    else if (!S_ISREG(before.st_mode))
        source->error = ESTALE;
    else
        source->error = hf_vol_xattrs_read(&object, &reader->xattrs, &count);
    if (source->error)
        return HF_OK;
    HF_TRY(set_xattrs(reader, count, arena, entry, err));
    (void)hf_vol_entry_stat(entry, &before);
    if (before.st_size <= HF_VOL_BUFFER && !has_holes(&before))
        HF_TRY(read_small(source, &before, last, range, out_same, &end, err));
    else
        HF_TRY(read_large(source, &before, entry, range, out_same, &end, err));
    if (!*out_same && last)
        entry->size = end;
    return HF_OK;
}

static enum hf_status read_again(struct hf_vol_reader *reader, struct hf_vol_bundle *bundle,
                                 struct hf_vol_arena *arena, struct hf_vol_entry *entry,
                                 struct hf_vol_range *range, enum hf_vol_outcome *out,
                                 struct hf_error *err)
{
    bool same = false;
    for (int n = 1; n <= HF_VOL_READS && !same; n++) {
        struct source source = {reader, bundle, entry->path, open_file(reader->root, entry->path),
                                0};
        enum hf_status status = HF_OK;
        if (source.fd < 0)
            source.error = errno;
        else
            status = read_once(&source, arena, n == HF_VOL_READS, entry, range, &same, err);
        if (source.fd >= 0)
            (void)close(source.fd);
        HF_TRY(status);
        if (source.error)
            return fail_or_note(reader, entry->path, source.error, out, err);
    }
    *out = HF_VOL_READ;
    if (same)
        return HF_OK;
    entry->flags |= HF_VOL_TORN;
    return hf_vol_note(reader->notes, HF_VOL_CHANGED, entry->path, NULL, err);
}

enum hf_status hf_vol_read_file(struct hf_vol_reader *reader, struct hf_vol_bundle *bundle,
                                struct hf_vol_arena *arena, struct hf_vol_entry *entry,
                                enum hf_vol_outcome *out, struct hf_error *err)
{
    struct hf_vol_range range = {.start = 0};
    enum hf_status status = read_again(reader, bundle, arena, entry, &range, out, err);
    if (status == HF_OK && *out == HF_VOL_READ) {
        bundle->files++;
        status = hf_vol_entry_set_ranges(entry, arena, &range, 1, err);
    }
    hf_vol_range_done(&range);
    return status;
}

enum hf_status hf_vol_read_range(struct hf_vol_reader *reader, struct hf_vol_bundle *bundle,
                                 const struct hf_vol_entry *entry, size_t extents_max,
                                 struct hf_vol_range *range, enum hf_vol_outcome *out,
                                 struct hf_error *err)
{
    struct stat st;
    uint64_t end = 0;
    HF_AUTO_FD fd = open_file(reader->root, entry->path);
    struct source source = {reader, bundle, entry->path, fd, 0};
    if (fd < 0)
        return fail_or_note(reader, entry->path, errno, out, err);
    *out = HF_VOL_OTHER;
    if (fstat(fd, &st) != 0 || !is_same(entry, &st))
        return HF_OK;
    (void)posix_fadvise(fd, (off_t)range->start, (off_t)(range->end - range->start),
                        POSIX_FADV_SEQUENTIAL);
    HF_TRY(copy_range(&source, has_holes(&st), extents_max, range, &end, err));
    if (source.error)
        return fail_or_note(reader, entry->path, source.error, out, err);
    if (end == range->end && fstat(fd, &st) == 0 && is_same(entry, &st))
        *out = HF_VOL_READ;
    return HF_OK;
}

enum hf_status hf_vol_read_attributes(struct hf_vol_reader *reader, struct hf_vol_arena *arena,
                                      struct hf_vol_entry *entry, enum hf_vol_outcome *out,
                                      struct hf_error *err)
{
    size_t count;
    HF_AUTO_FD fd = open_file(reader->root, entry->path);
    const struct hf_vol_object object = {.fd = fd};
    if (fd < 0)
        return fail_or_note(reader, entry->path, errno, out, err);
    reader->xattrs.len = 0;
    int error = hf_vol_xattrs_read(&object, &reader->xattrs, &count);
    if (error)
        return fail_or_note(reader, entry->path, error, out, err);
    *out = HF_VOL_READ;
    return set_xattrs(reader, count, arena, entry, err);
}

/* ---- what was read ---- */

static enum hf_status set_extents(struct hf_vol_entry *entry, struct hf_vol_arena *arena,
                                  const struct hf_vol_range *ranges, size_t count,
                                  struct hf_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += ranges[i].extent_count;
    struct hf_vol_extent *extents = hf_vol_arena_take(arena, (total + 1) * sizeof *extents);
    if (!extents)
        return hf_error_memory(err);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < ranges[i].extent_count; j++) {
            const struct hf_vol_extent *extent = &ranges[i].extents[j];
            if (n > 0 && extents[n - 1].offset + extents[n - 1].len == extent->offset)
                extents[n - 1].len += extent->len;
            else
                extents[n++] = *extent;
        }
    }
    entry->sparse = true;
    entry->extents = extents;
    entry->extent_count = n;
    return HF_OK;
}

enum hf_status hf_vol_entry_set_ranges(struct hf_vol_entry *entry, struct hf_vol_arena *arena,
                                       const struct hf_vol_range *ranges, size_t count,
                                       struct hf_error *err)
{
    uint64_t stored = 0;
    size_t n = 0;
    struct hf_vol_part *parts = hf_vol_arena_take(arena, (count + 1) * sizeof *parts);
    if (!parts)
        return hf_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].part.len > 0)
            parts[n++] = ranges[i].part;
        stored += ranges[i].part.len;
    }
    entry->parts = parts;
    entry->part_count = n;
    if (stored < entry->size)
        return set_extents(entry, arena, ranges, count, err);
    return HF_OK;
}
