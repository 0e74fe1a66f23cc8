/*
 * What an S3 server says when it does not do what it was asked: read from its error document, and
 * judged. Pure. Error codes after docs.aws.amazon.com, "Error responses", and what Ceph, Swift,
 * MinIO and others say.
 */
#ifndef HF_STORAGE_S3_FAULT_H
#define HF_STORAGE_S3_FAULT_H

#include "base/error.h"

#include <stddef.h>

struct hf_s3_fault {
    int http;          /* status; 200 with a code: an error inside a success */
    char code[64];     /* "" when there was no document */
    char message[256]; /* control characters are blanks */
    char region[64];   /* where the bucket is, if it says */
    char request_id[64];
};

enum hf_s3_verdict {
    HF_S3_FINAL,       /* no use in trying again */
    HF_S3_AGAIN,       /* after a pause */
    HF_S3_CLOCK,       /* once the clock is set right */
    HF_S3_CREDENTIALS, /* with new credentials */
    HF_S3_REGION,      /* in another region */
};

/* Fills code, message, region and request id from an error document; leaves them empty when it is
 * none. False: no error document. */
bool hf_s3_fault_read(struct hf_s3_fault *fault, const void *body, size_t len);

/* Text of a server's for an error: cut to size, control characters are blanks. */
void hf_s3_copy_plain(char *to, size_t size, const char *from);

enum hf_s3_verdict hf_s3_fault_verdict(const struct hf_s3_fault *fault);

/* The error for a fault that is final, or that went on for too long: its kind, "<what>: <code>:
 * <message>", and what to check. Returns its status. */
enum hf_status hf_s3_fault_error(const struct hf_s3_fault *fault, const char *what,
                                 struct hf_error *err);

#endif
