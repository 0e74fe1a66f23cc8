/* The files of several names that were met, by device and inode, each with its first name: a few
 * dozen bytes and that name for every one. One thread at a time. */
#ifndef HF_VOLUME_LINKS_H
#define HF_VOLUME_LINKS_H

#include "formats/volume/arena.h"

#include <stddef.h>
#include <sys/stat.h>

/* Start with zeroes. */
struct hf_vol_links {
    struct hf_vol_link **slots;
    size_t count, cap;
    struct hf_vol_arena arena;
};
void hf_vol_links_free(struct hf_vol_links *links);

/* The first name of this file, or NULL: then path is it. */
enum hf_status hf_vol_links_meet(struct hf_vol_links *links, const struct stat *st,
                                 const char *path, const char **out_first,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
