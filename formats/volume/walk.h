/*
 * Walking a directory tree in tree order (path.h), one thing at a time.
 *
 * In memory are the names in the directories on the way down to where it is, and no more; a
 * hundred thousand names in one directory are a few MiB. Descriptors: at most HF_VOL_WALK_FDS,
 * however deep the tree. Nothing is followed. One thread at a time.
 */
#ifndef HF_VOLUME_WALK_H
#define HF_VOLUME_WALK_H

#include "formats/volume/pattern.h"

#include <sys/stat.h>

enum { HF_VOL_WALK_FDS = 64 };

struct hf_vol_walk_options {
    int root;                              /* of the directory; borrowed */
    const struct hf_vol_patterns *exclude; /* may be NULL */
    const struct hf_vol_patterns *include; /* NULL: everything. Else what they cover, and the
                                              directories on the way to it */
    bool all_file_systems;                 /* else what is mounted below is an empty directory */
    /* Asked before a directory is gone through; names of what is in it. An error ends the walk. */
    enum hf_status (*enter)(void *ctx, const char *path, char *const *names, size_t count,
                            struct hf_error *err);
    /* What could not be read (errno error). An error ends the walk; HF_OK leaves it out. */
    enum hf_status (*unreadable)(void *ctx, const char *path, int error, struct hf_error *err);
    void *ctx;
};

/* Good until the next call. */
struct hf_vol_walk_item {
    const char *path;
    struct stat st;
    int dir; /* the directory it is in, and its name there; "." for the root */
    const char *name;
};

struct hf_vol_walk;
enum hf_status hf_vol_walk_new(const struct hf_vol_walk_options *options, struct hf_vol_walk **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* The root first; NULL after the last. */
enum hf_status hf_vol_walk_next(struct hf_vol_walk *walk, const struct hf_vol_walk_item **out,
                                struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_walk_free(struct hf_vol_walk *walk);
HF_DEFINE_AUTO_PTR(hf_vol_walk, hf_vol_walk_free)

#endif
