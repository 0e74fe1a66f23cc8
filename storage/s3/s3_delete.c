#include "storage/s3/s3_internal.h"

#include <string.h>

enum hf_status hf_s3_remove(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_reply reply;
    struct hf_s3_request request = {.what = "cannot remove", .method = "DELETE", .key = key};
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, &request, &reply, err);
    hf_s3_give(s3, connection);
    HF_TRY(status);
    bool absent = reply.fault.http == 404 && strcmp(reply.fault.code, "NoSuchBucket") != 0;
    return hf_s3_succeeded(&reply) || absent ? HF_OK : hf_s3_refused(s3, &request, &reply, err);
}
