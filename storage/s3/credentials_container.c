/*
 * The credentials endpoint of a container: ECS tasks, EKS Pod Identity, and whatever else sets
 * AWS_CONTAINER_CREDENTIALS_*_URI (credential_ways.h; AWS's SDKs and Tools Reference Guide,
 * "Container credential provider").
 */
#include "base/text.h"
#include "storage/s3/credential_ask.h"
#include "storage/s3/credential_values.h"
#include "storage/s3/credential_ways.h"

#include <stdio.h>
#include <string.h>

#define ECS_HOST "http://169.254.170.2"

enum { HOST_MAX = 80, CONNECT_MS = 2000, TOTAL_MS = 5000, TRIES = 4, QUOTE_MAX = 200 };

/* The host of "http://HOST[:PORT][/...]", without brackets; false when there is none to speak of.
 */
static bool host_of(const char *url, char host[HOST_MAX])
{
    bool bracket;
    size_t len;

    url += strlen("http://");
    bracket = *url == '[';
    url += bracket;
    len = strcspn(url, bracket ? "]/?#@" : ":/?#@");
    if (len == 0 || len >= HOST_MAX || url[len] == '@' || (bracket && url[len] != ']'))
        return false;
    /* No user, which would hide the true host behind it: "http://127.0.0.1:80@evil/". */
    if (memchr(url, '@', strcspn(url, "/?#")))
        return false;
    memcpy(host, url, len);
    host[len] = 0;
    return true;
}

/* The token goes there in the clear, so over http only to this machine and to its hosts. */
static bool may_be_plain(const char *url)
{
    static const char *const hosts[] = {"localhost", "::1", "169.254.170.2", "169.254.170.23",
                                        "fd00:ec2::23"};
    char host[HOST_MAX];

    if (!host_of(url, host))
        return false;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (strcmp(host, hosts[i]) == 0)
            return true;
    }
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

static enum hf_status find_url(char **out, struct hf_error *err)
{
    const char *relative = hf_s3_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = hf_s3_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");

    if (relative) {
        if (*relative != '/')
            return hf_error_set(err, HF_CONFIG,
                                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with \"/\"");
        return hf_text_format(out, err, ECS_HOST "%s", relative);
    }
    if (!full)
        return hf_error_set(err, HF_NOT_FOUND,
                            "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI is set");
    if (strncmp(full, "https://", 8) == 0 ||
        (strncmp(full, "http://", 7) == 0 && may_be_plain(full)))
        return hf_text_copy(full, out, err);
    return hf_error_set(err, HF_CONFIG,
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither an https:// URL nor one of "
                        "this machine or of the container hosts 169.254.170.2, 169.254.170.23 and "
                        "[fd00:ec2::23]; no token is sent there");
}

static bool is_header_text(const struct hf_secret *token)
{
    for (size_t i = 0; i < token->len; i++) {
        if (token->data[i] < ' ' || token->data[i] > '~')
            return false;
    }
    return true;
}

/* *out stays NULL when there is none. The file is read anew each time: EKS rotates it. */
static enum hf_status find_token(struct hf_secret **out, struct hf_error *err)
{
    const char *file = hf_s3_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *text = hf_s3_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    HF_AUTO_PTR(hf_secret) token = NULL;

    if (file && hf_secret_read_file(file, &token, err) != HF_OK) {
        err->status = HF_CONFIG;
        return hf_error_prefix(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    }
    if (!file && text)
        HF_TRY(hf_secret_new(text, strlen(text), &token, err));
    if (token && (token->len == 0 || !is_header_text(token)))
        return hf_error_set(err, HF_CONFIG, "%s is no token: it is empty, or has line ends in it",
                            file ? "what AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names"
                                 : "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    *out = token;
    token = NULL;
    return HF_OK;
}

static enum hf_status ask(const struct hf_s3_look *look, const char *url,
                          const struct hf_secret *token, const char *header,
                          struct hf_s3_credentials *out, struct hf_error *err)
{
    const char *const headers[] = {"Accept: application/json", header, NULL};
    struct hf_s3_ask ask = {.what = "the container's credentials endpoint",
                            .method = "GET",
                            .url = url,
                            .headers = headers,
                            .proxy = "",
                            .connect_ms = CONNECT_MS,
                            .total_ms = TOTAL_MS,
                            .tries = TRIES,
                            .cancel = look->cancel};
    HF_AUTO(hf_s3_said) said = {.body = NULL};
    char quote[QUOTE_MAX];

    HF_TRY(hf_s3_ask(&ask, &said, err));
    if (said.body)
        return hf_s3_parse_document(said.body, "Token", ask.what, out, err);
    hf_s3_quote(quote, sizeof quote, said.error, token);
    return hf_error_set(err, HF_DENIED,
                        "%s answers with HTTP status %d%s%s; look at the role of the task or pod, "
                        "and at AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                        ask.what, said.status, *quote ? ": " : "", quote);
}

enum hf_status hf_s3_way_container(struct hf_s3_look *look, struct hf_s3_credentials *out,
                                   struct hf_error *err)
{
    HF_AUTO_FREE char *url = NULL;
    HF_AUTO_PTR(hf_secret) token = NULL;
    HF_AUTO_PTR(hf_secret) header = NULL;

    HF_TRY(find_url(&url, err));
    HF_TRY(find_token(&token, err));
    if (token)
        HF_TRY(hf_s3_secret_header("Authorization: ", token->data, token->len, &header, err));
    HF_TRY(ask(look, url, token, header ? hf_secret_text(header) : NULL, out, err));
    (void)snprintf(look->way, sizeof look->way, "the container's credentials endpoint");
    return HF_OK;
}
