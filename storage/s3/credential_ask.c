#include "storage/s3/credential_ask.h"

#include "base/clock.h"
#include "base/http.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_MAX = 65536, FIRST_WAIT_MS = 200, MOST_WAIT_MS = 5000 };

/* The body of a 2xx answer as it comes in. */
struct answer {
    struct hf_secret *room; /* ANSWER_MAX bytes */
    size_t len;
};

static enum hf_status take(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    struct answer *answer = ctx;
    if (len > ANSWER_MAX - answer->len)
        return hf_error_set(err, HF_DAMAGED, "the answer is longer than %d bytes", ANSWER_MAX);
    memcpy(answer->room->data + answer->len, data, len);
    answer->len += len;
    return HF_OK;
}

void hf_s3_said_done(struct hf_s3_said *said)
{
    hf_secret_free(said->body);
    *said = (struct hf_s3_said){.body = NULL};
}

static bool passes(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

static enum hf_status keep(const struct hf_http_response *response, const struct answer *answer,
                           struct hf_s3_said *out, struct hf_error *err)
{
    struct hf_s3_said said = {.status = response->status};
    if (response->status / 100 == 2)
        HF_TRY(hf_secret_new(answer->room->data, answer->len, &said.body, err));
    else
        (void)snprintf(said.error, sizeof said.error, "%s", response->error ? response->error : "");
    *out = said;
    return HF_OK;
}

static enum hf_status ask_once(const struct hf_s3_ask *ask, struct hf_http *http,
                               struct hf_s3_said *out, struct hf_error *err)
{
    struct answer answer = {.len = 0};
    struct hf_http_request request = {.method = ask->method,
                                      .url = ask->url,
                                      .headers = ask->headers,
                                      .body = ask->body,
                                      .body_len = ask->body_len,
                                      .sink = take,
                                      .sink_ctx = &answer,
                                      .total_ms = ask->total_ms,
                                      .cancel = ask->cancel};
    struct hf_http_response response = {.status = 0};

    HF_TRY(hf_secret_new(NULL, ANSWER_MAX, &answer.room, err));
    enum hf_status status = hf_http_perform(http, &request, &response, err);
    if (status == HF_OK && passes(response.status))
        status =
            hf_error_set(err, HF_UNREACHABLE, "it answers with HTTP status %d", response.status);
    else if (status == HF_OK)
        status = keep(&response, &answer, out, err);
    hf_secret_free(answer.room);
    return status;
}

/* Exponential, with full jitter: many agents may have started at once. */
static enum hf_status wait_before(unsigned try, struct hf_cancel *cancel, struct hf_error *err)
{
    uint32_t most = FIRST_WAIT_MS;
    for (unsigned i = 1; i < try && most < MOST_WAIT_MS; i++)
        most *= 2;
    return hf_cancel_sleep(cancel, (int64_t)hf_random_below(most + 1) * (HF_NS_PER_S / 1000), err);
}

enum hf_status hf_s3_ask(const struct hf_s3_ask *ask, struct hf_s3_said *out, struct hf_error *err)
{
    struct hf_http_options options = {
        .proxy = ask->proxy, .ca_file = ask->ca_file, .connect_ms = ask->connect_ms};
    HF_AUTO_PTR(hf_http) http = NULL;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_http_new(&options, &http, &why);

    for (unsigned try = 0; try < ask->tries && (status == HF_OK || status == HF_UNREACHABLE);
         try++) {
        status = try > 0 ? wait_before(try, ask->cancel, &why) : HF_OK;
        if (status == HF_OK)
            status = ask_once(ask, http, out, &why);
        if (status == HF_OK)
            return HF_OK;
    }
    *err = why;
    return hf_error_prefix(err, "%s", ask->what);
}
