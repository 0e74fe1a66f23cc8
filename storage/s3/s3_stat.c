#include "storage/s3/s3_internal.h"

#include "base/clock.h"
#include "storage/s3/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t hf_s3_now(const struct hf_s3 *s3)
{
    return hf_clock_now() + atomic_load(&s3->skew);
}

/* A hold has no end; nor has a lock until a time that we cannot say. */
static int64_t locked_until(struct hf_http *http)
{
    const char *hold = hf_http_header(http, "x-amz-object-lock-legal-hold");
    const char *until = hf_http_header(http, "x-amz-object-lock-retain-until-date");
    int64_t time = 0;
    if (hold && strcmp(hold, "ON") == 0)
        return INT64_MAX;
    if (!until)
        return 0;
    return hf_s3_time_parse(until, &time) ? time : INT64_MAX;
}

static void fill(struct hf_http *http, struct hf_store_stat *out, char *version)
{
    const char *length = hf_http_header(http, "Content-Length");
    const char *modified = hf_http_header(http, "Last-Modified");
    const char *id = hf_http_header(http, "x-amz-version-id");
    struct hf_store_stat stat = {.size = length ? strtoull(length, NULL, 10) : 0,
                                 .locked_until = locked_until(http)};
    if (modified)
        (void)hf_http_parse_date(modified, &stat.mtime);
    if (version)
        (void)snprintf(version, HF_S3_VERSION, "%s", id && strlen(id) < HF_S3_VERSION ? id : "");
    *out = stat;
}

enum hf_status hf_s3_look(struct hf_s3 *s3, const char *key, struct hf_store_stat *out,
                          char *version, struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_reply reply;
    struct hf_s3_request request = {.what = "cannot look at", .method = "HEAD", .key = key};
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, &request, &reply, err);
    if (status == HF_OK && hf_s3_succeeded(&reply))
        fill(connection->http, out, version);
    else if (status == HF_OK && hf_s3_is_missing(&reply))
        status =
            hf_error_set(err, HF_NOT_FOUND, "%s: %s is not there", hf_store_name(&s3->store), key);
    else if (status == HF_OK)
        status = hf_s3_refused(s3, &request, &reply, err);
    hf_s3_give(s3, connection);
    return status;
}

enum hf_status hf_s3_stat(struct hf_store *store, const char *key, struct hf_store_stat *out,
                          struct hf_error *err)
{
    return hf_s3_look(hf_s3_of(store), key, out, NULL, err);
}
