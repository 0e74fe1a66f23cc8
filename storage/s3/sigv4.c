#include "storage/s3/sigv4.h"

#include "base/clock.h"
#include "base/http.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HASH = 32, HASH_TEXT = 2 * HASH + 1, DATE = 8 };

void hf_sigv4_time(char text[HF_SIGV4_TIME], int64_t time)
{
    time_t seconds = (time_t)(time / HF_NS_PER_S);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(text, HF_SIGV4_TIME, "%Y%m%dT%H%M%SZ", &tm);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct hf_sigv4_pair *x = a;
    const struct hf_sigv4_pair *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->value, y->value);
}

/* Names are escaped before they are sorted: that is the order the server computes. All names that
 * S3 has are letters and '-', so that sorting them as they are is the same. */
enum hf_status hf_sigv4_query(const struct hf_sigv4_pair *parameters, size_t count,
                              struct hf_buf *out, struct hf_error *err)
{
    struct hf_sigv4_pair sorted[HF_SIGV4_PARAMETERS_MAX];
    if (count > HF_SIGV4_PARAMETERS_MAX)
        return hf_error_set(err, HF_FAILED, "a request with %zu parameters", count);
    if (count == 0)
        return HF_OK;
    memcpy(sorted, parameters, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            HF_TRY(hf_buf_append_str(out, "&", err));
        HF_TRY(hf_http_escape(out, sorted[i].name, false, err));
        HF_TRY(hf_buf_append_str(out, "=", err));
        HF_TRY(hf_http_escape(out, sorted[i].value, false, err));
    }
    return HF_OK;
}

static enum hf_status crypto_failed(struct hf_error *err)
{
    return hf_error_set(err, HF_FAILED, "libcrypto cannot compute SHA-256");
}

/* The canonical request is hashed piece by piece: the session token in it is never copied. */
static bool add(EVP_MD_CTX *hash, const char *text)
{
    return EVP_DigestUpdate(hash, text, strlen(text)) == 1;
}

static bool add_headers(EVP_MD_CTX *hash, const struct hf_sigv4_pair *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!add(hash, headers[i].name) || !add(hash, ":") || !add(hash, headers[i].value) ||
            !add(hash, "\n"))
            return false;
    return true;
}

static bool hash_request(const struct hf_sigv4_request *request,
                         const struct hf_sigv4_pair *headers, const char *names, uint8_t out[HASH])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool done = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                add(hash, request->method) && add(hash, "\n") && add(hash, request->path) &&
                add(hash, "\n") && add(hash, request->query) && add(hash, "\n") &&
                add_headers(hash, headers, request->header_count) && add(hash, "\n") &&
                add(hash, names) && add(hash, "\n") && add(hash, request->payload) &&
                EVP_DigestFinal_ex(hash, out, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return done;
}

static bool hmac(const uint8_t *key, size_t key_len, const char *text, uint8_t out[HASH])
{
    return HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text, strlen(text), out, NULL) !=
           NULL;
}

/* kSigning of the specification. */
static bool derive_key(const struct hf_sigv4_request *request, const struct hf_secret *secret,
                       uint8_t out[HASH])
{
    static const uint8_t prefix[4] = {'A', 'W', 'S', '4'};
    uint8_t first[sizeof prefix + HF_SECRET_MAX];
    char date[DATE + 1];
    memcpy(first, prefix, sizeof prefix);
    memcpy(first + sizeof prefix, secret->data, secret->len);
    (void)snprintf(date, sizeof date, "%s", request->time); /* the time of day is cut off */
    bool done = hmac(first, sizeof prefix + secret->len, date, out) &&
                hmac(out, HASH, request->region, out) && hmac(out, HASH, request->service, out) &&
                hmac(out, HASH, "aws4_request", out);
    sodium_memzero(first, sizeof prefix + secret->len);
    return done;
}

static enum hf_status list_names(const struct hf_sigv4_pair *headers, size_t count,
                                 struct hf_buf *out, const char **names, struct hf_error *err)
{
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_buf_printf(out, err, "%s%s", i > 0 ? ";" : "", headers[i].name));
    return hf_buf_cstr(out, names, err);
}

static enum hf_status sign(const struct hf_sigv4_request *request,
                           const struct hf_sigv4_pair *headers, const char *names,
                           const char *scope, const struct hf_secret *secret,
                           char signature[HASH_TEXT], struct hf_error *err)
{
    uint8_t hash[HASH];
    uint8_t key[HASH];
    char hash_text[HASH_TEXT];
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *to_sign = NULL;
    if (!hash_request(request, headers, names, hash))
        return crypto_failed(err);
    hf_hex(hash_text, hash, HASH);
    HF_TRY(
        hf_buf_printf(&text, err, "AWS4-HMAC-SHA256\n%s\n%s\n%s", request->time, scope, hash_text));
    HF_TRY(hf_buf_cstr(&text, &to_sign, err));
    bool done = derive_key(request, secret, key) && hmac(key, HASH, to_sign, hash);
    sodium_memzero(key, sizeof key);
    if (!done)
        return crypto_failed(err);
    hf_hex(signature, hash, HASH);
    return HF_OK;
}

enum hf_status hf_sigv4_authorize(const struct hf_sigv4_request *request,
                                  const struct hf_s3_credentials *credentials, struct hf_buf *out,
                                  struct hf_error *err)
{
    struct hf_sigv4_pair headers[HF_SIGV4_HEADERS_MAX];
    char signature[HASH_TEXT];
    char scope[128];
    const char *names = NULL;
    HF_AUTO(hf_buf) names_text = HF_BUF_INIT;
    if (request->header_count > HF_SIGV4_HEADERS_MAX)
        return hf_error_set(err, HF_FAILED, "a request with %zu headers", request->header_count);
    int len = snprintf(scope, sizeof scope, "%.*s/%s/%s/aws4_request", DATE, request->time,
                       request->region, request->service);
    if (len < 0 || (size_t)len >= sizeof scope)
        return hf_error_set(err, HF_CONFIG, "\"%.64s\" is not the name of a region",
                            request->region);
    memcpy(headers, request->headers, request->header_count * sizeof *headers);
    qsort(headers, request->header_count, sizeof *headers, compare_pairs);
    HF_TRY(list_names(headers, request->header_count, &names_text, &names, err));
    HF_TRY(sign(request, headers, names, scope, credentials->secret_key, signature, err));
    return hf_buf_printf(out, err,
                         "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                         hf_secret_text(credentials->access_key), scope, names, signature);
}
