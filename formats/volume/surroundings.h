/* What is around the reading of a volume: where it is, the commands before and after, and what
 * doctor finds of it. */
#ifndef HF_VOLUME_SURROUNDINGS_H
#define HF_VOLUME_SURROUNDINGS_H

#include "base/cancel.h"
#include "formats/volume/volume.h"

/* A volume's directory, on the engine's host where it is a Docker volume's. */
struct hf_vol_where {
    char *path;     /* owned */
    bool on_use;    /* mounted only while a container uses it */
    bool by_helper; /* this process cannot see it (helper/helper.h) */
};
void hf_vol_where_auto(struct hf_vol_where *where);

/* Finds path, or where the Docker volume is. HF_NOT_FOUND when there is no such volume. out starts
 * zeroed and is the caller's to release in any case. */
enum hf_status hf_vol_locate(const struct hf_volume_config *config, struct hf_cancel *cancel,
                             struct hf_vol_where *out, struct hf_error *err) HF_WARN_UNUSED;

enum hf_vol_command { HF_VOL_BEFORE, HF_VOL_AFTER };
/* None: HF_OK. Here or in a container; HF_FAILED unless it exits with 0. cancel may be NULL. */
enum hf_status hf_vol_run_command(const struct hf_volume_config *config, enum hf_vol_command which,
                                  struct hf_cancel *cancel, struct hf_error *err) HF_WARN_UNUSED;

#endif
