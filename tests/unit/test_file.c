#include "base/file.h"
#include "base/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/check.h"

struct place {
    char folder[CHECK_PATH];
    char path[2 * CHECK_PATH];
};

static void enter(struct place *place)
{
    check_folder(place->folder);
    (void)snprintf(place->path, sizeof place->path, "%s/file", place->folder);
}

static void leave(const struct place *place)
{
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0); /* nothing temporary was left */
}

static void assert_content(const char *path, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    assert_ok(hf_file_read(path, 1000, &buf, &err), &err);
    assert_int_equal(buf.len, strlen(expected));
    assert_memory_equal(buf.data, expected, buf.len);
}

static void file_replace_new_and_old_file_hold_the_bytes(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct place place;
    struct stat st;
    mode_t mask = umask(0077);
    enter(&place);
    assert_ok(hf_file_replace(place.path, "first", 5, 0600, &err), &err);
    assert_content(place.path, "first");
    assert_ok(hf_file_replace(place.path, "2", 1, 0644, &err), &err);
    assert_content(place.path, "2");
    assert_int_equal(stat(place.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    (void)umask(mask);
    leave(&place);
}

static void file_replace_without_folder_part_is_in_the_working_folder(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct place place;
    HF_AUTO_FD before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enter(&place);
    assert_int_equal(chdir(place.folder), 0);
    assert_ok(hf_file_replace("file", "here", 4, 0600, &err), &err);
    assert_int_equal(fchdir(before), 0);
    assert_content(place.path, "here");
    leave(&place);
}

static void file_replace_what_fails_leaves_the_old_one(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct place place;
    enter(&place);
    assert_fails(hf_file_replace("/nonexistent/file", "x", 1, 0600, &err), HF_NOT_FOUND, &err);
    assert_contains(err.text, "/nonexistent/file");
    assert_int_equal(mkdir(place.path, 0700), 0);
    assert_int_not_equal(hf_file_replace(place.path, "x", 1, 0600, &err), HF_OK);
    assert_int_equal(rmdir(place.path), 0);
    leave(&place);
}

static void file_read_is_appended_up_to_the_limit(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    struct place place;
    enter(&place);
    assert_ok(hf_file_replace(place.path, "12345", 5, 0600, &err), &err);
    assert_ok(hf_buf_append_str(&buf, "0", &err), &err);
    assert_ok(hf_file_read(place.path, 5, &buf, &err), &err);
    assert_int_equal(buf.len, 6);
    assert_fails(hf_file_read(place.path, 4, &buf, &err), HF_FAILED, &err);
    assert_contains(err.text, place.path);
    assert_int_equal(buf.len, 6);
    assert_memory_equal(buf.data, "012345", 6);
    leave(&place);
}

static void file_read_large_file_is_whole(void **state)
{
    (void)state;
    enum { LARGE = 1000003 };
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) in = HF_BUF_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct place place;
    enter(&place);
    for (uint32_t i = 0; i < LARGE; i++)
        assert_ok(hf_buf_u8(&in, (uint8_t)(i % 251), &err), &err);
    assert_ok(hf_file_replace(place.path, in.data, in.len, 0600, &err), &err);
    assert_ok(hf_file_read(place.path, LARGE, &out, &err), &err);
    assert_int_equal(out.len, LARGE);
    assert_memory_equal(in.data, out.data, LARGE);
    leave(&place);
}

static void file_read_missing_or_folder_is_an_error(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    assert_fails(hf_file_read("/nonexistent", 10, &buf, &err), HF_NOT_FOUND, &err);
    assert_fails(hf_file_read("/tmp", 10, &buf, &err), HF_IO, &err);
    assert_int_equal(err.sys, EISDIR);
}

static void fd_write_full_device_is_no_space(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_FD fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_fails(hf_fd_write(fd, "x", 1, "the script", &err), HF_NO_SPACE, &err);
    assert_contains(err.text, "the script");
}

static void fd_write_bad_descriptor_is_an_error(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    assert_fails(hf_fd_write(-1, "x", 1, "it", &err), HF_IO, &err);
    assert_ok(hf_fd_write(-1, NULL, 0, "it", &err), &err);
}

static void fd_memory_holds_what_is_written(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_FD fd = -1;
    int opened;
    char path[64];
    assert_ok(hf_fd_memory("list", &opened, &err), &err);
    fd = opened;
    assert_ok(hf_fd_write(fd, "content", 7, "list", &err), &err);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_content(path, "content");
}

static void folder_sync_only_folders_are_synced(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_folder_sync("/tmp", &err), &err);
    assert_fails(hf_folder_sync("/nonexistent", &err), HF_NOT_FOUND, &err);
    assert_fails(hf_folder_sync("/dev/null", &err), HF_IO, &err);
}

static int init(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_replace_new_and_old_file_hold_the_bytes),
        cmocka_unit_test(file_replace_without_folder_part_is_in_the_working_folder),
        cmocka_unit_test(file_replace_what_fails_leaves_the_old_one),
        cmocka_unit_test(file_read_is_appended_up_to_the_limit),
        cmocka_unit_test(file_read_large_file_is_whole),
        cmocka_unit_test(file_read_missing_or_folder_is_an_error),
        cmocka_unit_test(fd_write_full_device_is_no_space),
        cmocka_unit_test(fd_write_bad_descriptor_is_an_error),
        cmocka_unit_test(fd_memory_holds_what_is_written),
        cmocka_unit_test(folder_sync_only_folders_are_synced),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
