/*
 * The S3 store: a bucket, or a prefix in one, of AWS S3 or whatever else speaks it. Objects are
 * put by one request each, from the caller's bytes and again from them when a try fails; large ones
 * in parts. Requests go over a bounded number of connections that are kept.
 *
 * What can pass is tried again (storage/s3/retry.h) for as long as the budget lasts: refused and
 * broken connections, stalls, 408, 429, 500, 502, 503, 504, SlowDown, a clock that is wrong (set
 * right by the server's), expired credentials (fetched anew), another region (asked there). What
 * cannot pass (403, no such bucket, wrong signature) is reported at once, with what to check.
 *
 * HF_PUT_CREATE: by "If-None-Match: *". A server that answers 501 to that is asked with HEAD first
 * instead, from then on, and so is one that is not AWS and keeps versions (Ceph ignores the
 * condition there); one that ignores it overwrites. Whoever relies on HF_PUT_CREATE over S3 must be
 * safe in both cases (docs/format.md says how each object is); hf_s3_probe tells. HF_PUT_NAMED asks
 * for nothing: the same bytes twice do no harm.
 *
 * Memory: about 1.3 MiB a connection in use, and what callers hand over.
 */
#ifndef HF_STORAGE_S3_S3_H
#define HF_STORAGE_S3_S3_H

#include "base/observer.h"
#include "storage/s3/credentials.h"
#include "storage/s3/retry.h"
#include "storage/store.h"

enum hf_s3_style {
    HF_S3_STYLE_AUTO,    /* virtual for amazonaws.com and bucket names without '.', else path */
    HF_S3_STYLE_PATH,    /* https://endpoint/bucket/key */
    HF_S3_STYLE_VIRTUAL, /* https://bucket.endpoint/key */
};

enum hf_s3_sse { HF_S3_SSE_NONE, HF_S3_SSE_AES256, HF_S3_SSE_KMS };

/*
 * What a put says about its bytes besides the signature, which holds their SHA-256 unless the
 * payload is unsigned. AUTO: SHA-256 to AWS (packs are named by it: it costs nothing); elsewhere
 * MD5 where objects are locked or the payload is unsigned, else none.
 */
enum hf_s3_checksum {
    HF_S3_CHECKSUM_AUTO,
    HF_S3_CHECKSUM_MD5,    /* Content-MD5, compared with the ETag too where that is one */
    HF_S3_CHECKSUM_SHA256, /* x-amz-checksum-sha256 */
    HF_S3_CHECKSUM_CRC32C, /* x-amz-checksum-crc32c */
    HF_S3_CHECKSUM_NONE,   /* MD5 where objects are locked: servers want one then */
};

enum hf_s3_lock { HF_S3_LOCK_NONE, HF_S3_LOCK_GOVERNANCE, HF_S3_LOCK_COMPLIANCE };

struct hf_s3_tag {
    const char *key;
    const char *value;
};

enum {
    HF_S3_CONNECTIONS = 8,
    HF_S3_CONNECTIONS_MAX = 64,
    HF_S3_TAGS_MAX = 10, /* an object has no more */
    HF_S3_LOCK_DAYS_MAX = 36500,
};

/* Borrowed for hf_s3_open only, but cancel and observer. Zeroes are defaults. */
struct hf_s3_config {
    const char *endpoint; /* "https://host[:port]", without a scheme https; NULL: AWS in region */
    const char *region;   /* NULL: us-east-1, until the server names another */
    const char *bucket;
    const char *prefix; /* folder in the bucket; NULL or "": all of it */
    enum hf_s3_style style;
    const char *ca_file;       /* NULL: the system's */
    const char *proxy;         /* as in base/http.h */
    enum hf_s3_sse sse;        /* the observer is warned once where a server does not confirm it */
    const char *kms_key_id;    /* NULL: the bucket's */
    const char *storage_class; /* of bulk objects (storage/store.h); NULL: the bucket's */
    const struct hf_s3_tag *tags;
    size_t tag_count;
    enum hf_s3_checksum checksum;
    bool unsigned_payload; /* https only */
    enum hf_s3_lock lock;
    unsigned lock_days;
    unsigned connections; /* 0: HF_S3_CONNECTIONS */
    uint64_t limit;       /* bytes a second, in each direction; 0: none */
    struct hf_retry_policy
        retry;          /* zeroes: 100 ms, 10 s, 5 minutes (30 s until it once answered) */
    unsigned stall_s;   /* 0: HF_HTTP_STALL_S */
    uint64_t part_size; /* of larger objects; 0: 64 MiB */
    const struct hf_observer *observer; /* told of retries (HF_NOTE_DETAIL); may be NULL */
};

/* No request is made. Takes the provider over, on success only. HF_CONFIG names what is wrong. */
enum hf_status hf_s3_open(const struct hf_s3_config *config, struct hf_s3_provider *provider,
                          struct hf_store **out, struct hf_error *err) HF_WARN_UNUSED;

#endif
