/* The other half of taking a lease: looking at everybody else's. For lease.c. */
#ifndef HF_REPOSITORY_LEASE_OTHERS_H
#define HF_REPOSITORY_LEASE_OTHERS_H

#include "storage/repository/lease.h"

#define HF_LEASES_PREFIX "leases/"
enum {
    HF_LEASE_OBJECT_TEXT = 7 + 33,
    HF_LEASE_HOST_MAX = 255,
    HF_LEASE_BYTES_MAX = 4096, /* of a lease object */
    HF_LEASES_MAX = 10000,     /* objects below leases/ */
};

struct hf_lease_question {
    struct hf_repo *repo;
    const char *own; /* the own lease's key; it is in the store */
    enum hf_lease_mode mode;
    const char *purpose;
    bool *out_traces; /* set when there are some (hf_lease_found_traces) */
    int64_t *out_now; /* when the own lease was put, by the store's clock */
    char *out_brief;  /* HF_LEASE_OBJECT_TEXT: on HF_BUSY the lease in the way, if it will not be
                         there for long; else "" */
    int64_t ttl;
    const struct hf_observer *observer; /* may be NULL */
};

/* HF_OK: nobody is in the way. HF_BUSY: somebody is; *out_settled is false when that lease is
 * about as new as ours, so that its owner may be stepping back too. Expired leases are removed. */
enum hf_status hf_lease_judge(const struct hf_lease_question *question, bool *out_settled,
                              struct hf_error *err) HF_WARN_UNUSED;
/* Whether a lease that was brief still is: it is there, and no more than a PRUNE lease again. */
bool hf_lease_still_brief(struct hf_repo *repo, const char *object);

#endif
