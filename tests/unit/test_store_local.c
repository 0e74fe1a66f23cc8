#include "storage/local/local.h"
#include "tests/support/store_conformance.h"

#include "base/text.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char base[64];
    char path[96]; /* the store's directory: base/store */
    struct hf_store *store;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct hf_error err = HF_ERROR_INIT;
    assert_non_null(f);
    (void)snprintf(f->base, sizeof f->base, "/tmp/hf-local-XXXXXX");
    assert_non_null(mkdtemp(f->base));
    (void)snprintf(f->path, sizeof f->path, "%s/store", f->base);
    assert_int_equal(hf_local_open(f->path, HF_LOCAL_CREATE, &f->store, &err), HF_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    hf_store_close(f->store);
    (void)nftw(f->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void path_of(const struct fixture *f, const char *key, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/%s", f->path, key);
}

static unsigned mode_of(const struct fixture *f, const char *key)
{
    char path[256];
    struct stat st;
    path_of(f, key, path, sizeof path);
    assert_int_equal(stat(path, &st), 0);
    return (unsigned)st.st_mode & 07777u;
}

static void store_local_conforms(void **state)
{
    (void)state;
    for (size_t i = 0; i < hf_store_tests_count; i++) {
        void *own = NULL;
        print_message("  %s\n", hf_store_tests[i].name);
        (void)setup(&own);
        hf_store_tests[i].run(((struct fixture *)own)->store);
        (void)teardown(&own);
    }
}

static void open_absent_directory_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/none", f->base);
    assert_int_equal(hf_local_open(path, HF_LOCAL_OPEN, &store, &err), HF_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_null(store);
}

static void open_file_as_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = NULL;
    char path[128];
    assert_int_equal(hf_store_put(f->store, "file", "x", 1, HF_PUT_CREATE, &err), HF_OK);
    path_of(f, "file", path, sizeof path);
    assert_int_equal(hf_local_open(path, HF_LOCAL_OPEN, &store, &err), HF_USAGE);
    assert_non_null(strstr(err.text, "not a directory"));
}

static void open_create_makes_parents(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/a//b/c/", f->base);
    assert_int_equal(hf_local_open(path, HF_LOCAL_CREATE, &store, &err), HF_OK);
    assert_int_equal(hf_store_put(store, "k", "v", 1, HF_PUT_CREATE, &err), HF_OK);
}

static void put_any_umask_gives_private_modes(void **state)
{
    static const mode_t masks[] = {0, 022, 077, 0277, 0777};
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "d%zu/e/file", i);
        mode_t before = umask(masks[i]);
        enum hf_status status = hf_store_put(f->store, key, "x", 1, HF_PUT_CREATE, &err);
        (void)umask(before);
        assert_int_equal(status, HF_OK);
        assert_int_equal(mode_of(f, key), 0600);
        (void)snprintf(key, sizeof key, "d%zu", i);
        assert_int_equal(mode_of(f, key), 0700);
        (void)snprintf(key, sizeof key, "d%zu/e", i);
        assert_int_equal(mode_of(f, key), 0700);
    }
    assert_int_equal(mode_of(f, "tmp"), 0700);
    assert_int_equal(mode_of(f, "."), 0700);
}

static size_t count_tmp(const struct fixture *f)
{
    char command[256];
    char answer[32] = "";
    (void)snprintf(command, sizeof command, "find %s/tmp -type f | wc -l", f->path);
    FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): a path of our own */
    assert_non_null(pipe);
    assert_non_null(fgets(answer, sizeof answer, pipe));
    (void)pclose(pipe);
    return (size_t)strtoul(answer, NULL, 10);
}

static void put_leaves_nothing_in_tmp(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_store_put(f->store, "k", "1", 1, HF_PUT_CREATE, &err), HF_OK);
    assert_int_equal(hf_store_put(f->store, "k", "1", 1, HF_PUT_CREATE, &err), HF_EXISTS);
    assert_int_equal(hf_store_put(f->store, "k", "2", 1, HF_PUT_REPLACE, &err), HF_OK);
    assert_int_equal(count_tmp(f), 0);
}

static void make_tmp_file(const struct fixture *f, const char *name, time_t age)
{
    char path[256];
    path_of(f, name, path, sizeof path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    const struct timespec when = {.tv_sec = time(NULL) - age};
    const struct timespec times[2] = {when, when};
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
}

static void open_removes_only_stale_tmp_files(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *again = NULL;
    assert_int_equal(hf_store_put(f->store, "k", "1", 1, HF_PUT_CREATE, &err), HF_OK);
    make_tmp_file(f, "tmp/old", 25 * 3600);
    make_tmp_file(f, "tmp/new", 23 * 3600);
    assert_int_equal(hf_local_open(f->path, HF_LOCAL_OPEN, &again, &err), HF_OK);
    assert_int_equal(count_tmp(f), 1);
    hf_store_close(again);
}

static enum hf_status count(void *ctx, const char *key, const struct hf_store_stat *stat,
                            struct hf_error *err)
{
    (void)key;
    (void)stat;
    (void)err;
    ++*(size_t *)ctx;
    return HF_OK;
}

static void list_skips_what_is_no_object(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char path[256];
    size_t found = 0;
    assert_int_equal(hf_store_put(f->store, "d/k", "1", 1, HF_PUT_CREATE, &err), HF_OK);
    make_tmp_file(f, "tmp/being-written", 0);
    make_tmp_file(f, "d/file~", 0);
    path_of(f, "lost+found", path, sizeof path);
    assert_int_equal(mkdir(path, 0), 0);
    path_of(f, "d/fifo", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0);
    path_of(f, "d/loop", path, sizeof path);
    assert_int_equal(symlink("loop", path), 0);
    /* a link to nowhere can be named, and is not there */
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_int_equal(hf_store_get_all(f->store, "d/fifo", 9, &out, &err), HF_NOT_FOUND);
    path_of(f, "d/loop", path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(hf_store_list(f->store, "", count, &found, &err), HF_OK);
    assert_int_equal(found, 1);
}

/* A file system of one megabyte, where we may mount one. */
static bool mount_small(const char *path)
{
    char command[256];
    (void)snprintf(command, sizeof command,
                   "mount -t tmpfs -o size=1m holdfast-test %s 2>/dev/null", path);
    return system(command) == 0; /* NOLINT(cert-env33-c): a path of our own */
}

static void put_full_disk_says_so_and_keeps_the_rest(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = NULL;
    char path[128];
    char command[256];
    (void)snprintf(path, sizeof path, "%s/small", f->base);
    assert_int_equal(mkdir(path, 0700), 0);
    if (!mount_small(path))
        skip();
    assert_int_equal(hf_local_open(path, HF_LOCAL_CREATE, &store, &err), HF_OK);
    char *data = calloc(1, 2 << 20);
    assert_non_null(data);
    enum hf_status first = hf_store_put(store, "a", data, 600 << 10, HF_PUT_CREATE, &err);
    enum hf_status second = hf_store_put(store, "b", data, 600 << 10, HF_PUT_CREATE, &err);
    bool named = strstr(err.text, "No space left") && strstr(err.text, path);
    enum hf_status replaced = hf_store_put(store, "a", data, 600 << 10, HF_PUT_REPLACE, &err);
    struct hf_store_stat stat = {.size = 0};
    enum hf_status old = hf_store_stat(store, "a", &stat, &err);
    enum hf_status removed = hf_store_delete(store, "a", &err);
    enum hf_status after = hf_store_put(store, "b", data, 600 << 10, HF_PUT_CREATE, &err);
    hf_store_close(store);
    free(data);
    (void)snprintf(command, sizeof command, "umount %s", path);
    (void)!system(command); /* NOLINT(cert-env33-c): a path of our own */

    assert_int_equal(first, HF_OK);
    assert_int_equal(second, HF_NO_SPACE);
    assert_true(named);
    assert_int_equal(replaced, HF_NO_SPACE);
    assert_int_equal(old, HF_OK);
    assert_int_equal(stat.size, 600 << 10);
    assert_int_equal(removed, HF_OK);
    assert_int_equal(after, HF_OK);
}

enum { NOBODY = 65534 };

/* In a child without root's powers. 0: everything as it should be. */
static int use_read_only(const char *path)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = NULL;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 77;
    if (hf_local_open(path, HF_LOCAL_OPEN, &store, &err) != HF_OK)
        return 2;
    int result = 0;
    if (hf_store_get_all(store, "k", 9, &out, &err) != HF_OK || out.len != 1)
        result = 3;
    else if (hf_store_put(store, "l", "1", 1, HF_PUT_CREATE, &err) != HF_DENIED ||
             !strstr(err.text, "no permission") || !strstr(err.text, path))
        result = 4;
    else if (hf_store_delete(store, "k", &err) != HF_DENIED)
        result = 5;
    hf_store_close(store);
    return result;
}

static void put_read_only_directory_is_denied(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char path[256];
    if (geteuid() != 0)
        skip();
    assert_int_equal(hf_store_put(f->store, "k", "1", 1, HF_PUT_CREATE, &err), HF_OK);
    assert_int_equal(chmod(f->base, 0755), 0);
    assert_int_equal(chmod(f->path, 0755), 0);
    path_of(f, "k", path, sizeof path);
    assert_int_equal(chmod(path, 0644), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(use_read_only(f->path));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int create_in_child(const char *path)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store *store = NULL;
    int created = 0;
    if (hf_local_open(path, HF_LOCAL_CREATE, &store, &err) != HF_OK)
        return 255;
    for (int i = 0; i < 50; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "p/%02d/k", i);
        enum hf_status status = hf_store_put(store, key, "x", 1, HF_PUT_CREATE, &err);
        if (status != HF_OK && status != HF_EXISTS)
            return 255;
        created += status == HF_OK;
    }
    hf_store_close(store);
    return created;
}

static void create_by_many_processes_happens_once(void **state)
{
    struct fixture *f = *state;
    pid_t children[4];
    int created = 0;
    for (size_t i = 0; i < 4; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(create_in_child(f->path));
    }
    for (size_t i = 0; i < 4; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 255);
        created += WEXITSTATUS(status);
    }
    assert_int_equal(created, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_local_conforms),
        cmocka_unit_test_setup_teardown(open_absent_directory_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(open_file_as_directory_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(open_create_makes_parents, setup, teardown),
        cmocka_unit_test_setup_teardown(put_any_umask_gives_private_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(put_leaves_nothing_in_tmp, setup, teardown),
        cmocka_unit_test_setup_teardown(open_removes_only_stale_tmp_files, setup, teardown),
        cmocka_unit_test_setup_teardown(list_skips_what_is_no_object, setup, teardown),
        cmocka_unit_test_setup_teardown(put_full_disk_says_so_and_keeps_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(put_read_only_directory_is_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(create_by_many_processes_happens_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
