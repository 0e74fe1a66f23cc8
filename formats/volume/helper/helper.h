/*
 * Reading and filling a Docker volume whose directory this process cannot see: by a container that
 * has the volume mounted and runs holdfast in it, which captures and restores as it does anywhere.
 * Only streams pass between (wire.h), through the engine; keys and the repository stay here.
 *
 * The container is made of the image that this process itself runs in, or of config->helper_image.
 * It has no network, a read-only file system, and of the rights of root those that reading (the
 * volume is mounted read-only) or restoring takes. It ends with the connection; is removed whatever
 * happens; and what had to be removed is written down (undo.h), should this process die.
 */
#ifndef HF_VOLUME_HELPER_HELPER_H
#define HF_VOLUME_HELPER_HELPER_H

#include "formats/volume/surroundings.h"
#include "formats/volume/volume.h"

/* As hf_vol_capture_directory and hf_vol_restore_directory. */
enum hf_status hf_vol_helper_capture(const struct hf_vol_where *where,
                                     const struct hf_volume_config *config,
                                     const struct hf_sink *sink, const struct hf_work *work,
                                     struct hf_capture_result *out,
                                     struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_vol_helper_restore(const struct hf_vol_where *where,
                                     const struct hf_volume_config *config,
                                     const json_t *properties, const struct hf_feed *feed,
                                     const struct hf_restore_options *options,
                                     const struct hf_work *work, json_t **out_report,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* The image that a helper is made of: HF_MISSING when there is none. *out_program is what is run in
 * it. Both are the caller's. */
enum hf_status hf_vol_helper_image(const struct hf_volume_config *config, struct hf_cancel *cancel,
                                   char **out_image, char **out_program,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* The id of the container that mounts of this process speak of (/proc/self/mountinfo): false when
 * they speak of none. */
bool hf_vol_own_container(const char *mountinfo, char out[65]);

#endif
