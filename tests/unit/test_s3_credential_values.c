#include "base/clock.h"
#include "storage/s3/credential_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

static struct hf_secret *secret_of(const char *text)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_secret *secret;

    assert_ok(hf_crypto_init(&err), &err);
    assert_ok(hf_secret_new(text, strlen(text), &secret, &err), &err);
    return secret;
}

static void parse_expiry_known_forms_are_moments(void **state)
{
    static const struct {
        const char *text, *moment;
    } cases[] = {
        {"2026-11-21T02:00:00Z", "2026-11-21T02:00:00Z"},
        {"2026-11-21T02:00:00", "2026-11-21T02:00:00Z"},
        {"2026-11-21T02:00:00.123456Z", "2026-11-21T02:00:00Z"},
        {"2026-11-21T02:00:00+02:00", "2026-11-21T00:00:00Z"},
        {"2026-11-21T02:00:00.5-0130", "2026-11-21T03:30:00Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t moment = 0;
        char text[HF_TIME_TEXT];

        assert_true(hf_s3_parse_expiry(cases[i].text, &moment));
        hf_time_format(text, moment);
        assert_string_equal(text, cases[i].moment);
    }
}

static void parse_expiry_anything_else_is_refused(void **state)
{
    static const char *const cases[] = {"",
                                        "2026-11-21",
                                        "2026-11-21T02:00Z",
                                        "2026-13-21T02:00:00Z",
                                        "2026-11-21T02:00:00.Z",
                                        "2026-11-21T02:00:00+2",
                                        "2026-11-21T02:00:00+02:",
                                        "2026-11-21T02:00:00+02:00Z",
                                        "2026-11-21T02:00:00ZZ",
                                        "1763690400"};
    int64_t moment = 7;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_false(hf_s3_parse_expiry(cases[i], &moment));
    assert_int_equal(moment, 7);
}

static void parse_document_without_token_and_expiry_lasts(void **state)
{
    HF_AUTO_PTR(hf_secret)
    document = secret_of("{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"B\", \"Token\": null}");
    HF_AUTO(hf_s3_credentials) out = HF_S3_CREDENTIALS_INIT;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_s3_parse_document(document, "Token", "it", &out, &err), &err);
    assert_string_equal(hf_secret_text(out.access_key), "A");
    assert_null(out.session_token);
    assert_int_equal(out.expires, 0);
}

static void parse_document_wrong_ones_name_the_field(void **state)
{
    static const char *const cases[][2] = {
        {"", "it: not valid JSON"},
        {"[]", "it: not a JSON object"},
        {"{\"SecretAccessKey\": \"shh\"}", "\"AccessKeyId\""},
        {"{\"AccessKeyId\": \"A\", \"SecretAccessKey\": 7}", "\"SecretAccessKey\""},
        {"{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s hh\"}", "it: the secret key"},
        {"{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"\"}", "secret key is missing"},
        {"{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"shh\", \"Expiration\": \"soon\"}",
         "\"Expiration\" is not a time"},
        {"{\"AccessKeyId\": \"A\\r\\nX: y\", \"SecretAccessKey\": \"shh\"}", "the access key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HF_AUTO_PTR(hf_secret) document = secret_of(cases[i][0]);
        struct hf_s3_credentials out = HF_S3_CREDENTIALS_INIT;
        struct hf_error err = HF_ERROR_INIT;

        assert_true(hf_s3_parse_document(document, "Token", "it", &out, &err) != HF_OK);
        assert_contains(err.text, cases[i][1]);
        assert_null(strstr(err.text, "shh"));
        assert_null(out.access_key);
    }
}

static void quote_is_one_plain_line_without_the_secret(void **state)
{
    HF_AUTO_PTR(hf_secret) secret = secret_of("0123456789");
    HF_AUTO_PTR(hf_secret) brief = secret_of("abc");
    char out[16];

    (void)state;
    hf_s3_quote(out, sizeof out, "\r\n a\x1b\x01\x80 b\n", NULL);
    assert_string_equal(out, "a b ");
    hf_s3_quote(out, sizeof out, "much longer than the room", NULL);
    assert_string_equal(out, "much longer tha");
    hf_s3_quote(out, sizeof out, "has 1234567", secret);
    assert_string_equal(out, "has 1234567");
    hf_s3_quote(out, sizeof out, "has 12345678", secret);
    assert_string_equal(out, "");
    hf_s3_quote(out, sizeof out, "xabcx", brief);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_expiry_known_forms_are_moments),
        cmocka_unit_test(parse_expiry_anything_else_is_refused),
        cmocka_unit_test(parse_document_without_token_and_expiry_lasts),
        cmocka_unit_test(parse_document_wrong_ones_name_the_field),
        cmocka_unit_test(quote_is_one_plain_line_without_the_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
