#include "storage/s3/endpoint.h"
#include "storage/s3/fault.h"
#include "storage/s3/listing.h"
#include "storage/s3/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void assert_addresses(const struct hf_s3_config *config, const char *host, const char *path,
                             const char *region, const char *name)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_s3_endpoint endpoint;
    char actual[HF_S3_HOST];
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    HF_AUTO_FREE char *said = NULL;
    const char *text;
    assert_ok(hf_s3_endpoint_init(&endpoint, config, &err), &err);
    hf_s3_endpoint_host(&endpoint, actual);
    assert_string_equal(actual, host);
    assert_ok(hf_s3_endpoint_path(&endpoint, "packs/a", &out, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, path);
    assert_string_equal(endpoint.region, region);
    assert_ok(hf_s3_endpoint_name(&endpoint, &said, &err), &err);
    assert_string_equal(said, name);
    hf_s3_endpoint_done(&endpoint);
}

static void endpoint_is_addressed_by_style(void **state)
{
    (void)state;
    assert_addresses(&(struct hf_s3_config){.bucket = "b", .region = "eu-central-1"},
                     "b.s3.eu-central-1.amazonaws.com", "/packs/a", "eu-central-1",
                     "bucket b at https://s3.eu-central-1.amazonaws.com");
    assert_addresses(&(struct hf_s3_config){.bucket = "b.c",
                                            .endpoint = "https://s3.us-west-2.amazonaws.com:443/"},
                     "s3.us-west-2.amazonaws.com", "/b.c/packs/a", "us-west-2",
                     "bucket b.c at https://s3.us-west-2.amazonaws.com");
    assert_addresses(&(struct hf_s3_config){.bucket = "b",
                                            .endpoint = "http://localhost:9000",
                                            .prefix = "/x y//z/"},
                     "localhost:9000", "/b/x%20y/z/packs/a", "us-east-1",
                     "bucket b/x y/z at http://localhost:9000");
    assert_addresses(&(struct hf_s3_config){.bucket = "b",
                                            .endpoint = "minio.example",
                                            .style = HF_S3_STYLE_VIRTUAL,
                                            .prefix = "p"},
                     "b.minio.example", "/p/packs/a", "us-east-1",
                     "bucket b/p at https://minio.example");
    assert_addresses(&(struct hf_s3_config){.bucket = "b", .endpoint = "http://[::1]:80"}, "[::1]",
                     "/b/packs/a", "us-east-1", "bucket b at http://[::1]");
}

static void endpoint_that_cannot_be_is_refused(void **state)
{
    (void)state;
    const struct {
        struct hf_s3_config config;
        const char *text;
    } cases[] = {
        {{.bucket = "b", .endpoint = "ftp://x"}, "neither http nor https"},
        {{.bucket = "b", .endpoint = "https://"}, "no host"},
        {{.bucket = "b", .endpoint = "https://u:hunter2@x"}, "user or password"},
        {{.bucket = "b", .endpoint = "https://x/path"}, "has a path"},
        {{.bucket = "b", .endpoint = "https://x\r\ny"}, "characters"},
        {{.bucket = "b/c", .endpoint = "https://x"}, "name of an S3 bucket"},
        {{.bucket = "", .endpoint = "https://x"}, "name of an S3 bucket"},
        {{.bucket = "..", .endpoint = "https://x"}, "name of an S3 bucket"},
        {{.endpoint = "https://x"}, "name of an S3 bucket"},
        {{.bucket = "b", .prefix = "a/../b"}, "prefix"},
        {{.bucket = "b", .prefix = "a\nb"}, "prefix"},
        {{.bucket = "b", .region = "a/b"}, "region"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_s3_endpoint endpoint;
        assert_fails(hf_s3_endpoint_init(&endpoint, &cases[i].config, &err), HF_CONFIG, &err);
        assert_contains(err.text, cases[i].text);
        assert_null(strstr(err.text, "hunter2"));
    }
}

static void move_takes_the_host_along_at_aws_only(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_s3_endpoint endpoint;
    char host[HF_S3_HOST];
    assert_ok(hf_s3_endpoint_init(&endpoint, &(struct hf_s3_config){.bucket = "b"}, &err), &err);
    assert_true(hf_s3_endpoint_move(&endpoint, "eu-west-1"));
    assert_false(hf_s3_endpoint_move(&endpoint, "eu-west-1"));
    assert_false(hf_s3_endpoint_move(&endpoint, ""));
    assert_false(hf_s3_endpoint_move(&endpoint, "evil.example/"));
    hf_s3_endpoint_host(&endpoint, host);
    assert_string_equal(host, "b.s3.eu-west-1.amazonaws.com");
    hf_s3_endpoint_done(&endpoint);
    struct hf_s3_config other = {.bucket = "b", .endpoint = "https://x.example"};
    assert_ok(hf_s3_endpoint_init(&endpoint, &other, &err), &err);
    assert_true(hf_s3_endpoint_move(&endpoint, "eu-west-1"));
    hf_s3_endpoint_host(&endpoint, host);
    assert_string_equal(host, "x.example");
    hf_s3_endpoint_done(&endpoint);
}

static void fault_read_takes_error_documents_only(void **state)
{
    (void)state;
    struct hf_s3_fault fault = {.http = 403};
    const char *text = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>No\n"
                       "way</Message><RequestId>R1</RequestId><Region>eu</Region></Error>";
    assert_true(hf_s3_fault_read(&fault, text, strlen(text)));
    assert_string_equal(fault.code, "AccessDenied");
    assert_string_equal(fault.message, "No way");
    assert_string_equal(fault.region, "eu");
    assert_string_equal(fault.request_id, "R1");
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_s3_fault_error(&fault, "cannot write a", &err), HF_DENIED);
    assert_contains(err.text, "cannot write a: AccessDenied: No way (request R1); check that");
    const char *sts = "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error>"
                      "<RequestId>R2</RequestId></ErrorResponse>";
    assert_true(hf_s3_fault_read(&fault, sts, strlen(sts)));
    assert_string_equal(fault.code, "InvalidClientTokenId");
    const char *const none[] = {"", "<html>no</html>", "<ListBucketResult/>", "<Error/>",
                                "<Error>"};
    for (size_t i = 0; i < COUNT(none); i++) {
        fault = (struct hf_s3_fault){.http = 502};
        assert_false(hf_s3_fault_read(&fault, none[i], strlen(none[i])));
        assert_string_equal(fault.code, "");
    }
}

static void page_read_unescapes_keys(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_s3_page) page = HF_S3_PAGE_INIT;
    const char *text =
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a%2Fb+c%25%c3%a9%2B</"
        "Key><Size>7</Size>"
        "<LastModified>2026-11-25T07:52:00Z</LastModified></Contents></ListBucketResult>";
    assert_ok(hf_s3_page_read(&page, text, strlen(text), &err), &err);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.objects[0].key, "a/b c%\xc3\xa9+");
    assert_false(page.truncated);
}

static void page_read_refuses_what_cannot_be(void **state)
{
    (void)state;
    const char *const bad[] = {
        "<Other/>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><Contents><Key>a%0</Key><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a%00b</Key><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><LastModified>then</LastModified></Contents>"
        "</ListBucketResult>",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_s3_page) page = HF_S3_PAGE_INIT;
        if (hf_s3_page_read(&page, bad[i], strlen(bad[i]), &err) != HF_DAMAGED)
            fail_msg("case %zu", i);
    }
}

static void time_parse_takes_fractions(void **state)
{
    (void)state;
    int64_t when = 0;
    assert_true(hf_s3_time_parse("1970-01-01T00:00:01.250Z", &when));
    assert_int_equal(when, HF_NS_PER_S + HF_NS_PER_S / 4);
    assert_true(hf_s3_time_parse("1970-01-01T00:00:01Z", &when));
    assert_true(hf_s3_time_parse("1970-01-01T00:00:01.99999999999999999999Z", &when));
    assert_false(hf_s3_time_parse("1970-01-01", &when));
    assert_false(hf_s3_time_parse("1970-01-01T00:00:01+02:00", &when));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoint_is_addressed_by_style),
        cmocka_unit_test(endpoint_that_cannot_be_is_refused),
        cmocka_unit_test(move_takes_the_host_along_at_aws_only),
        cmocka_unit_test(fault_read_takes_error_documents_only),
        cmocka_unit_test(page_read_unescapes_keys),
        cmocka_unit_test(page_read_refuses_what_cannot_be),
        cmocka_unit_test(time_parse_takes_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
