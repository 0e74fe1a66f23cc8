#include "base/file.h"
#include "base/secret.h"
#include "base/secret_command.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

/* A memory file with these bytes, read from its beginning. */
static int file_of(const void *data, size_t len)
{
    struct hf_error err = HF_ERROR_INIT;
    int fd;
    assert_ok(hf_fd_memory("secret", &fd, &err), &err);
    assert_ok(hf_fd_write(fd, data, len, "secret", &err), &err);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void assert_read_as(const char *content, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) secret = NULL;
    HF_AUTO_FD fd = file_of(content, strlen(content));
    assert_ok(hf_secret_read_fd(fd, "secret", &secret, &err), &err);
    assert_string_equal(hf_secret_text(secret), expected);
    assert_int_equal(secret->len, strlen(expected));
}

static void secret_new_bytes_are_copied_and_ended(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) secret = NULL;
    assert_ok(hf_secret_new("abc", 3, &secret, &err), &err);
    assert_int_equal(secret->len, 3);
    assert_string_equal(hf_secret_text(secret), "abc");
}

static void secret_new_without_data_is_zeroes(void **state)
{
    (void)state;
    static const uint8_t zeroes[32];
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) secret = NULL;
    HF_AUTO_PTR(hf_secret) empty = NULL;
    assert_ok(hf_secret_new(NULL, 32, &secret, &err), &err);
    assert_memory_equal(secret->data, zeroes, 32);
    assert_ok(hf_secret_new(NULL, 0, &empty, &err), &err);
    assert_string_equal(hf_secret_text(empty), "");
}

static void secret_new_too_long_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_secret *secret = NULL;
    assert_fails(hf_secret_new(NULL, HF_SECRET_MAX + 1, &secret, &err), HF_FAILED, &err);
    assert_null(secret);
}

static void secret_read_fd_one_line_end_is_removed(void **state)
{
    (void)state;
    assert_read_as("pass", "pass");
    assert_read_as("pass\n", "pass");
    assert_read_as("pass\r\n", "pass");
    assert_read_as("pass\n\n", "pass\n");
    assert_read_as(" two words \n", " two words ");
    assert_read_as("cr\r", "cr\r");
    assert_read_as("\n", "");
    assert_read_as("", "");
}

static void secret_read_fd_size_limit_is_exact(void **state)
{
    (void)state;
    static char data[HF_SECRET_MAX + 2];
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) most = NULL;
    struct hf_secret *more = NULL;
    memset(data, 'x', sizeof data);
    data[HF_SECRET_MAX] = '\n';
    HF_AUTO_FD fits = file_of(data, HF_SECRET_MAX + 1);
    assert_ok(hf_secret_read_fd(fits, "secret", &most, &err), &err);
    assert_int_equal(most->len, HF_SECRET_MAX);
    data[HF_SECRET_MAX] = 'x';
    HF_AUTO_FD larger = file_of(data, HF_SECRET_MAX + 1);
    assert_fails(hf_secret_read_fd(larger, "the passphrase", &more, &err), HF_FAILED, &err);
    assert_contains(err.text, "the passphrase");
    assert_null(strstr(err.text, "xx"));
    assert_null(more);
}

static void secret_read_fd_pipe_in_pieces_is_whole(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) secret = NULL;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "one", 3), 3);
    assert_int_equal(write(ends[1], "two\n", 4), 4);
    assert_int_equal(close(ends[1]), 0);
    HF_AUTO_FD fd = ends[0];
    assert_ok(hf_secret_read_fd(fd, "pipe", &secret, &err), &err);
    assert_string_equal(hf_secret_text(secret), "onetwo");
}

static void secret_read_file_missing_names_the_path(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_secret *secret = NULL;
    assert_fails(hf_secret_read_file("/nonexistent/pass", &secret, &err), HF_NOT_FOUND, &err);
    assert_contains(err.text, "/nonexistent/pass");
    assert_fails(hf_secret_read_file("/", &secret, &err), HF_IO, &err);
    assert_null(secret);
}

static int init(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

static void secret_read_command_output_is_secret(void **state)
{
    (void)state;
    static const char *const prints[] = {"/bin/sh", "-c", "printf 's p\\r\\n'", NULL};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) secret = NULL;
    assert_ok(hf_secret_read_command(prints, NULL, &secret, &err), &err);
    assert_string_equal(hf_secret_text(secret), "s p");
}

static void secret_read_command_failing_or_endless_is_an_error(void **state)
{
    (void)state;
    static const char *const fails[] = {"/bin/sh", "-c", "echo hidden; echo why >&2; exit 3", NULL};
    static const char *const endless[] = {"/usr/bin/yes", "hidden", NULL};
    static const char *const absent[] = {"no-such-program", NULL};
    struct hf_secret *secret;
    struct hf_error err = HF_ERROR_INIT;
    assert_fails(hf_secret_read_command(fails, NULL, &secret, &err), HF_FAILED, &err);
    assert_contains(err.text, "why");
    assert_null(strstr(err.text, "hidden"));
    assert_fails(hf_secret_read_command(endless, NULL, &secret, &err), HF_FAILED, &err);
    assert_contains(err.text, "printed more");
    assert_fails(hf_secret_read_command(absent, NULL, &secret, &err), HF_MISSING, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_new_bytes_are_copied_and_ended),
        cmocka_unit_test(secret_new_without_data_is_zeroes),
        cmocka_unit_test(secret_new_too_long_is_refused),
        cmocka_unit_test(secret_read_fd_one_line_end_is_removed),
        cmocka_unit_test(secret_read_fd_size_limit_is_exact),
        cmocka_unit_test(secret_read_fd_pipe_in_pieces_is_whole),
        cmocka_unit_test(secret_read_file_missing_names_the_path),
        cmocka_unit_test(secret_read_command_output_is_secret),
        cmocka_unit_test(secret_read_command_failing_or_endless_is_an_error),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
