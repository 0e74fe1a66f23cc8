/*
 * A volume as a source: a directory with everything in it.
 *
 * Streams of a snapshot (docs/volumes.md has every byte):
 *
 *   files             kind meta: what there is, in tree order, and where its content lies (list.h)
 *   content/NNNNNNNN  bundles: the content of files one behind the other, at most a few dozen MiB,
 *                     or a part of one large file
 *
 * A tar is made of it, pax, at export. Contents and list are apart so that the next backup can
 * compare every file with the list, which a writer key reads, and carry over whole bundles that a
 * writer key cannot read. What is not referred to any more stays in its bundle until that is
 * mostly waste; then the bundle's files are read once more (base.h).
 *
 * Manifest properties: see capture.c.
 */
#ifndef HF_VOLUME_H
#define HF_VOLUME_H

#include "formats/source.h"

struct hf_volume_config {
    char *path;                /* of the directory; owned */
    struct hf_strings exclude; /* lines as in a .gitignore, relative to path */
    struct hf_strings include; /* the same; not empty: nothing else is backed up */
    bool all_file_systems;     /* go down into what is mounted below path */
    bool skip_unreadable;      /* what cannot be read is left out and named, not an error */
    unsigned jobs;             /* threads that read; 0: one a processor, at least 2 */
};

void hf_volume_config_done(struct hf_volume_config *config);

extern const struct hf_source_kind hf_volume_source;

#endif
