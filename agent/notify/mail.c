/* A mail, through libcurl's SMTP (notify.h). */
#include "agent/notify/notify.h"

#include "base/clock.h"
#include "base/random.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOST_MAX = 256, RANDOM_DIGITS = 16 };

/* What is left to be sent. */
struct letter {
    const uint8_t *at;
    size_t left;
};

static size_t hand_over(char *to, size_t size, size_t count, void *ctx)
{
    struct letter *letter = ctx;
    size_t len = size * count < letter->left ? size * count : letter->left;

    if (len > 0)
        memcpy(to, letter->at, len);
    letter->at += len;
    letter->left -= len;
    return len;
}

/* A header is one line of ASCII. */
static void make_subject(char out[128], const char *title)
{
    size_t n = 0;

    for (; *title && n < 120; title++)
        out[n++] = *title >= ' ' && *title <= '~' ? *title : '?';
    out[n] = 0;
}

/* RFC 5322: lines end in CR LF; the body is UTF-8 as it is. */
static enum hf_status write_letter(const struct hf_config_notify *target, const char *title,
                                   const char *body, struct hf_buf *out, struct hf_error *err)
{
    time_t now = (time_t)(hf_clock_now() / HF_NS_PER_S);
    char date[64], subject[128], host[HOST_MAX] = "localhost", id[2 * RANDOM_DIGITS + 1];
    struct tm when;

    if (!gmtime_r(&now, &when) ||
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &when) == 0)
        return hf_error_set(err, HF_FAILED, "there is no date for it");
    if (gethostname(host, sizeof host - 1) != 0)
        (void)snprintf(host, sizeof host, "localhost");
    make_subject(subject, title);
    hf_random_hex(id, RANDOM_DIGITS);
    HF_TRY(hf_buf_printf(out, err, "Date: %s\r\nFrom: <%s>\r\n", date, target->from));
    for (size_t i = 0; i < target->to.count; i++)
        HF_TRY(hf_buf_printf(out, err, "%s<%s>", i ? ", " : "To: ", target->to.items[i]));
    HF_TRY(hf_buf_printf(out, err,
                         "\r\nMessage-ID: <%s@%s>\r\nSubject: holdfast on %s: %s\r\n"
                         "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Transfer-Encoding: 8bit\r\n\r\n",
                         id, host, host, subject));
    for (const char *at = title; *at; at++)
        HF_TRY(hf_buf_u8(out, *at == '\n' || *at == '\r' ? (uint8_t)' ' : (uint8_t)*at, err));
    return hf_buf_printf(out, err, "\r\n\r\n%s\r\n", body);
}

static enum hf_status judge(CURL *curl, CURLcode code, struct hf_error *err)
{
    long answer = 0;

    if (code == CURLE_OK)
        return HF_OK;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return hf_error_memory(err);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_LOGIN_DENIED:
        return hf_error_set(err, HF_DENIED, "the mail server: %s", curl_easy_strerror(code));
    default:
        /* 5xx: it will say the same again. */
        return hf_error_set(err, answer >= 500 ? HF_FAILED : HF_UNREACHABLE, "the mail server: %s",
                            curl_easy_strerror(code));
    }
}

static void set_up(CURL *curl, const struct hf_config_notify *target, struct curl_slist *to,
                   struct letter *letter)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, target->server);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(target->timeout / 1000000));
    (void)curl_easy_setopt(curl, CURLOPT_USE_SSL,
                           (long)(target->plain ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (target->ca_file)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, target->ca_file);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, target->from);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, hand_over);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, letter);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
}

static enum hf_status log_in(CURL *curl, const struct hf_config_notify *target,
                             struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) password = NULL;

    if (!target->user)
        return HF_OK;
    HF_TRY(hf_secret_spec_read(&target->password, "the password", NULL, &password, err));
    if (curl_easy_setopt(curl, CURLOPT_USERNAME, target->user) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_PASSWORD, hf_secret_text(password)) != CURLE_OK)
        return hf_error_memory(err);
    return HF_OK;
}

enum hf_status hf_notify_mail(const struct hf_config_notify *target, const char *title,
                              const char *body, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    struct curl_slist *to = NULL;
    struct letter letter;
    CURL *curl;
    enum hf_status status;

    HF_TRY(write_letter(target, title, body, &text, err));
    letter = (struct letter){.at = text.data, .left = text.len};
    for (size_t i = 0; i < target->to.count; i++) {
        struct curl_slist *more = curl_slist_append(to, target->to.items[i]);

        if (!more) {
            curl_slist_free_all(to);
            return hf_error_memory(err);
        }
        to = more;
    }
    curl = curl_easy_init();
    status = curl ? log_in(curl, target, err) : hf_error_memory(err);
    if (status == HF_OK) {
        set_up(curl, target, to, &letter);
        status = judge(curl, curl_easy_perform(curl), err);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(to);
    return status;
}
