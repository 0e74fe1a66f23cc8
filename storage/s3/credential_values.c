#include "storage/s3/credential_values.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* Tokens of STS and Azure-like services are the longest: a few thousand bytes. */
enum { KEY_MAX = 1024, TOKEN_MAX = 32768, DOCUMENT_MAX = 65536, LEAK = 8 };

const char *hf_s3_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

struct hf_s3_text hf_s3_text_of(const struct hf_secret *secret)
{
    return (struct hf_s3_text){.text = secret ? hf_secret_text(secret) : NULL,
                               .len = secret ? secret->len : 0};
}

enum hf_status hf_s3_secret_header(const char *begin, const void *value, size_t len,
                                   struct hf_secret **out, struct hf_error *err)
{
    size_t before = strlen(begin);

    HF_TRY(hf_secret_new(NULL, before + len, out, err));
    memcpy((*out)->data, begin, before);
    memcpy((*out)->data + before, value, len);
    return HF_OK;
}

static bool fits(const struct hf_s3_text *text, size_t max)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->text[i] <= ' ' || text->text[i] > '~')
            return false;
    }
    return text->len <= max;
}

static enum hf_status take(const struct hf_s3_text *text, const char *name, size_t max,
                           const char *what, struct hf_secret **out, struct hf_error *err)
{
    if (!text->text || text->len == 0)
        return hf_error_set(err, HF_CONFIG, "%s: the %s is missing", what, name);
    if (!fits(text, max))
        return hf_error_set(err, HF_CONFIG,
                            "%s: the %s is not one: it is longer than %zu bytes, or has blanks, "
                            "line ends or other characters in it that no key has",
                            what, name, max);
    return hf_secret_new(text->text, text->len, out, err);
}

enum hf_status hf_s3_credentials_set(const struct hf_s3_values *values, const char *what,
                                     struct hf_s3_credentials *out, struct hf_error *err)
{
    HF_AUTO(hf_s3_credentials) made = HF_S3_CREDENTIALS_INIT;

    HF_TRY(take(&values->access_key, "access key", KEY_MAX, what, &made.access_key, err));
    HF_TRY(take(&values->secret_key, "secret key", KEY_MAX, what, &made.secret_key, err));
    if (values->session_token.text && values->session_token.len > 0)
        HF_TRY(take(&values->session_token, "session token", TOKEN_MAX, what, &made.session_token,
                    err));
    made.expires = values->expires;
    *out = made;
    made = (struct hf_s3_credentials)HF_S3_CREDENTIALS_INIT;
    return HF_OK;
}

static bool two_digits(const char *text, int64_t *out)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return false;
    *out = (text[0] - '0') * 10 + (text[1] - '0');
    return true;
}

/* "", "Z", "+hh:mm", "+hhmm" */
static bool parse_offset(const char *text, int64_t *out_seconds)
{
    int64_t hours, minutes;

    *out_seconds = 0;
    if (!*text || strcmp(text, "Z") == 0)
        return true;
    if ((*text != '+' && *text != '-') || !two_digits(text + 1, &hours))
        return false;
    const char *rest = text + 3 + (text[3] == ':');
    if (!two_digits(rest, &minutes) || rest[2])
        return false;
    *out_seconds = (hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
    return true;
}

bool hf_s3_parse_expiry(const char *text, int64_t *out)
{
    enum { SECONDS = 19 }; /* "2026-11-21T02:00:00" */
    char moment[SECONDS + 1];
    int64_t begin, end, offset;

    if (strnlen(text, SECONDS) < SECONDS)
        return false;
    memcpy(moment, text, SECONDS);
    moment[SECONDS] = 0;
    text += SECONDS;
    if (*text == '.') {
        size_t digits = strspn(text + 1, "0123456789");
        if (digits == 0)
            return false;
        text += 1 + digits;
    }
    if (!hf_time_parse(moment, &begin, &end) || end - begin != HF_NS_PER_S ||
        !parse_offset(text, &offset))
        return false;
    *out = begin - offset * HF_NS_PER_S;
    return true;
}

static struct hf_s3_text text_from(const char *text)
{
    return (struct hf_s3_text){.text = text, .len = text ? strlen(text) : 0};
}

static enum hf_status read_fields(const json_t *json, const char *token_key, const char *what,
                                  struct hf_s3_credentials *out, struct hf_error *err)
{
    const char *access_key, *secret_key, *token = NULL, *expiration = NULL;
    struct hf_s3_values values = {.expires = 0};

    HF_TRY(hf_json_string(json, "AccessKeyId", &access_key, err));
    HF_TRY(hf_json_string(json, "SecretAccessKey", &secret_key, err));
    HF_TRY(hf_json_string_optional(json, token_key, &token, err));
    HF_TRY(hf_json_string_optional(json, "Expiration", &expiration, err));
    if (expiration && !hf_s3_parse_expiry(expiration, &values.expires))
        return hf_error_set(err, HF_DAMAGED, "field \"Expiration\" is not a time");
    values.access_key = text_from(access_key);
    values.secret_key = text_from(secret_key);
    values.session_token = text_from(token);
    return hf_s3_credentials_set(&values, what, out, err);
}

enum hf_status hf_s3_parse_document(const struct hf_secret *document, const char *token_key,
                                    const char *what, struct hf_s3_credentials *out,
                                    struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;

    HF_TRY(hf_json_parse_object(document->data, document->len, DOCUMENT_MAX, what, &json, err));
    if (read_fields(json, token_key, what, out, err) == HF_OK)
        return HF_OK;
    return err->status == HF_DAMAGED ? hf_error_prefix(err, "%s", what) : err->status;
}

bool hf_s3_holds(const char *text, const struct hf_secret *secret)
{
    size_t len = strlen(text), piece = !secret ? 0 : secret->len < LEAK ? secret->len : LEAK;

    for (size_t i = 0; piece > 0 && i + piece <= secret->len; i++) {
        if (memmem(text, len, secret->data + i, piece))
            return true;
    }
    return false;
}

void hf_s3_quote(char *out, size_t size, const char *said, const struct hf_secret *secret)
{
    size_t len = 0;

    for (; *said && len + 1 < size; said++) {
        bool plain = *said > ' ' && *said <= '~';
        if (plain || (len > 0 && out[len - 1] != ' '))
            out[len++] = plain ? *said : ' ';
    }
    out[len] = 0;
    if (hf_s3_holds(out, secret))
        out[0] = 0;
}
