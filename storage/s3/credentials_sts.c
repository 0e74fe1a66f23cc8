/*
 * Roles, taken on at AWS's Security Token Service: by a web identity token, or by other credentials
 * (credential_ways.h; AWS STS API Reference, AssumeRoleWithWebIdentity and AssumeRole, version
 * 2011-06-15; answers are XML).
 */
#include "base/clock.h"
#include "base/http.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/s3/credential_ask.h"
#include "storage/s3/credential_values.h"
#include "storage/s3/credential_ways.h"
#include "storage/s3/sigv4.h"
#include "storage/s3/xml.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "AWS STS"

enum { CONNECT_MS = 5000, TOTAL_MS = 20000, TRIES = 4, QUOTE_MAX = 300 };
enum { TOKEN_MAX = 20000, FORM_ROOM = 16384, HASH = 32 };

/* Where STS is: AWS_ENDPOINT_URL_STS, or that of the region, or the global one. */
static enum hf_status find_endpoint(const char *region, char **out, struct hf_error *err)
{
    const char *said = hf_s3_env("AWS_ENDPOINT_URL_STS");

    if (said && strncmp(said, "https://", 8) != 0 && strncmp(said, "http://", 7) != 0)
        return hf_error_set(err, HF_CONFIG, "AWS_ENDPOINT_URL_STS is no http:// or https:// URL");
    if (said)
        return hf_text_copy(said, out, err);
    if (!region)
        return hf_text_copy("https://sts.amazonaws.com", out, err);
    if (strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(region))
        return hf_error_set(err, HF_CONFIG, "\"%.60s\" is not the name of an AWS region", region);
    return hf_text_format(out, err, "https://sts.%s.amazonaws.com%s", region,
                          strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

/* A form, with secrets in it: in one block that does not move, and is wiped. */
static void form_auto(struct hf_buf *form)
{
    if (form->data)
        explicit_bzero(form->data, form->cap);
    hf_buf_free(form);
}
#define AUTO_FORM __attribute__((cleanup(form_auto))) struct hf_buf

static enum hf_status add(struct hf_buf *form, const char *name, const char *value,
                          struct hf_error *err)
{
    if (!value)
        return HF_OK;
    HF_TRY(hf_buf_printf(form, err, "%s%s=", form->len > 0 ? "&" : "", name));
    return hf_http_escape(form, value, false, err);
}

/* Longer values than AWS allows (ARN 2048, names 64, external ids 1224) would move the block. */
static enum hf_status begin_form(const char *action, const struct hf_s3_role *role,
                                 struct hf_buf *form, struct hf_error *err)
{
    char name[64];

    if (strlen(role->arn) > 2048 || (role->name && strlen(role->name) > 64) ||
        (role->external_id && strlen(role->external_id) > 1224))
        return hf_error_set(err, HF_CONFIG,
                            "the role's ARN, session name or external id is longer than AWS allows "
                            "(2048, 64 and 1224 characters)");
    (void)snprintf(name, sizeof name, "holdfast-%lld", (long long)(hf_clock_now() / HF_NS_PER_S));
    HF_TRY(hf_buf_reserve(form, FORM_ROOM + 3 * TOKEN_MAX, err));
    HF_TRY(add(form, "Action", action, err));
    HF_TRY(add(form, "Version", "2011-06-15", err));
    HF_TRY(add(form, "RoleArn", role->arn, err));
    HF_TRY(add(form, "RoleSessionName", role->name ? role->name : name, err));
    return add(form, "ExternalId", role->external_id, err);
}

/* What is in an answer; borrowed texts are copied here, as they last for one element. */
struct answer {
    struct hf_secret *access_key, *secret_key, *token;
    char expires[64];
    char code[80], message[QUOTE_MAX];
};

static enum hf_status take_secret(struct hf_secret **out, const char *text, struct hf_error *err)
{
    if (*out)
        return hf_error_set(err, HF_DAMAGED, "a key is given twice");
    return hf_secret_new(text, strlen(text), out, err);
}

/* By the last two names of the path: what is above differs between the actions. */
static enum hf_status take_element(void *ctx, const char *path, const char *text,
                                   struct hf_error *err)
{
    struct answer *answer = ctx;
    const char *last = strrchr(path, '/');
    const char *name = last ? last + 1 : path;
    bool credentials, error;

    while (last && last > path && last[-1] != '/')
        last--;
    credentials = last && strncmp(last, "Credentials/", 12) == 0;
    error = last && strncmp(last, "Error/", 6) == 0;
    if (credentials && strcmp(name, "AccessKeyId") == 0)
        return take_secret(&answer->access_key, text, err);
    if (credentials && strcmp(name, "SecretAccessKey") == 0)
        return take_secret(&answer->secret_key, text, err);
    if (credentials && strcmp(name, "SessionToken") == 0)
        return take_secret(&answer->token, text, err);
    if (credentials && strcmp(name, "Expiration") == 0)
        (void)snprintf(answer->expires, sizeof answer->expires, "%s", text);
    if (error && strcmp(name, "Code") == 0)
        (void)snprintf(answer->code, sizeof answer->code, "%s", text);
    if (error && strcmp(name, "Message") == 0)
        (void)snprintf(answer->message, sizeof answer->message, "%s", text);
    return HF_OK;
}

static enum hf_status read_success(const struct hf_secret *body, struct answer *answer,
                                   struct hf_s3_credentials *out, struct hf_error *err)
{
    struct hf_s3_values values = {.expires = 0};

    if (hf_xml_parse(body->data, body->len, take_element, answer, err) != HF_OK)
        return hf_error_prefix(err, WHAT);
    values.access_key = hf_s3_text_of(answer->access_key);
    values.secret_key = hf_s3_text_of(answer->secret_key);
    values.session_token = hf_s3_text_of(answer->token);
    if (!hf_s3_parse_expiry(answer->expires, &values.expires))
        return hf_error_set(err, HF_DAMAGED, WHAT ": its answer does not say when keys expire");
    return hf_s3_credentials_set(&values, WHAT, out, err);
}

/* What was sent, which the answer must not bring into the error; either may be NULL. */
struct sent {
    const struct hf_secret *key;
    const struct hf_secret *token;
};

static void quote(char *out, size_t size, const char *said, const struct sent *sent)
{
    hf_s3_quote(out, size, said, sent->key);
    if (hf_s3_holds(out, sent->token))
        out[0] = 0;
}

static enum hf_status read_refusal(const struct hf_s3_said *said, const struct hf_s3_role *role,
                                   const struct sent *sent, struct answer *answer,
                                   struct hf_error *err)
{
    struct hf_error ignored = HF_ERROR_INIT; /* an answer that is no XML has nothing to say */
    char code[80], message[QUOTE_MAX];

    (void)!hf_xml_parse(said->error, strlen(said->error), take_element, answer, &ignored);
    quote(code, sizeof code, answer->code, sent);
    quote(message, sizeof message, answer->message, sent);
    return hf_error_set(
        err, HF_DENIED, WHAT " does not let us take on role %.200s (HTTP status %d%s%s%s%s)",
        role->arn, said->status, *code ? ", " : "", code, *message ? ": " : "", message);
}

static void answer_done(struct answer *answer)
{
    hf_secret_free(answer->access_key);
    hf_secret_free(answer->secret_key);
    hf_secret_free(answer->token);
}

static enum hf_status post(const struct hf_s3_look *look, const char *endpoint,
                           const struct hf_buf *form, const char *const *headers,
                           const struct hf_s3_role *role, const struct sent *sent,
                           struct hf_s3_credentials *out, struct hf_error *err)
{
    HF_AUTO(hf_s3_said) said = {.body = NULL};
    struct answer answer = {.token = NULL};
    HF_AUTO_FREE char *url = NULL;
    enum hf_status status;
    struct hf_s3_ask ask = {.what = WHAT,
                            .method = "POST",
                            .headers = headers,
                            .body = form->data,
                            .body_len = form->len,
                            .ca_file = hf_s3_env("AWS_CA_BUNDLE"),
                            .connect_ms = CONNECT_MS,
                            .total_ms = TOTAL_MS,
                            .tries = TRIES,
                            .cancel = look->cancel};

    HF_TRY(hf_text_format(&url, err, "%s/", endpoint));
    ask.url = url;
    HF_TRY(hf_s3_ask(&ask, &said, err));
    status = said.body ? read_success(said.body, &answer, out, err)
                       : read_refusal(&said, role, sent, &answer, err);
    answer_done(&answer);
    return status;
}

static const char *region_of(const struct hf_s3_look *look, const struct hf_s3_role *role)
{
    const char *region = hf_s3_env("AWS_REGION");

    if (!region)
        region = hf_s3_env("AWS_DEFAULT_REGION");
    if (!region)
        region = role->region;
    return region ? region : look->options->region;
}

enum hf_status hf_s3_sts_web_identity(const struct hf_s3_look *look, const struct hf_s3_role *role,
                                      const char *token_file, struct hf_s3_credentials *out,
                                      struct hf_error *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    HF_AUTO_PTR(hf_secret) token = NULL;
    HF_AUTO_FREE char *endpoint = NULL;
    AUTO_FORM form = HF_BUF_INIT;

    if (hf_secret_read_file(token_file, &token, err) != HF_OK) {
        err->status = HF_CONFIG;
        return hf_error_prefix(err, "web identity token");
    }
    if (token->len < 4 || token->len > TOKEN_MAX || strlen(hf_secret_text(token)) != token->len)
        return hf_error_set(err, HF_CONFIG, "%s: no web identity token: empty, or too long",
                            token_file);
    HF_TRY(find_endpoint(region_of(look, role), &endpoint, err));
    HF_TRY(begin_form("AssumeRoleWithWebIdentity", role, &form, err));
    HF_TRY(add(&form, "WebIdentityToken", hf_secret_text(token), err));
    struct sent sent = {.token = token};
    return post(look, endpoint, &form, headers, role, &sent, out, err);
}

enum hf_status hf_s3_way_web_identity(struct hf_s3_look *look, struct hf_s3_credentials *out,
                                      struct hf_error *err)
{
    const char *file = hf_s3_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    struct hf_s3_role role = {.arn = hf_s3_env("AWS_ROLE_ARN"),
                              .name = hf_s3_env("AWS_ROLE_SESSION_NAME")};

    if (!file)
        return hf_error_set(err, HF_NOT_FOUND, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    if (!role.arn)
        return hf_error_set(err, HF_CONFIG,
                            "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not");
    HF_TRY(hf_s3_sts_web_identity(look, &role, file, out, err));
    (void)snprintf(look->way, sizeof look->way, "web identity as %.300s", role.arn);
    return HF_OK;
}

/* A signed request to STS, as its headers. */
struct signed_headers {
    struct hf_secret *authorization; /* of all, as text */
    struct hf_secret *token;
    char date[64];
};

static enum hf_status hash_hex(const struct hf_buf *form, char text[2 * HASH + 1],
                               struct hf_error *err)
{
    uint8_t hash[HASH];

    if (EVP_Digest(form->data, form->len, hash, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto cannot compute SHA-256");
    hf_hex(text, hash, HASH);
    return HF_OK;
}

static enum hf_status sign(const char *endpoint, const char *region, const struct hf_buf *form,
                           const struct hf_s3_credentials *by, struct signed_headers *out,
                           struct hf_error *err)
{
    const char *host = strstr(endpoint, "://") + 3;
    char time[HF_SIGV4_TIME], hash[2 * HASH + 1];
    AUTO_FORM authorization = HF_BUF_INIT;
    struct hf_sigv4_pair headers[3] = {{.name = "host", .value = host},
                                       {.name = "x-amz-date", .value = time}};
    struct hf_sigv4_request request = {.method = "POST",
                                       .path = "/",
                                       .query = "",
                                       .headers = headers,
                                       .header_count = 2,
                                       .payload = hash,
                                       .time = time,
                                       .region = region ? region : "us-east-1",
                                       .service = "sts"};

    hf_sigv4_time(time, hf_clock_now());
    HF_TRY(hash_hex(form, hash, err));
    (void)snprintf(out->date, sizeof out->date, "x-amz-date: %s", time);
    if (by->session_token) {
        headers[request.header_count++] = (struct hf_sigv4_pair){
            .name = "x-amz-security-token", .value = hf_secret_text(by->session_token)};
        HF_TRY(hf_s3_secret_header("x-amz-security-token: ", by->session_token->data,
                                   by->session_token->len, &out->token, err));
    }
    HF_TRY(hf_sigv4_authorize(&request, by, &authorization, err));
    return hf_s3_secret_header("Authorization: ", authorization.data, authorization.len,
                               &out->authorization, err);
}

enum hf_status hf_s3_sts_assume_role(const struct hf_s3_look *look, const struct hf_s3_role *role,
                                     const struct hf_s3_credentials *by,
                                     struct hf_s3_credentials *out, struct hf_error *err)
{
    HF_AUTO_FREE char *endpoint = NULL;
    AUTO_FORM form = HF_BUF_INIT;
    struct signed_headers headers = {.token = NULL};
    const char *region = region_of(look, role);
    enum hf_status status;

    HF_TRY(find_endpoint(region, &endpoint, err));
    HF_TRY(begin_form("AssumeRole", role, &form, err));
    status = sign(endpoint, region, &form, by, &headers, err);
    if (status == HF_OK) {
        const char *const lines[] = {"Content-Type: application/x-www-form-urlencoded",
                                     headers.date, hf_secret_text(headers.authorization),
                                     headers.token ? hf_secret_text(headers.token) : NULL, NULL};

        struct sent sent = {.key = by->secret_key, .token = by->session_token};
        status = post(look, endpoint, &form, lines, role, &sent, out, err);
    }
    hf_secret_free(headers.authorization);
    hf_secret_free(headers.token);
    return status;
}
