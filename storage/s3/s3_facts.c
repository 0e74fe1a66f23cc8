#include "storage/s3/s3_facts.h"

#include "base/clock.h"
#include "storage/s3/s3_internal.h"
#include "storage/s3/xml.h"

#include <stdio.h>
#include <string.h>

/* A question about the bucket: which element of the answer is to say what. */
struct question {
    const char *parameter;
    const char *path;
    bool yes;
};

static enum hf_status take_element(void *ctx, const char *path, const char *text,
                                   struct hf_error *err)
{
    struct question *question = ctx;
    (void)err;
    if (strcmp(path, question->path) == 0)
        question->yes = strcmp(text, "Enabled") == 0;
    return HF_OK;
}

static enum hf_status read_answer(void *ctx, struct hf_s3_connection *connection,
                                  struct hf_error *err)
{
    struct question *question = ctx;
    question->yes = false;
    return hf_xml_parse(connection->body.data, connection->body.len, take_element, ctx, err);
}

/* Both clocks as they were while the answer was made, or nearly. */
static void compare_clocks(struct hf_s3_connection *connection, struct hf_s3_facts *out)
{
    int64_t theirs;
    if (hf_http_date(connection->http, &theirs))
        out->ahead = hf_clock_now() - theirs;
}

/* Without a bucket, or without the right to anything in it, nothing else is worth asking. */
static bool is_fatal(const struct hf_s3_reply *reply)
{
    static const char *const codes[] = {"NoSuchBucket", "InvalidAccessKeyId",
                                        "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(reply->fault.code, codes[i]) == 0)
            return true;
    }
    return false;
}

static enum hf_status ask(struct hf_s3 *s3, struct question *question, enum hf_s3_state *out,
                          struct hf_s3_facts *facts, struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_reply reply;
    struct hf_s3_request request = {
        .what = "cannot look at", .method = "GET", .read = read_answer, .ctx = question};
    hf_s3_add_parameter(&request, question->parameter, "");
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, &request, &reply, err);
    if (status == HF_OK && is_fatal(&reply))
        status = hf_s3_refused(s3, &request, &reply, err);
    if (status == HF_OK) {
        compare_clocks(connection, facts);
        *out = question->yes ? HF_S3_STATE_ON : HF_S3_STATE_OFF;
        if (!hf_s3_succeeded(&reply) &&
            strcmp(reply.fault.code, "ObjectLockConfigurationNotFoundError") != 0)
            *out = HF_S3_STATE_HIDDEN;
    }
    hf_s3_give(s3, connection);
    return status;
}

enum hf_status hf_s3_facts_read(struct hf_store *store, struct hf_s3_facts *out,
                                struct hf_error *err)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    struct question versions = {.parameter = "versioning",
                                .path = "VersioningConfiguration/Status"};
    struct question lock = {.parameter = "object-lock",
                            .path = "ObjectLockConfiguration/ObjectLockEnabled"};
    struct hf_s3_facts facts = {.ahead = 0};

    HF_TRY(ask(s3, &versions, &facts.versions, &facts, err));
    HF_TRY(ask(s3, &lock, &facts.lock, &facts, err));
    (void)snprintf(facts.region, sizeof facts.region, "%s", s3->endpoint.region);
    *out = facts;
    return HF_OK;
}

enum hf_s3_state hf_s3_facts_encryption(struct hf_store *store)
{
    int answer = atomic_load(&hf_s3_of(store)->encrypting);
    return answer == HF_S3_YES  ? HF_S3_STATE_ON
           : answer == HF_S3_NO ? HF_S3_STATE_OFF
                                : HF_S3_STATE_HIDDEN;
}
