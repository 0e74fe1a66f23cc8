/* Making things below a directory, with what an attacker may have put in the way. */
#include "formats/volume/place.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "formats/volume/path.h"
#include "formats/volume/staging.h"
#include "tests/support/check.h"

struct world {
    char top[32];
    char inside[64], outside[64];
    int top_fd;
    struct hf_vol_place place;
};

/* inside/ has links that lead to outside/, by every way there is. */
static int set_up(void **state)
{
    static struct world world;
    struct hf_error err = HF_ERROR_INIT;
    (void)snprintf(world.top, sizeof world.top, "/tmp/hf-place-XXXXXX");
    assert_non_null(mkdtemp(world.top));
    (void)snprintf(world.inside, sizeof world.inside, "%s/inside", world.top);
    (void)snprintf(world.outside, sizeof world.outside, "%s/outside", world.top);
    assert_int_equal(mkdir(world.inside, 0700), 0);
    assert_int_equal(mkdir(world.outside, 0700), 0);
    world.top_fd = open(world.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world.place =
        (struct hf_vol_place){.root = open(world.inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    assert_true(world.place.root >= 0 && world.top_fd >= 0);
    assert_ok(hf_vol_notes_new(&world.place.notes, &err), &err);
    assert_int_equal(symlinkat(world.outside, world.place.root, "absolute"), 0);
    assert_int_equal(symlinkat("../outside", world.place.root, "relative"), 0);
    assert_int_equal(mkdirat(world.place.root, "sub", 0700), 0);
    assert_int_equal(symlinkat("../../outside", world.place.root, "sub/deep"), 0);
    assert_int_equal(symlinkat("/proc/self/root/tmp", world.place.root, "magic"), 0);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    assert_int_equal(hf_vol_remove_all(world->top_fd), 0);
    assert_int_equal(rmdir(world->top), 0);
    (void)close(world->place.root);
    (void)close(world->top_fd);
    hf_vol_notes_free(world->place.notes);
    return 0;
}

static const char *const ways_out[] = {"absolute/x", "relative/x",   "sub/deep/x",
                                       "magic/x",    "../outside/x", "sub/../../outside/x"};
enum { WAYS = sizeof ways_out / sizeof ways_out[0] };

static void assert_nothing_outside(const struct world *world)
{
    /* A directory that is empty can be removed. */
    assert_int_equal(rmdir(world->outside), 0);
    assert_int_equal(mkdir(world->outside, 0700), 0);
}

static void place_through_a_link_is_refused(void **state)
{
    struct world *world = *state;
    for (int parents = 0; parents < 2; parents++) {
        world->place.make_parents = parents == 1;
        for (size_t i = 0; i < WAYS; i++) {
            struct hf_error err = HF_ERROR_INIT;
            const struct hf_vol_entry fifo = {.path = ways_out[i], .type = HF_VOL_FIFO};
            unsigned lacks;
            int fd = -1;
            assert_int_not_equal(hf_vol_place_create(&world->place, ways_out[i], &fd, &err), HF_OK);
            assert_int_not_equal(hf_vol_place_folder(&world->place, ways_out[i], &err), HF_OK);
            assert_int_not_equal(hf_vol_place_special(&world->place, &fifo, &lacks, &err), HF_OK);
            assert_int_not_equal(hf_vol_place_link(&world->place, "sub", ways_out[i], &err), HF_OK);
            assert_int_not_equal(hf_vol_place_link(&world->place, ways_out[i], "new", &err), HF_OK);
            assert_nothing_outside(world);
        }
    }
}

static void place_over_a_link_is_refused(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    int fd = -1;
    assert_int_not_equal(hf_vol_place_create(&world->place, "relative", &fd, &err), HF_OK);
    assert_true(hf_vol_open(world->place.root, "relative", O_RDONLY, 0) < 0);
    assert_int_equal(errno, ELOOP);
    assert_nothing_outside(world);
}

/* What is outside stays, whatever links into it are removed. */
static void remove_all_follows_nothing(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    char kept[128];
    (void)snprintf(kept, sizeof kept, "%s/kept", world->outside);
    assert_ok(hf_file_replace(kept, "x", 1, 0600, &err), &err);
    assert_int_equal(hf_vol_remove_all(world->place.root), 0);
    assert_int_equal(access(kept, F_OK), 0);
    assert_int_equal(rmdir(world->inside), 0);
    assert_int_equal(mkdir(world->inside, 0700), 0);
}

static void open_path_longer_than_path_max_works(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    const char *text;
    int fd = -1;
    world->place.make_parents = true;
    for (int i = 0; i < 60; i++)
        assert_ok(hf_buf_printf(&path, &err, "%s%0150d", i ? "/" : "", i), &err);
    assert_ok(hf_buf_cstr(&path, &text, &err), &err);
    assert_ok(hf_vol_place_create(&world->place, text, &fd, &err), &err);
    (void)close(fd);
    fd = hf_vol_open(world->place.root, text, O_RDONLY, 0);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void dress_and_compare_agree(void **state)
{
    struct world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_vol_entry entry = {.path = "file",
                                 .type = HF_VOL_FILE,
                                 .mode = 0640,
                                 .uid = getuid(),
                                 .gid = getgid(),
                                 .mtime = {1234567890, 123456789}};
    unsigned lacks;
    bool same;
    int fd = -1;
    assert_ok(hf_vol_place_create(&world->place, "file", &fd, &err), &err);
    assert_ok(hf_vol_place_dress(&world->place, &entry, fd, &lacks, &err), &err);
    assert_ok(hf_vol_place_compare(&world->place, &entry, fd, lacks, &same, &err), &err);
    assert_true(same);
    entry.mtime.ns++;
    assert_ok(hf_vol_place_compare(&world->place, &entry, fd, lacks, &same, &err), &err);
    assert_false(same);
    entry.mtime.ns--;
    entry.mode = 0600;
    assert_ok(hf_vol_place_compare(&world->place, &entry, -1, lacks, &same, &err), &err);
    assert_false(same);
    assert_int_equal(hf_vol_notes_count(world->place.notes, HF_VOL_DIFFERENT), 2);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(place_through_a_link_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(place_over_a_link_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remove_all_follows_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_path_longer_than_path_max_works, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dress_and_compare_agree, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
