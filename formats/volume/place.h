/*
 * Making things below a directory as entries say, and looking whether they are so.
 *
 * Nothing is followed and nothing outside is touched, whatever entries say. What this process may
 * not do as the user it is (owners, devices, some attributes), is noted, left out, and not missed
 * when comparing: as tar does. Any thread.
 */
#ifndef HF_VOLUME_PLACE_H
#define HF_VOLUME_PLACE_H

#include "formats/volume/entry.h"
#include "formats/volume/notes.h"
#include "formats/volume/owners.h"

struct hf_vol_place {
    int root;
    bool make_parents; /* that are missing: entries come without the directories they are in */
    bool no_owner, no_acl;
    struct hf_vol_owners users, groups; /* what numbers are here */
    struct hf_vol_noted *notes;
};

/* What could not be done to one thing. */
enum {
    HF_VOL_LACKS_OWNER = 1,
    HF_VOL_LACKS_XATTR = 2,
    HF_VOL_LACKS_ALL = 4, /* it could not be made */
};

/* A new file, open for writing, empty. */
enum hf_status hf_vol_place_create(const struct hf_vol_place *place, const char *path, int *out_fd,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Owner, mode, attributes and times of an open file or directory. */
enum hf_status hf_vol_place_dress(const struct hf_vol_place *place,
                                  const struct hf_vol_entry *entry, int fd, unsigned *out_lacks,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* A directory, for us only for now; one that is there already will do. */
enum hf_status hf_vol_place_folder(const struct hf_vol_place *place, const char *path,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* A symbolic link, device or FIFO, with all that belongs to it. */
enum hf_status hf_vol_place_special(const struct hf_vol_place *place,
                                    const struct hf_vol_entry *entry, unsigned *out_lacks,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* One more name, path, of what is at target. */
enum hf_status hf_vol_place_link(const struct hf_vol_place *place, const char *target,
                                 const char *path, struct hf_error *err) HF_WARN_UNUSED;

/* Compares what is there with the entry, but for content; fd: the open file or directory, or -1.
 * *out_same false: a note says what differs. */
enum hf_status hf_vol_place_compare(const struct hf_vol_place *place,
                                    const struct hf_vol_entry *entry, int fd, unsigned lacks,
                                    bool *out_same, struct hf_error *err) HF_WARN_UNUSED;

#endif
