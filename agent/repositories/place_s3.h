/*
 * From the `s3:` part of the configuration, the environment and the secrets to a store (place.h).
 * What the configuration leaves out: the endpoint is AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else
 * that of AWS; the region AWS_REGION, AWS_DEFAULT_REGION or the profile's; credentials are those of
 * storage/s3/credential_chain.h.
 */
#ifndef HF_AGENT_REPOSITORIES_PLACE_S3_H
#define HF_AGENT_REPOSITORIES_PLACE_S3_H

#include "agent/config/s3.h"
#include "agent/session.h"
#include "storage/s3/credential_chain.h"

enum hf_place_patience {
    HF_PLACE_PATIENT, /* for work: a server may be away for minutes */
    HF_PLACE_QUICK,   /* for a look: some seconds */
};

/* No request is made. session and s3 have to outlast the store. */
enum hf_status hf_place_s3_open(const struct hf_session *session, const struct hf_config_s3 *s3,
                                enum hf_place_patience patience, struct hf_store **out,
                                struct hf_error *err) HF_WARN_UNUSED;

/* The chain alone, for those who want to know where credentials come from. Same lifetimes. */
enum hf_status hf_place_s3_chain(const struct hf_session *session, const struct hf_config_s3 *s3,
                                 struct hf_s3_chain **out, struct hf_error *err) HF_WARN_UNUSED;

#endif
