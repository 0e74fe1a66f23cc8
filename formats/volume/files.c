#include "formats/volume/files.h"

#include "base/file.h"
#include "formats/volume/arena.h"
#include "formats/volume/crew.h"
#include "formats/volume/fetch.h"
#include "formats/volume/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, COMPARE_RUN = 256 };

enum duty { WRITE, COMPARE_FILES, COMPARE_PIECE };

struct file {
    struct hf_vol_entry entry;    /* path: where it is made */
    struct hf_vol_wanted *wanted; /* entry.part_count of them */
    unsigned lacks;
};

struct hf_vol_files {
    struct hf_vol_files_options options;
    struct hf_vol_crew *crew;
    uint8_t key[crypto_onetimeauth_KEYBYTES];
    uint8_t *buffers; /* BUFFER bytes a thread, for reading back */

    /* The window. */
    struct hf_vol_arena arena;
    struct file **files;
    size_t count, cap;
    struct hf_vol_wanted **wanted;
    size_t wanted_count, wanted_cap;
};

static enum hf_status fail(const struct file *file, int error, const char *what,
                           struct hf_error *err)
{
    char text[HF_VOL_PATH_TEXT];
    return hf_error_sys(err, error, "%s: %s", hf_vol_path_text(text, file->entry.path), what);
}

/* ---- where content belongs in a file with holes ---- */

/* The extent that byte position of the content is in, and how far in. */
struct spot {
    size_t extent;
    uint64_t into;
};

static struct spot find_spot(const struct hf_vol_entry *entry, uint64_t position)
{
    struct spot spot = {0, position};
    while (spot.extent < entry->extent_count && spot.into >= entry->extents[spot.extent].len) {
        spot.into -= entry->extents[spot.extent].len;
        spot.extent++;
    }
    return spot;
}

/* Where the next bytes go, at most *len of them. */
static uint64_t place_of(const struct hf_vol_entry *entry, const struct spot *spot,
                         uint64_t position, size_t *len)
{
    if (!entry->sparse)
        return position;
    const struct hf_vol_extent *extent = &entry->extents[spot->extent];
    if (extent->len - spot->into < *len)
        *len = (size_t)(extent->len - spot->into);
    return extent->offset + spot->into;
}

static void advance_spot(const struct hf_vol_entry *entry, struct spot *spot, size_t len)
{
    spot->into += len;
    if (entry->sparse && spot->into == entry->extents[spot->extent].len) {
        spot->extent++;
        spot->into = 0;
    }
}

/* ---- writing ---- */

struct writer {
    struct hf_vol_files *files;
    struct hf_vol_wanted *wanted;
    struct file *file;
    int fd;
    uint64_t position;
    struct spot spot;
    crypto_onetimeauth_state digest;
};

static enum hf_status writer_begin(void *ctx, struct hf_vol_wanted *wanted, struct hf_error *err)
{
    struct writer *writer = ctx;
    struct file *file = wanted->file;
    const struct hf_vol_place *place = writer->files->options.place;
    writer->wanted = wanted;
    writer->file = file;
    writer->position = wanted->position;
    writer->spot = find_spot(&file->entry, wanted->position);
    (void)crypto_onetimeauth_init(&writer->digest, writer->files->key);
    if (file->entry.part_count == 1)
        return hf_vol_place_create(place, file->entry.path, &writer->fd, err);
    writer->fd = hf_vol_open(place->root, file->entry.path, O_WRONLY, 0);
    return writer->fd < 0 ? fail(file, errno, "writing", err) : HF_OK;
}

static enum hf_status write_at(const struct file *file, int fd, const uint8_t *data, size_t len,
                               uint64_t at, struct hf_error *err)
{
    while (len > 0) {
        ssize_t put = pwrite(fd, data, len, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail(file, put < 0 ? errno : ENOSPC, "writing", err);
        data += put;
        len -= (size_t)put;
        at += (uint64_t)put;
    }
    return HF_OK;
}

static enum hf_status writer_data(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct writer *writer = ctx;
    const struct hf_vol_entry *entry = &writer->file->entry;
    (void)crypto_onetimeauth_update(&writer->digest, data, len);
    hf_observe_advance(writer->files->options.work->observer, len, 0);
    while (len > 0) {
        size_t part = len;
        uint64_t at = place_of(entry, &writer->spot, writer->position, &part);
        HF_TRY(write_at(writer->file, writer->fd, data, part, at, err));
        advance_spot(entry, &writer->spot, part);
        writer->position += part;
        data += part;
        len -= part;
    }
    return HF_OK;
}

/* A hole at the end is made by the size. */
static enum hf_status end_file(const struct hf_vol_files *files, struct file *file, int fd,
                               struct hf_error *err)
{
    const struct hf_vol_entry *entry = &file->entry;
    if (entry->sparse && ftruncate(fd, (off_t)entry->size) != 0)
        return fail(file, errno, "setting its size", err);
    hf_observe_advance(files->options.work->observer, 0, 1);
    return hf_vol_place_dress(files->options.place, entry, fd, &file->lacks, err);
}

static enum hf_status writer_end(void *ctx, struct hf_error *err)
{
    struct writer *writer = ctx;
    (void)crypto_onetimeauth_final(&writer->digest, writer->wanted->digest);
    if (writer->file->entry.part_count == 1)
        HF_TRY(end_file(writer->files, writer->file, writer->fd, err));
    return hf_fd_close(&writer->fd, writer->file->entry.path, err);
}

static enum hf_status write_run(struct hf_vol_files *files, size_t first, size_t count,
                                struct hf_error *err)
{
    struct writer writer = {.files = files, .fd = -1};
    const struct hf_vol_taker taker = {&writer, writer_begin, writer_data, writer_end};
    enum hf_status status = hf_vol_fetch(files->options.feed, files->options.work->cancel,
                                         files->wanted + first, count, &taker, err);
    hf_fd_auto(&writer.fd);
    return status;
}

/* ---- reading back ---- */

static enum hf_status differs(const struct hf_vol_files *files, const struct file *file,
                              const char *what, struct hf_error *err)
{
    return hf_vol_note(files->options.place->notes, HF_VOL_DIFFERENT, file->entry.path, what, err);
}

/* *out_len: what the file has of it, at most len. */
static enum hf_status read_at(const struct file *file, int fd, uint8_t *data, size_t len,
                              uint64_t at, size_t *out_len, struct hf_error *err)
{
    *out_len = 0;
    while (*out_len < len) {
        ssize_t got = pread(fd, data + *out_len, len - *out_len, (off_t)(at + *out_len));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(file, errno, "reading it back", err);
        if (got == 0)
            break;
        *out_len += (size_t)got;
    }
    return HF_OK;
}

static enum hf_status digest_piece(const struct hf_vol_files *files,
                                   const struct hf_vol_wanted *wanted, int fd, uint8_t *buffer,
                                   uint8_t out[crypto_onetimeauth_BYTES], struct hf_error *err)
{
    const struct file *file = wanted->file;
    const struct hf_vol_entry *entry = &file->entry;
    struct spot spot = find_spot(entry, wanted->position);
    uint64_t position = wanted->position, end = position + wanted->part.len;
    crypto_onetimeauth_state digest;
    (void)crypto_onetimeauth_init(&digest, files->key);
    while (position < end) {
        size_t len = end - position < BUFFER ? (size_t)(end - position) : BUFFER, got;
        uint64_t at = place_of(entry, &spot, position, &len);
        HF_TRY(hf_cancel_check(files->options.work->cancel, err));
        HF_TRY(read_at(file, fd, buffer, len, at, &got, err));
        (void)crypto_onetimeauth_update(&digest, buffer, got);
        if (got < len)
            break;
        advance_spot(entry, &spot, len);
        position += len;
    }
    (void)crypto_onetimeauth_final(&digest, out);
    return HF_OK;
}

static enum hf_status compare_piece(const struct hf_vol_files *files,
                                    const struct hf_vol_wanted *wanted, int fd, uint8_t *buffer,
                                    struct hf_error *err)
{
    uint8_t found[crypto_onetimeauth_BYTES];
    HF_TRY(digest_piece(files, wanted, fd, buffer, found, err));
    if (sodium_memcmp(found, wanted->digest, sizeof found) == 0)
        return HF_OK;
    return differs(files, wanted->file, "content", err);
}

static enum hf_status open_back(const struct hf_vol_files *files, const struct file *file,
                                int *out_fd, struct hf_error *err)
{
    *out_fd = hf_vol_open(files->options.place->root, file->entry.path, O_RDONLY | O_NOATIME, 0);
    if (*out_fd < 0 && errno == EPERM)
        *out_fd = hf_vol_open(files->options.place->root, file->entry.path, O_RDONLY, 0);
    if (*out_fd >= 0 || errno == EACCES)
        return HF_OK;
    return differs(files, file, "it is not there", err);
}

/* A file that its owner may not read cannot be read back by him: what it has besides content can
 * be looked at still. */
static enum hf_status compare_file(const struct hf_vol_files *files, const struct file *file,
                                   uint8_t *buffer, struct hf_error *err)
{
    bool same;
    HF_AUTO_FD fd = -1;
    HF_TRY(open_back(files, file, &fd, err));
    HF_TRY(hf_vol_place_compare(files->options.place, &file->entry, fd, file->lacks, &same, err));
    if (!same || fd < 0 || file->entry.part_count != 1)
        return HF_OK;
    return compare_piece(files, file->wanted, fd, buffer, err);
}

static enum hf_status compare_one(const struct hf_vol_files *files,
                                  const struct hf_vol_wanted *wanted, uint8_t *buffer,
                                  struct hf_error *err)
{
    HF_AUTO_FD fd = -1;
    HF_TRY(open_back(files, wanted->file, &fd, err));
    return fd >= 0 ? compare_piece(files, wanted, fd, buffer, err) : HF_OK;
}

static enum hf_status do_duty(void *ctx, size_t thread, const struct hf_vol_duty *duty,
                              struct hf_error *err)
{
    struct hf_vol_files *files = ctx;
    uint8_t *buffer = files->buffers + thread * BUFFER;
    if (duty->kind == WRITE)
        return write_run(files, duty->first, duty->count, err);
    if (duty->kind == COMPARE_PIECE)
        return compare_one(files, files->wanted[duty->first], buffer, err);
    for (size_t i = 0; i < duty->count; i++)
        HF_TRY(compare_file(files, files->files[duty->first + i], buffer, err));
    return HF_OK;
}

/* ---- windows ---- */

/* Files without content, and those that several threads will write to. */
static enum hf_status make_others(struct hf_vol_files *files, struct hf_error *err)
{
    for (size_t i = 0; i < files->count; i++) {
        struct file *file = files->files[i];
        HF_AUTO_FD fd = -1;
        if (file->entry.part_count == 1)
            continue;
        HF_TRY(hf_vol_place_create(files->options.place, file->entry.path, &fd, err));
        if (file->entry.part_count == 0)
            HF_TRY(end_file(files, file, fd, err));
        HF_TRY(hf_fd_close(&fd, file->entry.path, err));
    }
    return HF_OK;
}

static enum hf_status end_large(struct hf_vol_files *files, struct hf_error *err)
{
    for (size_t i = 0; i < files->count; i++) {
        struct file *file = files->files[i];
        if (file->entry.part_count < 2)
            continue;
        HF_AUTO_FD fd = hf_vol_open(files->options.place->root, file->entry.path, O_RDWR, 0);
        if (fd < 0)
            return fail(file, errno, "writing", err);
        HF_TRY(end_file(files, file, fd, err));
        HF_TRY(hf_fd_close(&fd, file->entry.path, err));
    }
    return HF_OK;
}

static enum hf_status write_window(struct hf_vol_files *files, struct hf_error *err)
{
    hf_vol_wanted_sort(files->wanted, files->wanted_count);
    for (size_t at = 0; at < files->wanted_count;) {
        size_t run = hf_vol_wanted_run(files->wanted + at, files->wanted_count - at);
        HF_TRY(hf_vol_crew_give(files->crew, WRITE, at, run, err));
        at += run;
    }
    return hf_vol_crew_wait(files->crew, err);
}

static enum hf_status compare_window(struct hf_vol_files *files, struct hf_error *err)
{
    for (size_t at = 0; at < files->count; at += COMPARE_RUN) {
        size_t run = files->count - at < COMPARE_RUN ? files->count - at : COMPARE_RUN;
        HF_TRY(hf_vol_crew_give(files->crew, COMPARE_FILES, at, run, err));
    }
    for (size_t i = 0; i < files->wanted_count; i++) {
        const struct file *file = files->wanted[i]->file;
        if (file->entry.part_count > 1)
            HF_TRY(hf_vol_crew_give(files->crew, COMPARE_PIECE, i, 1, err));
    }
    return hf_vol_crew_wait(files->crew, err);
}

static enum hf_status restore_window(struct hf_vol_files *files, struct hf_error *err)
{
    HF_TRY(make_others(files, err));
    HF_TRY(write_window(files, err));
    HF_TRY(end_large(files, err));
    if (files->options.compare)
        HF_TRY(compare_window(files, err));
    hf_vol_arena_free(&files->arena);
    files->count = 0;
    files->wanted_count = 0;
    return HF_OK;
}

static void files_free(struct hf_vol_files *files)
{
    hf_vol_arena_free(&files->arena);
    free(files->files);
    free(files->wanted);
    free(files->buffers);
    sodium_memzero(files->key, sizeof files->key);
    free(files);
}
HF_DEFINE_AUTO_PTR(hf_vol_files, files_free)

enum hf_status hf_vol_files_start(const struct hf_vol_files_options *options,
                                  struct hf_vol_files **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_files) files = calloc(1, sizeof *files);
    if (!files)
        return hf_error_memory(err);
    files->options = *options;
    crypto_onetimeauth_keygen(files->key);
    files->buffers = malloc((size_t)options->threads * BUFFER);
    if (!files->buffers)
        return hf_error_memory(err);
    HF_TRY(hf_vol_crew_start(options->threads, do_duty, files, options->work->cancel, &files->crew,
                             err));
    *out = files;
    files = NULL;
    return HF_OK;
}

static enum hf_status grow(void **items, size_t *cap, size_t count, size_t size,
                           struct hf_error *err)
{
    if (count <= *cap)
        return HF_OK;
    size_t more = *cap ? 2 * *cap : 1024;
    while (more < count)
        more *= 2;
    void *grown = realloc(*items, more * size);
    if (!grown)
        return hf_error_memory(err);
    *items = grown;
    *cap = more;
    return HF_OK;
}

static enum hf_status copy_file(struct hf_vol_arena *arena, const struct hf_vol_entry *entry,
                                const char *path, struct file **out, struct hf_error *err)
{
    struct file *file = hf_vol_arena_take(arena, sizeof *file);
    if (!file)
        return hf_error_memory(err);
    *file = (struct file){.entry = *entry};
    file->entry.path = hf_vol_arena_text(arena, path);
    file->wanted = hf_vol_arena_take(arena, entry->part_count * sizeof *file->wanted);
    if (!file->entry.path || !file->wanted)
        return hf_error_memory(err);
    HF_TRY(hf_vol_entry_copy(&file->entry, arena, err));
    *out = file;
    return HF_OK;
}

enum hf_status hf_vol_files_add(struct hf_vol_files *files, const struct hf_vol_entry *entry,
                                const char *path, struct hf_error *err)
{
    struct file *file = NULL;
    uint64_t position = 0;
    HF_TRY(grow((void **)&files->files, &files->cap, files->count + 1, sizeof(struct file *), err));
    HF_TRY(grow((void **)&files->wanted, &files->wanted_cap,
                files->wanted_count + entry->part_count, sizeof(struct hf_vol_wanted *), err));
    HF_TRY(copy_file(&files->arena, entry, path, &file, err));
    files->files[files->count++] = file;
    for (size_t i = 0; i < entry->part_count; i++) {
        file->wanted[i] =
            (struct hf_vol_wanted){.part = entry->parts[i], .file = file, .position = position};
        position += entry->parts[i].len;
        files->wanted[files->wanted_count++] = &file->wanted[i];
    }
    return files->arena.bytes >= HF_VOL_WINDOW ? restore_window(files, err) : HF_OK;
}

enum hf_status hf_vol_files_finish(struct hf_vol_files *files, const struct hf_error *failed,
                                   struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_files) owned = files;
    struct hf_error mine = HF_ERROR_INIT;
    if (failed)
        mine = *failed;
    else
        (void)!restore_window(owned, &mine);
    if (mine.status != HF_OK)
        hf_cancel_fail(owned->options.work->cancel, &mine);
    HF_TRY(hf_vol_crew_end(owned->crew, err));
    if (mine.status != HF_OK)
        *err = mine;
    return mine.status;
}
