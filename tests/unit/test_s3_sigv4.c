#include "base/clock.h"
#include "storage/s3/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct hf_secret *secret(const char *text)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_secret *out;
    assert_ok(hf_crypto_init(&err), &err);
    assert_ok(hf_secret_new(text, strlen(text), &out, &err), &err);
    return out;
}

static void assert_authorizes(const struct hf_sigv4_request *request, const char *id,
                              const char *key, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_s3_credentials) credentials = {.access_key = secret(id), .secret_key = secret(key)};
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_sigv4_authorize(request, &credentials, &out, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, expected);
}

/* The examples of the S3 documentation: same keys, bucket and moment. */
static void assert_s3_example(const char *method, const char *path, const char *query,
                              const struct hf_sigv4_pair *more, size_t more_count,
                              const char *payload, const char *names, const char *signature)
{
    struct hf_sigv4_pair headers[8] = {
        {"x-amz-date", "20130524T000000Z"},
        {"x-amz-content-sha256", payload},
        {"host", "examplebucket.s3.amazonaws.com"},
    };
    for (size_t i = 0; i < more_count; i++)
        headers[3 + i] = more[i];
    struct hf_sigv4_request request = {.method = method,
                                       .path = path,
                                       .query = query,
                                       .headers = headers,
                                       .header_count = 3 + more_count,
                                       .payload = payload,
                                       .time = "20130524T000000Z",
                                       .region = "us-east-1",
                                       .service = "s3"};
    char expected[512];
    (void)snprintf(expected, sizeof expected,
                   "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                   "aws4_request,SignedHeaders=%s,Signature=%s",
                   names, signature);
    assert_authorizes(&request, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                      expected);
}

static void authorize_get_with_range_as_documented(void **state)
{
    (void)state;
    const struct hf_sigv4_pair more[] = {{"range", "bytes=0-9"}};
    assert_s3_example("GET", "/test.txt", "", more, 1, NOTHING,
                      "host;range;x-amz-content-sha256;x-amz-date",
                      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void authorize_put_as_documented(void **state)
{
    (void)state;
    const struct hf_sigv4_pair more[] = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                         {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    assert_s3_example("PUT", "/test%24file.text", "", more, 2,
                      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void authorize_parameter_without_value_as_documented(void **state)
{
    (void)state;
    assert_s3_example("GET", "/", "lifecycle=", NULL, 0, NOTHING,
                      "host;x-amz-content-sha256;x-amz-date",
                      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void authorize_listing_as_documented(void **state)
{
    (void)state;
    assert_s3_example("GET", "/", "max-keys=2&prefix=J", NULL, 0, NOTHING,
                      "host;x-amz-content-sha256;x-amz-date",
                      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

/* get-vanilla of AWS's Signature Version 4 test suite. */
static void authorize_other_service_as_in_the_test_suite(void **state)
{
    (void)state;
    const struct hf_sigv4_pair headers[] = {{"host", "example.amazonaws.com"},
                                            {"x-amz-date", "20150830T123600Z"}};
    struct hf_sigv4_request request = {.method = "GET",
                                       .path = "/",
                                       .query = "",
                                       .headers = headers,
                                       .header_count = 2,
                                       .payload = NOTHING,
                                       .time = "20150830T123600Z",
                                       .region = "us-east-1",
                                       .service = "service"};
    assert_authorizes(&request, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                      "aws4_request,SignedHeaders=host;x-amz-date,Signature="
                      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

static void query_is_sorted_and_escaped(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_sigv4_pair parameters[] = {
        {"prefix", "a/b c+d&e=f"}, {"uploads", ""}, {"list-type", "2"}, {"delimiter", "/"}};
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_sigv4_query(parameters, COUNT(parameters), &out, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, "delimiter=%2F&list-type=2&prefix=a%2Fb%20c%2Bd%26e%3Df&uploads=");
}

static void time_is_the_compact_form(void **state)
{
    (void)state;
    char text[HF_SIGV4_TIME];
    hf_sigv4_time(text, INT64_C(1369353600) * HF_NS_PER_S + 999);
    assert_string_equal(text, "20130524T000000Z");
}

static void authorize_too_much_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_s3_credentials)
    credentials = {.access_key = secret("id"), .secret_key = secret("key")};
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    char region[300];
    memset(region, 'r', sizeof region);
    region[sizeof region - 1] = '\0';
    struct hf_sigv4_request request = {.method = "GET",
                                       .path = "/",
                                       .query = "",
                                       .payload = NOTHING,
                                       .time = "20150830T123600Z",
                                       .region = region,
                                       .service = "s3"};
    assert_fails(hf_sigv4_authorize(&request, &credentials, &out, &err), HF_CONFIG, &err);
    request.region = "r";
    request.header_count = HF_SIGV4_HEADERS_MAX + 1;
    assert_fails(hf_sigv4_authorize(&request, &credentials, &out, &err), HF_FAILED, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorize_get_with_range_as_documented),
        cmocka_unit_test(authorize_put_as_documented),
        cmocka_unit_test(authorize_parameter_without_value_as_documented),
        cmocka_unit_test(authorize_listing_as_documented),
        cmocka_unit_test(authorize_other_service_as_in_the_test_suite),
        cmocka_unit_test(query_is_sorted_and_escaped),
        cmocka_unit_test(time_is_the_compact_form),
        cmocka_unit_test(authorize_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
