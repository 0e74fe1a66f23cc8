/*
 * Requests to what hands credentials out: small, retried, and their answers in guarded memory.
 */
#ifndef HF_STORAGE_S3_CREDENTIAL_ASK_H
#define HF_STORAGE_S3_CREDENTIAL_ASK_H

#include "base/cancel.h"
#include "base/secret.h"

#include <stddef.h>
#include <stdint.h>

/* All borrowed for the call. */
struct hf_s3_ask {
    const char *what; /* begins errors: "the EC2 metadata service" */
    const char *method;
    const char *url;
    const char *const *headers; /* as in base/http.h */
    const void *body;
    size_t body_len;
    const char *proxy;   /* as in base/http.h: "" for none */
    const char *ca_file; /* or NULL */
    uint32_t connect_ms;
    uint32_t total_ms; /* of one try */
    unsigned tries;    /* at least 1; what cannot pass is not tried again */
    struct hf_cancel *cancel;
};

enum { HF_S3_SAID_MAX = 4096 };

struct hf_s3_said {
    int status;
    struct hf_secret *body;     /* of a 2xx answer, at most 64 KiB; else NULL */
    char error[HF_S3_SAID_MAX]; /* of another: its begin */
};

void hf_s3_said_done(struct hf_s3_said *said);
static inline void hf_s3_said_auto(struct hf_s3_said *said)
{
    hf_s3_said_done(said);
}

/* HF_OK for any answer but those (408, 429, 5xx) that stayed after all tries: HF_UNREACHABLE, with
 * the status. *out is set on HF_OK only. */
enum hf_status hf_s3_ask(const struct hf_s3_ask *ask, struct hf_s3_said *out,
                         struct hf_error *err) HF_WARN_UNUSED;

#endif
