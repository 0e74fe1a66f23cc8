#include "base/pool.h"
#include "base/text.h"
#include "storage/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/http_peer.h"
#include "tests/support/s3_fixture.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define SCRIPT(...)                                                                                \
    const struct hf_peer_answer answers[] = {__VA_ARGS__};                                         \
    struct hf_peer *peer = hf_peer_script(answers, COUNT(answers));                                \
    struct hf_error err = HF_ERROR_INIT;                                                           \
    struct hf_store *store = s3_open(peer)

static void end(struct hf_store *store, struct hf_peer *peer)
{
    hf_store_close(store);
    hf_peer_stop(peer);
}

static void put_sends_signed_object(void **state)
{
    (void)state;
    SCRIPT({.bytes = S3_OK});
    assert_ok(hf_store_put(store, "keys/a", "data", 4, HF_PUT_REPLACE, &err), &err);
    const char *sent = hf_peer_request(peer, 0, NULL);
    assert_contains(sent, "PUT /bucket/pre/keys/a HTTP/1.1\r\n");
    assert_contains(sent, "x-amz-content-sha256: "
                          "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7\r\n");
    assert_contains(sent, "/us-east-1/s3/aws4_request,SignedHeaders=content-type;host;"
                          "x-amz-content-sha256;x-amz-date,Signature=");
    assert_null(strstr(sent, "if-none-match"));
    assert_null(strstr(sent, "x-amz-checksum"));
    assert_null(strstr(sent, "content-md5"));
    assert_string_equal(strstr(sent, "\r\n\r\n") + 4, "data");
    end(store, peer);
}

static void put_create_asks_for_nothing_to_be_there(void **state)
{
    (void)state;
    SCRIPT({.bytes = S3_OK}, {.bytes = "HTTP/1.1 412 Precondition Failed\r\n" S3_EMPTY});
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_CREATE, &err), &err);
    assert_contains(hf_peer_request(peer, 0, NULL), "if-none-match: *\r\n");
    assert_fails(hf_store_put(store, "a", "data", 4, HF_PUT_CREATE, &err), HF_EXISTS, &err);
    assert_contains(err.text, "a exists already");
    assert_int_equal(hf_peer_requests(peer), 2);
    end(store, peer);
}

/* A first try that broke off may have worked: then what is there is ours. */
static void put_create_taken_by_a_lost_try_of_our_own_is_done(void **state)
{
    (void)state;
    SCRIPT({.then = HF_PEER_RESET}, {.bytes = "HTTP/1.1 412 Precondition Failed\r\n" S3_EMPTY},
           {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndata"});
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_CREATE, &err), &err);
    assert_int_equal(hf_peer_requests(peer), 3);
    end(store, peer);
}

static void put_create_taken_by_another_after_a_lost_try_exists(void **state)
{
    (void)state;
    const char *const others[] = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndate",
                                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ndatas",
                                  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndat"};
    for (size_t i = 0; i < COUNT(others); i++) {
        SCRIPT({.bytes = S3_SLOW_DOWN}, {.bytes = "HTTP/1.1 412 Precondition Failed\r\n" S3_EMPTY},
               {.bytes = others[i]});
        assert_fails(hf_store_put(store, "a", "data", 4, HF_PUT_CREATE, &err), HF_EXISTS, &err);
        end(store, peer);
    }
}

static void put_create_where_it_is_unknown_looks_first(void **state)
{
    (void)state;
    SCRIPT({.bytes = S3_NOT_IMPLEMENTED}, {.bytes = "HTTP/1.1 404 Not Found\r\n" S3_EMPTY},
           {.bytes = S3_OK}, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"});
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_CREATE, &err), &err);
    assert_contains(hf_peer_request(peer, 1, NULL), "HEAD /bucket/pre/a ");
    assert_null(strstr(hf_peer_request(peer, 2, NULL), "if-none-match"));
    /* Known from then on. */
    assert_fails(hf_store_put(store, "a", "data", 4, HF_PUT_CREATE, &err), HF_EXISTS, &err);
    assert_contains(hf_peer_request(peer, 3, NULL), "HEAD /bucket/pre/a ");
    assert_int_equal(hf_peer_requests(peer), 4);
    end(store, peer);
}

static void put_is_tried_again_after_what_can_pass(void **state)
{
    (void)state;
    SCRIPT({.bytes = S3_SLOW_DOWN}, {.bytes = S3_SLOW_DOWN}, {.then = HF_PEER_RESET},
           {.bytes = "HTTP/1.1 500 Oops\r\n" S3_EMPTY}, {.then = HF_PEER_HANG},
           {.bytes = "HTTP/1.1 429 Too Many\r\n" S3_EMPTY}, {.then = HF_PEER_CLOSE},
           {.bytes = "HTTP/1.1 408 Late\r\nConnection: close\r\n" S3_EMPTY},
           {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n"
                     "<Error><Code>InternalError</Code></Error>"},
           {.bytes = S3_OK});
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_REPLACE, &err), &err);
    for (size_t i = 0; i < hf_peer_requests(peer); i++)
        assert_string_equal(strstr(hf_peer_request(peer, i, NULL), "\r\n\r\n") + 4, "data");
    end(store, peer);
}

static void put_what_cannot_pass_is_tried_once(void **state)
{
    (void)state;
    const struct {
        const char *http;
        const char *code;
        enum hf_status status;
        const char *text;
    } cases[] = {
        {"403 Forbidden", "AccessDenied", HF_DENIED, "may do that to this bucket"},
        {"403 Forbidden", "SignatureDoesNotMatch", HF_DENIED, "the secret key is not that"},
        {"403 Forbidden", "InvalidAccessKeyId", HF_DENIED, "does not know the access key"},
        {"404 Not Found", "NoSuchBucket", HF_MISSING, "no such bucket"},
        {"400 Bad Request", "InvalidStorageClass", HF_CONFIG, "storage class"},
        {"507 Insufficient Storage", "XMinioStorageFull", HF_NO_SPACE, "full"},
        {"418 Teapot", "Cof\nfee", HF_FAILED, "Cof fee: m"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char bytes[256];
        char body[128];
        (void)snprintf(body, sizeof body, "<Error><Code>%s</Code><Message>m</Message></Error>",
                       cases[i].code);
        (void)snprintf(bytes, sizeof bytes, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
                       cases[i].http, strlen(body), body);
        SCRIPT({.bytes = bytes});
        assert_fails(hf_store_put(store, "packs/a", "data", 4, HF_PUT_REPLACE, &err),
                     cases[i].status, &err);
        assert_contains(err.text, "bucket bucket/pre at http://127.0.0.1:");
        assert_contains(err.text, "cannot write packs/a: ");
        assert_contains(err.text, cases[i].text);
        assert_int_equal(hf_peer_requests(peer), 1);
        end(store, peer);
    }
}

static void put_gives_up_when_the_budget_is_spent(void **state)
{
    (void)state;
    const struct hf_peer_answer answers[] = {{.bytes = S3_SLOW_DOWN}};
    struct hf_peer *peer = hf_peer_script(answers, 1);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_s3_config config = {.retry = {.base = S3_MS, .cap = 5 * S3_MS, .budget = 50 * S3_MS}};
    struct hf_store *store = s3_open_with(peer, config, NULL);
    assert_fails(hf_store_put(store, "a", "data", 4, HF_PUT_REPLACE, &err), HF_UNREACHABLE, &err);
    assert_contains(err.text, "SlowDown");
    assert_contains(err.text, "given up after ");
    assert_true(hf_peer_requests(peer) > 1);
    end(store, peer);
}

static void get_resumes_where_it_broke_off(void **state)
{
    (void)state;
    SCRIPT({.bytes = "HTTP/1.1 206 Partial\r\nContent-Length: 8\r\nETag: \"e\"\r\n"
                     "Content-Range: bytes 10-17/100\r\n\r\nabc",
            .then = HF_PEER_CLOSE},
           {.bytes = "HTTP/1.1 206 Partial\r\nContent-Length: 2\r\n"
                     "Content-Range: bytes 13-17/100\r\n\r\nde"},
           {.bytes = "HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n"
                     "Content-Range: bytes 15-17/100\r\n\r\nfgh"});
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_ok(hf_buf_append_str(&out, "before ", &err), &err);
    assert_ok(hf_store_get(store, "a", 10, 8, &out, &err), &err);
    assert_int_equal(out.len, 15);
    assert_memory_equal(out.data, "before abcdefgh", 15);
    assert_contains(hf_peer_request(peer, 0, NULL), "range: bytes=10-17\r\n");
    assert_contains(hf_peer_request(peer, 1, NULL), "range: bytes=13-17\r\n");
    assert_contains(hf_peer_request(peer, 1, NULL), "if-match: \"e\"\r\n");
    assert_contains(hf_peer_request(peer, 2, NULL), "range: bytes=15-17\r\n");
    end(store, peer);
}

static void get_object_replaced_meanwhile_begins_anew(void **state)
{
    (void)state;
    SCRIPT({.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nETag: \"e\"\r\n\r\nabc",
            .then = HF_PEER_CLOSE},
           {.bytes = "HTTP/1.1 412 Precondition Failed\r\n" S3_EMPTY},
           {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"f\"\r\n\r\nNEW!"});
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_ok(hf_store_get_all(store, "a", 100, &out, &err), &err);
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.data, "NEW!", 4);
    assert_contains(hf_peer_request(peer, 2, NULL), "range: bytes=0-\r\n");
    assert_null(strstr(hf_peer_request(peer, 2, NULL), "if-match:"));
    end(store, peer);
}

static void get_wrong_answers_are_no_data(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        enum hf_status status;
        const char *text;
    } cases[] = {
        {"HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 1-4/9\r\n\r\nabcd",
         HF_UNSUPPORTED, "other bytes than the range"},
        {"HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 2-5/banana\r\n\r\nabcd",
         HF_UNSUPPORTED, "other bytes than the range"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n012345678", HF_UNSUPPORTED,
         "other bytes than the range"},
        {"HTTP/1.1 206 P\r\nContent-Length: 3\r\nContent-Range: bytes 2-4/5\r\n\r\nabc", HF_DAMAGED,
         "truncated: it has 5 bytes"},
        {"HTTP/1.1 206 P\r\nContent-Length: 5\r\nContent-Range: bytes 2-5/9\r\n\r\nabcde",
         HF_UNSUPPORTED, "other bytes than the range"},
        {"HTTP/1.1 416 R\r\nContent-Range: bytes */1\r\n" S3_EMPTY, HF_DAMAGED,
         "truncated: it has 1 bytes"},
        {S3_NO_SUCH_KEY, HF_NOT_FOUND, "a is not there"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SCRIPT({.bytes = cases[i].bytes});
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        enum hf_status status = hf_store_get(store, "a", 2, 4, &out, &err);
        if (status != cases[i].status)
            fail_msg("case %zu: %s", i, err.text);
        assert_contains(err.text, cases[i].text);
        assert_int_equal(out.len, 0);
        end(store, peer);
    }
}

static void get_all_beyond_the_bound_is_damaged(void **state)
{
    (void)state;
    SCRIPT({.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
           {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\nhello\r\n0\r\n\r\n"});
    for (int i = 0; i < 2; i++) {
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        assert_fails(hf_store_get_all(store, "a", 4, &out, &err), HF_DAMAGED, &err);
        assert_int_equal(out.len, 0);
    }
    end(store, peer);
}

static void stat_reads_the_headers(void **state)
{
    (void)state;
    SCRIPT({.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 12345678901\r\n"
                     "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"},
           {.bytes = "HTTP/1.1 404 Not Found\r\n" S3_EMPTY});
    struct hf_store_stat stat;
    assert_ok(hf_store_stat(store, "a", &stat, &err), &err);
    assert_int_equal(stat.size, UINT64_C(12345678901));
    assert_int_equal(stat.mtime, INT64_C(784111777) * HF_NS_PER_S);
    assert_fails(hf_store_stat(store, "a", &stat, &err), HF_NOT_FOUND, &err);
    end(store, peer);
}

#define OBJECT(key, size)                                                                          \
    "<Contents><Key>" key "</Key><LastModified>2026-11-25T07:52:00.500Z</LastModified><Size>" size \
    "</Size></Contents>"
#define PAGE_END "</ListBucketResult>"
#define CLOSED(xml) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" xml

static enum hf_status collect(void *ctx, const char *key, const struct hf_store_stat *stat,
                              struct hf_error *err)
{
    return hf_buf_printf(ctx, err, "%s %llu %lld;", key, (unsigned long long)stat->size,
                         (long long)(stat->mtime / 100000000 % 600));
}

static void list_goes_from_page_to_page(void **state)
{
    (void)state;
    SCRIPT({.bytes = CLOSED("<ListBucketResult><IsTruncated>true</IsTruncated>"
                            "<NextContinuationToken>to+ken</NextContinuationToken>" OBJECT(
                                "pre/packs%2Fa", "1") OBJECT("pre/packs/b%20c", "5") PAGE_END),
            .then = HF_PEER_CLOSE},
           {.bytes = CLOSED("<ListBucketResult><IsTruncated>true</IsTrunc"),
            .then = HF_PEER_CLOSE}, /* garbage: asked again */
           {.bytes = CLOSED("<ListBucketResult><IsTruncated>false</IsTruncated>" OBJECT(
                "pre/packs/d", "22") PAGE_END),
            .then = HF_PEER_CLOSE});
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_store_list(store, "packs/", collect, &out, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, "packs/a 1 5;packs/d 22 5;");
    assert_contains(hf_peer_request(peer, 0, NULL),
                    "GET /bucket?encoding-type=url&list-type=2&prefix=pre%2Fpacks%2F HTTP/1.1");
    assert_contains(hf_peer_request(peer, 2, NULL), "continuation-token=to%2Bken&");
    assert_int_equal(hf_peer_requests(peer), 3);
    end(store, peer);
}

static void list_that_cannot_be_right_is_damaged(void **state)
{
    (void)state;
    const char *const bad[] = {
        /* The same page for ever. */
        CLOSED("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t"
               "</NextContinuationToken>" OBJECT("pre/a", "1") PAGE_END),
        CLOSED("<ListBucketResult>" OBJECT("pre/b", "1") OBJECT("pre/a", "1") PAGE_END),
        CLOSED("<ListBucketResult>" OBJECT("other", "1") PAGE_END),
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        SCRIPT({.bytes = bad[i], .then = HF_PEER_CLOSE});
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        assert_fails(hf_store_list(store, "", collect, &out, &err), HF_DAMAGED, &err);
        end(store, peer);
    }
}

static void delete_absent_object_is_no_error(void **state)
{
    (void)state;
    SCRIPT({.bytes = "HTTP/1.1 204 No Content\r\n\r\n"}, {.bytes = S3_NO_SUCH_KEY});
    assert_ok(hf_store_delete(store, "a", &err), &err);
    assert_ok(hf_store_delete(store, "a", &err), &err);
    end(store, peer);
}

static void request_too_skewed_is_signed_by_the_servers_clock(void **state)
{
    (void)state;
    const char *body = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    char bytes[256];
    (void)snprintf(bytes, sizeof bytes,
                   "HTTP/1.1 403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    SCRIPT({.bytes = bytes}, {.bytes = S3_OK}, {.bytes = S3_OK});
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_REPLACE, &err), &err);
    assert_contains(hf_peer_request(peer, 1, NULL), "x-amz-date: 19941106T0849");
    assert_ok(hf_store_put(store, "b", "data", 4, HF_PUT_REPLACE, &err), &err);
    assert_contains(hf_peer_request(peer, 2, NULL), "x-amz-date: 19941106T08");
    end(store, peer);
}

static void request_elsewhere_follows_the_region(void **state)
{
    (void)state;
    SCRIPT({.bytes = "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\n" S3_EMPTY},
           {.bytes = S3_OK},
           {.bytes = "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\n" S3_EMPTY});
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_REPLACE, &err), &err);
    assert_contains(hf_peer_request(peer, 0, NULL), "/us-east-1/s3/");
    assert_contains(hf_peer_request(peer, 1, NULL), "/eu-west-3/s3/");
    /* It says so again where we are: no use in going on. */
    assert_fails(hf_store_put(store, "a", "data", 4, HF_PUT_REPLACE, &err), HF_CONFIG, &err);
    assert_contains(err.text, "region");
    assert_int_equal(hf_peer_requests(peer), 3);
    end(store, peer);
}

static enum hf_status next_keys(void *ctx, struct hf_s3_credentials *out, struct hf_error *err)
{
    char id[16];
    (void)snprintf(id, sizeof id, "KEY%d", ++*(int *)ctx);
    HF_TRY(hf_secret_new(id, strlen(id), &out->access_key, err));
    HF_TRY(hf_secret_new("tok", 3, &out->session_token, err));
    return hf_secret_new("secret", 6, &out->secret_key, err);
}

static void request_with_expired_token_fetches_another(void **state)
{
    (void)state;
    const struct hf_peer_answer answers[] = {{.bytes =
                                                  "HTTP/1.1 400 Bad\r\nContent-Length: 40\r\n\r\n"
                                                  "<Error><Code>ExpiredToken</Code></Error>"},
                                             {.bytes = S3_OK}};
    struct hf_peer *peer = hf_peer_script(answers, 2);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_s3_provider *provider;
    int fetched = 0;
    const struct hf_s3_source source = {.ctx = &fetched, .fetch = next_keys};
    assert_ok(hf_crypto_init(&err), &err);
    assert_ok(hf_s3_provider_new(&source, &provider, &err), &err);
    struct hf_store *store = s3_open_with(peer, (struct hf_s3_config){.prefix = ""}, provider);
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_REPLACE, &err), &err);
    assert_contains(hf_peer_request(peer, 0, NULL), "Credential=KEY1/");
    assert_contains(hf_peer_request(peer, 1, NULL), "Credential=KEY2/");
    assert_contains(hf_peer_request(peer, 1, NULL), "x-amz-security-token: tok\r\n");
    end(store, peer);
}

static void count_as_get(void *ctx, size_t index, const char *request, size_t len,
                         struct hf_peer_answer *answer)
{
    const struct hf_buf *object = ctx;
    (void)index;
    (void)len;
    *answer = (struct hf_peer_answer){.bytes = S3_OK};
    if (strncmp(request, "GET ", 4) == 0)
        *answer = (struct hf_peer_answer){.bytes = (const char *)object->data, .len = object->len};
}

/* Both ways, and one way does not wait for the other. */
static void transfers_keep_to_the_limit(void **state)
{
    (void)state;
    enum { LEN = 600000, RATE = 2000000 };
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    HF_AUTO_FREE char *data = calloc(1, LEN);
    assert_non_null(data);
    assert_ok(hf_buf_printf(&object, &err,
                            "HTTP/1.1 206 P\r\nContent-Range: bytes 0-%d/%d\r\n"
                            "Content-Length: %d\r\n\r\n",
                            LEN - 1, LEN, LEN),
              &err);
    assert_ok(hf_buf_append(&object, data, LEN, &err), &err);
    struct hf_peer *peer = hf_peer_start(count_as_get, &object, NULL);
    struct hf_store *store = s3_open_with(peer, (struct hf_s3_config){.limit = RATE}, NULL);
    int64_t least = LEN * HF_NS_PER_S / RATE - HF_NS_PER_S / 10;
    int64_t begin = hf_clock_monotonic();
    assert_ok(hf_store_put(store, "a", data, LEN, HF_PUT_REPLACE, &err), &err);
    int64_t middle = hf_clock_monotonic();
    assert_ok(hf_store_get(store, "a", 0, LEN, &out, &err), &err);
    assert_int_equal(out.len, LEN);
    assert_true(middle - begin >= least);
    assert_true(hf_clock_monotonic() - middle >= least);
    end(store, peer);
}

enum { THREADS = 6, ROUNDS = 10 };

static enum hf_status put_often(void *arg, size_t index, struct hf_error *err)
{
    for (int i = 0; i < ROUNDS; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "k/%zu-%d", index, i);
        HF_TRY(hf_store_put(arg, key, "data", 4, HF_PUT_CREATE, err));
    }
    return HF_OK;
}

static void put_by_many_threads_shares_few_connections(void **state)
{
    (void)state;
    const struct hf_peer_answer answers[] = {{.bytes = S3_OK}};
    struct hf_peer *peer = hf_peer_script(answers, 1);
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = s3_open_with(peer, (struct hf_s3_config){.connections = 2}, NULL);
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(THREADS, put_often, NULL, store, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_int_equal(hf_peer_requests(peer), THREADS * ROUNDS);
    assert_true(hf_peer_connections(peer) <= 2);
    end(store, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_sends_signed_object),
        cmocka_unit_test(put_create_asks_for_nothing_to_be_there),
        cmocka_unit_test(put_create_taken_by_a_lost_try_of_our_own_is_done),
        cmocka_unit_test(put_create_taken_by_another_after_a_lost_try_exists),
        cmocka_unit_test(put_create_where_it_is_unknown_looks_first),
        cmocka_unit_test(put_is_tried_again_after_what_can_pass),
        cmocka_unit_test(put_what_cannot_pass_is_tried_once),
        cmocka_unit_test(put_gives_up_when_the_budget_is_spent),
        cmocka_unit_test(get_resumes_where_it_broke_off),
        cmocka_unit_test(get_object_replaced_meanwhile_begins_anew),
        cmocka_unit_test(get_wrong_answers_are_no_data),
        cmocka_unit_test(get_all_beyond_the_bound_is_damaged),
        cmocka_unit_test(stat_reads_the_headers),
        cmocka_unit_test(list_goes_from_page_to_page),
        cmocka_unit_test(list_that_cannot_be_right_is_damaged),
        cmocka_unit_test(delete_absent_object_is_no_error),
        cmocka_unit_test(request_too_skewed_is_signed_by_the_servers_clock),
        cmocka_unit_test(request_elsewhere_follows_the_region),
        cmocka_unit_test(request_with_expired_token_fetches_another),
        cmocka_unit_test(transfers_keep_to_the_limit),
        cmocka_unit_test(put_by_many_threads_shares_few_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
