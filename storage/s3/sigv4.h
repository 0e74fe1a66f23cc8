/*
 * AWS Signature Version 4 ("AWS4-HMAC-SHA256"), the form with an Authorization header, after
 * docs.aws.amazon.com, "Signature Calculations for the Authorization Header: Transferring Payload
 * in a Single Chunk". Pure: no clock, no network. Any thread.
 *
 * Why not CURLOPT_AWS_SIGV4: libcurl 7.88 signs a query as it is written, neither sorted nor
 * escaped nor with the '=' of a name without a value (?uploads, prefix=a/b and prefix= before
 * list-type= were refused by a server that checks), has no payload hash for a body that is read by
 * a callback, signs with its own clock, and wants the secret key in ordinary memory.
 */
#ifndef HF_STORAGE_S3_SIGV4_H
#define HF_STORAGE_S3_SIGV4_H

#include "base/buffer.h"
#include "storage/s3/credentials.h"

#include <stddef.h>
#include <stdint.h>

struct hf_sigv4_pair {
    const char *name;
    const char *value;
};

enum {
    HF_SIGV4_HEADERS_MAX = 32,
    HF_SIGV4_PARAMETERS_MAX = 16,
    HF_SIGV4_TIME = 17, /* "20130524T000000Z" */
};

struct hf_sigv4_request {
    const char *method;
    const char *path;  /* as in the URL, escaped once */
    const char *query; /* of hf_sigv4_query */
    /* All are signed: lower-case names, values without blanks at their ends. In any order. host and
     * x-amz-date must be there; x-amz-content-sha256 for S3; x-amz-security-token where there is
     * one. */
    const struct hf_sigv4_pair *headers;
    size_t header_count; /* at most HF_SIGV4_HEADERS_MAX */
    const char *payload; /* hexadecimal SHA-256 of the body, or UNSIGNED-PAYLOAD */
    const char *time;    /* of hf_sigv4_time; as in x-amz-date */
    const char *region;
    const char *service; /* "s3", "sts" */
};

void hf_sigv4_time(char text[HF_SIGV4_TIME], int64_t time);

/* "a=1&b=" from parameters in any order, escaped and sorted: for the URL and for the signature.
 * At most HF_SIGV4_PARAMETERS_MAX. Appended. */
enum hf_status hf_sigv4_query(const struct hf_sigv4_pair *parameters, size_t count,
                              struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

/* The value of the Authorization header, appended. */
enum hf_status hf_sigv4_authorize(const struct hf_sigv4_request *request,
                                  const struct hf_s3_credentials *credentials, struct hf_buf *out,
                                  struct hf_error *err) HF_WARN_UNUSED;

#endif
