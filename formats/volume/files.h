/*
 * Restoring the content of files, a window of them at a time: their bytes are fetched in the order
 * in which they lie, by several threads, written, and read back and compared.
 *
 * A window holds what fits HF_VOL_WINDOW bytes of entries. Compared is a fingerprint of each piece
 * of content, as it came from the snapshot and as it is read back: Poly1305 under a key that is
 * random for each restore and known to nobody.
 *
 * One thread adds; the crew does the rest.
 */
#ifndef HF_VOLUME_FILES_H
#define HF_VOLUME_FILES_H

#include "formats/source.h"
#include "formats/volume/place.h"

enum { HF_VOL_WINDOW = 32 << 20, HF_VOL_FETCHERS_MAX = 16 };

struct hf_vol_files;

struct hf_vol_files_options {
    const struct hf_feed *feed;
    const struct hf_work *work;
    const struct hf_vol_place *place;
    unsigned threads;
    bool compare;
};

enum hf_status hf_vol_files_start(const struct hf_vol_files_options *options,
                                  struct hf_vol_files **out, struct hf_error *err) HF_WARN_UNUSED;
/* A file to be made at path (entry->path, or another). Restores the window when it is full. */
enum hf_status hf_vol_files_add(struct hf_vol_files *files, const struct hf_vol_entry *entry,
                                const char *path, struct hf_error *err) HF_WARN_UNUSED;
/* Restores what is left, ends the threads and frees it all, whatever the result. failed: an error
 * of the caller's, which then comes back (or its cause); NULL: none. */
enum hf_status hf_vol_files_finish(struct hf_vol_files *files, const struct hf_error *failed,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
