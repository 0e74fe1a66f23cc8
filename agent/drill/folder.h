/*
 * A private folder for a drill, and what is left of those of drills that were killed.
 *
 * The name is holdfast-drill-XXXXXX. The file "lock" in it is locked as long as the drill lives,
 * so a leftover is a folder whose lock nobody holds; one without that file is a leftover when it is
 * an hour old (its drill was killed while it made it). Of a leftover every process that works in it
 * is ended, and all of it is removed. Folders of other users are left alone. Main thread only.
 */
#ifndef HF_AGENT_DRILL_FOLDER_H
#define HF_AGENT_DRILL_FOLDER_H

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

struct hf_drill_folder {
    char *path; /* NULL: there is none */
    int lock;   /* descriptor, or -1 */
};

static inline void hf_drill_folder_init(struct hf_drill_folder *folder)
{
    *folder = (struct hf_drill_folder){.lock = -1};
}

/* Removes leftovers in base (NULL: TMPDIR, else /var/tmp), saying so in notes, and makes a new
 * folder there, which others may walk through but not read. */
enum hf_status hf_drill_folder_make(const char *base, json_t *notes, struct hf_drill_folder *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* A new folder in it, for one user alone. */
enum hf_status hf_drill_folder_add(const struct hf_drill_folder *folder, const char *name,
                                   uid_t uid, gid_t gid, char **out_path,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* HF_NO_SPACE unless its file system has as many bytes free. */
enum hf_status hf_drill_folder_room(const struct hf_drill_folder *folder, uint64_t bytes,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* Removes it with everything in it. The struct is as after init, also on failure. Takes one that
 * was never made. */
enum hf_status hf_drill_folder_remove(struct hf_drill_folder *folder,
                                      struct hf_error *err) HF_WARN_UNUSED;

#endif
