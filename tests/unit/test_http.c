#include "base/clock.h"
#include "base/http.h"
#include "base/pool.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/http_peer.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct hf_http *open_http(void)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_http *http = NULL;
    assert_ok(hf_http_new(&(struct hf_http_options){.proxy = "", .stall_s = 1}, &http, &err), &err);
    return http;
}

static struct hf_peer *one_answer(struct hf_peer_answer *answer, const char *bytes,
                                  enum hf_peer_then then)
{
    *answer = (struct hf_peer_answer){.bytes = bytes, .then = then};
    return hf_peer_script(answer, 1);
}

static void assert_body(const struct hf_buf *out, const char *text)
{
    assert_int_equal(out->len, strlen(text));
    assert_memory_equal(out->data, text, out->len);
}

static void perform_get_returns_status_headers_and_body(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer,
                                      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n"
                                      "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhello",
                                      HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_ok(hf_buf_append_str(&out, "before ", &err), &err);
    const char *const headers[] = {"X-Asked: yes", NULL};
    struct hf_http_request request = {
        .method = "GET", .url = hf_peer_url(peer), .headers = headers, .out = &out, .out_max = 100};
    struct hf_http_response response;
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_int_equal(response.status, 200);
    assert_body(&out, "before hello");
    assert_string_equal(hf_http_header(http, "etag"), "\"a\"");
    assert_null(hf_http_header(http, "x-none"));
    int64_t date = 0;
    assert_true(hf_http_date(http, &date));
    assert_int_equal(date, INT64_C(784111777) * HF_NS_PER_S);
    const char *sent = hf_peer_request(peer, 0, NULL);
    assert_contains(sent, "GET / HTTP/1.1\r\n");
    assert_contains(sent, "X-Asked: yes\r\n");
    assert_null(strstr(sent, "Expect"));
    hf_peer_stop(peer);
}

static void perform_methods_send_what_they_should(void **state)
{
    (void)state;
    const struct {
        const char *method;
        const char *body;
        const char *line;
        const char *length;
    } cases[] = {
        {"PUT", "data", "PUT /k HTTP/1.1\r\n", "Content-Length: 4\r\n"},
        {"POST", "", "POST /k HTTP/1.1\r\n", "Content-Length: 0\r\n"},
        {"DELETE", NULL, "DELETE /k HTTP/1.1\r\n", NULL},
        {"HEAD", NULL, "HEAD /k HTTP/1.1\r\n", NULL},
        {"GET", NULL, "GET /k HTTP/1.1\r\n", NULL},
        {"PUT", "again", "PUT /k HTTP/1.1\r\n", "Content-Length: 5\r\n"},
    };
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, "HTTP/1.1 204 No Content\r\n\r\n", HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    HF_AUTO_FREE char *url = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_text_format(&url, &err, "%s/k", hf_peer_url(peer)), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_http_request request = {.method = cases[i].method, .url = url};
        struct hf_http_response response;
        request.body = cases[i].body;
        request.body_len = cases[i].body ? strlen(cases[i].body) : 0;
        assert_ok(hf_http_perform(http, &request, &response, &err), &err);
        assert_int_equal(response.status, 204);
        const char *sent = hf_peer_request(peer, i, NULL);
        assert_memory_equal(sent, cases[i].line, strlen(cases[i].line));
        if (cases[i].length)
            assert_contains(sent, cases[i].length);
        else
            assert_null(strstr(sent, "Content-Length"));
        if (cases[i].body)
            assert_string_equal(strstr(sent, "\r\n\r\n") + 4, cases[i].body);
    }
    assert_int_equal(hf_peer_connections(peer), 1);
    assert_int_equal(hf_http_connects(http), 0);
    hf_peer_stop(peer);
}

/* The kernel would delay the acknowledgement of a head by 40 ms, each time but at first. */
static void perform_answer_in_pieces_is_not_waited_for(void **state)
{
    enum { FIRST = 20, ALL = 40 };
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_peer_answer answer = {.bytes = OK_HELLO, .in_pieces = true};
    struct hf_peer *peer = hf_peer_script(&answer, 1);
    HF_AUTO_PTR(hf_http) http = open_http();
    int64_t least = INT64_MAX;
    for (int i = 0; i < ALL; i++) {
        const struct hf_http_request request = {.method = "GET", .url = hf_peer_url(peer)};
        struct hf_http_response response;
        int64_t begun = hf_clock_monotonic();
        assert_ok(hf_http_perform(http, &request, &response, &err), &err);
        int64_t took = hf_clock_monotonic() - begun;
        if (i >= FIRST && took < least)
            least = took;
    }
    assert_true(least < 20 * (HF_NS_PER_S / 1000));
    hf_peer_stop(peer);
}

static void perform_keeps_path_and_query_as_they_are(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, OK_HELLO, HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    HF_AUTO_FREE char *url = NULL;
    assert_ok(hf_text_format(&url, &err, "%s/a/../b//%%2B?x=%%20&y", hf_peer_url(peer)), &err);
    struct hf_http_request request = {.method = "GET", .url = url};
    struct hf_http_response response;
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_contains(hf_peer_request(peer, 0, NULL), "GET /a/../b//%2B?x=%20&y HTTP/1.1\r\n");
    hf_peer_stop(peer);
}

static void perform_error_answer_is_kept_apart_from_the_body(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(
        &answer, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_http_request request = {
        .method = "GET", .url = hf_peer_url(peer), .out = &out, .out_max = 2};
    struct hf_http_response response;
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_int_equal(response.status, 404);
    assert_string_equal(response.error, "none");
    assert_int_equal(out.len, 0);
    hf_peer_stop(peer);
}

static void perform_redirect_is_not_followed(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(
        &answer,
        "HTTP/1.1 307 Elsewhere\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    struct hf_http_request request = {.method = "GET", .url = hf_peer_url(peer)};
    struct hf_http_response response;
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_int_equal(response.status, 307);
    assert_string_equal(hf_http_header(http, "Location"), "file:///etc/passwd");
    assert_int_equal(hf_peer_requests(peer), 1);
    hf_peer_stop(peer);
}

static void perform_body_beyond_the_bound_is_damaged(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, OK_HELLO, HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_http_request request = {
        .method = "GET", .url = hf_peer_url(peer), .out = &out, .out_max = 4};
    struct hf_http_response response;
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_DAMAGED, &err);
    assert_int_equal(out.len, 0);
    hf_peer_stop(peer);
}

/* Broken transfers: what came before is not handed out. */
static void perform_broken_answers_are_errors(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        enum hf_peer_then then;
        enum hf_status status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", HF_PEER_CLOSE, HF_UNREACHABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", HF_PEER_RESET, HF_UNREACHABLE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", HF_PEER_CLOSE,
         HF_UNREACHABLE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", HF_PEER_HANG, HF_UNREACHABLE},
        {NULL, HF_PEER_CLOSE, HF_UNREACHABLE},
        {NULL, HF_PEER_RESET, HF_UNREACHABLE},
        {"no HTTP at all\r\n\r\n", HF_PEER_CLOSE, HF_FAILED},
        {"HTTP/1.1 banana\r\n\r\n", HF_PEER_CLOSE, HF_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_peer_answer answer;
        struct hf_peer *peer = one_answer(&answer, cases[i].bytes, cases[i].then);
        HF_AUTO_PTR(hf_http) http = open_http();
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        struct hf_http_request request = {
            .method = "GET", .url = hf_peer_url(peer), .out = &out, .out_max = 100};
        struct hf_http_response response;
        if (hf_http_perform(http, &request, &response, &err) != cases[i].status)
            fail_msg("case %zu: %s %s", i, hf_status_words(err.status), err.text);
        assert_contains(err.text, hf_peer_url(peer));
        assert_int_equal(out.len, 0);
        hf_peer_stop(peer);
    }
}

static void many_headers(void *ctx, size_t index, const char *request, size_t len,
                         struct hf_peer_answer *answer)
{
    (void)index;
    (void)request;
    (void)len;
    answer->bytes = ctx;
}

static void perform_too_many_headers_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) head = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_buf_append_str(&head, "HTTP/1.1 200 OK\r\n", &err), &err);
    for (int i = 0; i < 4000; i++)
        assert_ok(hf_buf_printf(&head, &err, "X-%d: 0123456789\r\n", i), &err);
    assert_ok(hf_buf_append_str(&head, "Content-Length: 0\r\n\r\n", &err), &err);
    assert_ok(hf_buf_cstr(&head, &text, &err), &err);
    struct hf_peer *peer = hf_peer_start(many_headers, head.data, NULL);
    HF_AUTO_PTR(hf_http) http = open_http();
    struct hf_http_request request = {.method = "GET", .url = hf_peer_url(peer)};
    struct hf_http_response response;
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_FAILED, &err);
    assert_contains(err.text, "bytes of headers");
    hf_peer_stop(peer);
}

static enum hf_status refuse(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    (void)ctx;
    (void)data;
    return hf_error_set(err, HF_MISMATCH, "%zu bytes not wanted", len);
}

static void perform_sink_error_is_the_result(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, OK_HELLO, HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    struct hf_http_request request = {.method = "GET", .url = hf_peer_url(peer), .sink = refuse};
    struct hf_http_response response;
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_MISMATCH, &err);
    assert_string_equal(err.text, "5 bytes not wanted");
    hf_peer_stop(peer);
}

static void perform_goes_on_after_a_failure(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_peer_answer answers[] = {{.then = HF_PEER_RESET}, {.bytes = OK_HELLO}};
    struct hf_peer *peer = hf_peer_script(answers, 2);
    HF_AUTO_PTR(hf_http) http = open_http();
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_http_request request = {
        .method = "GET", .url = hf_peer_url(peer), .out = &out, .out_max = 100};
    struct hf_http_response response;
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_UNREACHABLE, &err);
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_body(&out, "hello");
    hf_peer_stop(peer);
}

/* The body of a request that a kept connection was closed for is sent once more. */
static void perform_kept_connection_closed_meanwhile_is_made_anew(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_peer_answer answers[] = {
        {.bytes = OK_HELLO}, {.then = HF_PEER_CLOSE}, {.bytes = OK_HELLO}};
    struct hf_peer *peer = hf_peer_script(answers, 3);
    HF_AUTO_PTR(hf_http) http = open_http();
    struct hf_http_request request = {
        .method = "PUT", .url = hf_peer_url(peer), .body = "body", .body_len = 4};
    struct hf_http_response response;
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_int_equal(hf_peer_requests(peer), 3);
    assert_string_equal(strstr(hf_peer_request(peer, 2, NULL), "\r\n\r\n") + 4, "body");
    hf_peer_stop(peer);
}

static void perform_nobody_there_is_unreachable(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, OK_HELLO, HF_PEER_KEEP);
    HF_AUTO_FREE char *url = NULL;
    assert_ok(hf_text_copy(hf_peer_url(peer), &url, &err), &err);
    hf_peer_stop(peer);
    HF_AUTO_PTR(hf_http) http = open_http();
    struct hf_http_request request = {.method = "GET", .url = url};
    struct hf_http_response response;
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_UNREACHABLE, &err);
    assert_contains(err.text, url);
}

static void perform_refuses_what_it_must_not_do(void **state)
{
    (void)state;
    const char *const bad_header[] = {"X-A: b\r\nX-C: d", NULL};
    const struct {
        const char *url;
        const char *const *headers;
        enum hf_status status;
    } cases[] = {
        {"file:///etc/passwd", NULL, HF_FAILED},
        {"ftp://127.0.0.1/", NULL, HF_FAILED},
        {"http://user:hunter2@127.0.0.1:1/", NULL, HF_USAGE},
        {"http://127.0.0.1:1/a b", NULL, HF_USAGE},
        {"http://127.0.0.1:1/", bad_header, HF_USAGE},
    };
    HF_AUTO_PTR(hf_http) http = open_http();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_http_request request = {
            .method = "GET", .url = cases[i].url, .headers = cases[i].headers};
        struct hf_http_response response;
        if (hf_http_perform(http, &request, &response, &err) != cases[i].status)
            fail_msg("case %zu: %s %s", i, hf_status_words(err.status), err.text);
        assert_null(strstr(err.text, "hunter2"));
    }
}

static void perform_without_the_ca_file_is_a_configuration_error(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, OK_HELLO, HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = NULL;
    struct hf_http_options options = {.proxy = "", .ca_file = "/nowhere/ca.pem"};
    HF_AUTO_FREE char *url = NULL;
    assert_ok(hf_text_format(&url, &err, "https%s", hf_peer_url(peer) + 4), &err);
    assert_ok(hf_http_new(&options, &http, &err), &err);
    struct hf_http_request request = {.method = "GET", .url = url};
    struct hf_http_response response;
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_CONFIG, &err);
    assert_contains(err.text, "/nowhere/ca.pem");
    hf_peer_stop(peer);
}

static void perform_through_a_unix_socket_works(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    char folder[CHECK_PATH];
    HF_AUTO_FREE char *path = NULL;
    check_folder(folder);
    assert_ok(hf_text_format(&path, &err, "%s/socket", folder), &err);
    char answer[] = OK_HELLO;
    struct hf_peer *peer = hf_peer_start(many_headers, answer, path);
    HF_AUTO_PTR(hf_http) http = NULL;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_ok(hf_http_new(&(struct hf_http_options){.unix_socket = path}, &http, &err), &err);
    struct hf_http_request request = {
        .method = "GET", .url = "http://docker/info", .out = &out, .out_max = 100};
    struct hf_http_response response;
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_body(&out, "hello");
    assert_contains(hf_peer_request(peer, 0, NULL), "Host: docker\r\n");
    hf_peer_stop(peer);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_UNREACHABLE, &err);
    assert_contains(err.text, path);
}

/* Cancels once the request is there: the peer's thread calls it. */
static void cancel_and_hang(void *ctx, size_t index, const char *request, size_t len,
                            struct hf_peer_answer *answer)
{
    (void)index;
    (void)request;
    (void)len;
    hf_cancel_interrupt(ctx);
    answer->then = HF_PEER_HANG;
}

static void perform_cancelled_ends_at_once(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO_PTR(hf_http) http = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_http_new(&(struct hf_http_options){.proxy = ""}, &http, &err), &err);
    struct hf_peer *peer = hf_peer_start(cancel_and_hang, cancel, NULL);
    struct hf_http_request request = {.method = "GET", .url = hf_peer_url(peer), .cancel = cancel};
    struct hf_http_response response;
    int64_t begin = hf_clock_monotonic();
    assert_fails(hf_http_perform(http, &request, &response, &err), HF_CANCELLED, &err);
    assert_true(hf_clock_monotonic() - begin < 10 * HF_NS_PER_S);
    assert_string_equal(err.text, "interrupted");
    hf_peer_stop(peer);
}

static void count(void *ctx, size_t len)
{
    *(size_t *)ctx += len;
}

static void perform_paces_what_goes_and_comes(void **state)
{
    (void)state;
    enum { LARGE = 300000 };
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, OK_HELLO, HF_PEER_KEEP);
    HF_AUTO_PTR(hf_http) http = open_http();
    HF_AUTO_FREE char *body = calloc(1, LARGE);
    size_t seen = 0;
    assert_non_null(body);
    struct hf_http_request request = {.method = "PUT",
                                      .url = hf_peer_url(peer),
                                      .body = body,
                                      .body_len = LARGE,
                                      .pace = count,
                                      .pace_ctx = &seen};
    struct hf_http_response response;
    assert_ok(hf_http_perform(http, &request, &response, &err), &err);
    assert_int_equal(seen, LARGE + 5);
    hf_peer_stop(peer);
}

static void escape_leaves_the_unreserved_alone(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_ok(hf_http_escape(&out, "aZ09-._~/ +%\xc3\xa9", true, &err), &err);
    assert_body(&out, "aZ09-._~/%20%2B%25%C3%A9");
    out.len = 0;
    assert_ok(hf_http_escape(&out, "a/b", false, &err), &err);
    assert_body(&out, "a%2Fb");
}

static void parse_date_takes_dates_only(void **state)
{
    (void)state;
    int64_t when = 0;
    assert_true(hf_http_parse_date("Sun, 06 Nov 1994 08:49:37 GMT", &when));
    assert_int_equal(when, INT64_C(784111777) * HF_NS_PER_S);
    assert_false(hf_http_parse_date("", &when));
    assert_false(hf_http_parse_date("yesterday", &when));
    assert_false(hf_http_parse_date("Sun, 06 Nov 1994 08:49:37 GMT                              "
                                    "                                                    ",
                                    &when));
}

enum { CLIENTS = 4, ROUNDS = 25 };

static enum hf_status ask_often(void *arg, size_t index, struct hf_error *err)
{
    struct hf_peer *peer = arg;
    HF_AUTO_PTR(hf_http) http = NULL;
    (void)index;
    HF_TRY(hf_http_new(&(struct hf_http_options){.proxy = ""}, &http, err));
    for (int i = 0; i < ROUNDS; i++) {
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        struct hf_http_request request = {
            .method = "GET", .url = hf_peer_url(peer), .out = &out, .out_max = 100};
        struct hf_http_response response;
        HF_TRY(hf_http_perform(http, &request, &response, err));
    }
    return HF_OK;
}

static void perform_by_many_threads_keeps_a_connection_each(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_peer_answer answer;
    struct hf_peer *peer = one_answer(&answer, OK_HELLO, HF_PEER_KEEP);
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(CLIENTS, ask_often, NULL, peer, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(hf_peer_requests(peer), CLIENTS * ROUNDS);
    assert_int_equal(hf_peer_connections(peer), CLIENTS);
    hf_peer_stop(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perform_get_returns_status_headers_and_body),
        cmocka_unit_test(perform_methods_send_what_they_should),
        cmocka_unit_test(perform_answer_in_pieces_is_not_waited_for),
        cmocka_unit_test(perform_keeps_path_and_query_as_they_are),
        cmocka_unit_test(perform_error_answer_is_kept_apart_from_the_body),
        cmocka_unit_test(perform_redirect_is_not_followed),
        cmocka_unit_test(perform_body_beyond_the_bound_is_damaged),
        cmocka_unit_test(perform_broken_answers_are_errors),
        cmocka_unit_test(perform_too_many_headers_is_refused),
        cmocka_unit_test(perform_sink_error_is_the_result),
        cmocka_unit_test(perform_goes_on_after_a_failure),
        cmocka_unit_test(perform_kept_connection_closed_meanwhile_is_made_anew),
        cmocka_unit_test(perform_nobody_there_is_unreachable),
        cmocka_unit_test(perform_refuses_what_it_must_not_do),
        cmocka_unit_test(perform_without_the_ca_file_is_a_configuration_error),
        cmocka_unit_test(perform_through_a_unix_socket_works),
        cmocka_unit_test(perform_cancelled_ends_at_once),
        cmocka_unit_test(perform_paces_what_goes_and_comes),
        cmocka_unit_test(escape_leaves_the_unreserved_alone),
        cmocka_unit_test(parse_date_takes_dates_only),
        cmocka_unit_test(perform_by_many_threads_keeps_a_connection_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
