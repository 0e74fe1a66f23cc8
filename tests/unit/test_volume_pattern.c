/* Patterns, against what git says of the same ones where git is there. */
#include "formats/volume/pattern.h"

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
#include "base/process.h"
#include "tests/support/check.h"

static struct hf_vol_patterns *patterns_of(const char *const *lines)
{
    HF_AUTO(hf_strings) list = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_vol_patterns *patterns;
    for (; *lines; lines++)
        assert_ok(hf_strings_add(&list, *lines, &err), &err);
    assert_ok(hf_vol_patterns_new(&list, &patterns, &err), &err);
    return patterns;
}

/* Patterns for git and for us, and paths they are asked about: "d/" at the end is a directory. */
static const char *const lines[] = {"# a comment",   "",         "*.o",     "!keep.o",
                                    "/top",          "dir/",     "a/b",     "**/deep",
                                    "x/**/y",        "all/**",   "\\#hash", "\\!bang",
                                    "trail   ",      "esc\\ ",   "[a-c]1",  "[!a-c]2",
                                    "[[:digit:]]3",  "q?r",      "m*n*o",   "/anch/*.c",
                                    "**/z.txt",      "foo**bar", "[]]4",    "[\\]]5",
                                    "we?rd[",        "*/one",    "a[/]b",   "unicode-\303\244*",
                                    "!**/deep/keep", "end\\\\",  NULL};

static const char *const paths[] = {
    "x.o",        "keep.o",     "s/keep.o",   "s/y.o",
    "top",        "s/top",      "dir",        "dir/",
    "s/dir/",     "a/b",        "s/a/b",      "deep",
    "s/deep",     "s/t/deep",   "x/y",        "x/1/y",
    "x/1/2/y",    "x/1/2/z",    "all",        "all/",
    "all/1",      "all/1/2",    "#hash",      "!bang",
    "trail",      "trail   ",   "esc ",       "esc",
    "a1",         "d1",         "a2",         "d2",
    "33",         "x3",         "qxr",        "q/r",
    "mno",        "m1n2o",      "m/n/o",      "mnno",
    "anch/1.c",   "anch/s/1.c", "s/anch/1.c", "z.txt",
    "s/z.txt",    "foobar",     "foo1bar",    "foo/bar",
    "]4",         "]5",         "we1rd[",     "s/one",
    "one",        "s/t/one",    "a/b/c",      "unicode-\303\244\303\266",
    "end\\",      "end",        "deep/keep",  "mnoo",
    "# a comment"};

enum { PATHS = sizeof paths / sizeof paths[0] };

static bool split(const char *path, char *out, size_t size)
{
    size_t len = strlen(path);
    bool directory = len > 0 && path[len - 1] == '/';
    (void)snprintf(out, size, "%.*s", (int)(directory ? len - 1 : len), path);
    return directory;
}

/* As a backup does: what is in a directory that is left out is never looked at. */
static bool is_ignored(const struct hf_vol_patterns *patterns, const char *path, bool is_directory)
{
    char prefix[256];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - path), path);
        if (hf_vol_patterns_match(patterns, prefix, true) == HF_VOL_MATCH)
            return true;
    }
    return hf_vol_patterns_match(patterns, path, is_directory) == HF_VOL_MATCH;
}

static void make_parents(const char *top, const char *path)
{
    char full[512];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(full, sizeof full, "%s/%.*s", top, (int)(slash - path), path);
        (void)mkdir(full, 0700);
    }
}

/* git check-ignore looks at what is there to tell directories, so each is made in a tree of its
 * own. */
static bool git_ignores(const char *top, const char *path, bool is_directory)
{
    char full[512], scratch[512];
    struct hf_process *process;
    struct hf_error err = HF_ERROR_INIT;
    int code;
    (void)snprintf(scratch, sizeof scratch, "rm -rf '%s'/*", top);
    assert_int_equal(system(scratch), 0); /* NOLINT(cert-env33-c): a fixed command */
    make_parents(top, path);
    (void)snprintf(full, sizeof full, "%s/%s", top, path);
    if (is_directory)
        (void)mkdir(full, 0700);
    else
        assert_ok(hf_file_replace(full, "", 0, 0600, &err), &err);
    const char *const argv[] = {"git", "-C", top, "check-ignore", "-q", "--no-index",
                                "--",  path, NULL};
    const struct hf_process_options options = {.argv = argv, .in_fd = -1, .out_fd = -1};
    assert_ok(hf_process_start(&options, &process, &err), &err);
    assert_ok(hf_process_finish_code(process, &code, NULL, &err), &err);
    assert_true(code == 0 || code == 1);
    return code == 0;
}

static bool make_repository(const char *top)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    struct hf_process *process;
    struct hf_error err = HF_ERROR_INIT;
    char path[512];
    int code = 1;
    const char *const argv[] = {"git", "init", "-q", top, NULL};
    const struct hf_process_options options = {.argv = argv, .in_fd = -1, .out_fd = -1};
    if (hf_process_start(&options, &process, &err) != HF_OK)
        return false;
    assert_ok(hf_process_finish_code(process, &code, NULL, &err), &err);
    for (size_t i = 0; lines[i]; i++)
        assert_ok(hf_buf_printf(&text, &err, "%s\n", lines[i]), &err);
    (void)snprintf(path, sizeof path, "%s/.git/info/exclude", top);
    assert_ok(hf_file_replace(path, text.data, text.len, 0600, &err), &err);
    return code == 0;
}

static void match_says_what_git_says(void **state)
{
    (void)state;
    char top[] = "/tmp/hf-pattern-XXXXXX", command[64];
    assert_non_null(mkdtemp(top));
    struct hf_vol_patterns *patterns = patterns_of(lines);
    bool git = make_repository(top);
    for (size_t i = 0; git && i < PATHS; i++) {
        char path[256];
        bool directory = split(paths[i], path, sizeof path);
        bool expected = git_ignores(top, path, directory);
        if (is_ignored(patterns, path, directory) != expected)
            fail_msg("%s: git %s it", paths[i], expected ? "ignores" : "does not ignore");
    }
    hf_vol_patterns_free(patterns);
    (void)snprintf(command, sizeof command, "rm -rf %s", top);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a fixed command */
    if (!git)
        skip();
}

static void match_takes_no_exponential_time(void **state)
{
    (void)state;
    char text[4001];
    memset(text, 'a', sizeof text - 1);
    for (size_t i = 200; i < sizeof text - 1; i += 200)
        text[i] = '/';
    text[sizeof text - 1] = 0;
    struct hf_vol_patterns *patterns = patterns_of(
        (const char *const[]){"**/a*a*a*a*a*a*a*a*a*a*a*a*b/**/*a*a*a*a*a*a*a*b", NULL});
    assert_int_equal(hf_vol_patterns_match(patterns, text, false), HF_VOL_NO_MATCH);
    hf_vol_patterns_free(patterns);
}

static void cover_knows_the_directories_above(void **state)
{
    (void)state;
    struct hf_vol_patterns *patterns =
        patterns_of((const char *const[]){"img/", "!img/raw/", "doc/**", NULL});
    assert_true(hf_vol_patterns_cover(patterns, "img", true));
    assert_false(hf_vol_patterns_cover(patterns, "img", false));
    assert_true(hf_vol_patterns_cover(patterns, "s/img/1/2", false));
    assert_false(hf_vol_patterns_cover(patterns, "img/raw/2", false));
    assert_false(hf_vol_patterns_cover(patterns, "doc", true));
    assert_true(hf_vol_patterns_cover(patterns, "doc/1", false));
    assert_false(hf_vol_patterns_cover(patterns, "", true));
    assert_false(hf_vol_patterns_cover(NULL, "x", false));
    hf_vol_patterns_free(patterns);
}

static void new_what_is_no_pattern_is_usage(void **state)
{
    (void)state;
    static const char *const bad[] = {"/", "!", "!/", "a\\"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        HF_AUTO(hf_strings) list = HF_STRINGS_INIT;
        struct hf_error err = HF_ERROR_INIT;
        struct hf_vol_patterns *patterns;
        assert_ok(hf_strings_add(&list, bad[i], &err), &err);
        assert_fails(hf_vol_patterns_new(&list, &patterns, &err), HF_USAGE, &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_says_what_git_says),
        cmocka_unit_test(match_takes_no_exponential_time),
        cmocka_unit_test(cover_knows_the_directories_above),
        cmocka_unit_test(new_what_is_no_pattern_is_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
