/* What doctor says of a bucket: credentials, reach, region, clock, what the server can do. */
#ifndef HF_AGENT_COMMANDS_DOCTOR_S3_H
#define HF_AGENT_COMMANDS_DOCTOR_S3_H

#include "agent/repositories/choose.h"

/* One finding: what was looked at, whether it is right, and in words. */
typedef void hf_finding_fn(void *ctx, const char *what, bool ok, const char *text);

/* Writes and removes one object of the store's own. False when there is no use in looking at the
 * repository: it cannot be reached. chosen is one with a bucket. */
bool hf_doctor_s3(const struct hf_session *session, const struct hf_chosen *chosen,
                  hf_finding_fn *find, void *ctx);

#endif
