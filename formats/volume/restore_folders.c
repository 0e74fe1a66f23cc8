#include "base/file.h"
#include "formats/volume/arena.h"
#include "formats/volume/choice.h"
#include "formats/volume/list.h"
#include "formats/volume/path.h"
#include "formats/volume/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A directory that the walk is in. Its entry is kept until everything in it is there. */
struct folder {
    struct folder *above;
    struct hf_vol_arena arena;
    struct hf_vol_entry entry;
    uint64_t children; /* that should be in it */
};

struct round {
    const struct hf_vol_choice *choice;
    const struct hf_vol_place *place;
    bool compare;
    bool partial; /* children are not counted */
    struct folder *top;
};

static void pop(struct round *round)
{
    struct folder *folder = round->top;
    round->top = folder->above;
    hf_vol_arena_free(&folder->arena);
    free(folder);
}

static enum hf_status push(struct round *round, const struct hf_vol_entry *entry,
                           struct hf_error *err)
{
    struct folder *folder = calloc(1, sizeof *folder);
    if (!folder)
        return hf_error_memory(err);
    folder->above = round->top;
    round->top = folder;
    folder->entry = *entry;
    folder->entry.path = hf_vol_arena_text(&folder->arena, entry->path);
    folder->entry.xattrs = hf_vol_arena_copy(&folder->arena, entry->xattrs, entry->xattrs_len);
    return folder->entry.path && folder->entry.xattrs ? HF_OK : hf_error_memory(err);
}

static uint64_t count_children(int fd)
{
    uint64_t count = 0;
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    if (!list) {
        hf_fd_auto(&copy);
        return UINT64_MAX;
    }
    while ((entry = readdir(list)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(list);
    return count;
}

static enum hf_status finish(struct round *round, struct hf_error *err)
{
    const struct folder *folder = round->top;
    char text[HF_VOL_PATH_TEXT];
    unsigned lacks;
    bool same;
    HF_AUTO_FD fd = hf_vol_open(round->place->root, folder->entry.path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && errno == ENOENT && round->partial)
        return HF_OK; /* nothing in it was chosen */
    if (fd < 0)
        return hf_error_sys(err, errno, "%s", hf_vol_path_text(text, folder->entry.path));
    uint64_t children = round->compare && !round->partial ? count_children(fd) : 0;
    HF_TRY(hf_vol_place_dress(round->place, &folder->entry, fd, &lacks, err));
    if (!round->compare)
        return HF_OK;
    if (!round->partial && children != folder->children)
        return hf_vol_note(round->place->notes, HF_VOL_DIFFERENT, folder->entry.path,
                           "how many things are in it", err);
    return hf_vol_place_compare(round->place, &folder->entry, fd, lacks, &same, err);
}

static bool is_in(const char *folder, const char *path)
{
    size_t len = strlen(folder);
    return len == 0 || (strncmp(folder, path, len) == 0 && path[len] == '/');
}

static enum hf_status leave_until(struct round *round, const char *path, struct hf_error *err)
{
    while (round->top && (!path || !is_in(round->top->entry.path, path))) {
        HF_TRY(finish(round, err));
        pop(round);
    }
    return HF_OK;
}

/* A device may be missing because nobody but root may make one. */
static bool was_made(const struct round *round, const struct hf_vol_entry *entry)
{
    const char *name;
    struct stat st;
    if ((entry->type != HF_VOL_CHARACTER && entry->type != HF_VOL_BLOCK) ||
        hf_vol_notes_count(round->place->notes, HF_VOL_NOT_MADE) == 0)
        return true;
    HF_AUTO_FD dir = hf_vol_open_parent(round->place->root, entry->path, &name);
    return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum hf_status visit(struct round *round, const struct hf_vol_entry *entry,
                            struct hf_error *err)
{
    HF_TRY(leave_until(round, entry->path, err));
    if (round->top)
        round->top->children += was_made(round, entry);
    if (entry->type == HF_VOL_DIRECTORY)
        return push(round, entry, err);
    if (entry->type != HF_VOL_HARD_LINK || !hf_vol_choice_path(round->choice, entry))
        return HF_OK;
    const char *target = hf_vol_choice_target(round->choice, entry);
    if (strcmp(target, entry->path) == 0)
        return HF_OK;
    return hf_vol_place_link(round->place, target, entry->path, err);
}

enum hf_status hf_vol_restore_folders(const struct hf_feed *feed,
                                      const struct hf_vol_choice *choice,
                                      const struct hf_vol_place *place, bool compare,
                                      const struct hf_work *work, struct hf_error *err)
{
    struct round round = {
        .choice = choice, .place = place, .compare = compare, .partial = choice->patterns != NULL};
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    const struct hf_vol_entry *entry = NULL;
    enum hf_status status = hf_vol_list_open(feed, &list, err);
    while (status == HF_OK) {
        status = hf_cancel_check(work->cancel, err);
        if (status == HF_OK)
            status = hf_vol_list_next(list, &entry, err);
        if (status == HF_OK && !entry)
            break;
        if (status == HF_OK)
            status = visit(&round, entry, err);
    }
    if (status == HF_OK)
        status = leave_until(&round, NULL, err);
    while (round.top)
        pop(&round);
    return status;
}
