/*
 * What of a snapshot is wanted: all, or what patterns cover. Made by one walk through the list,
 * which also adds up what there is. Constant once made; any thread.
 *
 * Of a file with several names the list has the content with the first only. Where patterns choose
 * another name and not the first, the content goes to the first name that they do choose.
 */
#ifndef HF_VOLUME_CHOICE_H
#define HF_VOLUME_CHOICE_H

#include "base/stream.h"
#include "formats/volume/entry.h"
#include "formats/volume/pattern.h"

struct hf_vol_choice {
    struct hf_vol_patterns *patterns; /* NULL: everything */
    struct hf_vol_moved *moved;       /* first names that stand for others; sorted */
    size_t moved_count, moved_cap;
    uint64_t entries, files; /* chosen */
    uint64_t bytes;          /* of content, holes left out */
};

/* HF_NOT_FOUND when patterns choose nothing. */
enum hf_status hf_vol_choice_make(const struct hf_feed *feed, const struct hf_strings *patterns,
                                  struct hf_vol_choice *out, struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_choice_done(struct hf_vol_choice *choice);

/* Where the entry goes: its own path, that of another name, or NULL: nowhere. */
const char *hf_vol_choice_path(const struct hf_vol_choice *choice,
                               const struct hf_vol_entry *entry);
/* What a chosen hard link is a name of, in what is restored; its own path when it is the one that
 * the content went to. */
const char *hf_vol_choice_target(const struct hf_vol_choice *choice,
                                 const struct hf_vol_entry *link);

#endif
