#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/s3/profile_file.h"
#include "tests/support/check.h"

static const char credentials[] = "\xEF\xBB\xBF# made by hand\r\n"
                                  "[default]\r\n"
                                  "aws_access_key_id = AKIADEFAULT\r\n"
                                  "aws_secret_access_key=se/cr+et#with;marks= ; a comment\r\n"
                                  "[ spaced ]\n"
                                  "  AWS_Access_Key_Id\t=\tAKIASPACED # a comment\n"
                                  "  aws_session_token =\n"
                                  "[broken\n"
                                  "aws_access_key_id = AKIABROKEN\n"
                                  "[default]\n"
                                  "aws_access_key_id = AKIASECOND\n"
                                  "no equals sign\n"
                                  "[last]\n"
                                  "region = here";

static const char config[] = "[default]\n"
                             "region = plain\n"
                             "output = text\n"
                             "[profile  two words]\n"
                             "s3 =\n"
                             "    region = nested\n"
                             "    role_arn = nested\n"
                             "region = eu-central-1\n"
                             "[two words]\n"
                             "region = not a profile\n"
                             "[sso-session two words]\n"
                             "region = not a profile\n";

static void find(enum hf_profile_file kind, const char *text, size_t len, const char *profile,
                 const char *key, const char *expected)
{
    struct hf_profile_value value = {.len = 0};

    assert_int_equal(hf_profile_find(kind, text, len, profile, key, &value), expected != NULL);
    if (!expected)
        return;
    assert_int_equal(value.len, strlen(expected));
    assert_memory_equal(value.text, expected, value.len);
}

static void in_credentials(const char *profile, const char *key, const char *expected)
{
    find(HF_PROFILE_CREDENTIALS, credentials, sizeof credentials - 1, profile, key, expected);
}

static void in_config(const char *profile, const char *key, const char *expected)
{
    find(HF_PROFILE_CONFIG, config, sizeof config - 1, profile, key, expected);
}

static void find_in_credentials_is_exact(void **state)
{
    (void)state;
    in_credentials("default", "aws_access_key_id", "AKIASECOND");
    in_credentials("default", "aws_secret_access_key", "se/cr+et#with;marks=");
    in_credentials("spaced", "aws_access_key_id", "AKIASPACED");
    in_credentials("spaced", "aws_session_token", NULL);
    in_credentials("broken", "aws_access_key_id", NULL);
    in_credentials("last", "region", "here");
    in_credentials("absent", "region", NULL);
    in_credentials("default", "aws_access_key", NULL);
}

static void find_in_config_wants_profile_sections(void **state)
{
    (void)state;
    in_config("default", "region", "plain");
    in_config("two words", "region", "eu-central-1");
    in_config("two words", "role_arn", NULL);
    in_config("sso-session two words", "region", NULL);
}

static void find_profile_default_outdoes_default(void **state)
{
    static const char both[] = "[profile default]\nregion = first\n[default]\nregion = second\n"
                               "output = json\n";

    (void)state;
    find(HF_PROFILE_CONFIG, both, sizeof both - 1, "default", "region", "first");
    find(HF_PROFILE_CONFIG, both, sizeof both - 1, "default", "output", NULL);
}

static void exists_empty_section_is_there(void **state)
{
    static const char text[] = "[a]\n[b]";

    (void)state;
    assert_true(hf_profile_exists(HF_PROFILE_CREDENTIALS, text, sizeof text - 1, "a"));
    assert_true(hf_profile_exists(HF_PROFILE_CREDENTIALS, text, sizeof text - 1, "b"));
    assert_false(hf_profile_exists(HF_PROFILE_CREDENTIALS, text, sizeof text - 2, "b"));
    assert_false(hf_profile_exists(HF_PROFILE_CONFIG, text, sizeof text - 1, "a"));
    assert_false(hf_profile_exists(HF_PROFILE_CREDENTIALS, "", 0, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_in_credentials_is_exact),
        cmocka_unit_test(find_in_config_wants_profile_sections),
        cmocka_unit_test(find_profile_default_outdoes_default),
        cmocka_unit_test(exists_empty_section_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
