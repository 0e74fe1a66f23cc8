#include "base/clock.h"
#include "base/text.h"
#include "storage/s3/s3_put.h"
#include "storage/s3/xml.h"

#include <string.h>

enum { VERSIONS_MAX = 1000 }; /* of one key; they are removed one by one */

static enum hf_status delete_version(struct hf_s3 *s3, const char *key, const char *version,
                                     struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_reply reply;
    struct hf_s3_request request = {.what = "cannot remove", .method = "DELETE", .key = key};
    if (version && *version)
        hf_s3_add_parameter(&request, "versionId", version);
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, &request, &reply, err);
    hf_s3_give(s3, connection);
    HF_TRY(status);
    if (hf_s3_succeeded(&reply) || hf_s3_is_missing(&reply))
        return HF_OK;
    return hf_s3_refused(s3, &request, &reply, err);
}

static enum hf_status still_locked(const struct hf_s3 *s3, const char *key, int64_t until,
                                   struct hf_error *err)
{
    char text[HF_TIME_TEXT];
    if (until == INT64_MAX)
        return hf_error_set(err, HF_DENIED, "%s: cannot remove %s: it has a legal hold",
                            hf_store_name(&s3->store), key);
    hf_time_format(text, until);
    return hf_error_set(err, HF_DENIED, "%s: cannot remove %s: it is locked until %s",
                        hf_store_name(&s3->store), key, text);
}

/*
 * Where objects are locked a plain DELETE always succeeds: it hides the object behind a marker, and
 * it stays, and costs. So versions are removed by name, the newest first, until none is left or one
 * is locked.
 */
static enum hf_status delete_versions(struct hf_s3 *s3, const char *key, struct hf_error *err)
{
    for (int i = 0; i < VERSIONS_MAX; i++) {
        struct hf_store_stat stat = {.size = 0};
        struct hf_error why = HF_ERROR_INIT;
        char version[HF_S3_VERSION];
        enum hf_status status = hf_s3_look(s3, key, &stat, version, &why);
        if (status == HF_NOT_FOUND)
            return HF_OK;
        if (status != HF_OK) {
            *err = why;
            return status;
        }
        if (stat.locked_until > hf_s3_now(s3))
            return still_locked(s3, key, stat.locked_until, err);
        HF_TRY(delete_version(s3, key, version, err));
        if (!version[0])
            return HF_OK;
    }
    return hf_error_set(err, HF_FAILED, "%s: %s has more than %d versions",
                        hf_store_name(&s3->store), key, VERSIONS_MAX);
}

enum hf_status hf_s3_remove(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    bool locks = false;
    /* Leases are never locked, and of each there are many versions: a marker has to do. */
    if (hf_store_kind(key) != HF_STORE_PASSING)
        HF_TRY(hf_s3_bucket_locks(s3, &locks, err));
    return locks ? delete_versions(s3, key, err) : delete_version(s3, key, NULL, err);
}

/* Many at once: DeleteObjects. */
struct batch {
    struct hf_s3 *s3;
    struct hf_strings failed; /* keys that were not removed */
};

/* Whatever the server says of a key: asking for it alone tries again, and finds the words. */
static enum hf_status take_failure(void *ctx, const char *path, const char *text,
                                   struct hf_error *err)
{
    struct batch *batch = ctx;
    const char *prefix = batch->s3->endpoint.prefix;
    if (strcmp(path, "DeleteResult/Error/Key") != 0)
        return HF_OK;
    if (strncmp(text, prefix, strlen(prefix)) != 0 || !hf_store_key_valid(text + strlen(prefix)))
        return hf_error_set(err, HF_DAMAGED, "an answer about another object");
    return hf_strings_add(&batch->failed, text + strlen(prefix), err);
}

static enum hf_status read_result(void *ctx, struct hf_s3_connection *connection,
                                  struct hf_error *err)
{
    struct batch *batch = ctx;
    hf_strings_free(&batch->failed);
    return hf_xml_parse(connection->body.data, connection->body.len, take_failure, batch, err);
}

static enum hf_status append_escaped(struct hf_buf *out, const char *text, struct hf_error *err)
{
    for (const char *c = text; *c; c++) {
        if (strchr("&<>\"'", *c))
            HF_TRY(hf_buf_printf(out, err, "&#%d;", *c));
        else
            HF_TRY(hf_buf_append(out, c, 1, err));
    }
    return HF_OK;
}

static enum hf_status write_document(const struct hf_s3 *s3, const char *const *keys, size_t count,
                                     struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, "<Delete><Quiet>true</Quiet>", err));
    for (size_t i = 0; i < count; i++) {
        HF_TRY(hf_buf_append_str(out, "<Object><Key>", err));
        HF_TRY(append_escaped(out, s3->endpoint.prefix, err));
        HF_TRY(hf_buf_printf(out, err, "%s</Key></Object>", keys[i]));
    }
    return hf_buf_append_str(out, "</Delete>", err);
}

/* *out_known false: the server does not know this request. */
static enum hf_status send_batch(struct batch *batch, const char *const *keys, size_t count,
                                 bool *out_known, struct hf_error *err)
{
    struct hf_s3 *s3 = batch->s3;
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_reply reply;
    struct hf_s3_sums sums;
    HF_AUTO(hf_buf) document = HF_BUF_INIT;
    HF_TRY(write_document(s3, keys, count, &document, err));
    struct hf_s3_request request = {.what = "cannot remove objects of",
                                    .method = "POST",
                                    .body = document.data,
                                    .body_len = document.len,
                                    .read = read_result,
                                    .ctx = batch};
    hf_s3_add_parameter(&request, "delete", "");
    hf_s3_add_header(&request, "content-type", "application/xml");
    HF_TRY(hf_s3_add_document_checksum(&sums, &request, err));
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, &request, &reply, err);
    hf_s3_give(s3, connection);
    HF_TRY(status);
    *out_known = reply.fault.http != 501 && reply.fault.http != 405;
    if (!*out_known || hf_s3_succeeded(&reply))
        return HF_OK;
    return hf_s3_refused(s3, &request, &reply, err);
}

/* Goes on behind one that fails, and returns the first failure. */
static enum hf_status remove_each(struct hf_store *store, const char *const *keys, size_t count,
                                  struct hf_error *err)
{
    struct hf_error first = HF_ERROR_INIT;
    for (size_t i = 0; i < count; i++) {
        struct hf_error why = HF_ERROR_INIT;
        if (hf_s3_remove(store, keys[i], &why) != HF_OK && first.status == HF_OK)
            first = why;
    }
    if (first.status != HF_OK)
        *err = first;
    return first.status;
}

static enum hf_status remove_batch(struct hf_store *store, const char *const *keys, size_t count,
                                   struct hf_error *err)
{
    struct batch batch = {.s3 = hf_s3_of(store), .failed = HF_STRINGS_INIT};
    bool known = true;
    enum hf_status status = send_batch(&batch, keys, count, &known, err);
    if (status == HF_OK && !known) {
        atomic_store(&batch.s3->batching, HF_S3_NO);
        status = remove_each(store, keys, count, err);
    } else if (status == HF_OK) {
        status =
            remove_each(store, (const char *const *)batch.failed.items, batch.failed.count, err);
    }
    hf_strings_free(&batch.failed);
    return status;
}

enum hf_status hf_s3_remove_many(struct hf_store *store, const char *const *keys, size_t count,
                                 struct hf_error *err)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    struct hf_error first = HF_ERROR_INIT;
    bool locks = false;
    HF_TRY(hf_s3_bucket_locks(s3, &locks, err));
    for (size_t at = 0, n; at < count; at += n) {
        struct hf_error why = HF_ERROR_INIT;
        bool single = locks || atomic_load(&s3->batching) == HF_S3_NO;
        n = count - at < HF_S3_DELETE_MAX ? count - at : HF_S3_DELETE_MAX;
        enum hf_status status = single ? remove_each(store, keys + at, n, &why)
                                       : remove_batch(store, keys + at, n, &why);
        if (status != HF_OK && first.status == HF_OK)
            first = why;
    }
    if (first.status != HF_OK)
        *err = first;
    return first.status;
}
