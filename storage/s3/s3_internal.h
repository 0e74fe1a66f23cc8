/*
 * What the files of the S3 store share: the store itself, its connections (connections.c), and one
 * request with all its tries (request.c).
 */
#ifndef HF_STORAGE_S3_S3_INTERNAL_H
#define HF_STORAGE_S3_S3_INTERNAL_H

#include "base/http.h"
#include "storage/s3/checksum.h"
#include "storage/s3/endpoint.h"
#include "storage/s3/fault.h"
#include "storage/s3/limit.h"
#include "storage/s3/s3.h"
#include "storage/s3/sigv4.h"
#include "storage/store_driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    HF_S3_HEADERS = 16,
    HF_S3_PARAMETERS = 6,
    HF_S3_BODY_MAX = 8 << 20, /* of an answer that is not an object: a page of a listing */
    HF_S3_DELETE_MAX = 1000,  /* keys of one request */
};

/* Does the server keep a promise? Not asked yet, or it does, or it does not. */
enum hf_s3_answer { HF_S3_UNKNOWN, HF_S3_YES, HF_S3_NO };

/* A connection and the answer that came over it. */
struct hf_s3_connection {
    struct hf_http *http;
    struct hf_buf body; /* of an answer that is not an object */
    struct hf_s3_connection *next;
};

struct hf_s3 {
    struct hf_store store;
    struct hf_s3_provider *provider;

    /* Never changed after open. */
    enum hf_s3_sse sse;
    enum hf_s3_checksum checksum; /* no longer AUTO */
    enum hf_s3_lock lock;
    unsigned lock_days;
    bool unsigned_payload;
    char *kms_key_id;
    char *storage_class;
    char *tagging; /* the header's value, or NULL */
    char *ca_file;
    char *proxy;
    uint64_t part_size;
    unsigned stall_s;
    struct hf_retry_policy retry;
    const struct hf_observer *observer;
    struct hf_limit up;
    struct hf_limit down;

    struct hf_s3_endpoint endpoint; /* its region under the lock */
    atomic_int conditional;         /* enum hf_s3_answer: If-None-Match */
    atomic_int locking;             /* enum hf_s3_answer: object lock is enabled on the bucket */
    atomic_int batching;            /* enum hf_s3_answer: DeleteObjects */
    atomic_int encrypting;          /* enum hf_s3_answer: says that it encrypts, where it is to */
    atomic_bool answered;           /* the server, ever */
    _Atomic int64_t skew;           /* ns: the server's clock less ours */
    _Atomic(struct hf_cancel *) cancel;

    pthread_mutex_t mutex; /* of what follows, and of the region */
    pthread_cond_t given;
    struct hf_s3_connection *idle; /* the last one used first: it is the warmest */
    struct hf_s3_connection *all[HF_S3_CONNECTIONS_MAX];
    unsigned connections; /* in all */
    unsigned connections_max;
};

static inline struct hf_s3 *hf_s3_of(struct hf_store *store)
{
    return (struct hf_s3 *)store;
}

/* Waits for a connection that is idle. Give it back before calling anybody else's code. */
enum hf_status hf_s3_take(struct hf_s3 *s3, struct hf_s3_connection **out,
                          struct hf_error *err) HF_WARN_UNUSED;
void hf_s3_give(struct hf_s3 *s3, struct hf_s3_connection *connection);
void hf_s3_connections_free(struct hf_s3 *s3);

/* One request. All borrowed. */
struct hf_s3_request {
    const char *what;   /* "cannot read", for errors: "<store>: <what> <key>: ..." */
    const char *method; /* as in base/http.h */
    const char *key;    /* NULL: the bucket itself */
    struct hf_sigv4_pair parameters[HF_S3_PARAMETERS];
    size_t parameter_count;
    struct hf_sigv4_pair headers[HF_S3_HEADERS]; /* lower-case names; all are signed */
    size_t header_count;
    const void *body;
    size_t body_len;
    const char *payload; /* hexadecimal SHA-256 of the body where it is known; NULL: computed */
    /* Before each try, to change headers; may be NULL. */
    void (*prepare)(void *ctx, struct hf_s3_request *request);
    /* The body of a 2xx answer as it comes. Without it, it is in connection->body. */
    hf_http_sink_fn *sink;
    /* Reads a whole 2xx answer, from the beginning at each call; may be NULL. HF_DAMAGED, and what
     * can pass, lead to another try. */
    enum hf_status (*read)(void *ctx, struct hf_s3_connection *connection, struct hf_error *err);
    void *ctx;
    const size_t *progress; /* what has been achieved: more of it starts the budget anew */
    int64_t until;          /* monotonic: given up then, and no later try; 0: no such time */
};

struct hf_s3_reply {
    struct hf_s3_fault fault; /* http: the status; code "" after a success */
    bool again; /* an earlier try broke off or failed in the server: it may have done its work */
};

void hf_s3_add_header(struct hf_s3_request *request, const char *name, const char *value);
void hf_s3_add_parameter(struct hf_s3_request *request, const char *name, const char *value);

/*
 * Sends it until it is done, cannot be done, or the budget is spent. HF_OK: there is an answer;
 * look at hf_s3_succeeded. Headers of the answer are the connection's.
 */
enum hf_status hf_s3_send(struct hf_s3 *s3, struct hf_s3_connection *connection,
                          struct hf_s3_request *request, struct hf_s3_reply *out,
                          struct hf_error *err) HF_WARN_UNUSED;
static inline bool hf_s3_succeeded(const struct hf_s3_reply *reply)
{
    return reply->fault.http >= 200 && reply->fault.http < 300 && !reply->fault.code[0];
}
/* The error for an answer that was no success. */
enum hf_status hf_s3_refused(const struct hf_s3 *s3, const struct hf_s3_request *request,
                             const struct hf_s3_reply *reply, struct hf_error *err);
/* Takes a connection, sends, gives it back; anything but a success is an error. */
enum hf_status hf_s3_do(struct hf_s3 *s3, struct hf_s3_request *request,
                        struct hf_error *err) HF_WARN_UNUSED;

/* The driver's functions (storage/store.h). */
enum hf_status hf_s3_put(struct hf_store *store, const char *key, const void *data, size_t len,
                         enum hf_put_mode mode, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_put_within(struct hf_store *store, const char *key, const void *data,
                                size_t len, enum hf_put_mode mode, int64_t ns,
                                struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_get(struct hf_store *store, const char *key, uint64_t offset, size_t len,
                         struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_get_all(struct hf_store *store, const char *key, size_t max,
                             struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_list(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                          void *ctx, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_stat(struct hf_store *store, const char *key, struct hf_store_stat *out,
                          struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_remove(struct hf_store *store, const char *key,
                            struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_remove_many(struct hf_store *store, const char *const *keys, size_t count,
                                 struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_protect(struct hf_store *store, const char *key,
                             struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_s3_probe(struct hf_store *store, struct hf_store_traits *out,
                           struct hf_error *err) HF_WARN_UNUSED;

/* 404, and not because there is no bucket. */
bool hf_s3_is_missing(const struct hf_s3_reply *reply);
/* HEAD; version (HF_S3_VERSION bytes, may be NULL) is "" where the bucket has none. */
enum { HF_S3_VERSION = 1100 };
enum hf_status hf_s3_look(struct hf_s3 *s3, const char *key, struct hf_store_stat *out,
                          char *version, struct hf_error *err) HF_WARN_UNUSED;
/* Are objects of the bucket locked, by us or by the bucket itself? Asks the server once. */
enum hf_status hf_s3_bucket_locks(struct hf_s3 *s3, bool *out, struct hf_error *err) HF_WARN_UNUSED;
/* The server's time, as far as it is known. */
int64_t hf_s3_now(const struct hf_s3 *s3);

#endif
