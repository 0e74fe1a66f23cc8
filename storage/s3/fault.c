#include "storage/s3/fault.h"

#include "storage/s3/xml.h"

#include <stdio.h>
#include <string.h>

void hf_s3_copy_plain(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
    for (char *c = to; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

/* Also below ErrorResponse, as STS and IAM have it. */
static enum hf_status take(void *ctx, const char *path, const char *text, struct hf_error *err)
{
    struct hf_s3_fault *fault = ctx;
    if (strncmp(path, "ErrorResponse/", 14) == 0)
        path += 14;
    if (strncmp(path, "Error", 5) != 0 && strcmp(path, "RequestId") != 0)
        return hf_error_set(err, HF_MISMATCH, "no error document");
    if (strcmp(path, "Error/Code") == 0)
        hf_s3_copy_plain(fault->code, sizeof fault->code, text);
    else if (strcmp(path, "Error/Message") == 0)
        hf_s3_copy_plain(fault->message, sizeof fault->message, text);
    else if (strcmp(path, "Error/Region") == 0)
        hf_s3_copy_plain(fault->region, sizeof fault->region, text);
    else if (strcmp(path, "Error/RequestId") == 0 || strcmp(path, "RequestId") == 0)
        hf_s3_copy_plain(fault->request_id, sizeof fault->request_id, text);
    return HF_OK;
}

bool hf_s3_fault_read(struct hf_s3_fault *fault, const void *body, size_t len)
{
    struct hf_s3_fault read = {.http = fault->http};
    struct hf_error ignored = HF_ERROR_INIT;
    if (len == 0 || hf_xml_parse(body, len, take, &read, &ignored) != HF_OK || !read.code[0])
        return false;
    *fault = read;
    return true;
}

struct meaning {
    const char *code;
    enum hf_s3_verdict verdict;
    enum hf_status status;
    const char *advice;
};

/* Rows that many codes share. */
#define PASSES(code)                                                                               \
    {                                                                                              \
        code, HF_S3_AGAIN, HF_UNREACHABLE, NULL                                                    \
    }
#define EXPIRED(code)                                                                              \
    {                                                                                              \
        code, HF_S3_CREDENTIALS, HF_DENIED, "the session token has expired: renew it"              \
    }
#define ELSEWHERE(code)                                                                            \
    {                                                                                              \
        code, HF_S3_REGION, HF_CONFIG, "check that endpoint and region are those of the bucket"    \
    }

static const struct meaning by_code[] = {
    PASSES("SlowDown"),
    PASSES("Throttling"),
    PASSES("ThrottlingException"),
    PASSES("RequestLimitExceeded"),
    PASSES("TooManyRequests"),
    PASSES("InternalError"),
    PASSES("ServiceUnavailable"),
    PASSES("RequestTimeout"),
    PASSES("OperationAborted"),
    PASSES("ConditionalRequestConflict"),
    PASSES("IncompleteBody"),
    {"BadDigest", HF_S3_AGAIN, HF_DAMAGED, "bytes change on the way to the server"},
    {"XAmzContentSHA256Mismatch", HF_S3_AGAIN, HF_DAMAGED,
     "bytes change on the way to the server, or in this machine's memory"},
    {"RequestTimeTooSkewed", HF_S3_CLOCK, HF_DENIED, "set this machine's clock"},
    EXPIRED("ExpiredToken"),
    EXPIRED("ExpiredTokenException"),
    EXPIRED("TokenRefreshRequired"),
    {"AuthorizationHeaderMalformed", HF_S3_REGION, HF_CONFIG,
     "check that the region is that of the bucket"},
    ELSEWHERE("PermanentRedirect"),
    ELSEWHERE("TemporaryRedirect"),
    {"IllegalLocationConstraintException", HF_S3_REGION, HF_CONFIG,
     "check that the region is that of the bucket"},
    {"AccessDenied", HF_S3_FINAL, HF_DENIED,
     "check that these credentials may do that to this bucket and prefix"},
    {"AllAccessDisabled", HF_S3_FINAL, HF_DENIED, "the bucket has been disabled by its provider"},
    {"AccountProblem", HF_S3_FINAL, HF_DENIED, "ask the provider about the account"},
    {"InvalidAccessKeyId", HF_S3_FINAL, HF_DENIED,
     "this server does not know the access key: check the key, and the endpoint"},
    {"InvalidToken", HF_S3_FINAL, HF_DENIED, "the session token does not belong to the access key"},
    {"InvalidClientTokenId", HF_S3_FINAL, HF_DENIED, "the server does not know the access key"},
    {"SignatureDoesNotMatch", HF_S3_FINAL, HF_DENIED,
     "the secret key is not that of the access key, or something in between changes requests"},
    {"NoSuchBucket", HF_S3_FINAL, HF_MISSING,
     "there is no such bucket: make it, or check its name, the endpoint and the region"},
    {"InvalidBucketName", HF_S3_FINAL, HF_CONFIG, "check the name of the bucket"},
    {"InvalidStorageClass", HF_S3_FINAL, HF_CONFIG, "this server does not have that storage class"},
    {"InvalidObjectState", HF_S3_FINAL, HF_DENIED,
     "the object is in an archive: have the provider restore it first"},
    {"QuotaExceeded", HF_S3_FINAL, HF_NO_SPACE, "the bucket or the account is full"},
    {"EntityTooLarge", HF_S3_FINAL, HF_NO_SPACE, "the server takes no object of this size"},
    {"XMinioStorageFull", HF_S3_FINAL, HF_NO_SPACE, "the server's disks are full"},
    {"KMS.NotFoundException", HF_S3_FINAL, HF_CONFIG, "there is no such KMS key in that region"},
    {"KMS.DisabledException", HF_S3_FINAL, HF_CONFIG, "the KMS key is disabled"},
    {"ObjectLockConfigurationNotFoundError", HF_S3_FINAL, HF_CONFIG,
     "object lock is not enabled on the bucket: make one with it, or remove lock from the "
     "configuration"},
    {"InvalidBucketState", HF_S3_FINAL, HF_CONFIG,
     "object lock needs a bucket that was made with it"},
    {"NotImplemented", HF_S3_FINAL, HF_UNSUPPORTED,
     "this server does not have that: leave out what it does not know (checksum, lock, tags, "
     "storage class, encryption)"},
};

static const struct meaning by_http[] = {
    ELSEWHERE("301"),
    ELSEWHERE("307"),
    {"401", HF_S3_FINAL, HF_DENIED, "check the credentials, also those of a proxy"},
    {"403", HF_S3_FINAL, HF_DENIED,
     "check the credentials, and that they may do that to this bucket and prefix"},
    {"404", HF_S3_FINAL, HF_NOT_FOUND, NULL},
    {"407", HF_S3_FINAL, HF_DENIED,
     "the proxy wants another user and password: give them in its URL"},
    PASSES("408"),
    PASSES("409"),
    {"412", HF_S3_FINAL, HF_EXISTS, NULL},
    PASSES("425"),
    PASSES("429"),
    PASSES("500"),
    {"501", HF_S3_FINAL, HF_UNSUPPORTED, "this server does not have that"},
    PASSES("502"),
    PASSES("503"),
    PASSES("504"),
    {"507", HF_S3_FINAL, HF_NO_SPACE, "the server has no space left"},
    PASSES("509"),
};

static const struct meaning *find(const struct meaning *list, size_t count, const char *code)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].code, code) == 0)
            return &list[i];
    return NULL;
}

static const struct meaning *meaning_of(const struct hf_s3_fault *fault)
{
    /* An error inside a 200 that is not known by name began as a success: worth another try. */
    static const struct meaning inside = {"", HF_S3_AGAIN, HF_UNREACHABLE, NULL};
    static const struct meaning other = {"", HF_S3_FINAL, HF_FAILED, NULL};
    char http[16];
    const struct meaning *meaning = find(by_code, sizeof by_code / sizeof *by_code, fault->code);
    if (meaning)
        return meaning;
    if (fault->http >= 200 && fault->http < 300)
        return &inside;
    (void)snprintf(http, sizeof http, "%d", fault->http);
    meaning = find(by_http, sizeof by_http / sizeof *by_http, http);
    return meaning ? meaning : &other;
}

enum hf_s3_verdict hf_s3_fault_verdict(const struct hf_s3_fault *fault)
{
    return meaning_of(fault)->verdict;
}

enum hf_status hf_s3_fault_error(const struct hf_s3_fault *fault, const char *what,
                                 struct hf_error *err)
{
    const struct meaning *meaning = meaning_of(fault);
    char http[32];
    char request[96];
    (void)snprintf(http, sizeof http, "HTTP status %d", fault->http);
    (void)snprintf(request, sizeof request, " (request %s)", fault->request_id);
    return hf_error_set(err, meaning->status, "%s: %s%s%s%s%s%s", what,
                        fault->code[0] ? fault->code : http, fault->message[0] ? ": " : "",
                        fault->message, fault->request_id[0] ? request : "",
                        meaning->advice ? "; " : "", meaning->advice ? meaning->advice : "");
}
