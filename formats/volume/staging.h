/*
 * A new directory that gets its name only when it is complete: made beside the target under a
 * temporary name (NAME.holdfast-<hex>), renamed in the end. What had the name before is kept,
 * renamed to NAME.before-<time>, where that was asked for; an empty directory simply gives way.
 */
#ifndef HF_VOLUME_STAGING_H
#define HF_VOLUME_STAGING_H

#include "base/error.h"

struct hf_vol_staging {
    int parent; /* the directory that the target is in */
    int root;   /* the new directory */
    char *name; /* the target's there */
    char *temporary;
    char *path;  /* of the target, for people */
    char *aside; /* path of what was there before, or NULL */
    bool replace;
    bool named; /* it has its name: there is nothing to discard any more */
};

/* HF_EXISTS when the target is there and not an empty directory, unless replace. */
enum hf_status hf_vol_staging_begin(const char *target, bool replace, struct hf_vol_staging *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* Makes everything durable, then gives it its name. */
enum hf_status hf_vol_staging_commit(struct hf_vol_staging *staging,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* Removes the new directory with all that is in it. */
void hf_vol_staging_discard(struct hf_vol_staging *staging);
/* Frees what the struct has; the directories stay. Takes one that was never begun. */
void hf_vol_staging_done(struct hf_vol_staging *staging);

/* Removes everything in an open directory, following nothing. errno, or 0. */
int hf_vol_remove_all(int dir);

#endif
