/*
 * HTTP requests, one at a time, over connections that are kept (libcurl).
 *
 * A struct hf_http belongs to one thread at a time. It speaks HTTP/1.1 over TCP, TLS (1.2 or newer,
 * certificates checked) or a unix socket; it follows no redirect, asks for no other protocol, keeps
 * no cookie, reads no .netrc, raises no signal. Every answer that is complete is HF_OK, whatever
 * its status: judging it is the caller's. Nothing is retried, but for a request that a kept
 * connection turned out to be closed for before any of the answer came.
 *
 * Secrets: a URL with a user or password in it is HF_USAGE; headers may hold secrets, and the
 * copies made here are wiped. Errors name scheme, host and port, never path, query or headers.
 *
 * Errors of a transfer: HF_UNREACHABLE where trying again may help (no such host, refused, reset,
 * cut off, too slow); HF_DENIED for a certificate that does not pass, and for a proxy that opens no
 * way to the server; HF_CONFIG for a CA file that cannot be used; HF_CANCELLED, at once; HF_FAILED
 * for what is no HTTP.
 */
#ifndef HF_BASE_HTTP_H
#define HF_BASE_HTTP_H

#include "base/buffer.h"
#include "base/cancel.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_http;

enum {
    HF_HTTP_CONNECT_MS = 15000,
    HF_HTTP_STALL_S = 60,
    HF_HTTP_HEADERS_MAX = 65536, /* of an answer; more is HF_FAILED */
    HF_HTTP_ERROR_MAX = 65536,   /* kept of the body of an answer that is not 2xx */
};

/* How to reach servers. Borrowed for the call of hf_http_new only. */
struct hf_http_options {
    const char *unix_socket; /* path; NULL: TCP. Then the host in URLs is a mere name. */
    const char *ca_file;     /* PEM; only these are trusted then. NULL: the system's. */
    const char *proxy;   /* NULL: as http_proxy, https_proxy, all_proxy and no_proxy say; "": none;
                          * a URL, which may hold a user and password */
    uint32_t connect_ms; /* 0: HF_HTTP_CONNECT_MS; TLS handshake included */
    uint32_t stall_s;    /* given up after so long without a byte; 0: HF_HTTP_STALL_S */
    bool large;          /* transfers of many megabytes: large buffers (about 1.5 MiB) */
};

/* The body of a 2xx answer, piece by piece. An error ends the transfer and is its result. */
typedef enum hf_status hf_http_sink_fn(void *ctx, const void *data, size_t len,
                                       struct hf_error *err);
/* Called for bytes that are about to be sent or have just come; may sleep. */
typedef void hf_http_pace_fn(void *ctx, size_t len);

/* All borrowed for the call. */
struct hf_http_request {
    const char *method; /* GET, HEAD, DELETE: without a body; PUT, POST: with one, maybe empty */
    const char *url;    /* sent as it is: no path is tidied, nothing is escaped */
    const char *const *headers; /* "Name: value", NULL-ended; may be NULL */
    const void *body;
    size_t body_len;
    struct hf_buf *out;    /* a 2xx body is appended; as before after any failure; NULL: dropped */
    size_t out_max;        /* a longer one is HF_DAMAGED */
    hf_http_sink_fn *sink; /* instead of out */
    void *sink_ctx;
    hf_http_pace_fn *pace; /* may be NULL */
    void *pace_ctx;
    uint32_t total_ms;        /* for the whole request; 0: no bound but that on stalls */
    struct hf_cancel *cancel; /* may be NULL */
};

struct hf_http_response {
    int status; /* 200 to 599 */
    /* The body of an answer that is not 2xx, cut at HF_HTTP_ERROR_MAX, with a NUL behind it;
     * borrowed until the next request. */
    const char *error;
    size_t error_len;
};

enum hf_status hf_http_new(const struct hf_http_options *options, struct hf_http **out,
                           struct hf_error *err) HF_WARN_UNUSED;
/* Closes its connections. Takes NULL. */
void hf_http_free(struct hf_http *http);
HF_DEFINE_AUTO_PTR(hf_http, hf_http_free)

enum hf_status hf_http_perform(struct hf_http *http, const struct hf_http_request *request,
                               struct hf_http_response *out, struct hf_error *err) HF_WARN_UNUSED;

/* Of the last answer, also one that broke off: a header's value (case of the name does not count;
 * the last one of several), or NULL. Borrowed until the next request. */
const char *hf_http_header(struct hf_http *http, const char *name);
/* When the server says it is (Date): ns since 1970; false when it does not say. */
bool hf_http_date(struct hf_http *http, int64_t *out);
/* An HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT") as ns since 1970; false when it is none. */
bool hf_http_parse_date(const char *text, int64_t *out);
/* Connections made for the last request: 0 when a kept one did. */
unsigned hf_http_connects(const struct hf_http *http);
/* The last request may have reached the server twice: a kept connection was closed before any of
 * the answer came, which does not tell whether the server did what it was asked. */
bool hf_http_repeated(const struct hf_http *http);

/* Appends text percent-encoded: all but A-Z a-z 0-9 - . _ ~, and '/' where slash_plain. */
enum hf_status hf_http_escape(struct hf_buf *out, const char *text, bool slash_plain,
                              struct hf_error *err) HF_WARN_UNUSED;

#endif
