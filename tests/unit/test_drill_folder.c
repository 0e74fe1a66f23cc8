#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/drill/folder.h"
#include "base/process.h"
#include "base/text.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(base, sizeof base, "/tmp/hf-folder-XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(base); /* nothing is left */
}

static void make(struct hf_drill_folder *folder, json_t *notes)
{
    struct hf_error err = HF_ERROR_INIT;

    hf_drill_folder_init(folder);
    assert_ok(hf_drill_folder_make(base, notes, folder, &err), &err);
}

static void drop(struct hf_drill_folder *folder)
{
    struct hf_error err = HF_ERROR_INIT;

    assert_ok(hf_drill_folder_remove(folder, &err), &err);
    assert_null(folder->path);
}

/* As kill -9 does: the lock goes, the folder stays. */
static void abandon(struct hf_drill_folder *folder)
{
    assert_int_equal(close(folder->lock), 0);
    free(folder->path);
}

static void make_while_another_lives_leaves_it_alone(void **state)
{
    struct hf_drill_folder a, b;
    json_t *notes = json_array();

    (void)state;
    make(&a, notes);
    make(&b, notes);
    assert_int_equal(json_array_size(notes), 0);
    assert_int_equal(access(a.path, F_OK), 0);
    drop(&a);
    drop(&b);
    json_decref(notes);
}

static void make_after_a_kill_removes_the_leftover_and_its_processes(void **state)
{
    struct hf_drill_folder killed, next;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_FREE char *work = NULL;
    json_t *notes = json_array();
    struct hf_process *server;
    int code;

    (void)state;
    make(&killed, notes);
    assert_ok(hf_drill_folder_add(&killed, "server", geteuid(), getegid(), &work, &err), &err);
    assert_ok(hf_process_start(
                  &(struct hf_process_options){.argv = (const char *const[]){"sleep", "600", NULL},
                                               .in_fd = -1,
                                               .out_fd = -1,
                                               .folder = work},
                  &server, &err),
              &err);
    abandon(&killed);
    make(&next, notes);
    assert_int_not_equal(access(work, F_OK), 0);
    assert_int_equal(json_array_size(notes), 1);
    assert_non_null(strstr(json_string_value(json_array_get(notes, 0)), "left over"));
    assert_int_equal(hf_process_finish_code(server, &code, NULL, &err), HF_FAILED); /* a signal */
    drop(&next);
    json_decref(notes);
}

static void make_beside_a_folder_without_a_lock_spares_it_while_it_is_new(void **state)
{
    struct hf_drill_folder folder;
    json_t *notes = json_array();
    char path[128];
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    (void)state;
    (void)snprintf(path, sizeof path, "%s/holdfast-drill-abcdef", base);
    assert_int_equal(mkdir(path, 0700), 0);
    make(&folder, notes);
    assert_int_equal(access(path, F_OK), 0);
    drop(&folder);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    make(&folder, notes);
    assert_int_not_equal(access(path, F_OK), 0);
    drop(&folder);
    json_decref(notes);
}

static void room_of_more_than_there_is_is_refused(void **state)
{
    struct hf_drill_folder folder;
    struct hf_error err = HF_ERROR_INIT;
    json_t *notes = json_array();

    (void)state;
    make(&folder, notes);
    assert_ok(hf_drill_folder_room(&folder, 1, &err), &err);
    assert_int_equal(hf_drill_folder_room(&folder, UINT64_C(1) << 62, &err), HF_NO_SPACE);
    assert_non_null(strstr(err.text, "make room"));
    drop(&folder);
    json_decref(notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(make_while_another_lives_leaves_it_alone),
        cmocka_unit_test(make_after_a_kill_removes_the_leftover_and_its_processes),
        cmocka_unit_test(make_beside_a_folder_without_a_lock_spares_it_while_it_is_new),
        cmocka_unit_test(room_of_more_than_there_is_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
