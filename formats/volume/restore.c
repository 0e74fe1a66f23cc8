#include "formats/volume/restore.h"

#include "base/json.h"
#include "base/pool.h"
#include "formats/volume/choice.h"
#include "formats/volume/docker.h"
#include "formats/volume/files.h"
#include "formats/volume/helper/helper.h"
#include "formats/volume/list.h"
#include "formats/volume/path.h"
#include "formats/volume/staging.h"
#include "formats/volume/surroundings.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

struct restore {
    const char *target; /* the directory */
    const struct hf_feed *feed;
    const struct hf_restore_options *options;
    const struct hf_work *work;
    struct hf_vol_choice choice;
    struct hf_vol_staging staging;
    struct hf_vol_place place;
};

static void restore_done(struct restore *restore)
{
    hf_vol_choice_done(&restore->choice);
    hf_vol_staging_done(&restore->staging);
    hf_vol_owners_free(&restore->place.users);
    hf_vol_owners_free(&restore->place.groups);
    hf_vol_notes_free(restore->place.notes);
}

static enum hf_status check_room(const struct restore *restore, struct hf_error *err)
{
    struct statvfs fs;
    char needs[HF_SIZE_TEXT], has[HF_SIZE_TEXT];
    if (fstatvfs(restore->staging.root, &fs) != 0)
        return hf_error_sys(err, errno, "%s", restore->staging.path);
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (restore->choice.bytes <= room)
        return HF_OK;
    hf_text_format_size(needs, restore->choice.bytes);
    hf_text_format_size(has, room);
    return hf_error_set(err, HF_NO_SPACE, "%s: the files need %s, and there are %s free",
                        restore->staging.path, needs, has);
}

static enum hf_status map_owners(struct restore *restore, const json_t *properties,
                                 struct hf_error *err)
{
    /* Numbers in a Docker volume are those of the images that use it, whatever they are called. */
    if (restore->options->numeric_owner || json_is_string(json_object_get(properties, "docker")))
        return HF_OK;
    HF_TRY(
        hf_vol_owners_map(&restore->place.users, json_object_get(properties, "users"), false, err));
    return hf_vol_owners_map(&restore->place.groups, json_object_get(properties, "groups"), true,
                             err);
}

static enum hf_status prepare(struct restore *restore, const json_t *properties,
                              struct hf_error *err)
{
    const struct hf_restore_options *options = restore->options;
    struct hf_vol_place *place = &restore->place;
    HF_TRY(hf_vol_choice_make(restore->feed, &options->patterns, &restore->choice, err));
    HF_TRY(map_owners(restore, properties, err));
    HF_TRY(hf_vol_notes_new(&place->notes, err));
    place->no_owner = options->no_owner;
    place->no_acl = options->no_acl;
    place->make_parents = restore->choice.patterns != NULL;
    HF_TRY(hf_vol_staging_begin(restore->target, options->replace, &restore->staging, err));
    place->root = restore->staging.root;
    return check_room(restore, err);
}

static enum hf_status restore_entry(const struct restore *restore, struct hf_vol_files *files,
                                    const struct hf_vol_entry *entry, struct hf_error *err)
{
    const char *path = hf_vol_choice_path(&restore->choice, entry);
    struct hf_vol_entry special = *entry;
    unsigned lacks;
    bool same;
    HF_TRY(hf_cancel_check(restore->work->cancel, err));
    if (!path)
        return HF_OK;
    switch (entry->type) {
    case HF_VOL_DIRECTORY:
        return hf_vol_place_folder(&restore->place, path, err);
    case HF_VOL_FILE:
        return hf_vol_files_add(files, entry, path, err);
    case HF_VOL_HARD_LINK:
        return HF_OK; /* when all files are there */
    default:
        special.path = path;
        HF_TRY(hf_vol_place_special(&restore->place, &special, &lacks, err));
        if (restore->options->no_compare)
            return HF_OK;
        return hf_vol_place_compare(&restore->place, &special, -1, lacks, &same, err);
    }
}

static enum hf_status restore_entries(const struct restore *restore, struct hf_vol_files *files,
                                      struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    const struct hf_vol_entry *entry;
    HF_TRY(hf_vol_list_open(restore->feed, &list, err));
    for (;;) {
        HF_TRY(hf_vol_list_next(list, &entry, err));
        if (!entry)
            return HF_OK;
        HF_TRY(restore_entry(restore, files, entry, err));
    }
}

static unsigned threads(const struct restore *restore)
{
    size_t wanted = restore->work->jobs ? restore->work->jobs : hf_pool_cpus();
    if (wanted < 2)
        wanted = 2;
    return wanted < HF_VOL_FETCHERS_MAX ? (unsigned)wanted : HF_VOL_FETCHERS_MAX;
}

static enum hf_status fill(struct restore *restore, struct hf_error *err)
{
    struct hf_vol_files *files;
    struct hf_error failed = HF_ERROR_INIT;
    const struct hf_vol_files_options options = {
        .feed = restore->feed,
        .work = restore->work,
        .place = &restore->place,
        .threads = threads(restore),
        .compare = !restore->options->no_compare,
    };
    hf_observe_expect(restore->work->observer, restore->choice.bytes, restore->choice.files);
    HF_TRY(hf_vol_files_start(&options, &files, err));
    enum hf_status status = restore_entries(restore, files, &failed);
    HF_TRY(hf_vol_files_finish(files, status == HF_OK ? NULL : &failed, err));
    return hf_vol_restore_folders(restore->feed, &restore->choice, &restore->place, options.compare,
                                  restore->work, err);
}

/* ---- the report ---- */

/* [{"what": why, "name": path}, …] of notes "path: why". */
static json_t *differences(struct hf_vol_noted *notes)
{
    json_t *noted = hf_vol_notes_json(notes, HF_VOL_DIFFERENT);
    json_t *out = json_array();
    const json_t *one;
    size_t i;
    json_array_foreach (json_object_get(noted, "paths"), i, one) {
        (void)json_array_append_new(out, json_pack("{s:O}", "what", one));
    }
    json_decref(noted);
    return out;
}

static enum hf_status make_report(struct restore *restore, json_t **out, struct hf_error *err)
{
    const struct hf_vol_choice *choice = &restore->choice;
    struct hf_vol_noted *notes = restore->place.notes;
    bool compared = !restore->options->no_compare;
    return hf_json_pack(
        out, err, "{s:s, s:s?, s:b, s:I, s:I, s:I, s:b, s:b, s:o, s:o, s:o, s:o}", "target",
        restore->staging.path, "kept_aside", restore->staging.aside, "partial",
        (int)(choice->patterns != NULL), "entries", (json_int_t)choice->entries, "files",
        (json_int_t)choice->files, "bytes", (json_int_t)choice->bytes, "compared", (int)compared,
        "equal", (int)(compared && hf_vol_notes_count(notes, HF_VOL_DIFFERENT) == 0), "differences",
        differences(notes), "not_owned", hf_vol_notes_json(notes, HF_VOL_NOT_OWNED), "not_set",
        hf_vol_notes_json(notes, HF_VOL_NO_XATTR), "not_made",
        hf_vol_notes_json(notes, HF_VOL_NOT_MADE));
}

/* What is not as it was stored does not get the name, and is not thrown away either. */
static enum hf_status mismatch(struct restore *restore, struct hf_error *err)
{
    const char *first = hf_vol_notes_first(restore->place.notes, HF_VOL_DIFFERENT);
    return hf_error_set(
        err, HF_MISMATCH,
        "%llu of the restored files are not as they were stored, %s among them; "
        "they are left in %s, beside %s",
        (unsigned long long)hf_vol_notes_count(restore->place.notes, HF_VOL_DIFFERENT),
        first ? first : "?", restore->staging.temporary, restore->staging.path);
}

static enum hf_status run(struct restore *restore, const json_t *properties, json_t **out_report,
                          struct hf_error *err)
{
    HF_TRY(prepare(restore, properties, err));
    HF_TRY(fill(restore, err));
    if (hf_vol_notes_count(restore->place.notes, HF_VOL_DIFFERENT) > 0) {
        HF_TRY(make_report(restore, out_report, err));
        return mismatch(restore, err);
    }
    HF_TRY(hf_vol_staging_commit(&restore->staging, err));
    return make_report(restore, out_report, err);
}

enum hf_status hf_vol_restore_directory(const char *target, const json_t *properties,
                                        const struct hf_feed *feed,
                                        const struct hf_restore_options *options,
                                        const struct hf_work *work, json_t **out_report,
                                        struct hf_error *err)
{
    struct restore restore = {.target = target,
                              .feed = feed,
                              .options = options,
                              .work = work,
                              .staging = {.parent = -1, .root = -1}};
    enum hf_status status = run(&restore, properties, out_report, err);
    if (status != HF_OK && status != HF_MISMATCH)
        hf_vol_staging_discard(&restore.staging);
    restore_done(&restore);
    return status;
}

/* A Docker volume is made if it is missing. Its directory is replaced as any other, beside it in
 * the volume's folder; a container that runs would go on in the old one. */
static enum hf_status ready_volume(const struct hf_volume_config *config, struct hf_cancel *cancel,
                                   struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    HF_AUTO(hf_strings) users = HF_STRINGS_INIT;
    HF_TRY(hf_docker_new(config->docker_socket, cancel, &docker, err));
    HF_TRY(hf_docker_volume_create(docker, config->docker, err));
    HF_TRY(hf_docker_volume_users(docker, config->docker, &users, err));
    if (users.count > 0)
        return hf_error_set(err, HF_BUSY,
                            "volume %s is used by container %.12s, which runs: stop it first",
                            config->docker, users.items[0]);
    return HF_OK;
}

enum hf_status hf_vol_restore(const void *arg, const json_t *properties, const struct hf_feed *feed,
                              const struct hf_restore_options *options, const struct hf_work *work,
                              json_t **out_report, struct hf_error *err)
{
    const struct hf_volume_config *config = arg;
    HF_AUTO(hf_vol_where) where = {.path = NULL};
    if (!config->docker)
        return hf_vol_restore_directory(options->target ? options->target : config->path,
                                        properties, feed, options, work, out_report, err);
    HF_TRY(ready_volume(config, work->cancel, err));
    HF_TRY(hf_vol_locate(config, work->cancel, &where, err));
    return where.by_helper ? hf_vol_helper_restore(&where, config, properties, feed, options, work,
                                                   out_report, err)
                           : hf_vol_restore_directory(where.path, properties, feed, options, work,
                                                      out_report, err);
}
