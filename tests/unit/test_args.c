#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/cli/args.h"
#include "tests/support/check.h"

enum { WORDS_MAX = 16 };

/* Splits at single blanks. */
static enum hf_status parse(const char *line, struct hf_args *args, struct hf_error *err)
{
    HF_AUTO(hf_strings) words = HF_STRINGS_INIT;
    char copy[512];
    char *save = NULL;

    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        assert_ok(hf_strings_add(&words, word, err), err);
    return hf_args_parse(&words, args, err);
}

static void parse_options_before_and_after_command_are_equal(void **state)
{
    static const char *const lines[] = {
        "--json --repository=/r list app",
        "list --json --repository /r app",
        "list app --json -r /r",
        "-r/r list --json -- app",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_args) args = {.command = NULL};

        assert_ok(parse(lines[i], &args, &err), &err);
        assert_int_equal(args.id, HF_COMMAND_LIST);
        assert_int_equal(args.given[HF_OPT_JSON], 1);
        assert_string_equal(hf_args_value(&args, HF_OPT_REPOSITORY), "/r");
        assert_int_equal(args.operands.count, 1);
        assert_string_equal(args.operands.items[0], "app");
    }
}

static void parse_two_word_command_is_found(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_args) args = {.command = NULL};

    (void)state;
    assert_ok(parse("key --writer add --label web", &args, &err), &err);
    assert_int_equal(args.id, HF_COMMAND_KEY_ADD);
    assert_string_equal(hf_args_value(&args, HF_OPT_LABEL), "web");
}

static void parse_repeated_list_option_keeps_all(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_args) args = {.command = NULL};

    (void)state;
    assert_ok(parse("restore app@latest --to x --table a --table b -qvv", &args, &err), &err);
    assert_int_equal(args.values[HF_OPT_TABLE].count, 2);
    assert_string_equal(args.values[HF_OPT_TABLE].items[1], "b");
    assert_int_equal(args.given[HF_OPT_VERBOSE], 2);
}

static void parse_optional_value_may_be_left_out(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_args) with = {.command = NULL};
    HF_AUTO(hf_args) without = {.command = NULL};

    (void)state;
    assert_ok(parse("check --read-data=5%", &with, &err), &err);
    assert_string_equal(hf_args_value(&with, HF_OPT_READ_DATA), "5%");
    assert_ok(parse("check --read-data", &without, &err), &err);
    assert_int_equal(without.given[HF_OPT_READ_DATA], 1);
    assert_null(hf_args_value(&without, HF_OPT_READ_DATA));
}

static void parse_bad_lines_says_what_is_wrong(void **state)
{
    static const char *const cases[][2] = {
        {"", "no command is given"},
        {"bakcup", "unknown command \"bakcup\"; did you mean \"backup\"?"},
        {"frobnicate", "unknown command \"frobnicate\""},
        {"key", "\"key\" needs one of: list, add, remove, rotate, export, identity"},
        {"key lst", "unknown command \"key lst\"; did you mean \"key list\"?"},
        {"list --repositry x", "unknown option \"--repositry\"; did you mean \"--repository\"?"},
        {"list --frobnicate", "unknown option \"--frobnicate\""},
        {"list -x", "unknown option \"-x\""},
        {"list --writer", "option --writer does not belong to \"list\""},
        {"list --json=yes", "option --json takes no value"},
        {"list --repository", "option --repository needs a value: --repository NAME|PATH|URL"},
        {"list --repository=", "option --repository has an empty value"},
        {"list -r a -r b", "option --repository is given twice"},
        {"list a b", "\"list\" does not know what to do with \"b\""},
        {"show", "\"show\" needs SNAPSHOT"},
        {"restore app@latest", "\"restore\" needs --to NAME|URL|PATH"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_args) args = {.command = NULL};

        assert_fails(parse(cases[i][0], &args, &err), HF_USAGE, &err);
        assert_string_equal(err.text, cases[i][1]);
    }
}

static void parse_help_needs_nothing_else(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_args) command = {.command = NULL};
    HF_AUTO(hf_args) group = {.command = NULL};

    (void)state;
    assert_ok(parse("restore --help", &command, &err), &err);
    assert_int_equal(command.id, HF_COMMAND_RESTORE);
    assert_ok(parse("key -h", &group, &err), &err);
    assert_null(group.command);
    assert_string_equal(group.group, "key");
}

static void number_out_of_bounds_is_refused(void **state)
{
    static const char *const lines[] = {"backup --threads 0", "backup --threads 129",
                                        "backup --threads 1x", "backup --threads -1",
                                        "backup --threads 99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_args) args = {.command = NULL};
        unsigned number = 7;

        assert_ok(parse(lines[i], &args, &err), &err);
        assert_fails(hf_args_number(&args, HF_OPT_THREADS, 1, 128, &number, &err), HF_USAGE, &err);
        assert_contains(err.text, "option --threads takes a number from 1 to 128, not \"");
        assert_int_equal(number, 7);
    }
}

static void size_within_bounds_is_read(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_args) args = {.command = NULL};
    uint64_t size = 0;

    (void)state;
    assert_ok(parse("backup --memory 64MiB", &args, &err), &err);
    assert_ok(hf_args_size(&args, HF_OPT_MEMORY, 1, 1 << 30, &size, &err), &err);
    assert_int_equal(size, 64 << 20);
    assert_fails(hf_args_size(&args, HF_OPT_MEMORY, 1, 1 << 20, &size, &err), HF_USAGE, &err);
}

static void take_hides_passwords_of_urls(void **state)
{
    char program[] = "holdfast", command[] = "backup";
    char url[] = "postgresql://me:secret@db/app", open_url[] = "postgresql://me@db/app";
    char parameter[] = "--to=postgresql://db/app?password=secret";
    char *argv[] = {program, command, url, open_url, parameter, NULL};
    HF_AUTO(hf_strings) words = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_args_take(5, argv, &words, &err), &err);
    assert_int_equal(words.count, 4);
    assert_string_equal(words.items[1], "postgresql://me:secret@db/app");
    assert_string_equal(url, "postgresql://xxxxxxxxxxxxxxxx");
    assert_string_equal(open_url, "postgresql://me@db/app");
    assert_null(strstr(parameter, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_options_before_and_after_command_are_equal),
        cmocka_unit_test(parse_two_word_command_is_found),
        cmocka_unit_test(parse_repeated_list_option_keeps_all),
        cmocka_unit_test(parse_optional_value_may_be_left_out),
        cmocka_unit_test(parse_bad_lines_says_what_is_wrong),
        cmocka_unit_test(parse_help_needs_nothing_else),
        cmocka_unit_test(number_out_of_bounds_is_refused),
        cmocka_unit_test(size_within_bounds_is_read),
        cmocka_unit_test(take_hides_passwords_of_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
