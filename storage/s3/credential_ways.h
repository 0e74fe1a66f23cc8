/*
 * The ways of credential_chain.h, one function and one file each, and what they share. Internal to
 * the chain. Sources: AWS's SDKs and Tools Reference Guide ("Standardized credential providers").
 */
#ifndef HF_STORAGE_S3_CREDENTIAL_WAYS_H
#define HF_STORAGE_S3_CREDENTIAL_WAYS_H

#include "storage/s3/credential_chain.h"

#include <stddef.h>
#include <stdint.h>

enum { HF_S3_WAY_TEXT = 512 };

/* One search for credentials. */
struct hf_s3_look {
    const struct hf_s3_chain_options *options;
    struct hf_cancel *cancel; /* or NULL */
    char way[HF_S3_WAY_TEXT]; /* set by the way that has found some */
};

/*
 * HF_NOT_FOUND: the way is not set up, and err has in a few words what is missing. Any other error:
 * it is set up, and does not work. *out is empty before; after a failure the caller empties it.
 */
typedef enum hf_status hf_s3_way_fn(struct hf_s3_look *look, struct hf_s3_credentials *out,
                                    struct hf_error *err);

hf_s3_way_fn hf_s3_way_configured;
hf_s3_way_fn hf_s3_way_environment;
hf_s3_way_fn hf_s3_way_profile;
hf_s3_way_fn hf_s3_way_container;
hf_s3_way_fn hf_s3_way_web_identity;
hf_s3_way_fn hf_s3_way_instance;

/* credential_process of a profile: a line for /bin/sh, which prints a document. */
enum hf_status hf_s3_run_process(const struct hf_s3_look *look, const char *command,
                                 struct hf_s3_credentials *out,
                                 struct hf_error *err) HF_WARN_UNUSED;

/* A role to take on at AWS's Security Token Service. Borrowed. */
struct hf_s3_role {
    const char *arn;
    const char *name;        /* of the session; NULL: one is made up */
    const char *external_id; /* or NULL */
    const char *region;      /* or NULL: the global endpoint */
};

/* By the token in a file (AssumeRoleWithWebIdentity). */
enum hf_status hf_s3_sts_web_identity(const struct hf_s3_look *look, const struct hf_s3_role *role,
                                      const char *token_file, struct hf_s3_credentials *out,
                                      struct hf_error *err) HF_WARN_UNUSED;
/* By other credentials (AssumeRole). */
enum hf_status hf_s3_sts_assume_role(const struct hf_s3_look *look, const struct hf_s3_role *role,
                                     const struct hf_s3_credentials *by,
                                     struct hf_s3_credentials *out,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
