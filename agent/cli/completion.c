/* The bash completion file (help.h). */
#include "agent/cli/help.h"

#include <string.h>

static bool completes(const struct hf_command *command, int id)
{
    const struct hf_option *option = hf_option((enum hf_option_id)id);

    if (option->hidden)
        return false;
    return command ? hf_command_takes(command, (enum hf_option_id)id)
                   : option->group == HF_GROUP_COMMON;
}

static enum hf_status option_words(struct hf_buf *out, const struct hf_command *command,
                                   struct hf_error *err)
{
    for (int id = 0; id < HF_OPT_COUNT; id++) {
        if (completes(command, id))
            HF_TRY(hf_buf_printf(out, err, " --%s", hf_option((enum hf_option_id)id)->name));
    }
    return HF_OK;
}

/* First words of commands, each once; a group's commands follow one another in the table. */
static enum hf_status first_words(struct hf_buf *out, struct hf_error *err)
{
    size_t last = 0;
    const char *before = "";

    for (int id = 0; id < HF_COMMAND_COUNT; id++) {
        const char *name = hf_command((enum hf_command_id)id)->name;
        size_t len = strcspn(name, " ");

        if (len != last || strncmp(name, before, len) != 0)
            HF_TRY(hf_buf_printf(out, err, " %.*s", (int)len, name));
        last = len;
        before = name;
    }
    return HF_OK;
}

static enum hf_status second_words(struct hf_buf *out, struct hf_error *err)
{
    for (int id = 0; id < HF_COMMAND_COUNT; id++) {
        const char *name = hf_command((enum hf_command_id)id)->name;
        const char *space = strchr(name, ' ');

        if (space)
            HF_TRY(hf_buf_printf(out, err, "    %.*s) words+=\" %s\" ;;&\n", (int)(space - name),
                                 name, space + 1));
    }
    return HF_OK;
}

/* "--config|--repository|-r|...": what takes the next word for itself */
static enum hf_status value_pattern(struct hf_buf *out, struct hf_error *err)
{
    bool any = false;

    for (int id = 0; id < HF_OPT_COUNT; id++) {
        const struct hf_option *option = hf_option((enum hf_option_id)id);

        if (option->takes != HF_TAKES_ONE && option->takes != HF_TAKES_MANY)
            continue;
        HF_TRY(hf_buf_printf(out, err, "%s--%s", any ? "|" : "", option->name));
        if (option->letter)
            HF_TRY(hf_buf_printf(out, err, "|-%c", option->letter));
        any = true;
    }
    return HF_OK;
}

/* What comes after an option that takes a value. */
static enum hf_status value_cases(struct hf_buf *out, struct hf_error *err)
{
    for (int id = 0; id < HF_OPT_COUNT; id++) {
        const struct hf_option *option = hf_option((enum hf_option_id)id);
        const char *reply = "COMPREPLY=()";

        if (option->takes != HF_TAKES_ONE && option->takes != HF_TAKES_MANY)
            continue;
        if (option->completes == HF_COMPLETES_FILE)
            reply = "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")";
        else if (option->completes == HF_COMPLETES_DIRECTORY)
            reply = "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")";
        HF_TRY(hf_buf_printf(out, err, "    --%s", option->name));
        if (option->letter)
            HF_TRY(hf_buf_printf(out, err, "|-%c", option->letter));
        if (option->words)
            HF_TRY(hf_buf_printf(
                out, err, ") mapfile -t COMPREPLY < <(compgen -W \"%s\" -- \"$cur\"); return ;;\n",
                option->words));
        else
            HF_TRY(hf_buf_printf(out, err, ") %s; return ;;\n", reply));
    }
    return HF_OK;
}

static enum hf_status command_cases(struct hf_buf *out, struct hf_error *err)
{
    for (int id = 0; id < HF_COMMAND_COUNT; id++) {
        const struct hf_command *command = hf_command((enum hf_command_id)id);

        HF_TRY(hf_buf_printf(out, err, "    \"%s\") words=\"", command->name));
        HF_TRY(option_words(out, command, err));
        HF_TRY(hf_buf_append_str(out, "\" ;;\n", err));
    }
    return HF_OK;
}

enum hf_status hf_help_bash(struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out,
                             "# bash completion for holdfast; made by \"holdfast --generate\"\n"
                             "_holdfast()\n{\n"
                             "  local cur=${COMP_WORDS[COMP_CWORD]} "
                             "prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                             "  local command='' words='' i=1\n"
                             "  COMPREPLY=()\n"
                             "  case $prev in\n",
                             err));
    HF_TRY(value_cases(out, err));
    HF_TRY(hf_buf_append_str(out,
                             "  esac\n"
                             "  for ((; i < COMP_CWORD; i++)); do\n"
                             "    case ${COMP_WORDS[i]} in\n    ",
                             err));
    HF_TRY(value_pattern(out, err));
    HF_TRY(hf_buf_append_str(out,
                             ") ((i++)); continue ;;\n"
                             "    -*) continue ;;\n"
                             "    esac\n"
                             "    case $command in\n"
                             "    '') command=${COMP_WORDS[i]} ;;\n"
                             "    key|config) command+=\" ${COMP_WORDS[i]}\" ;;\n"
                             "    esac\n"
                             "  done\n"
                             "  case $command in\n"
                             "    '') words=\"",
                             err));
    HF_TRY(first_words(out, err));
    HF_TRY(option_words(out, NULL, err));
    HF_TRY(hf_buf_append_str(out, "\" ;;\n", err));
    HF_TRY(second_words(out, err));
    HF_TRY(command_cases(out, err));
    return hf_buf_append_str(out,
                             "  esac\n"
                             "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                             "}\n"
                             "complete -o filenames -F _holdfast holdfast\n",
                             err);
}
