#include "storage/s3/profile_file.h"

#include <string.h>
#include <strings.h>

/* What is searched for, and what was found so far. */
struct search {
    enum hf_profile_file kind;
    const char *profile;
    const char *key; /* or NULL: any */
    bool short_name; /* [default], which [profile default] outdoes, in the config file */
    bool inside;     /* of the profile */
    bool exists;
    bool has_key;  /* one was seen in this section */
    size_t indent; /* of the last key */
    struct hf_profile_value found;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct hf_profile_value trimmed(const char *text, size_t len)
{
    while (len > 0 && is_blank(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    return (struct hf_profile_value){.text = text, .len = len};
}

static bool is(struct hf_profile_value value, const char *text)
{
    return value.len == strlen(text) && memcmp(value.text, text, value.len) == 0;
}

/* "profile P" with any blanks between; what is left of the name, or nothing. */
static struct hf_profile_value without_word(struct hf_profile_value name)
{
    static const char word[] = "profile";
    size_t len = sizeof word - 1;

    if (name.len <= len || memcmp(name.text, word, len) != 0 || !is_blank(name.text[len]))
        return (struct hf_profile_value){.text = name.text, .len = 0};
    return trimmed(name.text + len, name.len - len);
}

/* line begins with '['. */
static void enter_section(struct search *s, struct hf_profile_value line)
{
    const char *end = memchr(line.text, ']', line.len);
    struct hf_profile_value name;

    s->inside = false;
    s->has_key = false;
    if (!end)
        return;
    name = trimmed(line.text + 1, (size_t)(end - line.text) - 1);
    if (s->kind == HF_PROFILE_CONFIG && !s->short_name)
        name = without_word(name);
    s->inside = name.len > 0 && is(name, s->profile);
    s->exists = s->exists || s->inside;
}

/* What stands further right than the key above belongs to it. */
static bool is_nested(struct search *s, size_t indent)
{
    if (s->has_key && indent > s->indent)
        return true;
    s->has_key = true;
    s->indent = indent;
    return false;
}

/* A comment ends a value only behind a blank: a secret may hold '#' and ';'. */
static struct hf_profile_value without_comment(struct hf_profile_value value)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((value.text[i] == '#' || value.text[i] == ';') &&
            (i == 0 || is_blank(value.text[i - 1])))
            return trimmed(value.text, i);
    }
    return value;
}

static void take_pair(struct search *s, struct hf_profile_value line)
{
    const char *equals = memchr(line.text, '=', line.len);
    struct hf_profile_value key;
    size_t before;

    if (!equals)
        return;
    before = (size_t)(equals - line.text);
    key = trimmed(line.text, before);
    if (key.len == strlen(s->key) && strncasecmp(key.text, s->key, key.len) == 0)
        s->found = without_comment(trimmed(equals + 1, line.len - before - 1));
}

static void take_line(struct search *s, const char *text, size_t len)
{
    struct hf_profile_value line = trimmed(text, len);

    if (line.len == 0 || line.text[0] == '#' || line.text[0] == ';')
        return;
    if (line.text[0] == '[')
        enter_section(s, line);
    else if (s->inside && s->key && !is_nested(s, (size_t)(line.text - text)))
        take_pair(s, line);
}

static void search_text(struct search *s, const char *text, size_t len)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* of UTF-8, as some editors put it */

    if (len >= sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0) {
        text += sizeof mark - 1;
        len -= sizeof mark - 1;
    }
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;

        take_line(s, text, line);
        text += line + (end ? 1 : 0);
        len -= line + (end ? 1 : 0);
    }
}

static void search_profile(struct search *s, const char *text, size_t len)
{
    search_text(s, text, len);
    if (s->kind == HF_PROFILE_CONFIG && !s->exists && strcmp(s->profile, "default") == 0) {
        s->short_name = true;
        search_text(s, text, len);
    }
}

bool hf_profile_exists(enum hf_profile_file kind, const char *text, size_t len, const char *profile)
{
    struct search s = {.kind = kind, .profile = profile};

    search_profile(&s, text, len);
    return s.exists;
}

bool hf_profile_find(enum hf_profile_file kind, const char *text, size_t len, const char *profile,
                     const char *key, struct hf_profile_value *out)
{
    struct search s = {.kind = kind, .profile = profile, .key = key};

    search_profile(&s, text, len);
    if (s.found.len == 0)
        return false;
    *out = s.found;
    return true;
}
