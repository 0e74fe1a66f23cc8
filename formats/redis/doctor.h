/* What may keep a backup of a Redis source from working: the doctor function of struct
 * hf_source_kind. */
#ifndef HF_REDIS_DOCTOR_H
#define HF_REDIS_DOCTOR_H

#include "formats/redis/redis.h"

enum hf_status hf_redis_doctor(const void *config, json_t **out_findings,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
