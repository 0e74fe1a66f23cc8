#include "agent/config/keep.h"

#include "agent/config/duration.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(name, rule)                                                                          \
    {                                                                                              \
        .key = (name), .type = HF_FIELD_NUMBER,                                                    \
        .offset = offsetof(struct hf_keep, count) + (rule) * sizeof(unsigned), .min = 1,           \
        .max = HF_CONFIG_KEEP_MAX                                                                  \
    }

static enum hf_status read_within(const struct hf_fields_file *file, const struct hf_yaml *value,
                                  const char *where, void *out, struct hf_error *err);

static const struct hf_field fields[] = {
    COUNT("last", HF_KEEP_LAST),
    COUNT("hourly", HF_KEEP_HOURLY),
    COUNT("daily", HF_KEEP_DAILY),
    COUNT("weekly", HF_KEEP_WEEKLY),
    COUNT("monthly", HF_KEEP_MONTHLY),
    COUNT("yearly", HF_KEEP_YEARLY),
    {.key = "within", .type = HF_FIELD_OTHER, .read = read_within},
    {.key = "tags", .type = HF_FIELD_TEXTS, .offset = offsetof(struct hf_keep, tags)},
    {.key = NULL},
};

static enum hf_status read_within(const struct hf_fields_file *file, const struct hf_yaml *value,
                                  const char *where, void *out, struct hf_error *err)
{
    struct hf_keep *keep = out;
    HF_AUTO_FREE char *text = NULL;

    HF_TRY(hf_fields_text(file, value, "within", where, &text, err));
    if (hf_duration_parse(text, &keep->within))
        return HF_OK;
    return hf_fields_error(file, value, err,
                           "\"within\" %s must be a span of time, such as 36h, 30d, 8w or 1y",
                           where);
}

bool hf_tag_is_good(const char *text)
{
    size_t len = strlen(text);

    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._-:/@+=", *at))
            return false;
    return len > 0 && len <= HF_TAG_MAX;
}

static const char *bad_tag(const struct hf_keep *keep)
{
    for (size_t i = 0; i < keep->tags.count; i++)
        if (!hf_tag_is_good(keep->tags.items[i]))
            return keep->tags.items[i];
    return NULL;
}

enum hf_status hf_config_read_keep(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, struct hf_keep *out, struct hf_error *err)
{
    HF_TRY(hf_fields_read(file, value, fields, where, out, err));
    if (!hf_keep_given(out))
        return hf_fields_error(file, value, err,
                               "there is no rule %s: give last, hourly, daily, weekly, monthly, "
                               "yearly or within; without \"keep\" everything stays",
                               where);
    if (bad_tag(out))
        return hf_fields_error(file, value, err, "\"%.100s\" %s cannot be a tag", bad_tag(out),
                               where);
    return HF_OK;
}

static enum hf_status read_count(const char *word, const char *value, unsigned *out,
                                 struct hf_error *err)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);

    if (!isdigit((unsigned char)*value) || *end || number < 1 || number > HF_CONFIG_KEEP_MAX)
        return hf_error_set(err, HF_USAGE, "--keep %.100s: give a number from 1 to %d", word,
                            HF_CONFIG_KEEP_MAX);
    *out = (unsigned)number;
    return HF_OK;
}

static enum hf_status read_word(const char *word, struct hf_keep *out, struct hf_error *err)
{
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : 0;

    for (int rule = 0; equals && rule < HF_KEEP_RULES; rule++) {
        const char *name = hf_keep_rule_name((enum hf_keep_rule)rule);

        if (strlen(name) == len && strncmp(name, word, len) == 0)
            return read_count(word, equals + 1, &out->count[rule], err);
    }
    if (strncmp(word, "tags=", 5) == 0)
        return hf_strings_add(&out->tags, word + 5, err);
    if (strncmp(word, "within=", 7) == 0 && hf_duration_parse(word + 7, &out->within))
        return HF_OK;
    return hf_error_set(err, HF_USAGE,
                        "--keep %.100s is no rule: give last=N, hourly=N, daily=N, weekly=N, "
                        "monthly=N, yearly=N, within=SPAN (such as 30d) or tags=TAG",
                        word);
}

enum hf_status hf_config_keep_words(const struct hf_strings *words, struct hf_keep *out,
                                    struct hf_error *err)
{
    for (size_t i = 0; i < words->count; i++)
        HF_TRY(read_word(words->items[i], out, err));
    if (words->count > 0 && !hf_keep_given(out))
        return hf_error_set(err, HF_USAGE,
                            "--keep tags=... alone would keep nothing else: give a rule, too");
    return HF_OK;
}
