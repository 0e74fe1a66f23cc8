/* The man page (help.h). */
#include "agent/cli/help.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* When the commands last changed in a way that the page's readers should know. */
#define PAGE_DATE "2026-11-21"

/* Text with what roff would take as its own escaped, followed by a line end. */
static enum hf_status text(struct hf_buf *out, const char *words, struct hf_error *err)
{
    bool at_start = true;

    for (; *words; words++) {
        if (*words == '\\' || *words == '-')
            HF_TRY(hf_buf_append(out, "\\", 1, err));
        if (at_start && (*words == '.' || *words == '\''))
            HF_TRY(hf_buf_append_str(out, "\\&", err));
        HF_TRY(hf_buf_append(out, *words == '\\' ? "e" : words, 1, err));
        at_start = *words == '\n';
    }
    return hf_buf_append(out, "\n", 1, err);
}

static enum hf_status paragraphs(struct hf_buf *out, const char *words, struct hf_error *err)
{
    while (*words) {
        const char *end = strstr(words, "\n\n");
        size_t len = end ? (size_t)(end - words) : strlen(words);
        HF_AUTO_FREE char *one = NULL;

        HF_TRY(hf_text_format(&one, err, "%.*s", (int)len, words));
        HF_TRY(text(out, one, err));
        if (end)
            HF_TRY(hf_buf_append_str(out, ".PP\n", err));
        words += len + (end ? 2 : 0);
    }
    return HF_OK;
}

static enum hf_status option_entry(struct hf_buf *out, const struct hf_option *option,
                                   struct hf_error *err)
{
    const char *value = option->value ? option->value : "";

    HF_TRY(hf_buf_append_str(out, ".TP\n", err));
    if (option->letter)
        HF_TRY(hf_buf_printf(out, err, "\\fB\\-%c\\fR, ", option->letter));
    HF_TRY(hf_buf_append_str(out, "\\fB\\-\\-", err));
    for (const char *c = option->name; *c; c++)
        HF_TRY(hf_buf_printf(out, err, "%s%c", *c == '-' ? "\\" : "", *c));
    HF_TRY(hf_buf_append_str(out, "\\fR", err));
    if (option->takes == HF_TAKES_OPTIONAL)
        HF_TRY(hf_buf_printf(out, err, "[=\\fI%s\\fR]", value));
    else if (option->takes != HF_TAKES_NONE)
        HF_TRY(hf_buf_printf(out, err, " \\fI%s\\fR", value));
    HF_TRY(hf_buf_append(out, "\n", 1, err));
    return text(out, option->help, err);
}

static enum hf_status options_of(struct hf_buf *out, const struct hf_command *command,
                                 enum hf_option_group group, struct hf_error *err)
{
    for (int i = 0; i < HF_OPT_COUNT; i++) {
        const struct hf_option *option = hf_option((enum hf_option_id)i);

        if (option->group != group || option->hidden)
            continue;
        if (!command || hf_command_takes(command, (enum hf_option_id)i))
            HF_TRY(option_entry(out, option, err));
    }
    return HF_OK;
}

/* "repository" options are the same everywhere and described once, at the end. */
static enum hf_status command_section(struct hf_buf *out, const struct hf_command *command,
                                      struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, ".SS \"holdfast %s %s\"\n", command->name, command->operands));
    HF_TRY(hf_buf_printf(out, err, "%s.\n.PP\n", command->summary));
    HF_TRY(paragraphs(out, command->about, err));
    if (command->examples) {
        HF_TRY(hf_buf_append_str(out, ".PP\n.nf\n", err));
        HF_TRY(text(out, command->examples, err));
        HF_TRY(hf_buf_append_str(out, ".fi\n", err));
    }
    HF_TRY(options_of(out, command, HF_GROUP_COMMAND, err));
    return options_of(out, command, HF_GROUP_LIMITS, err);
}

static enum hf_status environment(struct hf_buf *out, struct hf_error *err)
{
    return hf_buf_append_str(
        out,
        ".SH ENVIRONMENT\n"
        ".TP\n\\fBHOLDFAST_PASSPHRASE_FILE\\fR\nThe file that holds the passphrase.\n"
        ".TP\n\\fBHOLDFAST_PASSPHRASE\\fR\nThe passphrase itself; wiped after it was read.\n"
        ".TP\n\\fBPGPASSWORD\\fR, \\fBPGPASSFILE\\fR, \\fBPGSSLROOTCERT\\fR, ...\n"
        "What libpq looks at, where the configuration says nothing.\n"
        ".TP\n\\fBAWS_ACCESS_KEY_ID\\fR, \\fBAWS_SECRET_ACCESS_KEY\\fR, \\fBAWS_PROFILE\\fR, ...\n"
        "Credentials of buckets, in the order of AWS's tools, where the configuration says "
        "nothing.\n"
        ".SH FILES\n.TP\n\\fI./holdfast.yaml\\fR, \\fI/etc/holdfast/holdfast.yaml\\fR\n"
        "The configuration; the first that is there.\n"
        ".SH \"EXIT STATUS\"\n",
        err);
}

static enum hf_status exit_statuses(struct hf_buf *out, struct hf_error *err)
{
    for (const struct hf_exit_code *one = hf_exit_codes; one->text; one++)
        HF_TRY(hf_buf_printf(out, err, ".TP\n%d\n%c%s.\n", one->code,
                             toupper((unsigned char)one->text[0]), one->text + 1));
    return HF_OK;
}

enum hf_status hf_help_man(struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(
        out,
        ".TH HOLDFAST 1 " PAGE_DATE " \"holdfast " HF_VERSION "\" \"User Commands\"\n"
        ".SH NAME\nholdfast \\- backups of databases that are proven by restoring them\n"
        ".SH SYNOPSIS\n\\fBholdfast\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIOPERANDS\\fR]\n"
        ".SH DESCRIPTION\n"
        "Backs up databases into an encrypted, deduplicating repository, and proves each "
        "backup by restoring it into a new database and comparing every row.\n"
        ".SH COMMANDS\n",
        err));
    for (int id = 0; id < HF_COMMAND_COUNT; id++)
        HF_TRY(command_section(out, hf_command((enum hf_command_id)id), err));
    HF_TRY(hf_buf_append_str(out, ".SH \"REPOSITORY OPTIONS\"\n", err));
    HF_TRY(options_of(out, NULL, HF_GROUP_REPOSITORY, err));
    HF_TRY(hf_buf_append_str(
        out,
        ".PP\nWithout any of these, and without a passphrase in the configuration or the "
        "environment, it is asked for on the terminal.\n.SH \"COMMON OPTIONS\"\n",
        err));
    HF_TRY(options_of(out, NULL, HF_GROUP_COMMON, err));
    HF_TRY(environment(out, err));
    return exit_statuses(out, err);
}
