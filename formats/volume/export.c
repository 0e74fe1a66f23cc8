#include "formats/volume/export.h"

#include "formats/volume/arena.h"
#include "formats/volume/choice.h"
#include "formats/volume/fetch.h"
#include "formats/volume/list.h"
#include "formats/volume/path.h"
#include "formats/volume/tar_writer.h"

#include <stdlib.h>

enum { WINDOW_BYTES = 16 << 20 };

struct file {
    struct hf_vol_entry entry;
    const char *path;
    struct hf_vol_wanted wanted; /* the only part, or the one that is being written */
};

struct export
{
    const struct hf_feed *feed;
    const struct hf_work *work;
    struct hf_vol_choice choice;
    struct hf_vol_owners users, groups;
    struct hf_vol_tar *tar;

    /* The window. */
    struct hf_vol_arena arena;
    struct file **files;
    size_t count, cap;
};

static void export_done(struct export *export)
{
    hf_vol_choice_done(&export->choice);
    hf_vol_owners_free(&export->users);
    hf_vol_owners_free(&export->groups);
    if (export->tar)
        hf_vol_tar_free(export->tar);
    hf_vol_arena_free(&export->arena);
    free(export->files);
}

/* ---- content ---- */

static enum hf_status begin_file(void *ctx, struct hf_vol_wanted *wanted, struct hf_error *err)
{
    struct export *export = ctx;
    const struct file *file = wanted->file;
    return wanted->position == 0 ? hf_vol_tar_add(export->tar, &file->entry, file->path, err)
                                 : HF_OK;
}

static enum hf_status file_data(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct export *export = ctx;
    hf_observe_advance(export->work->observer, len, 0);
    return hf_vol_tar_data(export->tar, data, len, err);
}

static enum hf_status end_part(void *ctx, struct hf_error *err)
{
    (void)ctx;
    (void)err;
    return HF_OK;
}

static enum hf_status end_file(void *ctx, struct hf_error *err)
{
    struct export *export = ctx;
    hf_observe_advance(export->work->observer, 0, 1);
    return hf_vol_tar_end(export->tar, err);
}

/* Files of one part, in the order in which these lie. */
static enum hf_status write_small(struct export *export, struct hf_error *err)
{
    const struct hf_vol_taker taker = {export, begin_file, file_data, end_file};
    size_t n = 0;
    HF_AUTO_FREE struct hf_vol_wanted **wanted =
        calloc(export->count + 1, sizeof(struct hf_vol_wanted *));
    if (!wanted)
        return hf_error_memory(err);
    for (size_t i = 0; i < export->count; i++)
        if (export->files[i]->entry.part_count == 1)
            wanted[n++] = &export->files[i]->wanted;
    hf_vol_wanted_sort(wanted, n);
    for (size_t at = 0; at < n;) {
        size_t run = hf_vol_wanted_run(wanted + at, n - at);
        HF_TRY(hf_vol_fetch(export->feed, export->work->cancel, wanted + at, run, &taker, err));
        at += run;
    }
    return HF_OK;
}

/* Files of several parts, or none: part by part. */
static enum hf_status write_other(struct export *export, struct file *file, struct hf_error *err)
{
    const struct hf_vol_taker taker = {export, begin_file, file_data, end_part};
    struct hf_vol_wanted *const wanted = &file->wanted;
    if (file->entry.part_count == 0)
        HF_TRY(hf_vol_tar_add(export->tar, &file->entry, file->path, err));
    wanted->position = 0;
    for (size_t i = 0; i < file->entry.part_count; i++) {
        wanted->part = file->entry.parts[i];
        HF_TRY(hf_vol_fetch(export->feed, export->work->cancel, &wanted, 1, &taker, err));
        wanted->position += wanted->part.len;
    }
    return end_file(export, err);
}

static enum hf_status write_window(struct export *export, struct hf_error *err)
{
    HF_TRY(write_small(export, err));
    for (size_t i = 0; i < export->count; i++)
        if (export->files[i]->entry.part_count != 1)
            HF_TRY(write_other(export, export->files[i], err));
    hf_vol_arena_free(&export->arena);
    export->count = 0;
    return HF_OK;
}

static enum hf_status add_file(struct export *export, const struct hf_vol_entry *entry,
                               const char *path, struct hf_error *err)
{
    struct hf_vol_arena *arena = &export->arena;
    if (export->count == export->cap) {
        size_t cap = export->cap ? 2 * export->cap : 1024;
        struct file **files = realloc(export->files, cap * sizeof(struct file *));
        if (!files)
            return hf_error_memory(err);
        export->files = files;
        export->cap = cap;
    }
    struct file *file = hf_vol_arena_take(arena, sizeof *file);
    if (!file)
        return hf_error_memory(err);
    *file = (struct file){.entry = *entry, .path = hf_vol_arena_text(arena, path)};
    HF_TRY(hf_vol_entry_copy(&file->entry, arena, err));
    if (!file->path)
        return hf_error_memory(err);
    file->wanted.file = file;
    if (entry->part_count == 1)
        file->wanted.part = entry->parts[0];
    export->files[export->count++] = file;
    return arena->bytes >= WINDOW_BYTES ? write_window(export, err) : HF_OK;
}

/* ---- rounds through the list ---- */

enum round { FILES, HARD_LINKS, DIRECTORIES };

static enum hf_status write_link(struct export *export, const struct hf_vol_entry *entry,
                                 const char *path, struct hf_error *err)
{
    struct hf_vol_entry link = *entry;
    link.target = hf_vol_choice_target(&export->choice, entry);
    /* Its own name when it is the one that the content went to. */
    return link.target == path || hf_vol_path_compare(link.target, path) == 0
               ? HF_OK
               : hf_vol_tar_add(export->tar, &link, path, err);
}

static enum hf_status visit(struct export *export, enum round round,
                            const struct hf_vol_entry *entry, struct hf_error *err)
{
    enum round its = entry->type == HF_VOL_DIRECTORY   ? DIRECTORIES
                     : entry->type == HF_VOL_HARD_LINK ? HARD_LINKS
                                                       : FILES;
    if (its != round)
        return HF_OK;
    const char *path = hf_vol_choice_path(&export->choice, entry);
    if (!path)
        return HF_OK;
    if (entry->type == HF_VOL_FILE)
        return add_file(export, entry, path, err);
    if (entry->type == HF_VOL_HARD_LINK)
        return write_link(export, entry, path, err);
    return hf_vol_tar_add(export->tar, entry, path, err);
}

static enum hf_status go_round(struct export *export, enum round round, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    const struct hf_vol_entry *entry;
    HF_TRY(hf_vol_list_open(export->feed, &list, err));
    for (;;) {
        HF_TRY(hf_cancel_check(export->work->cancel, err));
        HF_TRY(hf_vol_list_next(list, &entry, err));
        if (!entry)
            return write_window(export, err);
        HF_TRY(visit(export, round, entry, err));
    }
}

static enum hf_status run(struct export *export, const json_t *properties,
                          const struct hf_restore_options *options, int out_fd,
                          struct hf_error *err)
{
    HF_TRY(hf_vol_choice_make(export->feed, &options->patterns, &export->choice, err));
    HF_TRY(hf_vol_owners_map(&export->users, json_object_get(properties, "users"), false, err));
    HF_TRY(hf_vol_owners_map(&export->groups, json_object_get(properties, "groups"), true, err));
    HF_TRY(hf_vol_tar_open(out_fd, &export->users, &export->groups, &export->tar, err));
    hf_observe_expect(export->work->observer, export->choice.bytes, export->choice.files);
    for (enum round round = FILES; round <= DIRECTORIES; round++)
        HF_TRY(go_round(export, round, err));
    return hf_vol_tar_finish(export->tar, err);
}

enum hf_status hf_vol_export(const void *config, const json_t *properties,
                             const struct hf_feed *feed, const struct hf_restore_options *options,
                             const struct hf_work *work, int out_fd, struct hf_error *err)
{
    struct export export = {.feed = feed, .work = work};
    (void)config;
    enum hf_status status = run(&export, properties, options, out_fd, err);
    export_done(&export);
    return status;
}
