#include "agent/daemon/control.h"
#include "agent/daemon/lines.h"
#include "agent/daemon/lock.h"
#include "base/file.h"
#include "base/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/check.h"

struct fixture {
    char *state;
    struct hf_control *control;
    struct hf_control_client *client; /* the last one that asked */
    char job[HF_CONTROL_JOB_MAX];
    unsigned asked, gone;
};

static void on_request(void *ctx, struct hf_control_client *client,
                       const struct hf_control_request *request)
{
    struct fixture *f = ctx;

    f->asked++;
    f->client = client;
    (void)snprintf(f->job, sizeof f->job, "%s", request->job);
}

static void on_gone(void *ctx, struct hf_control_client *client)
{
    struct fixture *f = ctx;

    (void)client;
    f->gone++;
}

static int set_up(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct fixture *f = calloc(1, sizeof *f);
    char folder[] = "/tmp/hf-control-XXXXXX";

    /* Longer than the path of a socket may be. */
    if (!f || !mkdtemp(folder) ||
        hf_text_format(&f->state, &err, "%s/%0120d", folder, 0) != HF_OK ||
        hf_folder_make(f->state, &err) != HF_OK ||
        hf_control_open(f->state, on_request, on_gone, f, &f->control, &err) != HF_OK)
        return -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    HF_AUTO_FREE char *command = NULL;
    struct hf_error err = HF_ERROR_INIT;

    hf_control_close(f->control);
    *strrchr(f->state, '/') = 0;
    if (hf_text_format(&command, &err, "rm -r '%s'", f->state) != HF_OK)
        return -1;
    free(f->state);
    free(f);
    return system(command); /* NOLINT(cert-env33-c): a folder of our own */
}

static void serve(struct fixture *f)
{
    struct pollfd polls[HF_CONTROL_POLLS];
    size_t count = hf_control_polls(f->control, polls);

    assert_true(poll(polls, count, 10000) > 0);
    hf_control_serve(f->control, polls, count);
}

static int connect_to(const struct fixture *f)
{
    struct hf_error err = HF_ERROR_INIT;
    int fd = -1;

    assert_ok(hf_control_connect(f->state, &fd, &err), &err);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

#define ASK "{\"do\":\"backup\",\"config\":\"/c\",\"job\":\"nightly\"}\n"

static void serve_request_in_pieces_is_heard_and_answered(void **state)
{
    struct fixture *f = *state;
    HF_AUTO_FD fd = connect_to(f);
    char answer[16] = "";

    serve(f);
    say(fd, "{\"do\":\"backup\",");
    serve(f);
    assert_int_equal(f->asked, 0);
    say(fd, "\"config\":\"/c\",\"job\":\"nightly\"}\n");
    serve(f);
    assert_int_equal(f->asked, 1);
    assert_string_equal(f->job, "nightly");
    hf_control_send(f->client, "{}", 2);
    hf_control_finish(f->client);
    serve(f);
    assert_int_equal(read(fd, answer, sizeof answer), 3);
    assert_string_equal(answer, "{}\n");
    assert_int_equal(read(fd, answer, sizeof answer), 0);
    assert_int_equal(f->gone, 1);
}

static void serve_nonsense_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    const char *const bad[] = {"x\n", "{}\n", "[1]\n",
                               "{\"do\":\"stop\",\"config\":\"\",\"job\":\"\"}\n"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        HF_AUTO_FD fd = connect_to(f);
        char byte;

        serve(f);
        say(fd, bad[i]);
        serve(f);
        assert_int_equal(read(fd, &byte, 1), 0);
    }
    assert_int_equal(f->asked, 0);
}

static void serve_endless_request_is_not_kept(void **state)
{
    struct fixture *f = *state;
    HF_AUTO_FD fd = connect_to(f);
    char *much = malloc(3 * HF_CONTROL_REQUEST_MAX);

    assert_non_null(much);
    memset(much, 'a', 3 * (size_t)HF_CONTROL_REQUEST_MAX);
    serve(f);
    assert_true(send(fd, much, 3 * (size_t)HF_CONTROL_REQUEST_MAX, MSG_NOSIGNAL) > 0);
    serve(f);
    assert_int_equal(f->gone, 1);
    free(much);
}

static void send_to_one_who_does_not_read_lets_go_of_him(void **state)
{
    struct fixture *f = *state;
    HF_AUTO_FD fd = connect_to(f);
    char line[1024];

    memset(line, 'x', sizeof line);
    serve(f);
    say(fd, ASK);
    serve(f);
    for (size_t sent = 0; sent < 2 * (size_t)HF_CONTROL_UNSENT_MAX; sent += sizeof line)
        hf_control_send(f->client, line, sizeof line);
    say(fd, "\n");
    serve(f);
    assert_int_equal(f->gone, 1);
}

static void serve_too_many_refuses_the_last(void **state)
{
    struct fixture *f = *state;
    int fds[HF_CONTROL_CLIENTS_MAX + 1];
    char byte;

    for (size_t i = 0; i <= HF_CONTROL_CLIENTS_MAX; i++) {
        fds[i] = connect_to(f);
        serve(f);
    }
    assert_int_equal(read(fds[HF_CONTROL_CLIENTS_MAX], &byte, 1), 0);
    for (size_t i = 0; i <= HF_CONTROL_CLIENTS_MAX; i++)
        (void)close(fds[i]);
}

static void open_socket_is_for_its_user_alone(void **state)
{
    struct fixture *f = *state;
    HF_AUTO_FREE char *path = NULL;
    struct hf_error err = HF_ERROR_INIT;
    struct stat facts;

    assert_ok(hf_text_format(&path, &err, "%s/control.sock", f->state), &err);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
}

static void connect_without_agent_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    int fd;

    hf_control_close(f->control);
    f->control = NULL;
    assert_int_equal(hf_control_connect(f->state, &fd, &err), HF_NOT_FOUND);
    assert_int_equal(hf_control_connect("/nowhere", &fd, &err), HF_NOT_FOUND);
}

static void lock_that_is_held_is_busy_and_goes_with_its_process(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    pid_t holder = 0, child;
    int ready[2];
    HF_AUTO_FD fd = -1;
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        if (hf_lock_take(f->state, "agent", &fd, &holder, &err) != HF_OK ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(hf_lock_take(f->state, "agent", &fd, &holder, &err), HF_BUSY);
    assert_int_equal(holder, child);
    assert_true(hf_lock_is_held(f->state, "agent", &holder));
    assert_false(hf_lock_is_held(f->state, "another", &holder));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(hf_lock_is_held(f->state, "agent", &holder));
    assert_ok(hf_lock_take(f->state, "agent", &fd, &holder, &err), &err);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* As another user, where the modes of folder and socket do not stand in the way. Exits with 0 when
 * it is hung up on without a word. */
static void connect_as_another(const struct fixture *f)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "control.sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte;

    (void)alarm(20);
    if (chdir(f->state) != 0 || setgid(65534) != 0 || setuid(65534) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        _exit(2);
    _exit(read(fd, &byte, 1) == 0 ? 0 : 3);
}

static void serve_another_user_is_hung_up_on(void **state)
{
    struct fixture *f = *state;
    HF_AUTO_FREE char *path = NULL;
    struct hf_error err = HF_ERROR_INIT;
    int how = 0;
    pid_t child;

    if (geteuid() != 0)
        skip();
    assert_ok(hf_text_format(&path, &err, "%s/control.sock", f->state), &err);
    assert_int_equal(chmod(f->state, 0711), 0);
    assert_int_equal(chmod(path, 0666), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        connect_as_another(f);
    serve(f);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    assert_int_equal(f->asked, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(serve_request_in_pieces_is_heard_and_answered),
        TEST(serve_nonsense_ends_the_connection),
        TEST(serve_endless_request_is_not_kept),
        TEST(send_to_one_who_does_not_read_lets_go_of_him),
        TEST(serve_too_many_refuses_the_last),
        TEST(open_socket_is_for_its_user_alone),
        TEST(serve_another_user_is_hung_up_on),
        TEST(connect_without_agent_is_not_found),
        TEST(lock_that_is_held_is_busy_and_goes_with_its_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
