/* Uploads: s3_put.c at once, s3_parts.c in parts. */
#ifndef HF_STORAGE_S3_S3_PUT_H
#define HF_STORAGE_S3_S3_PUT_H

#include "base/clock.h"
#include "storage/s3/s3_internal.h"

/* Texts of checksums that headers point to. */
struct hf_s3_sums {
    char md5[HF_MD5_TEXT]; /* "": not computed */
    char payload[HF_SHA256_TEXT];
    char base64[HF_CHECKSUM_BASE64];
};

struct hf_s3_upload {
    struct hf_s3 *s3;
    const char *key;
    const void *data;
    size_t len;
    int64_t until; /* of the requests that write; 0: none */
    struct hf_s3_sums sums;
    char retain_until[HF_TIME_TEXT];
};

/* Encryption, class, tags and lock: what an object gets when it is made. */
void hf_s3_add_object_headers(const struct hf_s3 *s3, struct hf_s3_upload *up,
                              struct hf_s3_request *request);
/* The checksum of the request's body. */
enum hf_status hf_s3_add_checksum(enum hf_s3_checksum checksum, struct hf_s3_sums *sums,
                                  struct hf_s3_request *request,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* That of an XML document, which servers want whatever is configured. */
enum hf_status hf_s3_add_document_checksum(struct hf_s3_sums *sums, struct hf_s3_request *request,
                                           struct hf_error *err) HF_WARN_UNUSED;
/* When what is locked now will be free. */
void hf_s3_retain_until(const struct hf_s3 *s3, char text[HF_TIME_TEXT]);
/* "COMPLIANCE" or "GOVERNANCE". */
const char *hf_s3_lock_mode(const struct hf_s3 *s3);

/* Answers to If-None-Match. */
bool hf_s3_condition_failed(const struct hf_s3_reply *reply);
bool hf_s3_condition_unknown(const struct hf_s3_reply *reply);
/* HF_EXISTS when the key is taken, as far as a look tells. */
enum hf_status hf_s3_look_first(struct hf_s3_upload *up, struct hf_error *err) HF_WARN_UNUSED;
/* The key is taken: HF_EXISTS, unless ours_maybe (an earlier try may have worked after all) and it
 * holds these bytes. */
enum hf_status hf_s3_taken(struct hf_s3 *s3, const struct hf_s3_upload *up, bool ours_maybe,
                           struct hf_error *err) HF_WARN_UNUSED;

/* In parts, for what is larger than one. A failure leaves no parts behind, as far as the server can
 * be reached. */
enum hf_status hf_s3_put_parts(struct hf_s3_upload *up, enum hf_put_mode mode,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
