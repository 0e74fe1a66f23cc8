#include "formats/volume/choice.h"

#include "formats/volume/list.h"
#include "formats/volume/path.h"

#include <stdlib.h>
#include <string.h>

struct hf_vol_moved {
    char *from; /* the first name, not chosen */
    char *to;   /* the first one that is */
};

void hf_vol_choice_done(struct hf_vol_choice *choice)
{
    for (size_t i = 0; i < choice->moved_count; i++) {
        free(choice->moved[i].from);
        free(choice->moved[i].to);
    }
    free(choice->moved);
    hf_vol_patterns_free(choice->patterns);
    *choice = (struct hf_vol_choice){.patterns = NULL};
}

static bool covers(const struct hf_vol_choice *choice, const char *path, bool is_directory)
{
    return !choice->patterns || hf_vol_patterns_cover(choice->patterns, path, is_directory);
}

static const struct hf_vol_moved *find_moved(const struct hf_vol_choice *choice, const char *from)
{
    size_t low = 0, high = choice->moved_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(choice->moved[middle].from, from);
        if (order == 0)
            return &choice->moved[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum hf_status add_moved(struct hf_vol_choice *choice, const struct hf_vol_entry *link,
                                struct hf_error *err)
{
    if (choice->moved_count == choice->moved_cap) {
        size_t cap = choice->moved_cap ? 2 * choice->moved_cap : 16;
        struct hf_vol_moved *moved = realloc(choice->moved, cap * sizeof *moved);
        if (!moved)
            return hf_error_memory(err);
        choice->moved = moved;
        choice->moved_cap = cap;
    }
    struct hf_vol_moved moved = {strdup(link->target), strdup(link->path)};
    if (!moved.from || !moved.to) {
        free(moved.from);
        free(moved.to);
        return hf_error_memory(err);
    }
    choice->moved[choice->moved_count++] = moved;
    return HF_OK;
}

static int by_from_and_to(const void *a, const void *b)
{
    const struct hf_vol_moved *x = a, *y = b;
    int order = strcmp(x->from, y->from);
    return order ? order : hf_vol_path_compare(x->to, y->to);
}

/* Of each first name, the first of the others alone. */
static void settle_moved(struct hf_vol_choice *choice)
{
    size_t kept = 0;
    if (choice->moved_count > 1)
        qsort(choice->moved, choice->moved_count, sizeof *choice->moved, by_from_and_to);
    for (size_t i = 0; i < choice->moved_count; i++) {
        if (kept > 0 && strcmp(choice->moved[kept - 1].from, choice->moved[i].from) == 0) {
            free(choice->moved[i].from);
            free(choice->moved[i].to);
        } else {
            choice->moved[kept++] = choice->moved[i];
        }
    }
    choice->moved_count = kept;
}

static enum hf_status look(struct hf_vol_choice *choice, const struct hf_vol_entry *entry,
                           struct hf_error *err)
{
    if (!covers(choice, entry->path, entry->type == HF_VOL_DIRECTORY))
        return HF_OK;
    choice->entries++;
    choice->files += entry->type == HF_VOL_FILE;
    choice->bytes += hf_vol_entry_stored(entry);
    if (entry->type == HF_VOL_HARD_LINK && !covers(choice, entry->target, false))
        return add_moved(choice, entry, err);
    return HF_OK;
}

static enum hf_status look_at_all(const struct hf_feed *feed, struct hf_vol_choice *choice,
                                  struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    const struct hf_vol_entry *entry;
    HF_TRY(hf_vol_list_open(feed, &list, err));
    do {
        HF_TRY(hf_vol_list_next(list, &entry, err));
        if (entry)
            HF_TRY(look(choice, entry, err));
    } while (entry);
    settle_moved(choice);
    if (choice->entries == 0)
        return hf_error_set(err, HF_NOT_FOUND, "nothing in the snapshot matches the patterns");
    return HF_OK;
}

enum hf_status hf_vol_choice_make(const struct hf_feed *feed, const struct hf_strings *patterns,
                                  struct hf_vol_choice *out, struct hf_error *err)
{
    struct hf_vol_choice choice = {.patterns = NULL};
    enum hf_status status = hf_vol_patterns_new(patterns, &choice.patterns, err);
    if (status == HF_OK)
        status = look_at_all(feed, &choice, err);
    if (status != HF_OK) {
        hf_vol_choice_done(&choice);
        return status;
    }
    *out = choice;
    return HF_OK;
}

const char *hf_vol_choice_path(const struct hf_vol_choice *choice, const struct hf_vol_entry *entry)
{
    if (covers(choice, entry->path, entry->type == HF_VOL_DIRECTORY))
        return entry->path;
    const struct hf_vol_moved *moved = find_moved(choice, entry->path);
    return moved ? moved->to : NULL;
}

const char *hf_vol_choice_target(const struct hf_vol_choice *choice,
                                 const struct hf_vol_entry *link)
{
    const struct hf_vol_moved *moved = find_moved(choice, link->target);
    return moved ? moved->to : link->target;
}
