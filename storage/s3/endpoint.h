/*
 * Where a bucket is and how requests to it are addressed. Immutable but for the region, which a
 * server may correct: hf_s3_endpoint_move. The owner serialises that with everything else.
 */
#ifndef HF_STORAGE_S3_ENDPOINT_H
#define HF_STORAGE_S3_ENDPOINT_H

#include "storage/s3/s3.h"

enum {
    HF_S3_AUTHORITY = 384,  /* host:port */
    HF_S3_HOST = 640,       /* bucket.host:port */
    HF_S3_REGION_NAME = 64, /* with its NUL */
};

struct hf_s3_endpoint {
    bool https;
    bool aws;                        /* amazonaws.com: the host follows the region */
    bool virtual;                    /* the bucket is in the host */
    char authority[HF_S3_AUTHORITY]; /* host[:port], no default port, without the bucket */
    char region[HF_S3_REGION_NAME];
    char *bucket;
    char *prefix; /* "" or "a/b/", as the user wrote it: not escaped */
};

/* HF_CONFIG says what is wrong with endpoint, region, bucket or prefix. */
enum hf_status hf_s3_endpoint_init(struct hf_s3_endpoint *endpoint,
                                   const struct hf_s3_config *config,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_s3_endpoint_done(struct hf_s3_endpoint *endpoint);

/* The server says that the bucket is in another region. False when that is none, or where we have
 * been asking. */
bool hf_s3_endpoint_move(struct hf_s3_endpoint *endpoint, const char *region);

/* "bucket acme-backups/prod at https://s3.eu-central-1.amazonaws.com" */
enum hf_status hf_s3_endpoint_name(const struct hf_s3_endpoint *endpoint, char **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* The Host header, and the path in URL and signature, of an object of the store (key without the
 * prefix), or of the bucket (NULL). Appended. */
void hf_s3_endpoint_host(const struct hf_s3_endpoint *endpoint, char host[HF_S3_HOST]);
enum hf_status hf_s3_endpoint_path(const struct hf_s3_endpoint *endpoint, const char *key,
                                   struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
