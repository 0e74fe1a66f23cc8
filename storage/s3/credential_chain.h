/*
 * Where the credentials of an S3 store are found: the places that AWS's own tools look in, in one
 * fixed order (docs/storage.md says it to people, credential_chain.c is its table).
 *
 *   1. the configuration: keys, or the name of a profile
 *   2. the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   3. a profile of the shared files: AWS_PROFILE, else "default"
 *   4. the container's endpoint (ECS, EKS Pod Identity)
 *   5. web identity: a token file and a role (STS)
 *   6. the role of an EC2 instance (IMDSv2)
 *
 * The first one that is set up is used: should it then not work, that is an error, and not a reason
 * to go on as somebody else. Refreshing looks again from the top, and reads files, commands and
 * endpoints anew.
 *
 * Secrets are kept in struct hf_secret, and in no error. What endpoints answer is bounded.
 */
#ifndef HF_STORAGE_S3_CREDENTIAL_CHAIN_H
#define HF_STORAGE_S3_CREDENTIAL_CHAIN_H

#include "base/cancel.h"
#include "storage/s3/credentials.h"

/* What the configuration says. HF_NOT_FOUND: it says no keys. out is empty before, and is emptied
 * by the caller after a failure. cancel is that of the work at hand, or NULL. */
typedef enum hf_status hf_s3_configured_fn(void *ctx, struct hf_cancel *cancel,
                                           struct hf_s3_credentials *out, struct hf_error *err);

struct hf_s3_chain_options {
    hf_s3_configured_fn *configured; /* or NULL: there are no keys in it */
    void *configured_ctx;            /* lasts as long as the chain */
    const char *profile;             /* of the configuration, or NULL; copied */
    const char *region;              /* of the store, for STS; or NULL; copied */
    struct hf_cancel *const *cancel; /* of the work at hand, looked up for each fetch; or NULL */
};

struct hf_s3_chain;

enum hf_status hf_s3_chain_new(const struct hf_s3_chain_options *options, struct hf_s3_chain **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Takes NULL. */
void hf_s3_chain_free(struct hf_s3_chain *chain);
HF_DEFINE_AUTO_PTR(hf_s3_chain, hf_s3_chain_free)

/* As a provider wants it. Who owns the source owns the chain. Thread rule: that of the source. */
struct hf_s3_source hf_s3_chain_source(struct hf_s3_chain *chain);

/* "profile prod of /root/.aws/credentials": where the last credentials came from; "" before there
 * were any. Borrowed until the source is used again. */
const char *hf_s3_chain_way(const struct hf_s3_chain *chain);

/* The region that AWS_REGION, AWS_DEFAULT_REGION or the profile (NULL: as above) name; HF_NOT_FOUND
 * when none does. malloc'ed. */
enum hf_status hf_s3_default_region(const char *profile, char **out,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
