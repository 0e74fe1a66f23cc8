/* A POST of the JSON (notify.h). */
#include "agent/notify/notify.h"

#include "base/http.h"

#include <stdlib.h>
#include <string.h>

enum { TOO_MANY = 429, SERVER_ERROR = 500 };

static enum hf_status authorization(const struct hf_config_notify *target, char **out,
                                    struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) token = NULL;

    HF_TRY(hf_secret_spec_read(&target->token, "the token", NULL, &token, err));
    return token ? hf_text_format(out, err, "Authorization: Bearer %s", hf_secret_text(token))
                 : HF_OK;
}

static enum hf_status post(struct hf_http *http, const struct hf_config_notify *target,
                           const char *url, const char *body, struct hf_error *err)
{
    HF_AUTO_FREE char *bearer = NULL;
    const char *headers[] = {"Content-Type: application/json", "User-Agent: holdfast", NULL, NULL};
    struct hf_http_request request = {.method = "POST",
                                      .url = url,
                                      .headers = headers,
                                      .body = body,
                                      .body_len = strlen(body),
                                      .total_ms = (uint32_t)(target->timeout / 1000000)};
    struct hf_http_response response = {.status = 0};
    enum hf_status status;

    HF_TRY(authorization(target, &bearer, err));
    headers[2] = bearer;
    status = hf_http_perform(http, &request, &response, err);
    if (bearer)
        explicit_bzero(bearer, strlen(bearer));
    HF_TRY(status);
    if (response.status < 300)
        return HF_OK;
    return hf_error_set(
        err,
        response.status == TOO_MANY || response.status >= SERVER_ERROR ? HF_UNREACHABLE : HF_FAILED,
        "the server answered with status %d", response.status);
}

enum hf_status hf_notify_webhook(const struct hf_config_notify *target, const char *body,
                                 struct hf_error *err)
{
    const struct hf_http_options options = {.ca_file = target->ca_file};
    HF_AUTO_PTR(hf_secret) url = NULL;
    HF_AUTO_PTR(hf_http) http = NULL;

    HF_TRY(hf_secret_spec_read(&target->url, "the URL", NULL, &url, err));
    HF_TRY(hf_http_new(&options, &http, err));
    return post(http, target, hf_secret_text(url), body, err);
}
