/* Times as S3 writes them: "2026-11-25T07:52:00.000Z". Pure. */
#ifndef HF_STORAGE_S3_TIME_H
#define HF_STORAGE_S3_TIME_H

#include "base/clock.h"

/* ns since 1970; false when it is none. A fraction of a second is optional. */
bool hf_s3_time_parse(const char *text, int64_t *out);

#endif
