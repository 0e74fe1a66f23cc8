/*
 * Keeping a volume quiet while it is read: containers that are paused or stopped, and always go on
 * afterwards.
 *
 * What has to be undone is written down before it is done (undo.h), so that it is undone also when
 * the process dies in between. Containers that were stopped or paused before are left as they are.
 * One thread at a time.
 */
#ifndef HF_VOLUME_QUIET_H
#define HF_VOLUME_QUIET_H

#include "base/cancel.h"
#include "base/observer.h"
#include "formats/volume/volume.h"

struct hf_vol_quiet;

/* Pauses or stops what the configuration says. *out NULL when that is nothing. After a failure
 * everything was undone. After config->time_limit seconds cancel is failed. */
enum hf_status hf_vol_quiet_begin(const struct hf_volume_config *config, struct hf_cancel *cancel,
                                  struct hf_vol_quiet **out, struct hf_error *err) HF_WARN_UNUSED;
/* Undoes it, also when the work was cancelled, and frees it. What cannot be undone is an error, and
 * is tried again by the next recover. Takes NULL. */
enum hf_status hf_vol_quiet_end(struct hf_vol_quiet *quiet, struct hf_error *err) HF_WARN_UNUSED;

#endif
