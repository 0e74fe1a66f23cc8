/* Both ends of a helper container in one process, and what a helper may not say. */
#include "formats/volume/helper/helper.h"
#include "formats/volume/helper/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/pool.h"
#include "formats/volume/docker_attach.h"
#include "tests/support/snapshot_fixture.h"
#include "tests/support/volume_world.h"

#include <sys/socket.h>

struct link {
    int here, there;
    struct hf_cancel *cancel; /* of the other end's thread */
    struct hf_pool *other;
    enum hf_status status; /* of the other end */
    struct hf_error why;
};

static enum hf_status be_the_helper(void *arg, size_t index, struct hf_error *err)
{
    struct link *link = arg;
    (void)index;
    (void)err;
    link->status = hf_volume_helper(link->there, link->there, &link->why);
    (void)shutdown(link->there, SHUT_RDWR);
    return HF_OK;
}

static void start_helper(struct link *link)
{
    struct hf_error err = HF_ERROR_INIT;
    int fds[2];
    *link = (struct link){.why = HF_ERROR_INIT};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    link->here = fds[0];
    link->there = fds[1];
    assert_ok(hf_cancel_new(&link->cancel, &err), &err);
    assert_ok(hf_pool_start(1, be_the_helper, NULL, link, link->cancel, &link->other, &err), &err);
}

static void end_helper(struct link *link)
{
    struct hf_error err = HF_ERROR_INIT;
    (void)close(link->here);
    assert_ok(hf_pool_join(link->other, &err), &err);
    (void)close(link->there);
    hf_cancel_free(link->cancel);
}

static enum hf_status send_here(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    const struct link *link = ctx;
    return hf_vol_wire_write(link->here, NULL, data, len, err);
}

/* Pieces of odd lengths, so that messages come in parts. */
static enum hf_status serve_all(struct link *link, struct hf_vol_serve *serve, struct hf_error *err)
{
    static uint8_t piece[50021];
    size_t got = 1;
    while (!hf_vol_serve_ended(serve)) {
        HF_TRY(hf_vol_wire_read(link->here, NULL, -1, piece, sizeof piece, &got, err));
        if (got == 0)
            return hf_error_set(err, HF_UNREACHABLE, "it is gone");
        HF_TRY(hf_vol_serve_feed(serve, piece, got, err));
    }
    return HF_OK;
}

static json_t *start_capture(const struct volume_world *world, const char *exclude)
{
    return json_pack("{s:s, s:s, s:i, s:b, s:b, s:[s], s:[], s:[]}", "do", "capture", "path",
                     world->tree, "jobs", 4, "all_file_systems", 0, "skip_unreadable", 0, "exclude",
                     exclude, "include", "stop");
}

static void back_up(struct volume_world *world, const char *exclude, char id[HF_SNAPSHOT_ID_TEXT],
                    json_t **out_properties)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup = volume_begin(world);
    struct link link;
    struct hf_vol_serve *serve;
    json_t *start = start_capture(world, exclude);
    const json_t *result;
    start_helper(&link);
    const struct hf_vol_serve_options options = {
        .sink = hf_backup_sink(backup), .send = send_here, .send_ctx = &link, .start = start};
    assert_ok(hf_vol_serve_new(&options, &serve, &err), &err);
    assert_ok(serve_all(&link, serve, &err), &err);
    assert_ok(hf_vol_serve_result(serve, &result, &err), &err);
    *out_properties = json_incref(json_object_get(result, "properties"));
    assert_ok(hf_backup_commit(backup, *out_properties, id, NULL, &err), &err);
    hf_vol_serve_free(serve);
    end_helper(&link);
    assert_int_equal(link.status, HF_OK);
    json_decref(start);
}

static void helper_backs_up_and_restores_all_of_it(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT], target[2 * CHECK_PATH];
    struct link link;
    struct hf_vol_serve *serve;
    json_t *properties, *streams;
    const json_t *report;
    back_up(world, "*.none", id, &properties);
    assert_int_equal(volume_number(properties, "files"), 302);
    json_decref(properties);
    back_up(world, "f1*", id, &properties); /* the last snapshot is looked at */
    assert_int_equal(volume_number(properties, "files"), 202);

    struct hf_snapshot *snapshot = volume_open(world, id);
    (void)snprintf(target, sizeof target, "%s/restored", world->top);
    assert_ok(hf_vol_serve_streams(hf_snapshot_feed(snapshot), &streams, &err), &err);
    json_t *start = json_pack("{s:s, s:s, s:i, s:[], s:O, s:o}", "do", "restore", "path", target,
                              "jobs", 4, "patterns", "properties", properties, "streams", streams);
    start_helper(&link);
    const struct hf_vol_serve_options options = {
        .feed = hf_snapshot_feed(snapshot), .send = send_here, .send_ctx = &link, .start = start};
    assert_ok(hf_vol_serve_new(&options, &serve, &err), &err);
    assert_ok(serve_all(&link, serve, &err), &err);
    assert_ok(hf_vol_serve_result(serve, &report, &err), &err);
    assert_true(json_is_true(json_object_get(report, "equal")));
    assert_int_equal(volume_number(report, "files"), 202);
    hf_vol_serve_free(serve);
    end_helper(&link);
    hf_snapshot_close(snapshot);
    json_decref(start);
    json_decref(properties);
}

static void helper_error_comes_back_as_it_was(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup = volume_begin(world);
    struct link link;
    struct hf_vol_serve *serve;
    const json_t *result;
    json_t *start = json_pack("{s:s, s:s, s:i, s:[], s:[], s:[]}", "do", "capture", "path",
                              "/no/such/directory", "jobs", 1, "exclude", "include", "stop");
    start_helper(&link);
    const struct hf_vol_serve_options options = {
        .sink = hf_backup_sink(backup), .send = send_here, .send_ctx = &link, .start = start};
    assert_ok(hf_vol_serve_new(&options, &serve, &err), &err);
    assert_ok(serve_all(&link, serve, &err), &err);
    assert_fails(hf_vol_serve_result(serve, &result, &err), HF_NOT_FOUND, &err);
    assert_contains(err.text, "/no/such/directory");
    hf_vol_serve_free(serve);
    end_helper(&link);
    assert_int_equal(link.status, HF_NOT_FOUND);
    hf_backup_abort(backup);
    json_decref(start);
}

static void helper_ends_when_it_is_left_alone(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup = volume_begin(world);
    struct link link;
    struct hf_vol_serve *serve;
    json_t *start = start_capture(world, "*.none");
    start_helper(&link);
    const struct hf_vol_serve_options options = {
        .sink = hf_backup_sink(backup), .send = send_here, .send_ctx = &link, .start = start};
    uint8_t piece[64];
    size_t got;
    assert_ok(hf_vol_serve_new(&options, &serve, &err), &err);
    while (!hf_vol_serve_begun(serve)) {
        assert_ok(hf_vol_wire_read(link.here, NULL, -1, piece, sizeof piece, &got, &err), &err);
        assert_ok(hf_vol_serve_feed(serve, piece, got, &err), &err);
    }
    hf_vol_serve_free(serve);
    end_helper(&link);
    assert_int_not_equal(link.status, HF_OK);
    hf_backup_abort(backup);
    json_decref(start);
}

/* ---- what it may not say ---- */

static enum hf_status send_nowhere(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return HF_OK;
}

/* Says hello and then one message more. */
static enum hf_status say(struct hf_backup *backup, const char *version, enum hf_vol_wire_type type,
                          uint32_t id, const char *text, size_t len, struct hf_error *err)
{
    HF_AUTO_JSON start = json_object();
    HF_AUTO_PTR(hf_vol_serve) serve = NULL;
    const struct hf_vol_serve_options options = {
        .sink = hf_backup_sink(backup), .send = send_nowhere, .start = start};
    uint8_t head[HF_WIRE_HEAD];
    HF_TRY(hf_vol_serve_new(&options, &serve, err));
    hf_vol_wire_head(head, HF_WIRE_HELLO, 0, strlen(version));
    HF_TRY(hf_vol_serve_feed(serve, head, sizeof head, err));
    HF_TRY(hf_vol_serve_feed(serve, version, strlen(version), err));
    hf_vol_wire_head(head, type, id, len);
    HF_TRY(hf_vol_serve_feed(serve, head, sizeof head, err));
    return hf_vol_serve_feed(serve, text, len, err);
}

static void serve_refuses_what_makes_no_sense(void **state)
{
    static const struct {
        enum hf_vol_wire_type type;
        uint32_t id;
        const char *text;
        size_t len;
    } wrong[] = {
        {HF_WIRE_OPEN, 1, "\0schema", 7},                /* no stream of a volume */
        {HF_WIRE_OPEN, 1, "\0content/../files", 17},     /* nor this */
        {HF_WIRE_OPEN, 1, "\2content/00000001", 17},     /* of another kind */
        {HF_WIRE_OPEN, 0, "\0content/00000001", 17},     /* without a number */
        {HF_WIRE_OPEN, 1, "", 0},                        /* without a name */
        {HF_WIRE_OPEN, 1, "\0content/0000000\0001", 17}, /* with a NUL */
        {HF_WIRE_WRITE, 7, "x", 1},                      /* to what is not open */
        {HF_WIRE_CLOSE, 7, "12345678", 8},
        {HF_WIRE_CUT, 7, "", 0},
        {HF_WIRE_ABANDON, 7, "", 0},
        {HF_WIRE_CARRY, 0, "content/00000001", 16}, /* there is no last snapshot */
        {HF_WIRE_HOLDS, 1, "content/00000001", 16},
        {HF_WIRE_FEED_NEXT, 1, "\1\0\0\0", 4},
        {HF_WIRE_FEED_NEXT, 1, "\1", 1},
        {HF_WIRE_FEED_OPEN, 1, "1234567812345678files", 21}, /* nothing is read */
        {HF_WIRE_FEED_CLOSE, 1, "", 0},
        {HF_WIRE_NOTE, 99, "x", 1},
        {HF_WIRE_EXPECT, 1, "x", 1},
        {HF_WIRE_HELLO, 0, HF_VERSION, sizeof HF_VERSION - 1},
        {HF_WIRE_START, 0, "{}", 2},
        {HF_WIRE_RESULT, 0, "[]", 2},
        {HF_WIRE_TYPES, 0, "", 0},
    };
    struct volume_world *world = *state;
    struct hf_backup *backup = volume_begin(world);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct hf_error err = HF_ERROR_INIT;
        enum hf_status status =
            say(backup, HF_VERSION, wrong[i].type, wrong[i].id, wrong[i].text, wrong[i].len, &err);
        if (status != HF_DAMAGED)
            fail_msg("message %zu: status %d, %s", i, (int)status, err.text);
    }
    hf_backup_abort(backup);
}

static void serve_bounds_what_it_is_asked_for(void **state)
{
    struct volume_world *world = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_backup *backup = volume_begin(world);
    assert_fails(say(backup, HF_VERSION, HF_WIRE_NOTE, 1, "", HF_WIRE_UP_MAX + 1, &err), HF_DAMAGED,
                 &err);
    err = (struct hf_error)HF_ERROR_INIT;
    assert_fails(say(backup, "0.0.0", HF_WIRE_CUT, 1, "", 0, &err), HF_MISSING, &err);
    assert_contains(err.text, "both must be the same");
    hf_backup_abort(backup);
}

/* ---- around it ---- */

static void own_container_is_found_in_mounts_of_docker(void **state)
{
    char id[65];
    (void)state;
#define SOME_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    assert_true(hf_vol_own_container("36 35 98:0 / / rw - overlay overlay rw\n"
                                     "40 36 8:1 /var/lib/docker/containers/" SOME_ID
                                     "/resolv.conf /etc/resolv.conf rw\n",
                                     id));
    assert_string_equal(id, SOME_ID);
    assert_false(hf_vol_own_container("40 36 8:1 /srv/containers/app/data /data rw\n", id));
    assert_false(hf_vol_own_container("40 36 8:1 /x/containers/" SOME_ID, id));
    assert_false(hf_vol_own_container("", id));
}

static void upgrade_is_taken_and_nothing_else(void **state)
{
    static const char good[] = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nrest";
    struct hf_error err = HF_ERROR_INIT;
    size_t head;
    (void)state;
    for (size_t len = 0; len < sizeof good - 5; len++) {
        assert_ok(hf_docker_parse_upgrade(good, len, &head, &err), &err);
        assert_int_equal(head, 0);
    }
    assert_ok(hf_docker_parse_upgrade(good, sizeof good - 1, &head, &err), &err);
    assert_string_equal(good + head, "rest");
    assert_fails(hf_docker_parse_upgrade("HTTP/1.1 404 No\r\n\r\n", 19, &head, &err), HF_FAILED,
                 &err);
    assert_fails(hf_docker_parse_upgrade("hello\r\n\r\n", 9, &head, &err), HF_DAMAGED, &err);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, volume_set_up, volume_tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(helper_backs_up_and_restores_all_of_it),
        IN_WORLD(helper_error_comes_back_as_it_was),
        IN_WORLD(helper_ends_when_it_is_left_alone),
        IN_WORLD(serve_refuses_what_makes_no_sense),
        IN_WORLD(serve_bounds_what_it_is_asked_for),
        cmocka_unit_test(own_container_is_found_in_mounts_of_docker),
        cmocka_unit_test(upgrade_is_taken_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
