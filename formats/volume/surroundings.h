/* What is around the reading of a volume: where it is, the commands before and after, and what
 * doctor finds of it. */
#ifndef HF_VOLUME_SURROUNDINGS_H
#define HF_VOLUME_SURROUNDINGS_H

#include "base/cancel.h"
#include "formats/volume/volume.h"

/* The directory to read: path, or where the Docker volume is. HF_NOT_FOUND says so when there is no
 * such volume, HF_MISSING when this process cannot see where it is. */
enum hf_status hf_vol_locate(const struct hf_volume_config *config, struct hf_cancel *cancel,
                             char **out, struct hf_error *err) HF_WARN_UNUSED;

enum hf_vol_command { HF_VOL_BEFORE, HF_VOL_AFTER };
/* None: HF_OK. Here or in a container; HF_FAILED unless it exits with 0. cancel may be NULL. */
enum hf_status hf_vol_run_command(const struct hf_volume_config *config, enum hf_vol_command which,
                                  struct hf_cancel *cancel, struct hf_error *err) HF_WARN_UNUSED;

#endif
