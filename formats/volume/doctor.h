/* Findings about a volume, for `doctor`: is it there, can it be read, does the engine answer. */
#ifndef HF_VOLUME_DOCTOR_H
#define HF_VOLUME_DOCTOR_H

#include "formats/volume/volume.h"

enum hf_status hf_vol_doctor(const void *config, json_t **out_findings,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
