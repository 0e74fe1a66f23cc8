#include "base/text.h"
#include "storage/s3/s3_put.h"
#include "storage/s3/xml.h"

#include <stdio.h>
#include <string.h>

enum {
    UPLOAD_ID = 1024,
    ETAG = 128,
    PARTS_MAX = 10000, /* S3 has no more */
};

struct parts {
    struct hf_s3_upload *up;
    char upload_id[UPLOAD_ID];
    char etag[ETAG];        /* of the part at hand */
    struct hf_buf complete; /* the document that ends it */
};

static enum hf_status take_upload_id(void *ctx, const char *path, const char *text,
                                     struct hf_error *err)
{
    struct parts *parts = ctx;
    if (strcmp(path, "InitiateMultipartUploadResult/UploadId") != 0)
        return HF_OK;
    if (strlen(text) >= sizeof parts->upload_id)
        return hf_error_set(err, HF_DAMAGED, "too long an upload id");
    (void)snprintf(parts->upload_id, sizeof parts->upload_id, "%s", text);
    return HF_OK;
}

static enum hf_status read_upload_id(void *ctx, struct hf_s3_connection *connection,
                                     struct hf_error *err)
{
    struct parts *parts = ctx;
    parts->upload_id[0] = '\0';
    HF_TRY(hf_xml_parse(connection->body.data, connection->body.len, take_upload_id, parts, err));
    if (!parts->upload_id[0])
        return hf_error_set(err, HF_DAMAGED, "an answer without an upload id");
    return HF_OK;
}

static enum hf_status begin(struct parts *parts, struct hf_error *err)
{
    struct hf_s3_request request = {.what = "cannot write",
                                    .method = "POST",
                                    .key = parts->up->key,
                                    .read = read_upload_id,
                                    .ctx = parts};
    hf_s3_add_parameter(&request, "uploads", "");
    hf_s3_add_object_headers(parts->up->s3, parts->up, &request);
    return hf_s3_do(parts->up->s3, &request, err);
}

/* It goes into the document that ends the upload: only characters that XML takes as they are. */
static enum hf_status read_etag(void *ctx, struct hf_s3_connection *connection,
                                struct hf_error *err)
{
    struct parts *parts = ctx;
    const char *etag = hf_http_header(connection->http, "ETag");
    if (!etag || strlen(etag) >= sizeof parts->etag || strpbrk(etag, "<>&"))
        return hf_error_set(err, HF_DAMAGED, "an answer without an ETag that can be right");
    (void)snprintf(parts->etag, sizeof parts->etag, "%s", etag);
    return HF_OK;
}

/* Parts have no other checksum than MD5: the rest would have to be announced at the beginning. */
static enum hf_status put_part(struct parts *parts, unsigned number, const void *data, size_t len,
                               struct hf_error *err)
{
    struct hf_s3 *s3 = parts->up->s3;
    struct hf_s3_sums sums = {.md5 = ""};
    char number_text[16];
    struct hf_s3_request request = {.what = "cannot write",
                                    .method = "PUT",
                                    .key = parts->up->key,
                                    .body = data,
                                    .body_len = len,
                                    .read = read_etag,
                                    .ctx = parts};
    (void)snprintf(number_text, sizeof number_text, "%u", number);
    hf_s3_add_parameter(&request, "partNumber", number_text);
    hf_s3_add_parameter(&request, "uploadId", parts->upload_id);
    if (s3->checksum == HF_S3_CHECKSUM_MD5 || s3->lock != HF_S3_LOCK_NONE)
        HF_TRY(hf_s3_add_checksum(HF_S3_CHECKSUM_MD5, &sums, &request, err));
    HF_TRY(hf_s3_do(s3, &request, err));
    return hf_buf_printf(&parts->complete, err,
                         "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", number,
                         parts->etag);
}

static enum hf_status put_all(struct parts *parts, struct hf_error *err)
{
    const struct hf_s3_upload *up = parts->up;
    size_t size = up->s3->part_size;
    unsigned number = 1;
    if (up->len / size >= PARTS_MAX)
        size = up->len / (PARTS_MAX - 1);
    for (size_t at = 0; at < up->len; at += size, number++) {
        size_t len = up->len - at < size ? up->len - at : size;
        HF_TRY(put_part(parts, number, (const uint8_t *)up->data + at, len, err));
    }
    return HF_OK;
}

/* The server forgets the parts, which cost as much as an object. */
static void abandon(struct parts *parts)
{
    struct hf_error ignored = HF_ERROR_INIT;
    struct hf_s3_request request = {
        .what = "cannot abort the upload of", .method = "DELETE", .key = parts->up->key};
    hf_s3_add_parameter(&request, "uploadId", parts->upload_id);
    (void)!hf_s3_do(parts->up->s3, &request, &ignored);
}

static enum hf_status send_complete(struct parts *parts, bool condition, struct hf_s3_reply *reply,
                                    struct hf_s3_request *request, struct hf_error *err)
{
    struct hf_s3 *s3 = parts->up->s3;
    struct hf_s3_connection *connection = NULL;
    *request = (struct hf_s3_request){.what = "cannot write",
                                      .method = "POST",
                                      .key = parts->up->key,
                                      .body = parts->complete.data,
                                      .body_len = parts->complete.len};
    hf_s3_add_parameter(request, "uploadId", parts->upload_id);
    hf_s3_add_header(request, "content-type", "application/xml");
    if (condition)
        hf_s3_add_header(request, "if-none-match", "*");
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, request, reply, err);
    hf_s3_give(s3, connection);
    return status;
}

/* An upload id that is gone after a try that broke off: that try completed it. */
static enum hf_status complete(struct parts *parts, enum hf_put_mode mode, struct hf_error *err)
{
    struct hf_s3 *s3 = parts->up->s3;
    struct hf_s3_reply reply;
    struct hf_s3_request request;
    bool condition = mode == HF_PUT_CREATE && atomic_load(&s3->conditional) != HF_S3_NO;
    HF_TRY(send_complete(parts, condition, &reply, &request, err));
    if (condition && hf_s3_condition_unknown(&reply)) {
        atomic_store(&s3->conditional, HF_S3_NO);
        HF_TRY(send_complete(parts, false, &reply, &request, err));
    }
    if (hf_s3_succeeded(&reply))
        return HF_OK;
    bool done_before = reply.again && reply.fault.http == 404;
    if (hf_s3_condition_failed(&reply) || done_before)
        return hf_s3_taken(s3, parts->up, reply.again, err);
    return hf_s3_refused(s3, &request, &reply, err);
}

enum hf_status hf_s3_put_parts(struct hf_s3_upload *up, enum hf_put_mode mode, struct hf_error *err)
{
    struct parts parts = {.up = up, .complete = HF_BUF_INIT};
    if (mode == HF_PUT_CREATE) /* before many bytes are sent for nothing */
        HF_TRY(hf_s3_look_first(up, err));
    HF_TRY(begin(&parts, err));
    enum hf_status status = hf_buf_append_str(&parts.complete, "<CompleteMultipartUpload>", err);
    if (status == HF_OK)
        status = put_all(&parts, err);
    if (status == HF_OK)
        status = hf_buf_append_str(&parts.complete, "</CompleteMultipartUpload>", err);
    if (status == HF_OK)
        status = complete(&parts, mode, err);
    if (status != HF_OK)
        abandon(&parts);
    hf_buf_free(&parts.complete);
    return status;
}
