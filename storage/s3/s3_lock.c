/* Object lock, and what else a bucket may or may not do. */
#include "base/random.h"
#include "storage/s3/s3_put.h"
#include "storage/s3/time.h"
#include "storage/s3/xml.h"

#include <stdio.h>
#include <string.h>

const char *hf_s3_lock_mode(const struct hf_s3 *s3)
{
    return s3->lock == HF_S3_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE";
}

static enum hf_status take_enabled(void *ctx, const char *path, const char *text,
                                   struct hf_error *err)
{
    (void)err;
    if (strcmp(path, "ObjectLockConfiguration/ObjectLockEnabled") == 0)
        *(bool *)ctx = strcmp(text, "Enabled") == 0;
    return HF_OK;
}

static enum hf_status read_configuration(void *ctx, struct hf_s3_connection *connection,
                                         struct hf_error *err)
{
    *(bool *)ctx = false;
    return hf_xml_parse(connection->body.data, connection->body.len, take_enabled, ctx, err);
}

/* A server that does not know the question, or does not let us ask it, has no locks as far as we
 * can tell. */
static enum hf_status ask(struct hf_s3 *s3, bool *out, struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_reply reply;
    bool enabled = false;
    struct hf_s3_request request = {.what = "cannot ask about object lock of",
                                    .method = "GET",
                                    .read = read_configuration,
                                    .ctx = &enabled};
    hf_s3_add_parameter(&request, "object-lock", "");
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, &request, &reply, err);
    hf_s3_give(s3, connection);
    HF_TRY(status);
    if (strcmp(reply.fault.code, "NoSuchBucket") == 0)
        return hf_s3_refused(s3, &request, &reply, err);
    *out = hf_s3_succeeded(&reply) && enabled;
    return HF_OK;
}

enum hf_status hf_s3_bucket_locks(struct hf_s3 *s3, bool *out, struct hf_error *err)
{
    bool enabled = s3->lock != HF_S3_LOCK_NONE;
    if (!enabled && atomic_load(&s3->locking) == HF_S3_UNKNOWN) {
        HF_TRY(ask(s3, &enabled, err));
        atomic_store(&s3->locking, enabled ? HF_S3_YES : HF_S3_NO);
    }
    *out = enabled || atomic_load(&s3->locking) == HF_S3_YES;
    return HF_OK;
}

static enum hf_status put_retention(struct hf_s3 *s3, const char *key, const char *until,
                                    struct hf_s3_reply *reply, struct hf_s3_request *request,
                                    struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_sums sums;
    char document[256];
    int len =
        snprintf(document, sizeof document,
                 "<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
                 hf_s3_lock_mode(s3), until);
    *request = (struct hf_s3_request){.what = "cannot lock",
                                      .method = "PUT",
                                      .key = key,
                                      .body = document,
                                      .body_len = (size_t)len};
    hf_s3_add_parameter(request, "retention", "");
    hf_s3_add_header(request, "content-type", "application/xml");
    HF_TRY(hf_s3_add_document_checksum(&sums, request, err));
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, request, reply, err);
    hf_s3_give(s3, connection);
    return status;
}

/* A lock is never made shorter: who refuses that may have a longer one there already. */
static bool locked_for_longer(struct hf_s3 *s3, const char *key, const char *until)
{
    struct hf_store_stat stat;
    struct hf_error ignored = HF_ERROR_INIT;
    int64_t wanted = 0;
    return hf_s3_time_parse(until, &wanted) &&
           hf_s3_look(s3, key, &stat, NULL, &ignored) == HF_OK && stat.locked_until >= wanted;
}

enum hf_status hf_s3_protect(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    struct hf_s3_reply reply;
    struct hf_s3_request request;
    char until[HF_TIME_TEXT];
    if (s3->lock == HF_S3_LOCK_NONE || !hf_store_kind_locked(hf_store_kind(key)))
        return HF_OK;
    hf_s3_retain_until(s3, until);
    HF_TRY(put_retention(s3, key, until, &reply, &request, err));
    if (hf_s3_succeeded(&reply))
        return HF_OK;
    /* 405: what is there is the marker of a deletion. */
    if (hf_s3_is_missing(&reply) || reply.fault.http == 405)
        return hf_error_set(err, HF_NOT_FOUND, "%s: %s is not there", hf_store_name(store), key);
    if (reply.fault.http == 403 && locked_for_longer(s3, key, until))
        return HF_OK;
    return hf_s3_refused(s3, &request, &reply, err);
}

/* Creates twice: a server that means it refuses the second. */
static enum hf_status try_creating(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    struct hf_error second = HF_ERROR_INIT;
    static const char text[] = "Is If-None-Match obeyed here?";
    HF_TRY(hf_s3_put(store, key, text, sizeof text - 1, HF_PUT_CREATE, err));
    enum hf_status status = hf_s3_put(store, key, text, sizeof text - 1, HF_PUT_CREATE, &second);
    if (status == HF_OK) /* ignored */
        atomic_store(&s3->conditional, HF_S3_NO);
    else if (status == HF_EXISTS && atomic_load(&s3->conditional) == HF_S3_UNKNOWN)
        atomic_store(&s3->conditional, HF_S3_YES);
    if (status == HF_OK || status == HF_EXISTS)
        return HF_OK;
    *err = second;
    return status;
}

enum hf_status hf_s3_probe(struct hf_store *store, struct hf_store_traits *out,
                           struct hf_error *err)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    char key[64];
    char random[33];
    bool enabled = true;
    hf_random_hex(random, 16);
    (void)snprintf(key, sizeof key, "tmp/probe-%s", random);
    if (atomic_load(&s3->conditional) == HF_S3_UNKNOWN) {
        HF_TRY(try_creating(store, key, err));
        HF_TRY(hf_s3_remove(store, key, err));
    }
    if (s3->lock != HF_S3_LOCK_NONE)
        HF_TRY(ask(s3, &enabled, err));
    if (!enabled)
        return hf_error_set(err, HF_CONFIG,
                            "%s: object lock is not enabled on the bucket: make a bucket with it, "
                            "or remove \"lock\" from the configuration",
                            hf_store_name(store));
    *out = (struct hf_store_traits){
        .creates_atomically = atomic_load(&s3->conditional) == HF_S3_YES,
        .protects = s3->lock != HF_S3_LOCK_NONE,
    };
    return HF_OK;
}
