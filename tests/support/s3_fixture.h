/* An S3 store whose server is a scripted peer, with short pauses between tries. */
#ifndef HF_TESTS_S3_FIXTURE_H
#define HF_TESTS_S3_FIXTURE_H

#include "base/clock.h"
#include "storage/s3/s3.h"
#include "tests/support/check.h"
#include "tests/support/http_peer.h"

#define S3_MS (HF_NS_PER_S / 1000)
#define S3_EMPTY "Content-Length: 0\r\n\r\n"
#define S3_OK "HTTP/1.1 200 OK\r\nETag: \"e\"\r\n" S3_EMPTY
#define S3_SLOW_DOWN                                                                               \
    "HTTP/1.1 503 Slow Down\r\nContent-Length: 36\r\n\r\n<Error><Code>SlowDown</Code></Error>"
#define S3_NOT_IMPLEMENTED                                                                         \
    "HTTP/1.1 501 Not Implemented\r\nContent-Length: 42\r\n\r\n"                                   \
    "<Error><Code>NotImplemented</Code></Error>"
#define S3_NO_SUCH_KEY                                                                             \
    "HTTP/1.1 404 Not Found\r\nContent-Length: 37\r\n\r\n<Error><Code>NoSuchKey</Code></Error>"

/* For files where the config matters: fields that are zero get the fixture's. provider NULL: keys
 * AKID and "secret". */
static inline struct hf_store *s3_open_with(struct hf_peer *peer, struct hf_s3_config config,
                                            struct hf_s3_provider *provider)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = NULL;
    assert_ok(hf_crypto_init(&err), &err);
    if (!provider) {
        HF_AUTO_PTR(hf_secret) id = NULL;
        HF_AUTO_PTR(hf_secret) secret = NULL;
        assert_ok(hf_secret_new("AKID", 4, &id, &err), &err);
        assert_ok(hf_secret_new("secret", 6, &secret, &err), &err);
        assert_ok(hf_s3_provider_new_static(id, secret, NULL, &provider, &err), &err);
    }
    if (!config.endpoint)
        config.endpoint = hf_peer_url(peer);
    if (!config.bucket)
        config.bucket = "bucket";
    config.proxy = "";
    if (!config.retry.budget)
        config.retry =
            (struct hf_retry_policy){.base = S3_MS, .cap = 5 * S3_MS, .budget = 20 * HF_NS_PER_S};
    if (!config.stall_s)
        config.stall_s = 1;
    assert_ok(hf_s3_open(&config, provider, &store, &err), &err);
    return store;
}

static inline struct hf_store *s3_open(struct hf_peer *peer)
{
    return s3_open_with(peer, (struct hf_s3_config){.prefix = "pre"}, NULL);
}

#endif
