/*
 * What has to be undone to containers, written down before it is done.
 *
 * A file in the state directory says it, and the process holds a lock on that. So when it dies in
 * between, the next one that calls hf_volume_recover finds a file that nobody holds, and undoes it.
 * One thread at a time.
 */
#ifndef HF_VOLUME_UNDO_H
#define HF_VOLUME_UNDO_H

#include "base/error.h"
#include "base/text.h"

struct hf_vol_undo;

enum hf_vol_undo_action {
    HF_VOL_UNDO_PAUSE,
    HF_VOL_UNDO_STOP,
    HF_VOL_UNDO_MAKE, /* containers of our own: they are removed */
};

/* containers: ids, or names of those that are made. socket NULL: the usual one. On failure nothing
 * was written. */
enum hf_status hf_vol_undo_begin(const char *state_dir, const char *socket,
                                 enum hf_vol_undo_action action,
                                 const struct hf_strings *containers, struct hf_vol_undo **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* Undoes it, last container first, each whatever became of the others, and frees it. What cannot be
 * undone is an error, and is tried again by the next recover. Takes NULL. */
enum hf_status hf_vol_undo_end(struct hf_vol_undo *undo, struct hf_error *err) HF_WARN_UNUSED;

#endif
