#include "storage/s3/credential_values.h"
#include "storage/s3/s3_internal.h"

#include "base/clock.h"
#include "base/random.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum {
    CORRECTIONS = 3,       /* of clock, credentials and region, in one request */
    RETRY_AFTER_MAX = 120, /* s: a server that asks for more is not waited for */
    LAST_WORDS_MS = 10000, /* for a request that begins after the work was stopped */
};
/* For a server that has never answered: a name that is mistyped should not take minutes to tell. */
static const int64_t first_budget = 30 * HF_NS_PER_S;
static const int64_t skew_allowed = 240 * HF_NS_PER_S; /* servers allow five or fifteen minutes */

/* A request under way. */
struct sending {
    struct hf_s3 *s3;
    struct hf_s3_connection *connection;
    struct hf_s3_request *request;
    struct hf_s3_reply *reply;
    const char *payload;
    char payload_text[HF_SHA256_TEXT];
    struct hf_cancel *cancel; /* NULL: none, or it fired before this began */
    bool last_words;
    struct hf_retry retry;
    unsigned corrections;
    size_t progress;
    const struct hf_s3_credentials *credentials; /* while a try is under way */
    char region[HF_S3_REGION_NAME];
    char host[HF_S3_HOST];
    int64_t signed_at; /* by our clock */
};

/* What one try came to, beside a status and its error. */
struct outcome {
    enum hf_s3_verdict verdict;
    enum hf_status status; /* HF_OK: the server answered */
};

void hf_s3_add_header(struct hf_s3_request *request, const char *name, const char *value)
{
    request->headers[request->header_count++] = (struct hf_sigv4_pair){name, value};
}

void hf_s3_add_parameter(struct hf_s3_request *request, const char *name, const char *value)
{
    request->parameters[request->parameter_count++] = (struct hf_sigv4_pair){name, value};
}

static enum hf_status find_payload(struct sending *sending, struct hf_error *err)
{
    const struct hf_s3_request *request = sending->request;
    uint8_t hash[HF_SHA256];
    if (request->body_len == 0) {
        sending->payload = EMPTY_SHA256;
    } else if (sending->s3->unsigned_payload) {
        sending->payload = "UNSIGNED-PAYLOAD";
    } else if (request->payload) {
        sending->payload = request->payload;
    } else {
        HF_TRY(hf_checksum_sha256(request->body, request->body_len, hash, err));
        hf_hex(sending->payload_text, hash, sizeof hash);
        sending->payload = sending->payload_text;
    }
    return HF_OK;
}

static void find_place(struct sending *sending)
{
    struct hf_s3 *s3 = sending->s3;
    (void)pthread_mutex_lock(&s3->mutex);
    hf_s3_endpoint_host(&s3->endpoint, sending->host);
    memcpy(sending->region, s3->endpoint.region, sizeof sending->region);
    (void)pthread_mutex_unlock(&s3->mutex);
}

/* Everything that is signed, in pairs; returns how many. */
static size_t gather(const struct sending *sending, const char *time,
                     struct hf_sigv4_pair pairs[HF_SIGV4_HEADERS_MAX])
{
    const struct hf_s3_request *request = sending->request;
    size_t count = 0;
    pairs[count++] = (struct hf_sigv4_pair){"host", sending->host};
    pairs[count++] = (struct hf_sigv4_pair){"x-amz-content-sha256", sending->payload};
    pairs[count++] = (struct hf_sigv4_pair){"x-amz-date", time};
    if (sending->credentials->session_token)
        pairs[count++] = (struct hf_sigv4_pair){
            "x-amz-security-token", hf_secret_text(sending->credentials->session_token)};
    for (size_t i = 0; i < request->header_count; i++)
        pairs[count++] = request->headers[i];
    return count;
}

_Static_assert(HF_S3_HEADERS + 4 <= HF_SIGV4_HEADERS_MAX, "gather has room");

/* "name: value" of all but host, which libcurl says itself, and the authorization; each ends with a
 * NUL. */
static enum hf_status write_headers(const struct hf_sigv4_pair *pairs, size_t count,
                                    const struct hf_buf *authorization, struct hf_buf *out,
                                    struct hf_error *err)
{
    for (size_t i = 1; i < count; i++) {
        HF_TRY(hf_buf_printf(out, err, "%s: %s", pairs[i].name, pairs[i].value));
        HF_TRY(hf_buf_u8(out, 0, err));
    }
    HF_TRY(hf_buf_append_str(out, "authorization: ", err));
    HF_TRY(hf_buf_append(out, authorization->data, authorization->len, err));
    return hf_buf_u8(out, 0, err);
}

static void pace_up(void *ctx, size_t len)
{
    const struct sending *sending = ctx;
    hf_limit_take(&sending->s3->up, len, sending->cancel);
}

static void pace_down(void *ctx, size_t len)
{
    const struct sending *sending = ctx;
    hf_limit_take(&sending->s3->down, len, sending->cancel);
}

/* ms for one try; 0: as long as something moves. */
static uint32_t time_left(const struct sending *sending)
{
    if (sending->last_words)
        return LAST_WORDS_MS;
    if (sending->request->until == 0)
        return 0;
    int64_t ms = (sending->request->until - hf_clock_monotonic()) / (HF_NS_PER_S / 1000);
    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (uint32_t)ms;
}

static enum hf_status perform(struct sending *sending, const char *url, const struct hf_buf *text,
                              struct hf_http_response *response, struct hf_error *err)
{
    const struct hf_s3_request *request = sending->request;
    const char *headers[HF_SIGV4_HEADERS_MAX + 2];
    size_t count = 0;
    for (size_t at = 0; at < text->len; at += strlen(headers[count++]) + 1)
        headers[count] = (const char *)text->data + at;
    headers[count] = NULL;
    bool up = request->body_len > 0;
    bool limited = (up ? sending->s3->up.rate : sending->s3->down.rate) != 0;
    sending->connection->body.len = 0;
    struct hf_http_request http = {
        .method = request->method,
        .url = url,
        .headers = headers,
        .body = request->body,
        .body_len = request->body_len,
        .out = request->sink ? NULL : &sending->connection->body,
        .out_max = HF_S3_BODY_MAX,
        .sink = request->sink,
        .sink_ctx = request->ctx,
        .pace = limited ? (up ? pace_up : pace_down) : NULL,
        .pace_ctx = sending,
        .total_ms = time_left(sending),
        .cancel = sending->cancel,
    };
    return hf_http_perform(sending->connection->http, &http, response, err);
}

static enum hf_status write_url(const struct sending *sending, const char *path, const char *query,
                                struct hf_buf *out, const char **url, struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, "%s://%s%s%s%s", sending->s3->endpoint.https ? "https" : "http",
                         sending->host, path, *query ? "?" : "", query));
    return hf_buf_cstr(out, url, err);
}

static enum hf_status authorize(struct sending *sending, const char *path, const char *query,
                                struct hf_buf *headers, struct hf_error *err)
{
    struct hf_sigv4_pair pairs[HF_SIGV4_HEADERS_MAX];
    char time[HF_SIGV4_TIME];
    HF_AUTO(hf_buf) authorization = HF_BUF_INIT;
    sending->signed_at = hf_clock_now();
    hf_sigv4_time(time, sending->signed_at + atomic_load(&sending->s3->skew));
    size_t count = gather(sending, time, pairs);
    struct hf_sigv4_request to_sign = {
        .method = sending->request->method,
        .path = path,
        .query = query,
        .headers = pairs,
        .header_count = count,
        .payload = sending->payload,
        .time = time,
        .region = sending->region,
        .service = "s3",
    };
    HF_TRY(hf_sigv4_authorize(&to_sign, sending->credentials, &authorization, err));
    return write_headers(pairs, count, &authorization, headers, err);
}

static enum hf_status sign_and_perform(struct sending *sending, struct hf_http_response *response,
                                       struct hf_error *err)
{
    const struct hf_s3_request *request = sending->request;
    HF_AUTO(hf_buf) path_text = HF_BUF_INIT;
    HF_AUTO(hf_buf) query_text = HF_BUF_INIT;
    HF_AUTO(hf_buf) url_text = HF_BUF_INIT;
    HF_AUTO(hf_buf) headers = HF_BUF_INIT;
    const char *path = NULL;
    const char *query = NULL;
    const char *url = NULL;
    HF_TRY(hf_s3_endpoint_path(&sending->s3->endpoint, request->key, &path_text, err));
    HF_TRY(hf_buf_cstr(&path_text, &path, err));
    HF_TRY(hf_sigv4_query(request->parameters, request->parameter_count, &query_text, err));
    HF_TRY(hf_buf_cstr(&query_text, &query, err));
    HF_TRY(write_url(sending, path, query, &url_text, &url, err));
    enum hf_status status = authorize(sending, path, query, &headers, err);
    if (status == HF_OK)
        status = perform(sending, url, &headers, response, err);
    if (headers.data)
        sodium_memzero(headers.data, headers.cap); /* a session token is in there */
    return status;
}

static void copy_header(struct sending *sending, const char *name, char *to, size_t size)
{
    const char *value = to[0] ? NULL : hf_http_header(sending->connection->http, name);
    if (value)
        hf_s3_copy_plain(to, size, value);
}

/* Some servers say what they were sent. */
static void hide_secrets(struct hf_s3_fault *fault, const struct hf_s3_credentials *credentials)
{
    char *const texts[] = {fault->code, fault->message, fault->region, fault->request_id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (hf_s3_holds(texts[i], credentials->secret_key) ||
            hf_s3_holds(texts[i], credentials->session_token))
            texts[i][0] = '\0';
    }
}

static void read_fault(struct sending *sending, const struct hf_http_response *response)
{
    struct hf_s3_fault *fault = &sending->reply->fault;
    const struct hf_buf *body = &sending->connection->body;
    *fault = (struct hf_s3_fault){.http = response->status};
    if (response->status >= 200 && response->status < 300) {
        if (!sending->request->sink)
            (void)hf_s3_fault_read(fault, body->data, body->len);
        hide_secrets(fault, sending->credentials);
        return;
    }
    (void)hf_s3_fault_read(fault, response->error, response->error_len);
    copy_header(sending, "x-amz-bucket-region", fault->region, sizeof fault->region);
    copy_header(sending, "x-amz-request-id", fault->request_id, sizeof fault->request_id);
    hide_secrets(fault, sending->credentials);
}

/* How far our clock, as far as it is corrected, is from the server's. */
static bool skewed(struct sending *sending, int64_t *out_skew)
{
    int64_t date;
    if (!hf_http_date(sending->connection->http, &date))
        return false;
    *out_skew = date - sending->signed_at;
    int64_t left = *out_skew - atomic_load(&sending->s3->skew);
    return left > skew_allowed || left < -skew_allowed;
}

/* An answer to HEAD has no document that would say more. */
static enum hf_s3_verdict judge(struct sending *sending)
{
    const struct hf_s3_fault *fault = &sending->reply->fault;
    int64_t skew;
    enum hf_s3_verdict verdict = hf_s3_fault_verdict(fault);
    if (verdict != HF_S3_FINAL || fault->code[0])
        return verdict;
    if (fault->http == 400 && fault->region[0])
        return HF_S3_REGION;
    if ((fault->http == 400 || fault->http == 403) && skewed(sending, &skew))
        return HF_S3_CLOCK;
    if (fault->http == 400 && sending->credentials->session_token)
        return HF_S3_CREDENTIALS;
    return verdict;
}

static bool correct_clock(struct sending *sending)
{
    int64_t skew;
    if (!skewed(sending, &skew))
        return false;
    atomic_store(&sending->s3->skew, skew);
    return true;
}

/* Another thread may have moved already. */
static bool correct_region(struct sending *sending)
{
    struct hf_s3 *s3 = sending->s3;
    (void)pthread_mutex_lock(&s3->mutex);
    bool moved = strcmp(s3->endpoint.region, sending->region) != 0 ||
                 hf_s3_endpoint_move(&s3->endpoint, sending->reply->fault.region);
    (void)pthread_mutex_unlock(&s3->mutex);
    return moved;
}

/* What is wrong on our side is set right, a few times. */
static bool correct(struct sending *sending, enum hf_s3_verdict verdict)
{
    if (sending->corrections++ >= CORRECTIONS)
        return false;
    switch (verdict) {
    case HF_S3_CLOCK:
        return correct_clock(sending);
    case HF_S3_REGION:
        return correct_region(sending);
    case HF_S3_CREDENTIALS:
        hf_s3_provider_expire(sending->s3->provider, sending->credentials);
        return true;
    default:
        return false;
    }
}

static struct outcome judge_answer(struct sending *sending, const struct hf_http_response *response,
                                   struct hf_error *err)
{
    atomic_store(&sending->s3->answered, true);
    read_fault(sending, response);
    if (hf_s3_succeeded(sending->reply)) {
        enum hf_status status = HF_OK;
        if (sending->request->read)
            status = sending->request->read(sending->request->ctx, sending->connection, err);
        bool again = status == HF_DAMAGED || hf_status_retryable(status);
        return (struct outcome){again ? HF_S3_AGAIN : HF_S3_FINAL, status};
    }
    enum hf_s3_verdict verdict = judge(sending);
    if (verdict != HF_S3_AGAIN && verdict != HF_S3_FINAL && !correct(sending, verdict))
        verdict = HF_S3_FINAL;
    return (struct outcome){verdict, HF_OK};
}

static struct outcome attempt(struct sending *sending, struct hf_error *err)
{
    struct hf_s3 *s3 = sending->s3;
    struct hf_http_response response = {.status = 0};
    struct outcome outcome = {HF_S3_FINAL, HF_OK};
    if (sending->request->until != 0 && hf_clock_monotonic() >= sending->request->until) {
        outcome.status = hf_error_set(err, HF_UNREACHABLE, "not done in the time that there was");
        return outcome;
    }
    if (sending->request->prepare)
        sending->request->prepare(sending->request->ctx, sending->request);
    outcome.status = hf_s3_provider_acquire(s3->provider, &sending->credentials, err);
    if (outcome.status != HF_OK)
        return outcome;
    find_place(sending);
    outcome.status = sign_and_perform(sending, &response, err);
    if (hf_http_repeated(sending->connection->http))
        sending->reply->again = true;
    if (outcome.status == HF_OK)
        outcome = judge_answer(sending, &response, err);
    else if (outcome.status == HF_UNREACHABLE)
        outcome.verdict = HF_S3_AGAIN;
    hf_s3_provider_release(s3->provider, sending->credentials);
    return outcome;
}

/* ns the server asks to be left alone for. */
static int64_t retry_after(struct sending *sending, const struct outcome *outcome)
{
    const char *text =
        outcome->status == HF_OK ? hf_http_header(sending->connection->http, "Retry-After") : NULL;
    if (!text || text[0] < '0' || text[0] > '9')
        return 0;
    unsigned long seconds = strtoul(text, NULL, 10);
    return (int64_t)(seconds < RETRY_AFTER_MAX ? seconds : RETRY_AFTER_MAX) * HF_NS_PER_S;
}

static void tell(const struct sending *sending, const struct hf_error *why, int64_t pause)
{
    hf_observe(sending->s3->observer, HF_NOTE_DETAIL, "%s; trying again in %.1f s", why->text,
               (double)pause / (double)HF_NS_PER_S);
}

/* The words for what went wrong last, whoever said it. */
static void explain(const struct sending *sending, const struct outcome *outcome,
                    struct hf_error *err)
{
    const struct hf_s3_request *request = sending->request;
    if (outcome->status == HF_OK)
        (void)hf_s3_refused(sending->s3, request, sending->reply, err);
    else
        (void)hf_error_prefix(err, "%s: %s %s", hf_store_name(&sending->s3->store), request->what,
                              request->key ? request->key : "the bucket");
}

static int64_t budget_of(const struct hf_s3 *s3)
{
    bool short_one = !atomic_load(&s3->answered) && s3->retry.budget > first_budget;
    return short_one ? first_budget : s3->retry.budget;
}

/* True: a pause was made, and there is another try. */
static bool pause_and_go_on(struct sending *sending, const struct outcome *outcome,
                            struct hf_error *err)
{
    int64_t pause = 0;
    uint32_t random;
    const size_t *progress = sending->request->progress;
    if (progress && *progress > sending->progress)
        hf_retry_progress(&sending->retry);
    sending->progress = progress ? *progress : 0;
    hf_random_bytes(&random, sizeof random);
    sending->retry.policy.budget = budget_of(sending->s3);
    bool again =
        !sending->last_words && hf_retry_again(&sending->retry, hf_clock_monotonic(),
                                               retry_after(sending, outcome), random, &pause);
    explain(sending, outcome, err);
    if (!again) {
        unsigned tries = sending->retry.failures;
        if (tries > 1)
            (void)hf_error_set(err, err->status, "%s (given up after %u tries)", err->text, tries);
        return false;
    }
    tell(sending, err, pause);
    return hf_cancel_sleep(sending->cancel, pause, err) == HF_OK;
}

static enum hf_status send_until_done(struct sending *sending, struct hf_error *err)
{
    for (;;) {
        struct hf_error why = HF_ERROR_INIT;
        struct outcome outcome = attempt(sending, &why);
        if (outcome.verdict == HF_S3_FINAL) {
            if (outcome.status == HF_OK)
                return HF_OK;
            if (outcome.status != HF_CANCELLED)
                explain(sending, &outcome, &why);
            *err = why;
            return why.status;
        }
        if (outcome.verdict != HF_S3_AGAIN)
            continue; /* corrected */
        sending->reply->again = true;
        if (!pause_and_go_on(sending, &outcome, &why)) {
            *err = why;
            return why.status;
        }
    }
}

enum hf_status hf_s3_send(struct hf_s3 *s3, struct hf_s3_connection *connection,
                          struct hf_s3_request *request, struct hf_s3_reply *out,
                          struct hf_error *err)
{
    struct hf_cancel *cancel = atomic_load(&s3->cancel);
    bool stopped = cancel && hf_cancel_requested(cancel);
    struct sending sending = {
        .s3 = s3,
        .connection = connection,
        .request = request,
        .reply = out,
        .cancel = stopped ? NULL : cancel,
        .last_words = stopped,
    };
    *out = (struct hf_s3_reply){.again = false};
    hf_retry_begin(&sending.retry, &s3->retry);
    HF_TRY(find_payload(&sending, err));
    return send_until_done(&sending, err);
}

static bool has_header(const struct hf_s3_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i].name, name) == 0)
            return true;
    return false;
}

/* Codes that are used for much: with this in the request they mean it, as a rule. */
static const char *question_of(const struct hf_s3_request *request, const struct hf_s3_reply *reply)
{
    static const struct {
        const char *code;
        const char *message; /* in it, or NULL */
        const char *header;
        const char *question;
    } questions[] = {
        {"InvalidRequest", NULL, "x-amz-object-lock-mode", "is object lock enabled on the bucket?"},
        {"InvalidAccessKeyId", "kms", "x-amz-server-side-encryption", /* so says Ceph */
         "does the server know the KMS key (sse_kms_key_id)?"},
        {"InvalidArgument", NULL, "x-amz-storage-class", "does the server have the storage class?"},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        if (strcmp(reply->fault.code, questions[i].code) == 0 &&
            (!questions[i].message || strstr(reply->fault.message, questions[i].message)) &&
            has_header(request, questions[i].header))
            return questions[i].question;
    return NULL;
}

enum hf_status hf_s3_refused(const struct hf_s3 *s3, const struct hf_s3_request *request,
                             const struct hf_s3_reply *reply, struct hf_error *err)
{
    char what[64 + HF_STORE_KEY_MAX];
    (void)snprintf(what, sizeof what, "%s %s", request->what,
                   request->key ? request->key : "the bucket");
    (void)hf_s3_fault_error(&reply->fault, what, err);
    const char *question = question_of(request, reply);
    if (question)
        (void)hf_error_set(err, HF_CONFIG, "%s; %s", err->text, question);
    return hf_error_prefix(err, "%s", hf_store_name(&s3->store));
}

enum hf_status hf_s3_do(struct hf_s3 *s3, struct hf_s3_request *request, struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    struct hf_s3_reply reply;
    HF_TRY(hf_s3_take(s3, &connection, err));
    enum hf_status status = hf_s3_send(s3, connection, request, &reply, err);
    hf_s3_give(s3, connection);
    if (status == HF_OK && !hf_s3_succeeded(&reply))
        status = hf_s3_refused(s3, request, &reply, err);
    return status;
}
