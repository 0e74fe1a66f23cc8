/*
 * What a person should know of single paths: how many there were of each kind, and the names of the
 * first ones. Any thread may add.
 */
#ifndef HF_VOLUME_NOTES_H
#define HF_VOLUME_NOTES_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum hf_vol_note {
    HF_VOL_CHANGED,    /* whenever it was read */
    HF_VOL_VANISHED,   /* between being listed and being read */
    HF_VOL_UNREADABLE, /* and left out, as the configuration says */
    HF_VOL_SOCKET,
    HF_VOL_NOT_OWNED, /* restore: owner or group could not be set */
    HF_VOL_NO_XATTR,  /* restore: an extended attribute could not be set */
    HF_VOL_NOT_MADE,  /* restore: a device could not be made */
    HF_VOL_DIFFERENT, /* restore: read back, and found not to be as stored */
    HF_VOL_NOTES,
};

enum { HF_VOL_NOTED_MAX = 100 }; /* names kept of each kind */

struct hf_vol_noted;
enum hf_status hf_vol_notes_new(struct hf_vol_noted **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_notes_free(struct hf_vol_noted *notes); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_vol_noted, hf_vol_notes_free)

/* why may be NULL; it is kept with the name. */
enum hf_status hf_vol_note(struct hf_vol_noted *notes, enum hf_vol_note kind, const char *path,
                           const char *why, struct hf_error *err) HF_WARN_UNUSED;
uint64_t hf_vol_notes_count(struct hf_vol_noted *notes, enum hf_vol_note kind);
/* {"count": n, "paths": ["a", "b: why", …]}; NULL: no memory. */
json_t *hf_vol_notes_json(struct hf_vol_noted *notes, enum hf_vol_note kind);
/* The first name that was noted, or NULL. */
const char *hf_vol_notes_first(struct hf_vol_noted *notes, enum hf_vol_note kind);

#endif
