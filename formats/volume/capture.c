#include "formats/volume/capture.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "formats/volume/base.h"
#include "formats/volume/batch.h"
#include "formats/volume/helper/helper.h"
#include "formats/volume/links.h"
#include "formats/volume/owners.h"
#include "formats/volume/path.h"
#include "formats/volume/quiet.h"
#include "formats/volume/surroundings.h"
#include "formats/volume/walk.h"
#include "formats/volume/xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct capture {
    const struct hf_volume_config *config;
    const char *path; /* of the directory, also of a Docker volume */
    const struct hf_sink *sink;
    const struct hf_work *work;
    int root;
    struct hf_vol_patterns *exclude, *include;
    struct hf_vol_noted *notes;
    struct hf_vol_base *base;
    struct hf_vol_links links;
    struct hf_vol_owners users, groups;
    struct hf_buf scratch;
    struct hf_vol_counts counts;
};

static void capture_done(struct capture *capture)
{
    hf_fd_auto(&capture->root);
    hf_vol_patterns_free(capture->exclude);
    hf_vol_patterns_free(capture->include);
    hf_vol_notes_free(capture->notes);
    if (capture->base)
        hf_vol_base_free(capture->base);
    hf_vol_links_free(&capture->links);
    hf_vol_owners_free(&capture->users);
    hf_vol_owners_free(&capture->groups);
    hf_buf_free(&capture->scratch);
}

static enum hf_status prepare(struct capture *capture, struct hf_error *err)
{
    const struct hf_volume_config *config = capture->config;
    capture->root = open(capture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (capture->root < 0)
        return hf_error_sys(err, errno, "%s", capture->path);
    HF_TRY(hf_vol_patterns_new(&config->exclude, &capture->exclude, err));
    HF_TRY(hf_vol_patterns_new(&config->include, &capture->include, err));
    HF_TRY(hf_vol_notes_new(&capture->notes, err));
    return hf_vol_base_open(capture->sink, capture->work->observer, &capture->base, err);
}

/* ---- what the walk asks ---- */

static bool has_name(char *const *names, size_t count, const char *name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names[middle], name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Copied file by file while a server writes to it, it would not start again. */
static enum hf_status refuse_live_postgres(void *ctx, const char *path, char *const *names,
                                           size_t count, struct hf_error *err)
{
    char text[HF_VOL_PATH_TEXT];
    const struct capture *capture = ctx;
    if (capture->config->stop.count > 0 || !has_name(names, count, "postmaster.pid") ||
        !has_name(names, count, "PG_VERSION") || !has_name(names, count, "global"))
        return HF_OK;
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s is the data directory of a PostgreSQL server that is running (or was "
                        "killed): a copy of it would be worthless. Back the server up with a "
                        "postgres source and exclude the directory here, or have the server "
                        "stopped while the volume is read",
                        hf_vol_path_text(text, path));
}

static enum hf_status unreadable(void *ctx, const char *path, int error, struct hf_error *err)
{
    struct capture *capture = ctx;
    if (error == ENOENT || error == ESTALE || error == ENOTDIR)
        return hf_vol_note(capture->notes, HF_VOL_VANISHED, path, NULL, err);
    return hf_vol_unreadable(capture->notes, capture->config->skip_unreadable, path, error, err);
}

/* ---- entries ---- */

/* Where it is not a file whose content is read, for then its reader does it. */
static enum hf_status add_xattrs(struct capture *capture, const struct hf_vol_walk_item *item,
                                 struct hf_vol_arena *arena, struct hf_vol_entry *entry,
                                 struct hf_error *err)
{
    const struct hf_vol_object object = {.fd = -1, .dir = item->dir, .name = item->name};
    capture->scratch.len = 0;
    int error = hf_vol_xattrs_read(&object, &capture->scratch, &entry->xattr_count);
    if (error)
        return unreadable(capture, item->path, error, err);
    if (entry->xattr_count == 0)
        return HF_OK;
    entry->xattrs_len = capture->scratch.len;
    entry->xattrs = hf_vol_arena_copy(arena, capture->scratch.data, capture->scratch.len);
    return entry->xattrs ? HF_OK : hf_error_memory(err);
}

/* *out_is false: it is gone, and noted. */
static enum hf_status add_target(struct capture *capture, const struct hf_vol_walk_item *item,
                                 struct hf_vol_arena *arena, struct hf_vol_entry *entry,
                                 bool *out_is, struct hf_error *err)
{
    enum { TARGET_MAX = 64 << 10 };
    capture->scratch.len = 0;
    HF_TRY(hf_buf_reserve(&capture->scratch, TARGET_MAX, err));
    ssize_t len = readlinkat(item->dir, item->name, (char *)capture->scratch.data, TARGET_MAX);
    *out_is = len > 0 && len < TARGET_MAX;
    if (!*out_is)
        return unreadable(capture, item->path, len < 0 ? errno : ENAMETOOLONG, err);
    capture->scratch.data[len] = 0;
    entry->target = hf_vol_arena_text(arena, (const char *)capture->scratch.data);
    return entry->target ? HF_OK : hf_error_memory(err);
}

static enum hf_status take_over(struct hf_vol_arena *arena, const struct hf_vol_entry *was,
                                struct hf_vol_entry *entry, struct hf_error *err)
{
    entry->parts = was->parts;
    entry->part_count = was->part_count;
    entry->sparse = was->sparse;
    entry->extents = was->extents;
    entry->extent_count = was->extent_count;
    entry->xattrs = was->xattrs;
    entry->xattrs_len = was->xattrs_len;
    entry->xattr_count = was->xattr_count;
    return hf_vol_entry_copy(entry, arena, err);
}

/* *out_is false: nothing to list. */
static enum hf_status make_entry(struct capture *capture, const struct hf_vol_walk_item *item,
                                 struct hf_vol_arena *arena, struct hf_vol_entry *entry,
                                 bool *out_is, bool *out_read, struct hf_error *err)
{
    const char *first = NULL;
    *out_is = true;
    *out_read = false;
    if (!S_ISDIR(item->st.st_mode) && item->st.st_nlink > 1)
        HF_TRY(hf_vol_links_meet(&capture->links, &item->st, item->path, &first, err));
    if (first) {
        entry->type = HF_VOL_HARD_LINK;
        entry->target = first; /* lives as long as the capture */
        return HF_OK;
    }
    if (entry->type == HF_VOL_FILE) {
        const struct hf_vol_entry *was;
        HF_TRY(hf_vol_base_find(capture->base, entry, &was, err));
        *out_read = !was;
        return was ? take_over(arena, was, entry, err) : HF_OK;
    }
    if (entry->type == HF_VOL_SYMLINK)
        HF_TRY(add_target(capture, item, arena, entry, out_is, err));
    return *out_is ? add_xattrs(capture, item, arena, entry, err) : HF_OK;
}

static enum hf_status add_item(struct capture *capture, struct hf_vol_batches *batches,
                               const struct hf_vol_walk_item *item, struct hf_error *err)
{
    struct hf_vol_arena *arena = hf_vol_batches_arena(batches);
    struct hf_vol_entry entry = {.path = NULL};
    bool is_entry, must_read;
    HF_TRY(hf_cancel_check(capture->work->cancel, err));
    if (!hf_vol_entry_stat(&entry, &item->st))
        return hf_vol_note(capture->notes, HF_VOL_SOCKET, item->path, NULL, err);
    entry.path = hf_vol_arena_text(arena, item->path);
    if (!entry.path)
        return hf_error_memory(err);
    HF_TRY(make_entry(capture, item, arena, &entry, &is_entry, &must_read, err));
    if (!is_entry)
        return HF_OK;
    HF_TRY(hf_vol_owners_meet(&capture->users, entry.uid, false, err));
    HF_TRY(hf_vol_owners_meet(&capture->groups, entry.gid, true, err));
    return hf_vol_batches_add(batches, &entry, must_read, err);
}

static enum hf_status walk(struct capture *capture, struct hf_vol_batches *batches,
                           struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_walk) walk = NULL;
    const struct hf_vol_walk_item *item;
    const struct hf_vol_walk_options options = {
        .root = capture->root,
        .exclude = capture->exclude,
        .include = capture->include,
        .all_file_systems = capture->config->all_file_systems,
        .enter = refuse_live_postgres,
        .unreadable = unreadable,
        .ctx = capture,
    };
    HF_TRY(hf_vol_walk_new(&options, &walk, err));
    for (;;) {
        HF_TRY(hf_vol_walk_next(walk, &item, err));
        if (!item)
            return HF_OK;
        HF_TRY(add_item(capture, batches, item, err));
    }
}

static unsigned readers(const struct capture *capture)
{
    size_t wanted = capture->work->jobs ? capture->work->jobs : capture->config->jobs;
    if (wanted == 0)
        wanted = hf_pool_cpus() < 2 ? 2 : hf_pool_cpus();
    return wanted < HF_VOL_READERS_MAX ? (unsigned)wanted : HF_VOL_READERS_MAX;
}

static enum hf_status read_all(struct capture *capture, struct hf_error *err)
{
    struct hf_vol_batches *batches;
    struct hf_error failed = HF_ERROR_INIT;
    const struct hf_vol_batches_options options = {
        .sink = capture->sink,
        .work = capture->work,
        .notes = capture->notes,
        .root = capture->root,
        .readers = readers(capture),
        .skip_unreadable = capture->config->skip_unreadable,
        .first_bundle = hf_vol_base_next_bundle(capture->base),
    };
    HF_TRY(hf_vol_batches_start(&options, &batches, err));
    enum hf_status status = walk(capture, batches, &failed);
    HF_TRY(hf_vol_batches_finish(batches, status == HF_OK ? NULL : &failed, &capture->counts, err));
    return hf_vol_base_carry(capture->base, err);
}

/* ---- what is told of it ---- */

static void tell(struct capture *capture, enum hf_vol_note kind, const char *what)
{
    uint64_t count = hf_vol_notes_count(capture->notes, kind);
    const char *first = hf_vol_notes_first(capture->notes, kind);
    if (count > 0)
        hf_observe(capture->work->observer,
                   kind == HF_VOL_SOCKET ? HF_NOTE_DETAIL : HF_NOTE_WARNING, "%llu %s: %s%s",
                   (unsigned long long)count, what, first ? first : "", count > 1 ? ", …" : "");
}

static void tell_all(struct capture *capture)
{
    tell(capture, HF_VOL_CHANGED,
         "files changed whenever they were read, and may be neither the old nor the new ones");
    tell(capture, HF_VOL_VANISHED, "files vanished while the volume was read");
    tell(capture, HF_VOL_UNREADABLE, "files could not be read and are left out");
    tell(capture, HF_VOL_SOCKET, "sockets were left out");
}

static enum hf_status make_properties(struct capture *capture, json_t **out, struct hf_error *err)
{
    const struct hf_vol_counts *c = &capture->counts;
    char path[HF_VOL_PATH_TEXT];
    return hf_json_pack(
        out, err,
        "{s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I}, s:o, s:o, s:o, s:o, s:o, "
        "s:o}",
        "path", hf_vol_path_text(path, capture->path), "docker", capture->config->docker, "files",
        (json_int_t)c->files, "directories", (json_int_t)c->directories, "symlinks",
        (json_int_t)c->symlinks, "hard_links", (json_int_t)c->hard_links, "devices",
        (json_int_t)c->devices, "fifos", (json_int_t)c->fifos, "bytes", (json_int_t)c->bytes,
        "read", "files", (json_int_t)c->read_files, "bytes", (json_int_t)c->read_bytes, "changed",
        hf_vol_notes_json(capture->notes, HF_VOL_CHANGED), "vanished",
        hf_vol_notes_json(capture->notes, HF_VOL_VANISHED), "unreadable",
        hf_vol_notes_json(capture->notes, HF_VOL_UNREADABLE), "sockets",
        hf_vol_notes_json(capture->notes, HF_VOL_SOCKET), "users",
        hf_vol_owners_json(&capture->users), "groups", hf_vol_owners_json(&capture->groups));
}

enum hf_status hf_vol_capture_directory(const char *path, const struct hf_volume_config *config,
                                        const struct hf_sink *sink, const struct hf_work *work,
                                        struct hf_capture_result *out, struct hf_error *err)
{
    struct capture capture = {
        .config = config, .path = path, .sink = sink, .work = work, .root = -1};
    int64_t time = hf_clock_now();
    enum hf_status status = prepare(&capture, err);
    if (status == HF_OK)
        status = read_all(&capture, err);
    if (status == HF_OK) {
        tell_all(&capture);
        status = make_properties(&capture, &out->properties, err);
    }
    capture_done(&capture);
    if (status == HF_OK)
        out->time = time;
    return status;
}

/* Whatever went wrong, containers go on; that they do not is worse than what went wrong before. */
static enum hf_status capture_quietly(const struct hf_vol_where *where,
                                      const struct hf_volume_config *config,
                                      const struct hf_sink *sink, const struct hf_work *work,
                                      struct hf_capture_result *out, struct hf_error *err)
{
    struct hf_vol_quiet *quiet;
    struct hf_error undoing = HF_ERROR_INIT;
    HF_TRY(hf_vol_quiet_begin(config, work->cancel, &quiet, err));
    enum hf_status status =
        where->by_helper ? hf_vol_helper_capture(where, config, sink, work, out, err)
                         : hf_vol_capture_directory(where->path, config, sink, work, out, err);
    if (hf_vol_quiet_end(quiet, &undoing) == HF_OK)
        return status;
    if (status != HF_OK)
        return hf_error_prefix(err, "%s; and before", undoing.text);
    json_decref(out->properties);
    out->properties = NULL;
    *err = undoing;
    return undoing.status;
}

enum hf_status hf_vol_capture(const void *arg, const struct hf_sink *sink,
                              const struct hf_work *work, struct hf_capture_result *out,
                              struct hf_error *err)
{
    const struct hf_volume_config *config = arg;
    HF_AUTO(hf_vol_where) where = {.path = NULL};
    struct hf_error after = HF_ERROR_INIT;
    HF_TRY(hf_vol_locate(config, work->cancel, &where, err));
    HF_TRY(hf_vol_run_command(config, HF_VOL_BEFORE, work->cancel, err));
    enum hf_status status = capture_quietly(&where, config, sink, work, out, err);
    /* Not cancelled with the rest: it may be what ends a backup mode. */
    if (hf_vol_run_command(config, HF_VOL_AFTER, NULL, &after) == HF_OK || status != HF_OK)
        return status;
    json_decref(out->properties);
    out->properties = NULL;
    *err = after;
    return after.status;
}
