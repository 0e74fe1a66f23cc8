/*
 * The role of an EC2 instance, by version 2 of its metadata service: a token is asked for with PUT,
 * which a request forged through some open proxy cannot do, and named in every other request
 * (credential_ways.h; EC2 User Guide, "Use IMDS"). Version 1 is not spoken.
 */
#include "base/text.h"
#include "storage/s3/credential_ask.h"
#include "storage/s3/credential_values.h"
#include "storage/s3/credential_ways.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WHAT "the EC2 metadata service"
#define ROLES "/latest/meta-data/iam/security-credentials/"

/* Elsewhere than on EC2 nobody answers, and nobody wants to wait for that. */
enum { CONNECT_MS = 1000, TOTAL_MS = 2000, TRIES = 3 };
enum { TOKEN_MAX = 1024, ROLE_MAX = 128 };

/* One conversation. */
struct metadata {
    const char *endpoint; /* without '/' at its end, as far as len goes */
    int endpoint_len;
    struct hf_secret *header; /* with the token */
    struct hf_cancel *cancel;
};

static enum hf_status request(const struct metadata *m, const char *method, const char *path,
                              const char *header, unsigned tries, struct hf_s3_said *out,
                              struct hf_error *err)
{
    const char *const headers[] = {header, NULL};
    HF_AUTO_FREE char *url = NULL;
    struct hf_s3_ask ask = {.what = WHAT,
                            .method = method,
                            .headers = headers,
                            .proxy = "",
                            .connect_ms = CONNECT_MS,
                            .total_ms = TOTAL_MS,
                            .tries = tries,
                            .cancel = m->cancel};

    HF_TRY(hf_text_format(&url, err, "%.*s%s", m->endpoint_len, m->endpoint, path));
    ask.url = url;
    return hf_s3_ask(&ask, out, err);
}

static enum hf_status keep_token(struct metadata *m, const struct hf_secret *token,
                                 struct hf_error *err)
{
    if (token->len == 0 || token->len > TOKEN_MAX)
        return hf_error_set(err, HF_DAMAGED, WHAT ": what it gives as a token is none");
    for (size_t i = 0; i < token->len; i++) {
        if (token->data[i] <= ' ' || token->data[i] > '~')
            return hf_error_set(err, HF_DAMAGED, WHAT ": what it gives as a token is none");
    }
    return hf_s3_secret_header("X-aws-ec2-metadata-token: ", token->data, token->len, &m->header,
                               err);
}

/* Nobody there is the usual case, and means: not on EC2. */
static enum hf_status get_token(struct metadata *m, struct hf_error *err)
{
    HF_AUTO(hf_s3_said) said = {.body = NULL};
    enum hf_status status = request(m, "PUT", "/latest/api/token",
                                    "X-aws-ec2-metadata-token-ttl-seconds: 21600", 2, &said, err);

    if (status == HF_UNREACHABLE)
        return hf_error_set(err, HF_NOT_FOUND,
                            "it does not answer (within a container it may be out of reach: raise "
                            "the instance's metadata hop limit to 2)");
    HF_TRY(status);
    if (!said.body)
        return hf_error_set(
            err, said.status == 404 || said.status == 405 ? HF_NOT_FOUND : HF_DENIED,
            WHAT " gives no token (HTTP status %d); version 2 has to be enabled", said.status);
    return keep_token(m, said.body, err);
}

static enum hf_status get_role(const struct metadata *m, char role[ROLE_MAX + 1],
                               struct hf_error *err)
{
    HF_AUTO(hf_s3_said) said = {.body = NULL};
    size_t len;

    HF_TRY(request(m, "GET", ROLES, hf_secret_text(m->header), TRIES, &said, err));
    if (said.status == 404)
        return hf_error_set(err, HF_NOT_FOUND, "the instance has no role");
    if (!said.body)
        return hf_error_set(err, HF_DENIED, WHAT " answers with HTTP status %d", said.status);
    /* Names of roles: letters, digits and "+=,.@-_"; one a line, of which there is one. */
    len = strspn(hf_secret_text(said.body), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                            "0123456789+=,.@-_");
    if (len == 0 || len > ROLE_MAX || !strchr("\r\n", hf_secret_text(said.body)[len]))
        return hf_error_set(err, HF_DAMAGED, WHAT ": what it gives as the name of a role is none");
    memcpy(role, said.body->data, len);
    role[len] = 0;
    return HF_OK;
}

static enum hf_status get_credentials(struct metadata *m, struct hf_s3_look *look,
                                      struct hf_s3_credentials *out, struct hf_error *err)
{
    HF_AUTO(hf_s3_said) said = {.body = NULL};
    char role[ROLE_MAX + 1], path[sizeof ROLES + ROLE_MAX];

    HF_TRY(get_token(m, err));
    HF_TRY(get_role(m, role, err));
    (void)snprintf(path, sizeof path, ROLES "%s", role);
    HF_TRY(request(m, "GET", path, hf_secret_text(m->header), TRIES, &said, err));
    if (!said.body)
        return hf_error_set(err, HF_DENIED, WHAT " answers with HTTP status %d for role %s",
                            said.status, role);
    HF_TRY(hf_s3_parse_document(said.body, "Token", WHAT, out, err));
    (void)snprintf(look->way, sizeof look->way, "role %s of the EC2 instance", role);
    return HF_OK;
}

enum hf_status hf_s3_way_instance(struct hf_s3_look *look, struct hf_s3_credentials *out,
                                  struct hf_error *err)
{
    const char *disabled = hf_s3_env("AWS_EC2_METADATA_DISABLED");
    const char *mode = hf_s3_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    const char *endpoint = hf_s3_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct metadata m = {.endpoint = endpoint, .cancel = look->cancel};
    enum hf_status status;

    if (disabled && strcasecmp(disabled, "true") == 0)
        return hf_error_set(err, HF_NOT_FOUND, "AWS_EC2_METADATA_DISABLED is set");
    if (!endpoint)
        m.endpoint = mode && strcasecmp(mode, "IPv6") == 0 ? "http://[fd00:ec2::254]"
                                                           : "http://169.254.169.254";
    m.endpoint_len = (int)strlen(m.endpoint);
    while (m.endpoint_len > 0 && m.endpoint[m.endpoint_len - 1] == '/')
        m.endpoint_len--;
    status = get_credentials(&m, look, out, err);
    hf_secret_free(m.header);
    return status;
}
