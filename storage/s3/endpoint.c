#include "storage/s3/endpoint.h"

#include "base/http.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AWS_DOMAIN ".amazonaws.com"

enum { BUCKET_MAX = 255, PREFIX_MAX = 512 };

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* All characters alphanumeric or of more. */
static bool made_of(const char *text, const char *more)
{
    for (const char *c = text; *c; c++)
        if (!is_alnum(*c) && !strchr(more, *c))
            return false;
    return *text != '\0';
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len >= end_len && strncasecmp(text + len - end_len, end, end_len) == 0;
}

/* The length of the host in host[:port] or [v6]:port. */
static size_t host_len(const char *authority)
{
    if (authority[0] == '[')
        return strcspn(authority, "]") + 1;
    return strcspn(authority, ":");
}

/* s3.REGION.amazonaws.com: the host that follows the region. Others of AWS (access points, VPC
 * endpoints, dual-stack) stay what they are. */
static bool is_plain_aws(const char *authority)
{
    size_t len = strlen(authority);
    if (strcasecmp(authority, "s3" AWS_DOMAIN) == 0)
        return true;
    return strncasecmp(authority, "s3.", 3) == 0 && ends_with(authority, len, AWS_DOMAIN) &&
           memchr(authority + 3, '.', len - 3 - strlen(AWS_DOMAIN)) == NULL;
}

static void strip_default_port(struct hf_s3_endpoint *endpoint)
{
    const char *port = endpoint->https ? ":443" : ":80";
    size_t len = strlen(endpoint->authority);
    if (ends_with(endpoint->authority, len, port) &&
        host_len(endpoint->authority) == len - strlen(port))
        endpoint->authority[len - strlen(port)] = '\0';
}

static enum hf_status bad_endpoint(const char *why, struct hf_error *err)
{
    return hf_error_set(err, HF_CONFIG,
                        "the S3 endpoint %s; it is https://host or https://host:port", why);
}

/* Never repeats the text: it may hold a password. */
static enum hf_status parse_endpoint(struct hf_s3_endpoint *endpoint, const char *text,
                                     struct hf_error *err)
{
    endpoint->https = true;
    if (strncasecmp(text, "http://", 7) == 0) {
        endpoint->https = false;
        text += 7;
    } else if (strncasecmp(text, "https://", 8) == 0) {
        text += 8;
    } else if (strstr(text, "://")) {
        return bad_endpoint("is neither http nor https", err);
    }
    size_t len = strlen(text);
    if (len > 0 && text[len - 1] == '/')
        len--;
    if (len == 0 || len >= sizeof endpoint->authority - BUCKET_MAX - 2)
        return bad_endpoint("has no host, or too long a one", err);
    memcpy(endpoint->authority, text, len);
    endpoint->authority[len] = '\0';
    if (strchr(endpoint->authority, '@'))
        return bad_endpoint("has a user or password in it", err);
    if (!made_of(endpoint->authority, ".-_:[]"))
        return bad_endpoint("has a path, or characters that no host has", err);
    strip_default_port(endpoint);
    return HF_OK;
}

static enum hf_status set_region(struct hf_s3_endpoint *endpoint, const char *region,
                                 struct hf_error *err)
{
    if (!made_of(region, "-_.") || strlen(region) >= sizeof endpoint->region)
        return hf_error_set(err, HF_CONFIG, "\"%.64s\" is not the name of an S3 region", region);
    (void)snprintf(endpoint->region, sizeof endpoint->region, "%s", region);
    return HF_OK;
}

static void follow_region(struct hf_s3_endpoint *endpoint)
{
    (void)snprintf(endpoint->authority, sizeof endpoint->authority, "s3.%s" AWS_DOMAIN,
                   endpoint->region);
}

/* From the host, where it tells. */
static enum hf_status default_region(struct hf_s3_endpoint *endpoint, struct hf_error *err)
{
    size_t end = strlen(endpoint->authority) - (endpoint->aws ? strlen(AWS_DOMAIN) : 0);
    if (!endpoint->aws || end <= 3)
        return set_region(endpoint, "us-east-1", err);
    char region[HF_S3_HOST];
    (void)snprintf(region, sizeof region, "%.*s", (int)(end - 3), endpoint->authority + 3);
    return set_region(endpoint, region, err);
}

static enum hf_status set_bucket(struct hf_s3_endpoint *endpoint, const struct hf_s3_config *config,
                                 struct hf_error *err)
{
    const char *bucket = config->bucket;
    if (!bucket || !made_of(bucket, ".-_") || strlen(bucket) > BUCKET_MAX ||
        strcmp(bucket, ".") == 0 || strcmp(bucket, "..") == 0)
        return hf_error_set(err, HF_CONFIG, "\"%.64s\" is not the name of an S3 bucket",
                            bucket ? bucket : "");
    /* A certificate for *.host does not cover a bucket with dots in its name. */
    bool fits =
        endpoint->aws || ends_with(endpoint->authority, host_len(endpoint->authority), AWS_DOMAIN);
    endpoint->virtual = config->style == HF_S3_STYLE_VIRTUAL ||
                        (config->style == HF_S3_STYLE_AUTO && fits && !strchr(bucket, '.'));
    return hf_text_copy(bucket, &endpoint->bucket, err);
}

/* "a/b/" from "/a/b" and the like; no empty, "." or ".." part, which URLs would lose. */
static enum hf_status set_prefix(struct hf_s3_endpoint *endpoint, const char *prefix,
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const char *text = NULL;
    const char *part = prefix ? prefix : "";
    if (strlen(part) > PREFIX_MAX)
        return hf_error_set(err, HF_CONFIG, "an S3 prefix of more than %d bytes", PREFIX_MAX);
    for (size_t len; *part; part += len) {
        len = strcspn(part, "/");
        bool dots = (len == 1 || len == 2) && strspn(part, ".") >= len;
        for (size_t i = 0; i < len; i++)
            dots = dots || (unsigned char)part[i] < 0x20 || part[i] == 0x7f;
        if (dots)
            return hf_error_set(err, HF_CONFIG,
                                "an S3 prefix has no \".\", \"..\" or control characters in it");
        if (len > 0)
            HF_TRY(hf_buf_printf(&out, err, "%.*s/", (int)len, part));
        len += part[len] == '/';
    }
    HF_TRY(hf_buf_cstr(&out, &text, err));
    return hf_text_copy(text, &endpoint->prefix, err);
}

static enum hf_status fill(struct hf_s3_endpoint *endpoint, const struct hf_s3_config *config,
                           struct hf_error *err)
{
    const char *text = config->endpoint ? config->endpoint : "https://s3" AWS_DOMAIN;
    HF_TRY(parse_endpoint(endpoint, text, err));
    endpoint->aws = endpoint->https && is_plain_aws(endpoint->authority);
    if (config->region && *config->region)
        HF_TRY(set_region(endpoint, config->region, err));
    else
        HF_TRY(default_region(endpoint, err));
    if (endpoint->aws)
        follow_region(endpoint);
    HF_TRY(set_bucket(endpoint, config, err));
    return set_prefix(endpoint, config->prefix, err);
}

enum hf_status hf_s3_endpoint_init(struct hf_s3_endpoint *endpoint,
                                   const struct hf_s3_config *config, struct hf_error *err)
{
    *endpoint = (struct hf_s3_endpoint){.https = true};
    enum hf_status status = fill(endpoint, config, err);
    if (status != HF_OK)
        hf_s3_endpoint_done(endpoint);
    return status;
}

void hf_s3_endpoint_done(struct hf_s3_endpoint *endpoint)
{
    free(endpoint->bucket);
    free(endpoint->prefix);
    endpoint->bucket = NULL;
    endpoint->prefix = NULL;
}

bool hf_s3_endpoint_move(struct hf_s3_endpoint *endpoint, const char *region)
{
    struct hf_error ignored = HF_ERROR_INIT;
    if (strcmp(endpoint->region, region) == 0 || set_region(endpoint, region, &ignored) != HF_OK)
        return false;
    if (endpoint->aws)
        follow_region(endpoint);
    return true;
}

enum hf_status hf_s3_endpoint_name(const struct hf_s3_endpoint *endpoint, char **out,
                                   struct hf_error *err)
{
    size_t len = strlen(endpoint->prefix);
    return hf_text_format(out, err, "bucket %s%s%.*s at %s://%s", endpoint->bucket,
                          len > 0 ? "/" : "", (int)(len > 0 ? len - 1 : 0), endpoint->prefix,
                          endpoint->https ? "https" : "http", endpoint->authority);
}

void hf_s3_endpoint_host(const struct hf_s3_endpoint *endpoint, char host[HF_S3_HOST])
{
    if (endpoint->virtual)
        (void)snprintf(host, HF_S3_HOST, "%.255s.%s", endpoint->bucket, endpoint->authority);
    else
        (void)snprintf(host, HF_S3_HOST, "%s", endpoint->authority);
}

enum hf_status hf_s3_endpoint_path(const struct hf_s3_endpoint *endpoint, const char *key,
                                   struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, "/", err));
    if (!endpoint->virtual)
        HF_TRY(hf_buf_printf(out, err, "%s%s", endpoint->bucket, key ? "/" : ""));
    if (!key)
        return HF_OK;
    HF_TRY(hf_http_escape(out, endpoint->prefix, true, err));
    return hf_http_escape(out, key, true, err);
}
