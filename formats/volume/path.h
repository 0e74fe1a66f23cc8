/*
 * Paths below a directory, whatever their length and bytes, and never out of it.
 *
 * A path is relative, "a/b/c", without empty, "." or ".." parts; "" is the directory itself. Every
 * function takes the directory's descriptor and goes down from it without following any symbolic
 * link, so nothing that was put in the way leads elsewhere. Any thread.
 */
#ifndef HF_VOLUME_PATH_H
#define HF_VOLUME_PATH_H

#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

enum {
    HF_VOL_PATH_MAX = 1 << 20, /* bytes of a path that is believed */
    HF_VOL_PATH_TEXT = 512,    /* of a path as errors show it */
};

/* Opens path below root. flags as for open(2); O_NOFOLLOW and O_CLOEXEC are added. -1 and errno:
 * ELOOP or EXDEV where a link was in the way. */
int hf_vol_open(int root, const char *path, int flags, mode_t mode);

/* The directory that holds path, opened with O_PATH, and the last part of the path in *out_name
 * (inside path). For "" there is none: -1, EINVAL. */
int hf_vol_open_parent(int root, const char *path, const char **out_name);

/* Tree order: a directory, then what is in it, names by their bytes. That of strcmp if '/' were
 * less than every other byte. */
int hf_vol_path_compare(const char *a, const char *b);
/* Whether it is a path as above. */
bool hf_vol_path_valid(const char *path, size_t len);

/* For people: valid UTF-8, control characters and broken bytes as \xNN, the middle of a long one
 * left out. "" is ".". */
const char *hf_vol_path_text(char text[HF_VOL_PATH_TEXT], const char *path);

#endif
