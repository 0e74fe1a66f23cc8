#include "storage/s3/s3_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANGE_TEXT = 64, ETAG = 128 };

/*
 * A download: bytes go straight to the end of the caller's buffer. When a transfer breaks off the
 * next try asks for the rest, of the same object (If-Match); if that is gone, all is begun anew.
 */
struct download {
    struct hf_s3_connection *connection;
    const struct hf_store *store;
    const char *key;
    bool whole; /* the object, not a range of it */
    uint64_t offset;
    size_t len; /* of the range; of the whole object at most */
    struct hf_buf *out;
    size_t got;    /* appended to out */
    uint64_t size; /* of the whole object, as the answer's range says; 0: it does not */
    bool begun;    /* the first bytes of the answer at hand were looked at */
    char range[RANGE_TEXT];
    char etag[ETAG]; /* of the first answer; "" as long as there is none */
};

static enum hf_status truncated(const struct download *get, uint64_t size, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED,
                        "%s: %s is truncated: it has %" PRIu64 " bytes, %zu are wanted at %" PRIu64,
                        hf_store_name(get->store), get->key, size, get->len, get->offset);
}

static enum hf_status too_large(const struct download *get, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "%s: %s has more than %zu bytes, which cannot be right",
                        hf_store_name(get->store), get->key, get->len);
}

/* The headers of a try. */
static void prepare(void *ctx, struct hf_s3_request *request)
{
    struct download *get = ctx;
    get->begun = false;
    request->header_count = 0;
    if (!get->whole)
        (void)snprintf(get->range, sizeof get->range, "bytes=%" PRIu64 "-%" PRIu64,
                       get->offset + get->got, get->offset + get->len - 1);
    else /* also from the beginning: the answer then says how much there is */
        (void)snprintf(get->range, sizeof get->range, "bytes=%zu-", get->got);
    hf_s3_add_header(request, "range", get->range);
    if (get->etag[0])
        hf_s3_add_header(request, "if-match", get->etag);
}

/* A number up to the character after; NULL: there is none. */
static const char *parse_number(const char *text, char after, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && errno == 0 && *end == after ? end + 1 : NULL;
}

/* "bytes 0-9/100": where the piece begins and how large the object is. */
static bool parse_content_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *size)
{
    if (!text || strncmp(text, "bytes ", 6) != 0)
        return false;
    text = parse_number(text + 6, '-', first);
    text = text ? parse_number(text, '/', last) : NULL;
    text = text ? parse_number(text, '\0', size) : NULL;
    return text && *first <= *last && *last < *size;
}

static enum hf_status ranges_ignored(const struct download *get, struct hf_error *err)
{
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s: %s: the server sends other bytes than the range it is asked for",
                        hf_store_name(get->store), get->key);
}

/* The answer's range is the one that was asked for, as far as the object goes. */
static enum hf_status check_range(struct download *get, struct hf_error *err)
{
    uint64_t first = 0, last = 0, size = 0;
    const char *text = hf_http_header(get->connection->http, "Content-Range");
    if (!parse_content_range(text, &first, &last, &size) || first != get->offset + get->got)
        return ranges_ignored(get, err);
    get->size = size;
    if (get->whole)
        return size > get->len ? too_large(get, err) : HF_OK;
    if (last != get->offset + get->len - 1)
        return truncated(get, size, err);
    return HF_OK;
}

/* A server need not know ranges if all is wanted. */
static enum hf_status check_whole(const struct download *get, struct hf_error *err)
{
    const char *text = hf_http_header(get->connection->http, "Content-Length");
    uint64_t size = text ? strtoull(text, NULL, 10) : 0;
    if (get->whole && get->got == 0)
        return text && size > get->len ? too_large(get, err) : HF_OK;
    if (!text || get->offset + get->got != 0 || size != get->len)
        return ranges_ignored(get, err);
    return HF_OK;
}

static enum hf_status begin(struct download *get, struct hf_error *err)
{
    struct hf_http *http = get->connection->http;
    const char *etag = hf_http_header(http, "ETag");
    const char *length = hf_http_header(http, "Content-Length");
    get->begun = true;
    if (hf_http_header(http, "Content-Range"))
        HF_TRY(check_range(get, err));
    else
        HF_TRY(check_whole(get, err));
    /* A weak one (W/"...") says nothing about bytes. */
    if (etag && etag[0] == '"' && strlen(etag) < sizeof get->etag)
        (void)snprintf(get->etag, sizeof get->etag, "%s", etag);
    /* Once, not while it grows. */
    uint64_t told = length ? strtoull(length, NULL, 10) : 0;
    return told <= get->len - get->got ? hf_buf_reserve(get->out, (size_t)told, err) : HF_OK;
}

static enum hf_status take(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    struct download *get = ctx;
    if (!get->begun)
        HF_TRY(begin(get, err));
    if (len > get->len - get->got)
        return get->whole ? too_large(get, err) : ranges_ignored(get, err);
    HF_TRY(hf_buf_append(get->out, data, len, err));
    get->got += len;
    return HF_OK;
}

/* A transfer that ends too early is a broken one, also where the server says that this is all. */
static enum hf_status check_complete(void *ctx, struct hf_s3_connection *connection,
                                     struct hf_error *err)
{
    struct download *get = ctx;
    (void)connection;
    if (!get->begun) /* not a byte came */
        HF_TRY(begin(get, err));
    uint64_t wanted = get->whole ? get->size : get->len;
    if (get->got < wanted)
        return hf_error_set(err, HF_UNREACHABLE, "the answer ends after %zu of %" PRIu64 " bytes",
                            get->got, wanted);
    return HF_OK;
}

static enum hf_status not_there(const struct download *get, struct hf_error *err)
{
    return hf_error_set(err, HF_NOT_FOUND, "%s: %s is not there", hf_store_name(get->store),
                        get->key);
}

bool hf_s3_is_missing(const struct hf_s3_reply *reply)
{
    return reply->fault.http == 404 && strcmp(reply->fault.code, "NoSuchBucket") != 0;
}

static void start_over(struct download *get)
{
    get->out->len -= get->got;
    get->got = 0;
    get->size = 0;
    get->etag[0] = '\0';
}

static enum hf_status beyond_the_end(const struct download *get, struct hf_error *err)
{
    const char *text = hf_http_header(get->connection->http, "Content-Range");
    uint64_t size = 0;
    if (text && strncmp(text, "bytes */", 8) == 0)
        size = strtoull(text + 8, NULL, 10);
    /* It broke off behind the last byte, or there is none. */
    if (get->whole && get->got == size)
        return HF_OK;
    return truncated(get, size, err);
}

static enum hf_status judge(struct hf_s3 *s3, const struct download *get,
                            const struct hf_s3_request *request, const struct hf_s3_reply *reply,
                            struct hf_error *err)
{
    if (hf_s3_succeeded(reply))
        return HF_OK;
    if (hf_s3_is_missing(reply))
        return not_there(get, err);
    if (reply->fault.http == 416)
        return beyond_the_end(get, err);
    return hf_s3_refused(s3, request, reply, err);
}

static enum hf_status download(struct hf_s3 *s3, struct download *get, struct hf_error *err)
{
    struct hf_s3_reply reply;
    struct hf_s3_request request = {.what = "cannot read",
                                    .method = "GET",
                                    .key = get->key,
                                    .prepare = prepare,
                                    .sink = take,
                                    .read = check_complete,
                                    .ctx = get,
                                    .progress = &get->got};
    size_t before = get->out->len;
    HF_TRY(hf_s3_take(s3, &get->connection, err));
    enum hf_status status = hf_s3_send(s3, get->connection, &request, &reply, err);
    if (status == HF_OK && reply.fault.http == 412 && get->etag[0]) {
        start_over(get); /* it was replaced meanwhile */
        status = hf_s3_send(s3, get->connection, &request, &reply, err);
    }
    if (status == HF_OK)
        status = judge(s3, get, &request, &reply, err);
    hf_s3_give(s3, get->connection);
    if (status != HF_OK)
        get->out->len = before;
    return status;
}

enum hf_status hf_s3_get(struct hf_store *store, const char *key, uint64_t offset, size_t len,
                         struct hf_buf *out, struct hf_error *err)
{
    struct download get = {.store = store, .key = key, .offset = offset, .len = len, .out = out};
    if (len > 0)
        return download(hf_s3_of(store), &get, err);
    /* There is no range of no bytes; the object has to be there, and to reach so far. */
    struct hf_store_stat stat = {.size = 0};
    HF_TRY(hf_s3_stat(store, key, &stat, err));
    return offset > stat.size ? truncated(&get, stat.size, err) : HF_OK;
}

enum hf_status hf_s3_get_all(struct hf_store *store, const char *key, size_t max,
                             struct hf_buf *out, struct hf_error *err)
{
    struct download get = {.store = store, .key = key, .whole = true, .len = max, .out = out};
    return download(hf_s3_of(store), &get, err);
}
