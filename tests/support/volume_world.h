/*
 * A small tree on disk and a repository in memory, for tests of whole captures and restores of
 * volumes: with all their threads, in this process. Include after <cmocka.h>; every function
 * asserts.
 */
#ifndef HF_TESTS_VOLUME_WORLD_H
#define HF_TESTS_VOLUME_WORLD_H

#include "base/cancel.h"
#include "formats/volume/volume.h"
#include "storage/repository/backup.h"
#include "storage/repository/snapshot.h"
#include "tests/support/check.h"
#include "tests/support/snapshot_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

struct volume_world {
    struct fixture fixture;
    char top[CHECK_PATH];
    char tree[CHECK_PATH + 8];
    struct hf_cancel *cancel;
};

static inline void volume_put(const struct volume_world *world, const char *name, size_t size,
                              uint32_t seed)
{
    char path[3 * CHECK_PATH];
    struct hf_buf content = HF_BUF_INIT;
    const struct fixture_stream stream = {.name = name, .size = size, .seed = seed};
    fixture_content(&stream, &content);
    (void)snprintf(path, sizeof path, "%s/%.100s", world->tree, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
    hf_buf_free(&content);
}

static inline void volume_remove(const char *path)
{
    char command[2 * CHECK_PATH];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c,concurrency-mt-unsafe) */
}

/* Many small files, one that several threads read, one with a hole, a link of each kind. */
static inline int volume_set_up(void **state)
{
    static struct volume_world world;
    struct hf_error err = HF_ERROR_INIT;
    char path[2 * CHECK_PATH], other[2 * CHECK_PATH];
    fixture_open(&world.fixture);
    check_folder(world.top);
    (void)snprintf(world.tree, sizeof world.tree, "%s/tree", world.top);
    assert_int_equal(mkdir(world.tree, 0755), 0);
    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(path, sizeof path, "f%03u", i);
        volume_put(&world, path, i * 37, i);
    }
    volume_put(&world, "large", 18 << 20, 1000);
    (void)snprintf(path, sizeof path, "%s/hole", world.tree);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && pwrite(fd, "end", 3, 8 << 20) == 3 && close(fd) == 0);
    (void)snprintf(path, sizeof path, "%s/f001", world.tree);
    (void)snprintf(other, sizeof other, "%s/hard", world.tree);
    assert_int_equal(link(path, other), 0);
    (void)snprintf(other, sizeof other, "%s/soft", world.tree);
    assert_int_equal(symlink("f001", other), 0);
    assert_ok(hf_cancel_new(&world.cancel, &err), &err);
    *state = &world;
    return 0;
}

static inline int volume_tear_down(void **state)
{
    struct volume_world *world = *state;
    hf_cancel_free(world->cancel);
    volume_remove(world->top);
    fixture_close(&world->fixture);
    return 0;
}

static inline struct hf_backup *volume_begin(struct volume_world *world)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup;
    const struct hf_backup_options options = {.source = "vol",
                                              .kind = "volume",
                                              .host = "here",
                                              .memory = 128 << 20,
                                              .threads = 2,
                                              .cancel = world->cancel};
    assert_ok(hf_backup_begin(world->fixture.repo, &options, &backup, &err), &err);
    return backup;
}

static inline void volume_commit(struct hf_backup *backup, const struct hf_capture_result *result,
                                 char id[HF_SNAPSHOT_ID_TEXT])
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_backup_commit(backup, result->properties, id, NULL, &err), &err);
    json_decref(result->properties);
}

static inline struct hf_snapshot *volume_open(struct volume_world *world, const char *id)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_snapshot *snapshot;
    const struct hf_read_options options = {.memory = 64 << 20, .threads = 2};
    assert_ok(hf_snapshot_open(world->fixture.repo, id, &options, &snapshot, &err), &err);
    return snapshot;
}

static inline json_int_t volume_number(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    assert_true(json_is_integer(number));
    return json_integer_value(number);
}

#endif
