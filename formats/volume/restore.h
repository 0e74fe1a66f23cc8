/*
 * Restoring a volume into a new directory. *out_report:
 *   {"target", "kept_aside", "partial", "files", "entries", "bytes", "compared", "equal",
 *    "differences": [{"what", "name"}…], "not_owned", "not_set", "not_made": {"count", "paths"}}
 */
#ifndef HF_VOLUME_RESTORE_H
#define HF_VOLUME_RESTORE_H

#include "formats/volume/place.h"
#include "formats/volume/volume.h"

enum hf_status hf_vol_restore(const void *config, const json_t *properties,
                              const struct hf_feed *feed, const struct hf_restore_options *options,
                              const struct hf_work *work, json_t **out_report,
                              struct hf_error *err) HF_WARN_UNUSED;

/* The same into a directory. */
enum hf_status hf_vol_restore_directory(const char *target, const json_t *properties,
                                        const struct hf_feed *feed,
                                        const struct hf_restore_options *options,
                                        const struct hf_work *work, json_t **out_report,
                                        struct hf_error *err) HF_WARN_UNUSED;

struct hf_vol_choice;
/* The last round, when all else is there: hard links, then, from the deepest up, what directories
 * have besides what is in them; with compare, these are looked at again. */
enum hf_status hf_vol_restore_folders(const struct hf_feed *feed,
                                      const struct hf_vol_choice *choice,
                                      const struct hf_vol_place *place, bool compare,
                                      const struct hf_work *work,
                                      struct hf_error *err) HF_WARN_UNUSED;

#endif
