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

enum { HF_VOLUME_TIME_LIMIT = 600 }; /* seconds */

/* All owned. */
struct hf_volume_config {
    char *path;          /* of the directory; NULL: docker's */
    char *docker;        /* or the name of a Docker volume; NULL: path */
    char *docker_socket; /* of the engine; NULL: /var/run/docker.sock */
    char *helper_image;  /* with holdfast in it, to reach what this process cannot see; NULL: the
                            image that it runs in itself */
    char *state_dir;     /* where is kept what has to be undone (quiet.h) */
    /* Containers to pause or to stop (not both) while the volume is read: names or ids, or "all"
     * that have the Docker volume mounted. */
    struct hf_strings pause, stop;
    unsigned time_limit; /* seconds that they may be; 0: HF_VOLUME_TIME_LIMIT */
    /* Commands before and after; each counts by its exit status. after is run whenever before was
     * run and did not fail. */
    struct hf_strings before, after;
    char *commands_in;         /* the container they are run in; NULL: here */
    struct hf_strings exclude; /* lines as in a .gitignore, relative to path */
    struct hf_strings include; /* the same; not empty: nothing else is backed up */
    bool all_file_systems;     /* go down into what is mounted below path */
    bool skip_unreadable;      /* what cannot be read is left out and named, not an error */
    unsigned jobs;             /* threads that read; 0: one a processor, at least 2 */
};

void hf_volume_config_done(struct hf_volume_config *config);

/* Lets containers go on that a backup left paused or stopped when it was killed, and removes helper
 * containers that it left, if there are. For the start of a program that makes backups. */
enum hf_status hf_volume_recover(const char *state_dir, const struct hf_observer *observer,
                                 struct hf_error *err) HF_WARN_UNUSED;

/* The other end of a helper container (helper/helper.h): does what it is told on in, says on out
 * what comes of it. The program runs it when this is its only argument. */
#define HF_VOLUME_HELPER "volume-helper"
enum hf_status hf_volume_helper(int in, int out, struct hf_error *err) HF_WARN_UNUSED;

extern const struct hf_source_kind hf_volume_source;

#endif
