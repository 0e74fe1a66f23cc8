#include "agent/cli/help.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 78, HELP_COLUMN = 28 };

/* Words of text, wrapped at WIDTH, lines after the first indented. column: where it starts. */
static enum hf_status wrap(struct hf_buf *out, const char *text, size_t indent, size_t column,
                           struct hf_error *err)
{
    bool first = true;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (!first && column + 1 + word > WIDTH) {
            HF_TRY(hf_buf_printf(out, err, "\n%*s", (int)indent, ""));
            column = indent;
        } else if (!first) {
            HF_TRY(hf_buf_append(out, " ", 1, err));
            column++;
        }
        HF_TRY(hf_buf_append(out, text, word, err));
        column += word;
        text += word;
        text += strspn(text, " ");
        first = false;
    }
    return hf_buf_append(out, "\n", 1, err);
}

/* "-j, --jobs N" */
static void option_label(char *label, size_t size, const struct hf_option *option)
{
    char letter[8] = "    ";
    const char *value = option->value ? option->value : "";
    const char *open = option->takes == HF_TAKES_OPTIONAL ? "[=" : " ";

    if (option->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    (void)snprintf(label, size, "%s--%s%s%s%s", letter, option->name,
                   option->takes == HF_TAKES_NONE ? "" : open, value,
                   option->takes == HF_TAKES_OPTIONAL ? "]" : "");
}

static enum hf_status option_line(struct hf_buf *out, const struct hf_option *option,
                                  struct hf_error *err)
{
    char label[80];
    size_t len;

    option_label(label, sizeof label, option);
    len = strlen(label) + 2;
    HF_TRY(hf_buf_printf(out, err, "  %s", label));
    if (len + 2 > HELP_COLUMN) {
        HF_TRY(hf_buf_append(out, "\n", 1, err));
        len = 0;
    }
    HF_TRY(hf_buf_printf(out, err, "%*s", (int)(HELP_COLUMN - len), ""));
    return wrap(out, option->help, HELP_COLUMN, HELP_COLUMN, err);
}

/* The options of a group that belong to command (NULL: to every command). */
static enum hf_status option_group(struct hf_buf *out, const struct hf_command *command,
                                   enum hf_option_group group, struct hf_error *err)
{
    bool any = false;

    for (int i = 0; i < HF_OPT_COUNT; i++) {
        const struct hf_option *option = hf_option((enum hf_option_id)i);

        if (option->group != group || option->hidden)
            continue;
        if (command && !hf_command_takes(command, (enum hf_option_id)i))
            continue;
        if (!any)
            HF_TRY(hf_buf_printf(out, err, "\n%s:\n", hf_option_group_title(group)));
        any = true;
        HF_TRY(option_line(out, option, err));
    }
    return HF_OK;
}

static enum hf_status command_lines(struct hf_buf *out, const char *group, struct hf_error *err)
{
    size_t len = group ? strlen(group) : 0;

    for (int id = 0; id < HF_COMMAND_COUNT; id++) {
        const struct hf_command *command = hf_command((enum hf_command_id)id);

        if (group && (strncmp(command->name, group, len) != 0 || command->name[len] != ' '))
            continue;
        HF_TRY(hf_buf_printf(out, err, "  %-16s%s\n", command->name, command->summary));
    }
    return HF_OK;
}

/* Paragraphs are separated by an empty line. */
static enum hf_status paragraphs(struct hf_buf *out, const char *text, struct hf_error *err)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        HF_AUTO_FREE char *one = NULL;

        HF_TRY(hf_text_format(&one, err, "%.*s", (int)len, text));
        HF_TRY(hf_buf_append(out, "\n", 1, err));
        HF_TRY(wrap(out, one, 0, 0, err));
        text += len + (end ? 2 : 0);
    }
    return HF_OK;
}

static enum hf_status examples(struct hf_buf *out, const char *lines, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, "\nExamples:\n", err));
    while (*lines) {
        size_t len = strcspn(lines, "\n");

        HF_TRY(hf_buf_printf(out, err, "  %.*s\n", (int)len, lines));
        lines += len;
        lines += *lines == '\n';
    }
    return HF_OK;
}

const struct hf_exit_code hf_exit_codes[] = {
    {0, "done"},
    {1, "failed"},
    {2, "usage or configuration"},
    {3, "the data is damaged or does not match"},
    {4, "something needed is missing or not reachable"},
    {5, "busy"},
    {6, "backed up, but not copied to every repository"},
    {0, NULL},
};

static enum hf_status exit_codes(struct hf_buf *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) line = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_buf_append_str(&line, "Exit codes:", err));
    for (const struct hf_exit_code *one = hf_exit_codes; one->text; one++)
        HF_TRY(hf_buf_printf(&line, err, " %d %s%s", one->code, one->text, one[1].text ? ";" : ""));
    HF_TRY(hf_buf_append(&line, ".", 1, err));
    HF_TRY(hf_buf_cstr(&line, &text, err));
    return wrap(out, text, 0, 0, err);
}

enum hf_status hf_help_program(struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(
        out,
        "holdfast backs up PostgreSQL, Redis and volumes into encrypted, deduplicating\n"
        "repositories, and proves a backup by restoring it and comparing every row, key\n"
        "and file.\n\n"
        "Usage: holdfast COMMAND [OPTIONS] [OPERANDS]\n\nCommands:\n",
        err));
    HF_TRY(command_lines(out, NULL, err));
    HF_TRY(option_group(out, NULL, HF_GROUP_COMMON, err));
    HF_TRY(hf_buf_append_str(out, "\n\"holdfast COMMAND --help\" tells more about a command.\n\n",
                             err));
    return exit_codes(out, err);
}

enum hf_status hf_help_command(const struct hf_command *command, struct hf_buf *out,
                               struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, "Usage: holdfast %s [OPTIONS]%s%s\n", command->name,
                         command->operands[0] ? " " : "", command->operands));
    HF_TRY(paragraphs(out, command->about, err));
    for (int group = 0; group < HF_GROUP_COUNT; group++)
        HF_TRY(option_group(out, command, (enum hf_option_group)group, err));
    return command->examples ? examples(out, command->examples, err) : HF_OK;
}

enum hf_status hf_help_group(const char *group, struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, "Usage: holdfast %s COMMAND [OPTIONS] [OPERANDS]\n\nCommands:\n",
                         group));
    HF_TRY(command_lines(out, group, err));
    return hf_buf_printf(out, err, "\n\"holdfast %s COMMAND --help\" tells more about a command.\n",
                         group);
}
