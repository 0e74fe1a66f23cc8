#include "agent/daemon/child.h"
#include "agent/daemon/report.h"
#include "base/clock.h"
#include "base/file.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/check.h"

/* ---- what the child does: this program once more ---- */

static int play(const char *part)
{
    if (strcmp(part, "good") == 0) {
        (void)puts("{\"event\":\"backup\"}\nnot an event\n{\"event\":\"warning\"}");
        (void)printf("{\"event\":\"end\",\"exit_code\":0}\n");
        return 0;
    }
    if (strcmp(part, "liar") == 0)
        return 0;
    if (strcmp(part, "crash") == 0) {
        (void)fputs("it was me\n", stderr);
        raise(SIGKILL);
    }
    if (strcmp(part, "env") == 0)
        return strcmp(getenv("HF_TEST_A"), "new") == 0 && getenv("PATH") ? 7 : 8;
    if (strcmp(part, "hang") == 0) {
        if (fork() == 0) { /* one that holds the pipes open and does not listen */
            (void)signal(SIGTERM, SIG_IGN);
            for (;;)
                (void)pause();
        }
        (void)puts("{\"event\":\"step\"}");
        (void)fflush(stdout);
        for (;;)
            (void)pause();
    }
    return 99;
}

/* ---- lines ---- */

static void lines_next_pieces_and_long_ones_gives_whole_bounded_lines(void **state)
{
    __attribute__((cleanup(hf_lines_done))) struct hf_lines lines = {.max = 5};
    struct hf_error err = HF_ERROR_INIT;
    const char *pieces[] = {"ab", "c\nd\n", "\n123456", "7890", "1\nok\n12345\n123456\nz"};
    const char *expected[] = {"abc", "d", "", "ok", "12345"};
    size_t found = 0, len;

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const char *line;

        assert_ok(hf_lines_add(&lines, pieces[i], strlen(pieces[i]), &err), &err);
        while ((line = hf_lines_next(&lines, &len)) != NULL)
            assert_string_equal(line, expected[found++]);
        assert_true(lines.buf.len - lines.taken <= 5);
    }
    assert_int_equal(found, 5);
    assert_int_equal(lines.dropped, 2);
}

/* ---- children ---- */

static struct hf_child begin(const char *part)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) args = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) env = HF_STRINGS_INIT;
    struct hf_child child;

    assert_ok(hf_strings_add(&args, "play", &err), &err);
    assert_ok(hf_strings_add(&args, part, &err), &err);
    assert_ok(hf_strings_add(&env, "HF_TEST_A=new", &err), &err);
    assert_ok(hf_child_start(&args, &env, NULL, &child, &err), &err);
    return child;
}

static void read_reports(struct hf_child *child, struct hf_report *report)
{
    const char *line;
    size_t len;

    hf_child_read(child);
    while ((line = hf_lines_next(&child->lines, &len)) != NULL)
        (void)hf_report_add(report, line, len);
}

static struct hf_verdict end(struct hf_child *child, struct hf_report *report)
{
    struct hf_verdict verdict;
    siginfo_t info;
    int how;

    assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
    how = hf_child_reap(child);
    read_reports(child, report);
    hf_report_judge(report, how, child->words, &verdict);
    hf_child_done(child);
    return verdict;
}

static void child_that_reports_its_end_is_believed(void **state)
{
    struct hf_child child = begin("good");
    struct hf_report report = {.ended = false};
    struct hf_verdict verdict = end(&child, &report);

    (void)state;
    assert_true(verdict.ok);
    assert_int_equal(report.snapshots, 1);
    assert_int_equal(report.warnings, 1);
}

static void child_that_says_nothing_is_a_failure(void **state)
{
    struct hf_child child = begin("liar");
    struct hf_report report = {.ended = false};
    struct hf_verdict verdict = end(&child, &report);

    (void)state;
    assert_false(verdict.ok);
    assert_true(verdict.crashed);
    assert_int_equal(verdict.exit_code, 1);
    assert_non_null(strstr(verdict.error.text, "broke off"));
}

static void child_that_is_killed_says_by_which_signal_and_its_last_words(void **state)
{
    struct hf_child child = begin("crash");
    struct hf_report report = {.ended = false};
    struct hf_verdict verdict = end(&child, &report);

    (void)state;
    assert_true(verdict.crashed);
    assert_non_null(strstr(verdict.error.text, "signal 9"));
    assert_non_null(strstr(verdict.error.text, "it was me"));
}

static void child_gets_environment_and_its_exit_code_is_seen(void **state)
{
    struct hf_child child = begin("env");
    siginfo_t info;

    (void)state;
    assert_int_equal(setenv("HF_TEST_A", "old", 1), 0);
    assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(WEXITSTATUS(hf_child_reap(&child)), 7);
    hf_child_done(&child);
}

static void child_that_ends_takes_its_group_along(void **state)
{
    struct hf_child child = begin("hang");
    struct pollfd poll_out = {.fd = child.out_fd, .events = POLLIN};
    struct hf_report report = {.ended = false};
    int out = dup(child.out_fd);
    struct hf_verdict verdict;
    char byte;

    (void)state;
    assert_int_equal(poll(&poll_out, 1, 30000), 1);
    hf_child_signal(&child, SIGTERM);
    verdict = end(&child, &report);
    assert_true(verdict.crashed);
    /* The pipe's end comes when its last holder, which does not listen to SIGTERM, was killed. */
    poll_out.fd = out;
    do {
        assert_int_equal(poll(&poll_out, 1, 30000), 1);
    } while (read(out, &byte, 1) > 0);
    (void)close(out);
}

/* ---- reports ---- */

static void add(struct hf_report *report, const char *line)
{
    assert_true(hf_report_add(report, line, strlen(line)));
}

static void judge_an_error_that_was_said_is_the_verdict(void **state)
{
    struct hf_report report = {.ended = false};
    struct hf_verdict verdict;

    (void)state;
    add(&report, "{\"event\":\"error\",\"text\":\"one\",\"exit_code\":3,\"retryable\":false}");
    add(&report, "{\"event\":\"error\",\"text\":\"two\",\"exit_code\":4,\"retryable\":true}");
    add(&report, "{\"event\":\"end\",\"exit_code\":4}");
    hf_report_judge(&report, 4 << 8, "", &verdict);
    assert_false(verdict.ok);
    assert_false(verdict.crashed);
    assert_true(verdict.retryable);
    assert_int_equal(verdict.error.status, HF_UNREACHABLE);
    assert_string_equal(verdict.error.text, "two");
    hf_report_judge(&report, 0, "", &verdict); /* it said 4 and exits with 0 */
    assert_true(verdict.crashed);
    assert_false(verdict.ok && verdict.exit_code == 0);
}

static void add_of_nonsense_is_refused(void **state)
{
    struct hf_report report = {.ended = false};
    const char *lines[] = {"", "x", "[]", "{}", "{\"event\":3}", "{\"event\":\"end\""};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_false(hf_report_add(&report, lines[i], strlen(lines[i])));
    add(&report, "{\"event\":\"end\",\"exit_code\":-1}");
    add(&report, "{\"event\":\"end\",\"exit_code\":\"0\"}");
    add(&report, "{\"event\":\"error\",\"text\":5,\"exit_code\":0}");
    assert_false(report.ended);
    assert_int_equal(report.errors, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_next_pieces_and_long_ones_gives_whole_bounded_lines),
        cmocka_unit_test(child_that_reports_its_end_is_believed),
        cmocka_unit_test(child_that_says_nothing_is_a_failure),
        cmocka_unit_test(child_that_is_killed_says_by_which_signal_and_its_last_words),
        cmocka_unit_test(child_gets_environment_and_its_exit_code_is_seen),
        cmocka_unit_test(child_that_ends_takes_its_group_along),
        cmocka_unit_test(judge_an_error_that_was_said_is_the_verdict),
        cmocka_unit_test(add_of_nonsense_is_refused),
    };

    return argc == 3 ? play(argv[2]) : cmocka_run_group_tests(tests, NULL, NULL);
}
