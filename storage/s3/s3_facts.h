/* What is to be known of a bucket besides its objects: for doctor. */
#ifndef HF_STORAGE_S3_S3_FACTS_H
#define HF_STORAGE_S3_S3_FACTS_H

#include "storage/s3/s3.h"

enum hf_s3_state {
    HF_S3_STATE_HIDDEN, /* the server does not know the question, or does not let us ask it */
    HF_S3_STATE_OFF,
    HF_S3_STATE_ON,
};

struct hf_s3_facts {
    char region[64]; /* where requests go now: the server's word goes before the configuration's */
    int64_t ahead;   /* ns that this machine's clock is ahead of the server's; to about a second */
    enum hf_s3_state versions;
    enum hf_s3_state lock; /* object lock is enabled on the bucket */
};

/* Asks the server. store is one of hf_s3_open. Errors as of any request: no such bucket, wrong
 * keys, nobody there. */
enum hf_status hf_s3_facts_read(struct hf_store *store, struct hf_s3_facts *out,
                                struct hf_error *err) HF_WARN_UNUSED;

/* Does the server say that it encrypts what is put, where it is to? HIDDEN: nothing was put yet, or
 * nothing is to be encrypted. Makes no request. */
enum hf_s3_state hf_s3_facts_encryption(struct hf_store *store);

#endif
