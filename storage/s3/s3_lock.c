#include "storage/s3/s3_put.h"

const char *hf_s3_lock_mode(const struct hf_s3 *s3)
{
    return s3->lock == HF_S3_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE";
}
