#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/s3.h"
#include "tests/support/check.h"

static const char *lookup(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "KEY") == 0 ? "hidden" : NULL;
}

static enum hf_status parse(const char *text, struct hf_config **out, struct hf_error *err)
{
    return hf_config_parse("c.yaml", "/etc/hf", text, strlen(text), lookup, NULL, out, err);
}

static int setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

static void parse_every_key_is_read(void **state)
{
    static const char text[] = "repositories:\n"
                               "  offsite:\n"
                               "    passphrase_file: /p\n"
                               "    s3:\n"
                               "      endpoint: https://s3.eu-central-1.amazonaws.com\n"
                               "      region: eu-central-1\n"
                               "      bucket: acme-backups\n"
                               "      prefix: prod/db\n"
                               "      style: path\n"
                               "      access_key_file: id\n"
                               "      secret_key: ${KEY}\n"
                               "      session_token_command: [vault, read, token]\n"
                               "      ca_file: ca.pem\n"
                               "      proxy: none\n"
                               "      connections: 12\n"
                               "      limit: 20MiB/s\n"
                               "      unsigned_payload: true\n"
                               "      checksum: crc32c\n"
                               "      sse: aws:kms\n"
                               "      sse_kms_key_id: arn:key\n"
                               "      storage_class: STANDARD_IA\n"
                               "      tags: {team: db, cost center: '42'}\n"
                               "      lock: {mode: governance, days: 30}\n";
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_config) config = NULL;
    struct hf_s3_config s3;

    (void)state;
    assert_ok(parse(text, &config, &err), &err);
    const struct hf_config_repository *repository = hf_config_repository(config, "offsite");
    assert_null(repository->path);
    assert_string_equal(repository->place,
                        "s3://acme-backups/prod/db?endpoint=https://s3.eu-central-1.amazonaws.com");
    assert_string_equal(repository->s3->access_key.file, "/etc/hf/id");
    assert_string_equal(hf_secret_text(repository->s3->secret_key.text), "hidden");
    assert_int_equal(repository->s3->session_token.command.count, 3);
    assert_string_equal(hf_secret_text(repository->s3->proxy.text), "none");
    hf_config_s3_options(repository->s3, &s3);
    assert_string_equal(s3.endpoint, "https://s3.eu-central-1.amazonaws.com");
    assert_string_equal(s3.region, "eu-central-1");
    assert_string_equal(s3.bucket, "acme-backups");
    assert_string_equal(s3.prefix, "prod/db");
    assert_int_equal(s3.style, HF_S3_STYLE_PATH);
    assert_string_equal(s3.ca_file, "/etc/hf/ca.pem");
    assert_int_equal(s3.connections, 12);
    assert_int_equal(s3.limit, 20 << 20);
    assert_true(s3.unsigned_payload);
    assert_int_equal(s3.checksum, HF_S3_CHECKSUM_CRC32C);
    assert_int_equal(s3.sse, HF_S3_SSE_KMS);
    assert_string_equal(s3.kms_key_id, "arn:key");
    assert_string_equal(s3.storage_class, "STANDARD_IA");
    assert_int_equal(s3.tag_count, 2);
    assert_string_equal(s3.tags[1].key, "cost center");
    assert_string_equal(s3.tags[1].value, "42");
    assert_int_equal(s3.lock, HF_S3_LOCK_GOVERNANCE);
    assert_int_equal(s3.lock_days, 30);
}

static void parse_bucket_alone_is_enough(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_config) config = NULL;
    struct hf_s3_config s3;

    (void)state;
    assert_ok(parse("repositories: {b: {s3: {bucket: acme}}}\n", &config, &err), &err);
    assert_string_equal(config->repositories[0].place, "s3://acme");
    hf_config_s3_options(config->repositories[0].s3, &s3);
    assert_null(s3.endpoint);
    assert_int_equal(s3.sse, HF_S3_SSE_NONE);
    assert_int_equal(s3.checksum, HF_S3_CHECKSUM_AUTO);
}

#define S3(keys) "repositories: {b: {s3: {bucket: acme, " keys "}}}\n"

static void parse_mistakes_are_named_with_their_place(void **state)
{
    static const char *const cases[][2] = {
        {"repositories: {b: {}}\n",
         "c.yaml:1:19: \"path\" or \"s3\" is missing in repository \"b\""},
        {"repositories: {b: {path: /r, s3: {bucket: acme}}}\n",
         "c.yaml:1:19: \"path\" and \"s3\" in repository \"b\" cannot be given together; two "
         "places "
         "are two repositories"},
        {"repositories: {b: {s3: acme}}\n",
         "c.yaml:1:24: there must be a group of keys in repository \"b\", not text"},
        {"repositories: {b: {s3: {region: x}}}\n",
         "c.yaml:1:24: \"bucket\" is missing in repository \"b\""},
        {S3("buckt: x"),
         "c.yaml:1:39: unknown key \"buckt\" in repository \"b\"; did you mean \"bucket\"?"},
        {S3("secret_key_fil: x"),
         "c.yaml:1:39: unknown key \"secret_key_fil\" in repository \"b\"; "
         "did you mean \"secret_key_file\"?"},
        {S3("style: host"), "c.yaml:1:46: \"style\" in repository \"b\" must be one of auto, path, "
                            "virtual, not \"host\""},
        {S3("checksum: [md5]"),
         "c.yaml:1:49: \"checksum\" in repository \"b\" must be one of auto, md5, sha256, crc32c, "
         "none, not a list"},
        {S3("sse: aes256"), "c.yaml:1:44: \"sse\" in repository \"b\" must be one of none, AES256, "
                            "aws:kms, not \"aes256\""},
        {S3("sse: AES256, sse_kms_key_id: k"), "c.yaml:1:52: \"sse_kms_key_id\" in repository "
                                               "\"b\" is of use with \"sse: aws:kms\" only"},
        {S3("access_key: x"),
         "c.yaml:1:39: \"access_key\" in repository \"b\" is given without \"secret_key\""},
        {S3("secret_key_file: x"),
         "c.yaml:1:39: \"secret_key\" in repository \"b\" is given without \"access_key\""},
        {S3("session_token_command: x"),
         "c.yaml:1:39: \"session_token\" in repository \"b\" is given without \"access_key\""},
        {S3("access_key: x, secret_key: y, profile: z"),
         "c.yaml:1:69: \"profile\" and \"access_key\" in repository \"b\" cannot be given "
         "together"},
        {S3("secret_key: x, secret_key_file: y"),
         "c.yaml:1:71: \"secret_key_file\" in repository \"b\": secret_key is given already in "
         "another way"},
        {S3("connections: 0"), "c.yaml:1:52: \"connections\" in repository \"b\" must be a number "
                               "from 1 to 64, not \"0\""},
        {S3("limit: fast"),
         "c.yaml:1:46: \"limit\" in repository \"b\" must be a rate from 1.0 KiB "
         "to 1.0 TiB, such as 20MiB/s, not \"fast\""},
        {S3("limit: 20MiB/h"),
         "c.yaml:1:46: \"limit\" in repository \"b\" must be a rate from 1.0 KiB to 1.0 TiB, such "
         "as 20MiB/s, not \"20MiB/h\""},
        {S3("endpoint: 'http://h', unsigned_payload: true"),
         "c.yaml:1:61: \"unsigned_payload\" in repository \"b\" is for https only: over http "
         "nothing would protect what is sent"},
        {S3("tags: [a]"),
         "c.yaml:1:45: \"tags\" in repository \"b\" must be a group of 1 to 10 keys with their "
         "values"},
        {S3("tags: {a: [b]}"), "c.yaml:1:49: \"a\" in repository \"b\" must be text, not a list"},
        {S3("lock: 30"),
         "c.yaml:1:45: there must be a group of keys in repository \"b\", not text"},
        {S3("lock: {days: 30}"), "c.yaml:1:45: \"mode\" is missing in repository \"b\""},
        {S3("lock: {mode: compliance}"), "c.yaml:1:45: \"days\" is missing in repository \"b\""},
        {S3("lock: {mode: compliance, days: 0}"),
         "c.yaml:1:70: \"days\" in repository \"b\" must be a number from 1 to 36500, not \"0\""},
        {S3("endpoint: 'ftp://h'"), "c.yaml:1:24: the S3 endpoint is neither http nor https"},
        {S3("endpoint: 'https://user:hidden@h'"),
         "c.yaml:1:24: the S3 endpoint has a user or password in it"},
        {S3("region: 'a b'"), "c.yaml:1:24: \"a b\" is not the name of an S3 region"},
        {S3("prefix: a/../b"), "c.yaml:1:24: "},
        {"repositories: {b: {s3: {bucket: 'a/b'}}}\n",
         "c.yaml:1:24: \"a/b\" is not the name of an S3 bucket"},
        {S3("access_key: '${NOWHERE}', secret_key: x"),
         "c.yaml:1:51: \"access_key\" in repository \"b\": the environment has no NOWHERE; set it, "
         "or write ${NOWHERE:-default}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_config *config = NULL;

        assert_fails(parse(cases[i][0], &config, &err), HF_CONFIG, &err);
        if (strncmp(err.text, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("%s\nis     %s\nand not %s", cases[i][0], err.text, cases[i][1]);
        assert_null(strstr(err.text, "hidden"));
    }
}

static void from_url_parts_and_parameters_are_read(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_config_s3) s3 = NULL;
    HF_AUTO_FREE char *place = NULL;

    (void)state;
    assert_ok(hf_config_s3_from_url("s3://acme/a%20b/c?endpoint=http://127.0.0.1:9000&region=x&"
                                    "style=path&profile=p&limit=1MiB%2Fs",
                                    &s3, &err),
              &err);
    assert_string_equal(s3->bucket, "acme");
    assert_string_equal(s3->prefix, "a b/c");
    assert_string_equal(s3->endpoint, "http://127.0.0.1:9000");
    assert_string_equal(s3->region, "x");
    assert_string_equal(s3->profile, "p");
    assert_int_equal(s3->style, HF_S3_STYLE_PATH);
    assert_int_equal(s3->limit, 1 << 20);
    assert_ok(hf_config_s3_place(s3, &place, &err), &err);
    assert_string_equal(place, "s3://acme/a b/c?endpoint=http://127.0.0.1:9000");
}

static void from_url_bucket_alone_has_no_prefix(void **state)
{
    static const char *const urls[] = {"s3://acme", "s3://acme/", "s3://acme?", "s3://acme/?"};

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_config_s3) s3 = NULL;

        assert_ok(hf_config_s3_from_url(urls[i], &s3, &err), &err);
        assert_string_equal(s3->bucket, "acme");
        assert_null(s3->prefix);
    }
}

static void from_url_mistakes_are_usage(void **state)
{
    static const char *const cases[][2] = {
        {"s3://", "the URL names no bucket"},
        {"s3:///x", "the URL names no bucket"},
        {"s3://key:hidden@acme/x", "the URL names no bucket, or a user"},
        {"s3://acme/%4", "is not followed by two hexadecimal digits"},
        {"s3://acme/%00", "is not followed by two hexadecimal digits"},
        {"s3://acme?region", "a parameter has no value"},
        {"s3://acme?region&style=path", "a parameter has no value"},
        {"s3://acme?region=a&region=b", "a parameter is given twice"},
        {"s3://acme?secret_key=hidden", "secrets are not given on a command line"},
        {"s3://acme?access_key_file=/x", "secrets are not given on a command line"},
        {"s3://acme?bucket=x", "bucket and prefix are its path"},
        {"s3://acme?endpont=http://h",
         "--repository:1:11: unknown key \"endpont\" in the URL; did you mean \"endpoint\"?"},
        {"s3://acme?style=x", "--repository:1:17: \"style\" in the URL must be one of auto"},
        {"s3://acme?tags=x", "--repository:1:16: \"tags\" in the URL must be a group"},
        {"s3://a%2Fb", "is not the name of an S3 bucket"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_config_s3 *s3 = NULL;

        assert_fails(hf_config_s3_from_url(cases[i][0], &s3, &err), HF_USAGE, &err);
        assert_contains(err.text, cases[i][1]);
        assert_null(strstr(err.text, "hidden"));
        assert_null(s3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_every_key_is_read),
        cmocka_unit_test(parse_bucket_alone_is_enough),
        cmocka_unit_test(parse_mistakes_are_named_with_their_place),
        cmocka_unit_test(from_url_parts_and_parameters_are_read),
        cmocka_unit_test(from_url_bucket_alone_has_no_prefix),
        cmocka_unit_test(from_url_mistakes_are_usage),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
