/*
 * Values of credentials as they come in: variables, texts and JSON documents. Any thread, as far as
 * nobody changes the environment.
 */
#ifndef HF_STORAGE_S3_CREDENTIAL_VALUES_H
#define HF_STORAGE_S3_CREDENTIAL_VALUES_H

#include "storage/s3/credentials.h"

#include <stddef.h>
#include <stdint.h>

/* A variable of the environment; NULL when it is not there or empty. */
const char *hf_s3_env(const char *name);

/* Bytes that are borrowed; text NULL: not given. */
struct hf_s3_text {
    const char *text;
    size_t len;
};

/* Those of a secret, which may be NULL. */
struct hf_s3_text hf_s3_text_of(const struct hf_secret *secret);

struct hf_s3_values {
    struct hf_s3_text access_key;
    struct hf_s3_text secret_key;
    struct hf_s3_text session_token; /* may be missing or empty */
    int64_t expires;                 /* 0: never */
};

/* Copies; HF_CONFIG when a key is missing, too long, or has blanks or control characters in it:
 * they go into headers. what is where they are from, for the error. */
enum hf_status hf_s3_credentials_set(const struct hf_s3_values *values, const char *what,
                                     struct hf_s3_credentials *out,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* A header with a secret in it: begin ("Authorization: ") and the value's bytes. */
enum hf_status hf_s3_secret_header(const char *begin, const void *value, size_t len,
                                   struct hf_secret **out, struct hf_error *err) HF_WARN_UNUSED;

/* "2026-11-21T02:00:00Z", also with a fraction or an offset ("+02:00"); false when it is none. */
bool hf_s3_parse_expiry(const char *text, int64_t *out);

/*
 * {"AccessKeyId": …, "SecretAccessKey": …, TOKEN: …, "Expiration": …}: what containers, EC2
 * (token_key "Token") and programs ("SessionToken") say. Token and Expiration may be missing or
 * null. HF_DAMAGED, naming the field and not its value, when it is not that.
 */
enum hf_status hf_s3_parse_document(const struct hf_secret *document, const char *token_key,
                                    const char *what, struct hf_s3_credentials *out,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* Whether any eight bytes of the secret (or all of a shorter one) are in the text. secret may be
 * NULL. */
bool hf_s3_holds(const char *text, const struct hf_secret *secret);
/* What a server said, fit for an error: one line of printable ASCII, cut to size; "" when it holds
 * the secret. */
void hf_s3_quote(char *out, size_t size, const char *said, const struct hf_secret *secret);

#endif
