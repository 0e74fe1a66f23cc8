#include "storage/s3/s3_put.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* Compares an object with bytes at hand. */
struct comparison {
    const uint8_t *data;
    size_t len;
    size_t at;
};

static enum hf_status compare_piece(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    struct comparison *comparison = ctx;
    if (len > comparison->len - comparison->at ||
        memcmp(comparison->data + comparison->at, data, len) != 0)
        return hf_error_set(err, HF_EXISTS, "other bytes");
    comparison->at += len;
    return HF_OK;
}

static void compare_anew(void *ctx, struct hf_s3_request *request)
{
    struct comparison *comparison = ctx;
    (void)request;
    comparison->at = 0;
}

/* Is it these bytes that are there? HF_EXISTS: no, others. */
static enum hf_status check_ours(struct hf_s3 *s3, const struct hf_s3_upload *up,
                                 struct hf_error *err)
{
    struct comparison comparison = {.data = up->data, .len = up->len};
    struct hf_s3_request request = {.what = "cannot read back",
                                    .method = "GET",
                                    .key = up->key,
                                    .prepare = compare_anew,
                                    .sink = compare_piece,
                                    .ctx = &comparison};
    HF_TRY(hf_s3_do(s3, &request, err));
    return comparison.at == comparison.len ? HF_OK : hf_error_set(err, HF_EXISTS, "fewer bytes");
}

enum hf_status hf_s3_taken(struct hf_s3 *s3, const struct hf_s3_upload *up, bool ours_maybe,
                           struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = ours_maybe ? check_ours(s3, up, &why) : HF_EXISTS;
    if (status == HF_OK)
        return HF_OK;
    if (status == HF_EXISTS)
        return hf_error_set(err, HF_EXISTS, "%s: %s exists already", hf_store_name(&s3->store),
                            up->key);
    *err = why;
    return status;
}

/* Retention ends on a whole second, so that it can be said and compared. */
void hf_s3_retain_until(const struct hf_s3 *s3, char text[HF_TIME_TEXT])
{
    hf_time_format(text, hf_s3_now(s3) + (int64_t)s3->lock_days * 86400 * HF_NS_PER_S);
}

static void add_lock(const struct hf_s3 *s3, struct hf_s3_upload *up, struct hf_s3_request *request)
{
    if (s3->lock == HF_S3_LOCK_NONE || !hf_store_kind_locked(hf_store_kind(up->key)))
        return;
    hf_s3_retain_until(s3, up->retain_until);
    hf_s3_add_header(request, "x-amz-object-lock-mode", hf_s3_lock_mode(s3));
    hf_s3_add_header(request, "x-amz-object-lock-retain-until-date", up->retain_until);
}

void hf_s3_add_object_headers(const struct hf_s3 *s3, struct hf_s3_upload *up,
                              struct hf_s3_request *request)
{
    hf_s3_add_header(request, "content-type", "application/octet-stream");
    if (s3->sse == HF_S3_SSE_AES256)
        hf_s3_add_header(request, "x-amz-server-side-encryption", "AES256");
    if (s3->sse == HF_S3_SSE_KMS)
        hf_s3_add_header(request, "x-amz-server-side-encryption", "aws:kms");
    if (s3->sse == HF_S3_SSE_KMS && s3->kms_key_id)
        hf_s3_add_header(request, "x-amz-server-side-encryption-aws-kms-key-id", s3->kms_key_id);
    if (s3->storage_class && hf_store_kind(up->key) == HF_STORE_BULK)
        hf_s3_add_header(request, "x-amz-storage-class", s3->storage_class);
    if (s3->tagging)
        hf_s3_add_header(request, "x-amz-tagging", s3->tagging);
    add_lock(s3, up, request);
}

static enum hf_status add_md5(struct hf_s3_sums *sums, const void *data, size_t len,
                              struct hf_s3_request *request, struct hf_error *err)
{
    uint8_t md5[HF_MD5];
    HF_TRY(hf_checksum_md5(data, len, md5, err));
    hf_hex(sums->md5, md5, sizeof md5);
    hf_checksum_base64(sums->base64, md5, sizeof md5);
    hf_s3_add_header(request, "content-md5", sums->base64);
    return HF_OK;
}

static enum hf_status add_sha256(struct hf_s3_sums *sums, struct hf_s3_request *request,
                                 struct hf_error *err)
{
    uint8_t hash[HF_SHA256];
    if (!request->payload) {
        HF_TRY(hf_checksum_sha256(request->body, request->body_len, hash, err));
        hf_hex(sums->payload, hash, sizeof hash);
        request->payload = sums->payload;
    }
    if (!hf_unhex(hash, sizeof hash, request->payload))
        return hf_error_set(err, HF_FAILED, "a payload hash that is none");
    hf_checksum_base64(sums->base64, hash, sizeof hash);
    hf_s3_add_header(request, "x-amz-checksum-sha256", sums->base64);
    return HF_OK;
}

static void add_crc32c(struct hf_s3_sums *sums, struct hf_s3_request *request)
{
    uint32_t crc = hf_checksum_crc32c(request->body, request->body_len);
    uint8_t big_endian[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                             (uint8_t)crc};
    hf_checksum_base64(sums->base64, big_endian, sizeof big_endian);
    hf_s3_add_header(request, "x-amz-checksum-crc32c", sums->base64);
}

enum hf_status hf_s3_add_checksum(enum hf_s3_checksum checksum, struct hf_s3_sums *sums,
                                  struct hf_s3_request *request, struct hf_error *err)
{
    switch (checksum) {
    case HF_S3_CHECKSUM_MD5:
        return add_md5(sums, request->body, request->body_len, request, err);
    case HF_S3_CHECKSUM_SHA256:
        return add_sha256(sums, request, err);
    case HF_S3_CHECKSUM_CRC32C:
        add_crc32c(sums, request);
        return HF_OK;
    default:
        return HF_OK;
    }
}

/* Where there is no MD5 (FIPS), newer servers take the other. */
enum hf_status hf_s3_add_document_checksum(struct hf_s3_sums *sums, struct hf_s3_request *request,
                                           struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    if (hf_s3_add_checksum(HF_S3_CHECKSUM_MD5, sums, request, &why) == HF_OK)
        return HF_OK;
    return hf_s3_add_checksum(HF_S3_CHECKSUM_SHA256, sums, request, err);
}

/* A pack is named by its hash: it need not be computed again, and a server that checks it finds
 * bytes that changed in our memory, too. */
static const char *hash_in_name(const struct hf_s3_upload *up)
{
    uint8_t hash[HF_SHA256];
    const char *name = strrchr(up->key, '/');
    if (hf_store_kind(up->key) != HF_STORE_BULK || !name || !hf_unhex(hash, sizeof hash, name + 1))
        return NULL;
    return name + 1;
}

/* With no other encryption than the server's own the ETag of an object put at once is its MD5. */
static bool etag_is_md5(const struct hf_s3 *s3, const char *etag)
{
    uint8_t md5[HF_MD5];
    char text[HF_MD5_TEXT];
    if (s3->sse == HF_S3_SSE_KMS || !etag || strlen(etag) != HF_MD5_TEXT + 1 || etag[0] != '"')
        return false;
    (void)snprintf(text, sizeof text, "%s", etag + 1);
    return hf_unhex(md5, sizeof md5, text);
}

/* Where a bucket keeps versions a put to Ceph makes a new one and never finds its key taken,
 * whatever its condition. AWS is right there, too. */
static void note_versions(struct hf_s3 *s3, struct hf_http *http)
{
    if (!s3->endpoint.aws && hf_http_header(http, "x-amz-version-id"))
        atomic_store(&s3->conditional, HF_S3_NO);
}

/* A server that does not know a way of encrypting may store the plain object without a word (Ceph
 * 16, AES256). What rests there is sealed by the repository all the same, so it is no failure. */
static void note_encryption(struct hf_s3 *s3, const struct hf_s3_upload *up, struct hf_http *http)
{
    const char *wanted = s3->sse == HF_S3_SSE_KMS ? "aws:kms" : "AES256";
    const char *said = hf_http_header(http, "x-amz-server-side-encryption");
    if (s3->sse == HF_S3_SSE_NONE)
        return;
    if (said && strcmp(said, wanted) == 0) {
        int unknown = HF_S3_UNKNOWN;
        (void)atomic_compare_exchange_strong(&s3->encrypting, &unknown, HF_S3_YES);
    } else if (atomic_exchange(&s3->encrypting, HF_S3_NO) != HF_S3_NO) {
        hf_observe(s3->observer, HF_NOTE_WARNING,
                   "%s: the server does not say that it encrypted %s (sse: %s); see \"holdfast "
                   "doctor\"",
                   hf_store_name(&s3->store), up->key, wanted);
    }
}

/* What the server says it stored is what was sent, where that can be told. */
static enum hf_status check_stored(void *ctx, struct hf_s3_connection *connection,
                                   struct hf_error *err)
{
    const struct hf_s3_upload *up = ctx;
    const char *etag = hf_http_header(connection->http, "ETag");
    note_versions(up->s3, connection->http);
    note_encryption(up->s3, up, connection->http);
    if (!up->sums.md5[0] || !etag_is_md5(up->s3, etag) ||
        strncmp(etag + 1, up->sums.md5, HF_MD5_TEXT - 1) == 0)
        return HF_OK;
    return hf_error_set(err, HF_DAMAGED,
                        "the server stored other bytes than were sent (ETag %s, MD5 %s)", etag,
                        up->sums.md5);
}

static enum hf_status send_object(struct hf_s3_upload *up, struct hf_s3_request *request,
                                  struct hf_s3_reply *reply, struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    HF_TRY(hf_s3_take(up->s3, &connection, err));
    enum hf_status status = hf_s3_send(up->s3, connection, request, reply, err);
    hf_s3_give(up->s3, connection);
    return status;
}

/* One put. condition: only where there is nothing. */
static enum hf_status put_once(struct hf_s3_upload *up, bool condition, struct hf_s3_reply *reply,
                               struct hf_error *err)
{
    struct hf_s3_request request = {.what = "cannot write",
                                    .method = "PUT",
                                    .key = up->key,
                                    .body = up->data,
                                    .body_len = up->len,
                                    .payload = hash_in_name(up),
                                    .read = check_stored,
                                    .ctx = up,
                                    .until = up->until};
    hf_s3_add_object_headers(up->s3, up, &request);
    if (condition)
        hf_s3_add_header(&request, "if-none-match", "*");
    HF_TRY(hf_s3_add_checksum(up->s3->checksum, &up->sums, &request, err));
    HF_TRY(send_object(up, &request, reply, err));
    if (hf_s3_succeeded(reply) || (condition && hf_s3_condition_failed(reply)) ||
        (condition && hf_s3_condition_unknown(reply)))
        return HF_OK;
    return hf_s3_refused(up->s3, &request, reply, err);
}

bool hf_s3_condition_failed(const struct hf_s3_reply *reply)
{
    return reply->fault.http == 412;
}

/* 501 to If-None-Match: Swift, old Ceph and others. */
bool hf_s3_condition_unknown(const struct hf_s3_reply *reply)
{
    return reply->fault.http == 501;
}

/* HF_EXISTS, as far as a look before the put can tell. */
enum hf_status hf_s3_look_first(struct hf_s3_upload *up, struct hf_error *err)
{
    struct hf_store_stat stat;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_s3_stat(&up->s3->store, up->key, &stat, &why);
    if (status == HF_NOT_FOUND)
        return HF_OK;
    if (status == HF_OK)
        return hf_s3_taken(up->s3, up, false, err);
    *err = why;
    return status;
}

static enum hf_status create(struct hf_s3_upload *up, struct hf_error *err)
{
    struct hf_s3 *s3 = up->s3;
    struct hf_s3_reply reply;
    if (atomic_load(&s3->conditional) != HF_S3_NO) {
        HF_TRY(put_once(up, true, &reply, err));
        if (hf_s3_succeeded(&reply))
            return HF_OK;
        if (hf_s3_condition_failed(&reply))
            return hf_s3_taken(s3, up, reply.again, err);
        atomic_store(&s3->conditional, HF_S3_NO);
    }
    HF_TRY(hf_s3_look_first(up, err));
    return put_once(up, false, &reply, err);
}

enum hf_status hf_s3_put(struct hf_store *store, const char *key, const void *data, size_t len,
                         enum hf_put_mode mode, struct hf_error *err)
{
    struct hf_s3_upload up = {.s3 = hf_s3_of(store), .key = key, .data = data, .len = len};
    struct hf_s3_reply reply;
    if (len > up.s3->part_size)
        return hf_s3_put_parts(&up, mode, err);
    if (mode == HF_PUT_CREATE)
        return create(&up, err);
    return put_once(&up, false, &reply, err);
}

enum hf_status hf_s3_put_within(struct hf_store *store, const char *key, const void *data,
                                size_t len, enum hf_put_mode mode, int64_t ns, struct hf_error *err)
{
    struct hf_s3_upload up = {.s3 = hf_s3_of(store),
                              .key = key,
                              .data = data,
                              .len = len,
                              .until = hf_clock_monotonic() + ns};
    struct hf_s3_reply reply;
    if (len > up.s3->part_size)
        return hf_error_set(err, HF_USAGE, "%s: %s is too large to be put in a given time",
                            hf_store_name(store), key);
    if (mode == HF_PUT_CREATE)
        return create(&up, err);
    return put_once(&up, false, &reply, err);
}
