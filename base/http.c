#include "base/http.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BUFFER = 256 * 1024,
    WRITE_BUFFER = 1024 * 1024,
    PACE_STEP = 64 * 1024, /* bytes between two looks at the rate */
    POLL_MS = 1000,
    PLACE_TEXT = 300,
};

struct hf_http {
    CURL *easy;
    CURLM *multi; /* a handle of its own: curl_multi_poll wakes up for the cancel's descriptor */
    char *unix_socket;
    curl_socket_t socket; /* that was opened last, as long as it is open; or CURL_SOCKET_BAD */
    uint32_t stall_s;
    struct hf_buf error; /* body of an answer that is not 2xx */
    char curl_words[CURL_ERROR_SIZE];
    bool keeps;    /* maybe, the connection of the last request */
    bool was_kept; /* maybe, when that began */

    /* Of the request that runs. */
    const struct hf_http_request *request;
    struct curl_slist *headers;
    size_t sent;
    size_t header_bytes;
    size_t out_before;
    struct hf_error *err; /* set by a callback that ended the transfer */
    bool failed;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_global;

static void init_curl(void)
{
    curl_global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* "https://host:443", or the socket: what may be said of a URL in an error. */
static void name_place(const struct hf_http *http, char place[PLACE_TEXT])
{
    if (http->unix_socket) {
        (void)snprintf(place, PLACE_TEXT, "unix socket %s", http->unix_socket);
        return;
    }
    CURLU *url = curl_url();
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    if (url && curl_url_set(url, CURLUPART_URL, http->request->url, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        (void)snprintf(place, PLACE_TEXT, "%s://%s:%s", scheme, host, port);
    else
        (void)snprintf(place, PLACE_TEXT, "a URL that is none");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
}

static bool is_success(const struct hf_http *http)
{
    long status = 0;
    (void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static void pace(const struct hf_http *http, size_t len)
{
    if (http->request->pace)
        http->request->pace(http->request->pace_ctx, len);
}

static size_t on_send(char *to, size_t size, size_t count, void *arg)
{
    struct hf_http *http = arg;
    size_t len = http->request->body_len - http->sent;
    if (len > size * count)
        len = size * count;
    if (http->request->pace && len > PACE_STEP)
        len = PACE_STEP;
    if (len == 0)
        return 0;
    pace(http, len);
    memcpy(to, (const char *)http->request->body + http->sent, len);
    http->sent += len;
    return len;
}

/* A kept connection was closed before the answer came: the body is sent once more. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct hf_http *http = arg;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > http->request->body_len)
        return CURL_SEEKFUNC_FAIL;
    http->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Room for all of it at once where the server tells the length: an object is not copied while its
 * buffer grows. */
static enum hf_status reserve_out(struct hf_http *http, size_t len)
{
    const struct hf_http_request *request = http->request;
    size_t have = request->out->len - http->out_before;
    if (len > request->out_max - have)
        return hf_error_set(http->err, HF_DAMAGED, "an answer of more than %zu bytes",
                            request->out_max);
    curl_off_t told = -1;
    (void)curl_easy_getinfo(http->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told);
    if (have == 0 && told > 0 && (uint64_t)told <= request->out_max)
        return hf_buf_reserve(request->out, (size_t)told, http->err);
    return HF_OK;
}

static enum hf_status take_success(struct hf_http *http, const char *data, size_t len)
{
    const struct hf_http_request *request = http->request;
    if (request->sink)
        return request->sink(request->sink_ctx, data, len, http->err);
    if (!request->out)
        return HF_OK;
    HF_TRY(reserve_out(http, len));
    return hf_buf_append(request->out, data, len, http->err);
}

static enum hf_status take_error(struct hf_http *http, const char *data, size_t len)
{
    size_t room = HF_HTTP_ERROR_MAX - http->error.len;
    return hf_buf_append(&http->error, data, len < room ? len : room, http->err);
}

static size_t on_receive(char *data, size_t size, size_t count, void *arg)
{
    struct hf_http *http = arg;
    size_t len = size * count;
    pace(http, len);
    enum hf_status status =
        is_success(http) ? take_success(http, data, len) : take_error(http, data, len);
    if (status == HF_OK)
        return len;
    http->failed = true;
    return CURL_WRITEFUNC_ERROR;
}

/* libcurl keeps every header of an answer; how many there may be is up to us. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct hf_http *http = arg;
    (void)data;
    http->header_bytes += size * count;
    if (http->header_bytes <= HF_HTTP_HEADERS_MAX)
        return size * count;
    char place[PLACE_TEXT];
    name_place(http, place);
    (void)hf_error_set(http->err, HF_FAILED, "%s: more than %d bytes of headers in an answer",
                       place, HF_HTTP_HEADERS_MAX);
    http->failed = true;
    return 0;
}

static int on_open(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct hf_http *http = arg;
    (void)purpose;
    http->socket = fd;
    return CURL_SOCKOPT_OK;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct hf_http *http = arg;
    if (http->socket == fd)
        http->socket = CURL_SOCKET_BAD;
    return close(fd);
}

/* Options are set by handing over the first failure. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        CURLcode set_code_ = curl_easy_setopt(http->easy, option, value);                          \
        if (set_code_ != CURLE_OK)                                                                 \
            return hf_error_set(err, set_code_ == CURLE_OUT_OF_MEMORY ? HF_NO_MEMORY : HF_FAILED,  \
                                "libcurl: " #option ": %s", curl_easy_strerror(set_code_));        \
    } while (0)

static enum hf_status set_transport(struct hf_http *http, const struct hf_http_options *options,
                                    struct hf_error *err)
{
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_USERAGENT, "holdfast/" HF_VERSION);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)(options->connect_ms ? options->connect_ms : HF_HTTP_CONNECT_MS));
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)http->stall_s);
    if (options->unix_socket)
        SET(CURLOPT_UNIX_SOCKET_PATH, options->unix_socket);
    if (options->proxy)
        SET(CURLOPT_PROXY, options->proxy);
    if (options->ca_file) {
        SET(CURLOPT_CAINFO, options->ca_file);
        SET(CURLOPT_CAPATH, (char *)NULL);
    }
    if (options->large) {
        SET(CURLOPT_BUFFERSIZE, (long)READ_BUFFER);
        SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)WRITE_BUFFER);
    }
    return HF_OK;
}

static enum hf_status set_callbacks(struct hf_http *http, struct hf_error *err)
{
    SET(CURLOPT_ERRORBUFFER, http->curl_words);
    SET(CURLOPT_READFUNCTION, on_send);
    SET(CURLOPT_READDATA, http);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, http);
    SET(CURLOPT_WRITEFUNCTION, on_receive);
    SET(CURLOPT_WRITEDATA, http);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, http);
    SET(CURLOPT_SOCKOPTFUNCTION, on_open);
    SET(CURLOPT_SOCKOPTDATA, http);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, http);
    return HF_OK;
}

static enum hf_status open_curl(struct hf_http *http, const struct hf_http_options *options,
                                struct hf_error *err)
{
    http->socket = CURL_SOCKET_BAD;
    http->easy = curl_easy_init();
    http->multi = curl_multi_init();
    if (!http->easy || !http->multi)
        return hf_error_memory(err);
    http->stall_s = options->stall_s ? options->stall_s : HF_HTTP_STALL_S;
    if (options->unix_socket && !(http->unix_socket = strdup(options->unix_socket)))
        return hf_error_memory(err);
    HF_TRY(set_transport(http, options, err));
    return set_callbacks(http, err);
}

enum hf_status hf_http_new(const struct hf_http_options *options, struct hf_http **out,
                           struct hf_error *err)
{
    (void)pthread_once(&curl_once, init_curl);
    if (curl_global != CURLE_OK)
        return hf_error_set(err, HF_FAILED, "libcurl: %s", curl_easy_strerror(curl_global));
    HF_AUTO_PTR(hf_http) http = calloc(1, sizeof *http);
    if (!http)
        return hf_error_memory(err);
    HF_TRY(open_curl(http, options, err));
    *out = http;
    http = NULL;
    return HF_OK;
}

void hf_http_free(struct hf_http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->easy);
    (void)curl_multi_cleanup(http->multi);
    hf_buf_free(&http->error);
    free(http->unix_socket);
    free(http);
}

static void drop_headers(struct hf_http *http)
{
    for (struct curl_slist *header = http->headers; header; header = header->next)
        sodium_memzero(header->data, strlen(header->data));
    curl_slist_free_all(http->headers);
    http->headers = NULL;
}

/* A line end in a value would be the next header, or the next request. */
static bool header_valid(const char *header)
{
    for (const char *c = header; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return strchr(header, ':') != NULL;
}

static enum hf_status add_header(struct hf_http *http, const char *header, struct hf_error *err)
{
    struct curl_slist *list = curl_slist_append(http->headers, header);
    if (!list)
        return hf_error_memory(err);
    http->headers = list;
    return HF_OK;
}

static enum hf_status set_headers(struct hf_http *http, const char *const *headers,
                                  struct hf_error *err)
{
    /* No "Expect: 100-continue": a round trip more for each object. */
    HF_TRY(add_header(http, "Expect:", err));
    for (size_t i = 0; headers && headers[i]; i++) {
        if (!header_valid(headers[i]))
            return hf_error_set(err, HF_USAGE, "a control character in the HTTP header \"%.*s\"",
                                (int)strcspn(headers[i], ":"), headers[i]);
        HF_TRY(add_header(http, headers[i], err));
    }
    SET(CURLOPT_HTTPHEADER, http->headers);
    return HF_OK;
}

static enum hf_status set_request(struct hf_http *http, const struct hf_http_request *request,
                                  struct hf_error *err)
{
    bool body = strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0;
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_HTTPGET, 1L); /* undoes what an earlier request set */
    if (body) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_len);
    } else if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    SET(CURLOPT_TIMEOUT_MS, (long)request->total_ms);
    return set_headers(http, request->headers, err);
}

static bool cancelled(const struct hf_http *http)
{
    return http->request->cancel && hf_cancel_requested(http->request->cancel);
}

/* A server that sends head and body of an answer in two pieces, and waits for the first to be
 * acknowledged (Ceph's gateway as it comes), would wait 40 ms for that each time: the kernel delays
 * it in the hope of something else to send, and has to be told again and again that there is
 * nothing. */
static void acknowledge_at_once(const struct hf_http *http)
{
    int on = 1;
    if (http->socket != CURL_SOCKET_BAD)
        (void)setsockopt(http->socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

static CURLMcode wait_for_news(const struct hf_http *http)
{
    acknowledge_at_once(http);
    struct curl_waitfd fd = {.fd = -1, .events = CURL_WAIT_POLLIN};
    if (http->request->cancel)
        fd.fd = hf_cancel_fd(http->request->cancel);
    return curl_multi_poll(http->multi, &fd, http->request->cancel ? 1 : 0, POLL_MS, NULL);
}

/* Until the transfer ends or is cancelled. */
static CURLMcode drive(const struct hf_http *http, CURLcode *out)
{
    for (;;) {
        int running = 0;
        CURLMcode code = curl_multi_perform(http->multi, &running);
        if (code != CURLM_OK || cancelled(http))
            return code;
        if (running == 0)
            break;
        code = wait_for_news(http);
        if (code != CURLM_OK)
            return code;
    }
    int left;
    const CURLMsg *message = curl_multi_info_read(http->multi, &left);
    if (message && message->msg == CURLMSG_DONE)
        *out = message->data.result;
    return CURLM_OK;
}

static enum hf_status status_of(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return HF_DENIED;
    case CURLE_SSL_CACERT_BADFILE:
        return HF_CONFIG;
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED: /* a user in the URL */
        return HF_USAGE;
    case CURLE_OUT_OF_MEMORY:
        return HF_NO_MEMORY;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also HTTP/0.9: an answer without a status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return HF_FAILED;
    default:
        return HF_UNREACHABLE;
    }
}

/* A proxy that does not open the way to the server (CONNECT). 5xx: it does not reach it. */
static enum hf_status proxy_error(long answer, const char *place, struct hf_error *err)
{
    bool user = answer == 407 || answer == 401; /* the latter of tinyproxy */
    const char *what = user           ? "wants another user and password: give them in its URL"
                       : answer < 500 ? "does not let connections to there through"
                                      : "does not reach it";
    return hf_error_set(err, answer < 500 ? HF_DENIED : HF_UNREACHABLE,
                        "%s: the proxy %s (HTTP status %ld)", place, what, answer);
}

static enum hf_status transfer_error(struct hf_http *http, CURLcode code, struct hf_error *err)
{
    char place[PLACE_TEXT];
    long connect = 0;
    name_place(http, place);
    if (curl_easy_getinfo(http->easy, CURLINFO_HTTP_CONNECTCODE, &connect) == CURLE_OK &&
        connect >= 300)
        return proxy_error(connect, place, err);
    enum hf_status status = status_of(code);
    const char *words = http->curl_words[0] ? http->curl_words : curl_easy_strerror(code);
    if (code == CURLE_LOGIN_DENIED)
        words = "a URL must not hold a user or password";
    else if (status == HF_DENIED)
        return hf_error_set(err, status,
                            "%s: %s; give the certificate of the authority that signed it as CA "
                            "file",
                            place, words);
    return hf_error_set(err, status, "%s: %s", place, words);
}

static enum hf_status run(struct hf_http *http, struct hf_error *err)
{
    CURLcode result = CURLE_RECV_ERROR;
    CURLMcode code = curl_multi_add_handle(http->multi, http->easy);
    if (code == CURLM_OK)
        code = drive(http, &result);
    /* In the middle of a transfer this closes its connection. */
    (void)curl_multi_remove_handle(http->multi, http->easy);
    if (http->failed)
        return err->status;
    if (code != CURLM_OK)
        return hf_error_set(err, code == CURLM_OUT_OF_MEMORY ? HF_NO_MEMORY : HF_FAILED,
                            "libcurl: %s", curl_multi_strerror(code));
    if (cancelled(http))
        return hf_cancel_check(http->request->cancel, err);
    return result == CURLE_OK ? HF_OK : transfer_error(http, result, err);
}

static enum hf_status fill_response(struct hf_http *http, struct hf_http_response *out,
                                    struct hf_error *err)
{
    long status = 0;
    const char *text = NULL;
    HF_TRY(hf_buf_cstr(&http->error, &text, err));
    (void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    out->status = (int)status;
    out->error = text;
    out->error_len = http->error.len;
    return HF_OK;
}

enum hf_status hf_http_perform(struct hf_http *http, const struct hf_http_request *request,
                               struct hf_http_response *out, struct hf_error *err)
{
    http->request = request;
    http->sent = 0;
    http->header_bytes = 0;
    http->out_before = request->out ? request->out->len : 0;
    http->error.len = 0;
    http->err = err;
    http->failed = false;
    http->curl_words[0] = '\0';
    http->was_kept = http->keeps;

    enum hf_status status = set_request(http, request, err);
    if (status == HF_OK)
        status = run(http, err);
    if (status == HF_OK)
        status = fill_response(http, out, err);
    http->keeps = status == HF_OK;
    if (status != HF_OK && request->out)
        request->out->len = http->out_before;
    drop_headers(http);
    http->request = NULL;
    return status;
}

const char *hf_http_header(struct hf_http *http, const char *name)
{
    struct curl_header *header = NULL;
    size_t last = 0;
    if (curl_easy_header(http->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    last = header->amount - 1;
    if (last > 0 &&
        curl_easy_header(http->easy, name, last, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

bool hf_http_parse_date(const char *text, int64_t *out)
{
    enum { SANE_TEXT = 64 };
    if (strnlen(text, SANE_TEXT) == SANE_TEXT)
        return false;
    time_t when = curl_getdate(text, NULL);
    if (when < 0 || when > INT64_MAX / HF_NS_PER_S)
        return false;
    *out = (int64_t)when * HF_NS_PER_S;
    return true;
}

bool hf_http_date(struct hf_http *http, int64_t *out)
{
    const char *date = hf_http_header(http, "Date");
    return date && hf_http_parse_date(date, out);
}

bool hf_http_repeated(const struct hf_http *http)
{
    return http->was_kept && hf_http_connects(http) > 0;
}

unsigned hf_http_connects(const struct hf_http *http)
{
    long connects = 0;
    (void)curl_easy_getinfo(http->easy, CURLINFO_NUM_CONNECTS, &connects);
    return (unsigned)connects;
}

static bool unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

enum hf_status hf_http_escape(struct hf_buf *out, const char *text, bool slash_plain,
                              struct hf_error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *c = text; *c; c++) {
        char escaped[3] = {'%', digits[(unsigned char)*c >> 4], digits[(unsigned char)*c & 15]};
        bool plain = unreserved(*c) || (slash_plain && *c == '/');
        HF_TRY(hf_buf_append(out, plain ? c : escaped, plain ? 1 : sizeof escaped, err));
    }
    return HF_OK;
}
