#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"

static void error_set_text_and_status_are_kept(void **state)
{
    (void)state;
    struct hf_error err = {.status = HF_OK, .sys = ENOENT};
    assert_int_equal(hf_error_set(&err, HF_BUSY, "%s is held by %d", "lease", 7), HF_BUSY);
    assert_int_equal(err.status, HF_BUSY);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.text, "lease is held by 7");
}

static void error_set_its_own_text_as_argument_is_copied(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    (void)hf_error_set(&err, HF_IO, "inner");
    (void)hf_error_set(&err, HF_DAMAGED, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
}

static void error_set_long_text_is_cut(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    char longer[3 * HF_ERROR_TEXT_MAX];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    (void)hf_error_set(&err, HF_FAILED, "%s", longer);
    assert_int_equal(strlen(err.text), HF_ERROR_TEXT_MAX - 1);
}

static void error_sys_errno_decides_the_status(void **state)
{
    (void)state;
    static const struct {
        int sys;
        enum hf_status status;
    } cases[] = {{ENOSPC, HF_NO_SPACE},  {EDQUOT, HF_NO_SPACE},
                 {ENOMEM, HF_NO_MEMORY}, {EACCES, HF_DENIED},
                 {EROFS, HF_DENIED},     {ENOENT, HF_NOT_FOUND},
                 {EEXIST, HF_EXISTS},    {ECONNREFUSED, HF_UNREACHABLE},
                 {EIO, HF_IO},           {ETIMEDOUT, HF_UNREACHABLE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hf_error err = HF_ERROR_INIT;
        assert_int_equal(hf_error_sys(&err, cases[i].sys, "x"), cases[i].status);
        assert_int_equal(err.sys, cases[i].sys);
    }
}

static void error_sys_text_names_thing_and_reason(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    (void)hf_error_sys(&err, ENOENT, "/some/%s", "path");
    assert_string_equal(err.text, "/some/path: No such file or directory");
}

static void error_prefix_status_and_errno_stay(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    (void)hf_error_sys(&err, ENOSPC, "pack");
    assert_int_equal(hf_error_prefix(&err, "backup %s", "app"), HF_NO_SPACE);
    assert_int_equal(err.sys, ENOSPC);
    assert_string_equal(err.text, "backup app: pack: No space left on device");
}

static void status_every_kind_has_facts(void **state)
{
    (void)state;
    for (int status = HF_OK; status <= HF_PARTIAL; status++) {
        int code = hf_status_exit_code((enum hf_status)status);
        assert_in_range(code, 0, 6);
        assert_true((code == 0) == (status == HF_OK));
        assert_true(strlen(hf_status_words((enum hf_status)status)) > 0);
    }
    assert_true(hf_status_retryable(HF_UNREACHABLE));
    assert_false(hf_status_retryable(HF_DENIED));
    assert_int_equal(hf_status_exit_code(HF_DAMAGED), 3);
    assert_int_equal(hf_status_exit_code(HF_CONFIG), 2);
}

static void auto_free_null_and_block_are_taken(void **state)
{
    (void)state;
    HF_AUTO_FREE char *nothing = NULL;
    HF_AUTO_FREE char *block = malloc(10); /* the leak checker tells */
    assert_null(nothing);
    assert_non_null(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_set_text_and_status_are_kept),
        cmocka_unit_test(error_set_its_own_text_as_argument_is_copied),
        cmocka_unit_test(error_set_long_text_is_cut),
        cmocka_unit_test(error_sys_errno_decides_the_status),
        cmocka_unit_test(error_sys_text_names_thing_and_reason),
        cmocka_unit_test(error_prefix_status_and_errno_stay),
        cmocka_unit_test(status_every_kind_has_facts),
        cmocka_unit_test(auto_free_null_and_block_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
