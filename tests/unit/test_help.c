#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/cli/help.h"
#include "tests/support/check.h"

static const char *text_of(struct hf_buf *buf)
{
    struct hf_error err = HF_ERROR_INIT;
    const char *text = NULL;

    assert_ok(hf_buf_cstr(buf, &text, &err), &err);
    return text;
}

static void tables_are_complete_and_consistent(void **state)
{
    (void)state;
    for (int i = 0; i < HF_OPT_COUNT; i++) {
        const struct hf_option *option = hf_option((enum hf_option_id)i);

        assert_non_null(option->name);
        assert_non_null(option->help);
        assert_int_equal(option->takes != HF_TAKES_NONE, option->value != NULL);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(option->name, hf_option((enum hf_option_id)j)->name);
            assert_true(!option->letter ||
                        option->letter != hf_option((enum hf_option_id)j)->letter);
        }
    }
    for (int i = 0; i < HF_COMMAND_COUNT; i++) {
        const struct hf_command *command = hf_command((enum hf_command_id)i);

        assert_non_null(command->name);
        assert_non_null(command->operands);
        assert_non_null(command->summary);
        assert_non_null(command->about);
        assert_true((command->required & ~command->options) == 0);
        assert_true(command->max_operands >= command->min_operands);
        assert_int_equal(command->max_operands > 0, command->operands[0] != 0);
    }
}

static void every_option_belongs_to_a_command(void **state)
{
    (void)state;
    for (int i = 0; i < HF_OPT_COUNT; i++) {
        bool found = false;

        for (int c = 0; c < HF_COMMAND_COUNT && !found; c++)
            found = hf_command_takes(hf_command((enum hf_command_id)c), (enum hf_option_id)i);
        assert_true(found);
    }
}

static void command_help_names_each_of_its_options_and_no_other(void **state)
{
    (void)state;
    for (int c = 0; c < HF_COMMAND_COUNT; c++) {
        const struct hf_command *command = hf_command((enum hf_command_id)c);
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        struct hf_error err = HF_ERROR_INIT;
        const char *text;

        assert_ok(hf_help_command(command, &out, &err), &err);
        text = text_of(&out);
        for (int i = 0; i < HF_OPT_COUNT; i++) {
            const struct hf_option *option = hf_option((enum hf_option_id)i);
            bool expected = !option->hidden && hf_command_takes(command, (enum hf_option_id)i);
            char line[80];

            (void)snprintf(line, sizeof line, "%c%c%s--%s%s", option->letter ? '-' : ' ',
                           option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
                           option->name,
                           option->takes == HF_TAKES_NONE       ? ""
                           : option->takes == HF_TAKES_OPTIONAL ? "["
                                                                : " ");
            assert_int_equal(strstr(text, line) != NULL, expected);
        }
    }
}

/* Longest line of a text. */
static size_t longest(const char *text)
{
    size_t most = 0;

    while (*text) {
        size_t len = strcspn(text, "\n");

        most = len > most ? len : most;
        text += len + (text[len] == '\n');
    }
    return most;
}

static void help_fits_a_terminal(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) program = HF_BUF_INIT;

    (void)state;
    assert_ok(hf_help_program(&program, &err), &err);
    assert_in_range(longest(text_of(&program)), 40, 80);
    for (int c = 0; c < HF_COMMAND_COUNT; c++) {
        HF_AUTO(hf_buf) out = HF_BUF_INIT;

        assert_ok(hf_help_command(hf_command((enum hf_command_id)c), &out, &err), &err);
        assert_in_range(longest(text_of(&out)), 40, 80);
    }
}

static void program_help_names_every_command(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;

    (void)state;
    assert_ok(hf_help_program(&out, &err), &err);
    for (int c = 0; c < HF_COMMAND_COUNT; c++)
        assert_contains(text_of(&out), hf_command((enum hf_command_id)c)->name);
}

static void man_page_names_every_command_and_option(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;

    (void)state;
    assert_ok(hf_help_man(&out, &err), &err);
    for (int c = 0; c < HF_COMMAND_COUNT; c++)
        assert_contains(text_of(&out), hf_command((enum hf_command_id)c)->name);
    for (int i = 0; i < HF_OPT_COUNT; i++) {
        const struct hf_option *option = hf_option((enum hf_option_id)i);
        char name[120] = "\\-\\-";

        for (const char *c = option->name; *c; c++)
            (void)snprintf(name + strlen(name), sizeof name - strlen(name), "%s%c",
                           *c == '-' ? "\\" : "", *c);
        if (!option->hidden)
            assert_contains(text_of(&out), name);
    }
}

static void completion_names_every_command_and_option(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;

    (void)state;
    assert_ok(hf_help_bash(&out, &err), &err);
    for (int c = 0; c < HF_COMMAND_COUNT; c++) {
        char quoted[60];

        (void)snprintf(quoted, sizeof quoted,
                       "\"%s\") words=", hf_command((enum hf_command_id)c)->name);
        assert_contains(text_of(&out), quoted);
    }
    for (int i = 0; i < HF_OPT_COUNT; i++) {
        if (!hf_option((enum hf_option_id)i)->hidden)
            assert_contains(text_of(&out), hf_option((enum hf_option_id)i)->name);
    }
}

/* Completes words and compares with what is expected, in bash itself. */
static void complete(const char *words, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    char path[] = "/tmp/hf-completion-XXXXXX";
    char command[1024];
    int fd = mkstemp(path);
    FILE *file;

    assert_true(fd >= 0);
    assert_ok(hf_help_bash(&out, &err), &err);
    file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(out.data, 1, out.len, file), out.len);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command,
                   "bash -euc 'set +e; . %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); "
                   "_holdfast; [ \"${COMPREPLY[*]}\" = \"%s\" ] || "
                   "{ echo \"got: ${COMPREPLY[*]}\" >&2; false; }'",
                   path, words, expected);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    assert_int_equal(unlink(path), 0);
}

static void completion_in_bash_gives_matching_words(void **state)
{
    (void)state;
    complete("holdfast ba", "backup");
    complete("holdfast --config f.yaml ke", "key");
    complete("holdfast key ro", "rotate");
    complete("holdfast restore app@latest --repl", "--replace");
    complete("holdfast restore --writ", "");
    complete("holdfast init --cipher aes", "aes-256-gcm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_complete_and_consistent),
        cmocka_unit_test(every_option_belongs_to_a_command),
        cmocka_unit_test(command_help_names_each_of_its_options_and_no_other),
        cmocka_unit_test(help_fits_a_terminal),
        cmocka_unit_test(program_help_names_every_command),
        cmocka_unit_test(man_page_names_every_command_and_option),
        cmocka_unit_test(completion_names_every_command_and_option),
        cmocka_unit_test(completion_in_bash_gives_matching_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
