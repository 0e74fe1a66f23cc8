#include "agent/cli/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where reading has got to. */
struct parser {
    const struct hf_strings *words;
    size_t next;
    struct hf_args *args;
};

static void mask(char *text)
{
    for (; *text; text++)
        *text = 'x';
}

/* A URL may hold a secret where it has both '@' and a ':' before it, or a password parameter.
 * Masking too much only makes a process list less pretty, so this does not parse. */
static void hide_secret(char *word)
{
    char *rest = strstr(word, "://");
    char *at;

    if (!rest)
        return;
    rest += 3;
    at = strrchr(rest, '@');
    if ((at && memchr(rest, ':', (size_t)(at - rest))) || strstr(rest, "password"))
        mask(rest);
}

enum hf_status hf_args_take(int argc, char **argv, struct hf_strings *out, struct hf_error *err)
{
    for (int i = 1; i < argc; i++) {
        HF_TRY(hf_strings_add(out, argv[i], err));
        hide_secret(argv[i]);
    }
    return HF_OK;
}

static bool find_long(const char *name, size_t len, enum hf_option_id *out)
{
    for (int id = 0; id < HF_OPT_COUNT; id++) {
        const struct hf_option *option = hf_option((enum hf_option_id)id);

        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0) {
            *out = (enum hf_option_id)id;
            return true;
        }
    }
    return false;
}

static bool find_letter(char letter, enum hf_option_id *out)
{
    for (int id = 0; id < HF_OPT_COUNT; id++) {
        if (hf_option((enum hf_option_id)id)->letter == letter) {
            *out = (enum hf_option_id)id;
            return true;
        }
    }
    return false;
}

static enum hf_status unknown_option(const char *name, size_t len, struct hf_error *err)
{
    const char *names[HF_OPT_COUNT + 1];
    size_t count = 0;
    char typed[64];
    const char *near;

    for (int id = 0; id < HF_OPT_COUNT; id++) {
        if (!hf_option((enum hf_option_id)id)->hidden)
            names[count++] = hf_option((enum hf_option_id)id)->name;
    }
    names[count] = NULL;
    if (len >= sizeof typed)
        len = sizeof typed - 1;
    memcpy(typed, name, len);
    typed[len] = 0;
    near = hf_text_nearest(typed, names);
    if (near)
        return hf_error_set(err, HF_USAGE, "unknown option \"--%s\"; did you mean \"--%s\"?", typed,
                            near);
    return hf_error_set(err, HF_USAGE, "unknown option \"--%s\"", typed);
}

/* Notes an option with its value, which may be NULL. */
static enum hf_status note_option(struct parser *p, enum hf_option_id id, const char *value,
                                  struct hf_error *err)
{
    const struct hf_option *option = hf_option(id);
    struct hf_args *args = p->args;

    if (option->takes == HF_TAKES_ONE && args->given[id] > 0)
        return hf_error_set(err, HF_USAGE, "option --%s is given twice", option->name);
    if (value && !*value)
        return hf_error_set(err, HF_USAGE, "option --%s has an empty value", option->name);
    if (value)
        HF_TRY(hf_strings_add(&args->values[id], value, err));
    args->given[id]++;
    return HF_OK;
}

static enum hf_status take_value(struct parser *p, enum hf_option_id id, struct hf_error *err)
{
    const struct hf_option *option = hf_option(id);

    if (p->next >= p->words->count)
        return hf_error_set(err, HF_USAGE, "option --%s needs a value: --%s %s", option->name,
                            option->name, option->value);
    return note_option(p, id, p->words->items[p->next++], err);
}

static enum hf_status read_long(struct parser *p, const char *text, struct hf_error *err)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);
    enum hf_option_id id;

    if (!find_long(text, len, &id))
        return unknown_option(text, len, err);
    switch (hf_option(id)->takes) {
    case HF_TAKES_NONE:
        if (equals)
            return hf_error_set(err, HF_USAGE, "option --%s takes no value", hf_option(id)->name);
        return note_option(p, id, NULL, err);
    case HF_TAKES_OPTIONAL:
        return note_option(p, id, equals ? equals + 1 : NULL, err);
    case HF_TAKES_ONE:
    case HF_TAKES_MANY:
        break;
    }
    return equals ? note_option(p, id, equals + 1, err) : take_value(p, id, err);
}

/* "-qv", "-j4", "-j 4" */
static enum hf_status read_letters(struct parser *p, const char *letters, struct hf_error *err)
{
    enum hf_option_id id;

    for (; *letters; letters++) {
        if (!find_letter(*letters, &id))
            return hf_error_set(err, HF_USAGE, "unknown option \"-%c\"", *letters);
        if (hf_option(id)->takes == HF_TAKES_NONE)
            HF_TRY(note_option(p, id, NULL, err));
        else if (letters[1])
            return note_option(p, id, letters + 1, err);
        else
            return take_value(p, id, err);
    }
    return HF_OK;
}

static bool is_group(const char *word)
{
    size_t len = strlen(word);

    for (int id = 0; id < HF_COMMAND_COUNT; id++) {
        const char *name = hf_command((enum hf_command_id)id)->name;

        if (strncmp(name, word, len) == 0 && name[len] == ' ')
            return true;
    }
    return false;
}

static bool find_command(const char *name, struct hf_args *args)
{
    for (int id = 0; id < HF_COMMAND_COUNT; id++) {
        if (strcmp(hf_command((enum hf_command_id)id)->name, name) == 0) {
            args->id = (enum hf_command_id)id;
            args->command = hf_command(args->id);
            return true;
        }
    }
    return false;
}

static enum hf_status unknown_command(const char *name, struct hf_error *err)
{
    const char *names[HF_COMMAND_COUNT + 1];
    const char *near;

    for (int id = 0; id < HF_COMMAND_COUNT; id++)
        names[id] = hf_command((enum hf_command_id)id)->name;
    names[HF_COMMAND_COUNT] = NULL;
    near = hf_text_nearest(name, names);
    if (near)
        return hf_error_set(err, HF_USAGE, "unknown command \"%.60s\"; did you mean \"%s\"?", name,
                            near);
    return hf_error_set(err, HF_USAGE, "unknown command \"%.60s\"", name);
}

/* The first word is the command, or a group and the second one names it; the rest are operands. */
static enum hf_status read_word(struct parser *p, const char *word, struct hf_error *err)
{
    char name[128];

    if (p->args->command)
        return hf_strings_add(&p->args->operands, word, err);
    if (!p->args->group[0] && is_group(word)) {
        (void)snprintf(p->args->group, sizeof p->args->group, "%s", word);
        return HF_OK;
    }
    (void)snprintf(name, sizeof name, "%s%s%.60s", p->args->group, p->args->group[0] ? " " : "",
                   word);
    if (!find_command(name, p->args))
        return unknown_command(name, err);
    return HF_OK;
}

static enum hf_status read_words(struct parser *p, struct hf_error *err)
{
    bool only_words = false;

    while (p->next < p->words->count) {
        const char *word = p->words->items[p->next++];

        if (!only_words && strcmp(word, "--") == 0)
            only_words = true;
        else if (!only_words && strncmp(word, "--", 2) == 0)
            HF_TRY(read_long(p, word + 2, err));
        else if (!only_words && word[0] == '-' && word[1])
            HF_TRY(read_letters(p, word + 1, err));
        else
            HF_TRY(read_word(p, word, err));
    }
    return HF_OK;
}

static enum hf_status group_alone(const char *group, struct hf_error *err)
{
    size_t len = strlen(group);
    char words[160] = "";
    size_t used = 0;

    for (int id = 0; id < HF_COMMAND_COUNT; id++) {
        const char *name = hf_command((enum hf_command_id)id)->name;

        if (strncmp(name, group, len) == 0 && name[len] == ' ' && used < sizeof words)
            used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", used ? ", " : "",
                                     name + len + 1);
    }
    return hf_error_set(err, HF_USAGE, "\"%s\" needs one of: %s", group, words);
}

static enum hf_status check_belonging(const struct hf_args *args, struct hf_error *err)
{
    for (int i = 0; i < HF_OPT_COUNT; i++) {
        enum hf_option_id id = (enum hf_option_id)i;

        if (args->given[id] && !hf_command_takes(args->command, id))
            return hf_error_set(err, HF_USAGE, "option --%s does not belong to \"%s\"",
                                hf_option(id)->name, args->command->name);
        if (!args->given[id] && (args->command->required & HF_OPTION_BIT(id)))
            return hf_error_set(err, HF_USAGE, "\"%s\" needs --%s %s", args->command->name,
                                hf_option(id)->name, hf_option(id)->value);
    }
    return HF_OK;
}

static enum hf_status check_operands(const struct hf_args *args, struct hf_error *err)
{
    const struct hf_command *command = args->command;

    if (args->operands.count < command->min_operands)
        return hf_error_set(err, HF_USAGE, "\"%s\" needs %s", command->name, command->operands);
    if (args->operands.count > command->max_operands)
        return hf_error_set(err, HF_USAGE, "\"%s\" does not know what to do with \"%.100s\"",
                            command->name, args->operands.items[command->max_operands]);
    return HF_OK;
}

static bool asks_for_help(const struct hf_args *args)
{
    return args->given[HF_OPT_HELP] || args->given[HF_OPT_VERSION];
}

enum hf_status hf_args_parse(const struct hf_strings *words, struct hf_args *out,
                             struct hf_error *err)
{
    struct parser p = {.words = words, .args = out};

    HF_TRY(read_words(&p, err));
    if (asks_for_help(out) || (out->given[HF_OPT_GENERATE] && !out->command))
        return HF_OK;
    if (out->group[0] && !out->command)
        return group_alone(out->group, err);
    if (!out->command)
        return hf_error_set(err, HF_USAGE, "no command is given");
    HF_TRY(check_belonging(out, err));
    return check_operands(out, err);
}

void hf_args_wipe(struct hf_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        explicit_bzero(list->items[i], strlen(list->items[i]));
    hf_strings_free(list);
}

void hf_args_done(struct hf_args *args)
{
    for (int id = 0; id < HF_OPT_COUNT; id++)
        hf_args_wipe(&args->values[id]);
    hf_args_wipe(&args->operands);
}

const char *hf_args_value(const struct hf_args *args, enum hf_option_id id)
{
    return args->values[id].count > 0 ? args->values[id].items[0] : NULL;
}

enum hf_status hf_args_number(const struct hf_args *args, enum hf_option_id id, unsigned min,
                              unsigned max, unsigned *out, struct hf_error *err)
{
    const char *text = hf_args_value(args, id);
    char *end;
    unsigned long number;

    if (!text)
        return HF_OK;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || number < min || number > max)
        return hf_error_set(err, HF_USAGE,
                            "option --%s takes a number from %u to %u, not \"%.40s\"",
                            hf_option(id)->name, min, max, text);
    *out = (unsigned)number;
    return HF_OK;
}

enum hf_status hf_args_size(const struct hf_args *args, enum hf_option_id id, uint64_t min,
                            uint64_t max, uint64_t *out, struct hf_error *err)
{
    const char *text = hf_args_value(args, id);
    char least[HF_SIZE_TEXT], most[HF_SIZE_TEXT];
    uint64_t size;

    if (!text)
        return HF_OK;
    hf_text_format_size(least, min);
    hf_text_format_size(most, max);
    if (!hf_text_parse_size(text, &size) || size < min || size > max)
        return hf_error_set(err, HF_USAGE,
                            "option --%s takes a size from %s to %s, such as 512MiB, not \"%.40s\"",
                            hf_option(id)->name, least, most, text);
    *out = size;
    return HF_OK;
}

enum hf_status hf_args_large_objects(const struct hf_args *args, enum hf_large_objects *out,
                                     struct hf_error *err)
{
    bool yes = args->given[HF_OPT_LARGE_OBJECTS] > 0;
    bool no = args->given[HF_OPT_NO_LARGE_OBJECTS] > 0;

    if (yes && no)
        return hf_error_set(err, HF_USAGE,
                            "--large-objects and --no-large-objects: only one can be given");
    *out = yes ? HF_LARGE_OBJECTS_YES : no ? HF_LARGE_OBJECTS_NO : HF_LARGE_OBJECTS_DEFAULT;
    return HF_OK;
}

struct hf_strings hf_args_patterns(const struct hf_args *args)
{
    return args->values[args->given[HF_OPT_MATCH] > 0 ? HF_OPT_MATCH : HF_OPT_PATH];
}
