#include "agent/config/fields.h"

#include "agent/config/duration.h"
#include "agent/config/secret_spec.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64, KEY_TEXT = 64 };

/* A value that is being read, and what errors call it. */
struct value {
    const struct hf_fields_file *file;
    const struct hf_yaml *node;
    const char *key; /* as written: "password_file" */
    const char *where;
    const struct hf_field *field;
};

static enum hf_status value_text(const struct value *v, char **out, struct hf_error *err)
{
    return hf_fields_text(v->file, v->node, v->key, v->where, out, err);
}

static enum hf_status read_path(const struct value *v, char **out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;

    HF_TRY(value_text(v, &text, err));
    return hf_fields_path(v->file, text, out, err);
}

static enum hf_status read_texts(const struct value *v, struct hf_strings *out,
                                 struct hf_error *err)
{
    bool list = v->node->type == HF_YAML_LIST;

    for (size_t i = 0; i < (list ? v->node->count : 1); i++) {
        HF_AUTO_FREE char *text = NULL;
        struct value item = *v;

        item.node = list ? v->node->items[i] : v->node;
        HF_TRY(value_text(&item, &text, err));
        HF_TRY(hf_strings_add(out, text, err));
    }
    if (out->count == 0)
        return hf_fields_error(v->file, v->node, err, "\"%s\" %s is an empty list", v->key,
                               v->where);
    return HF_OK;
}

/* The text as written is shown, not what ${} made of it: that may be a secret. */
static const char *shown(const struct value *v)
{
    return v->node->type == HF_YAML_SCALAR && !hf_yaml_is_null(v->node) ? v->node->text
                                                                        : hf_yaml_what(v->node);
}

static enum hf_status plain_text(const struct value *v, const char *expected, char **out,
                                 struct hf_error *err)
{
    if (v->node->type != HF_YAML_SCALAR || hf_yaml_is_null(v->node))
        return hf_fields_error(v->file, v->node, err, "\"%s\" %s must be %s, not %s", v->key,
                               v->where, expected, hf_yaml_what(v->node));
    return value_text(v, out, err);
}

static enum hf_status wrong(const struct value *v, const char *expected, struct hf_error *err)
{
    return hf_fields_error(v->file, v->node, err, "\"%s\" %s must be %s, not \"%.60s\"", v->key,
                           v->where, expected, shown(v));
}

static enum hf_status read_bool(const struct value *v, bool *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;

    HF_TRY(plain_text(v, "true or false", &text, err));
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return wrong(v, "true or false", err);
    *out = strcmp(text, "true") == 0;
    return HF_OK;
}

static enum hf_status read_number(const struct value *v, unsigned *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;
    char expected[80];
    unsigned long long number;
    char *end;

    (void)snprintf(expected, sizeof expected, "a number from %llu to %llu",
                   (unsigned long long)v->field->min, (unsigned long long)v->field->max);
    HF_TRY(plain_text(v, expected, &text, err));
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || number < v->field->min ||
        number > v->field->max)
        return wrong(v, expected, err);
    *out = (unsigned)number;
    return HF_OK;
}

/* Cuts "/s" off the end of a rate. */
static void cut_per_second(char *text)
{
    size_t len = strlen(text);

    if (len > 2 && strcmp(text + len - 2, "/s") == 0)
        text[len - 2] = 0;
}

static enum hf_status read_size(const struct value *v, uint64_t *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;
    bool rate = v->field->type == HF_FIELD_RATE;
    char least[HF_SIZE_TEXT], most[HF_SIZE_TEXT], expected[120];
    uint64_t size;

    hf_text_format_size(least, v->field->min);
    hf_text_format_size(most, v->field->max);
    (void)snprintf(expected, sizeof expected, "a %s from %s to %s, such as %s",
                   rate ? "rate" : "size", least, most, rate ? "20MiB/s" : "512MiB");
    HF_TRY(plain_text(v, expected, &text, err));
    if (rate)
        cut_per_second(text);
    if (!hf_text_parse_size(text, &size) || size < v->field->min || size > v->field->max)
        return wrong(v, expected, err);
    *out = size;
    return HF_OK;
}

static enum hf_status read_duration(const struct value *v, int64_t *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;
    char least[HF_DURATION_TEXT], most[HF_DURATION_TEXT], expected[120];
    int64_t duration;

    hf_duration_format(least, (int64_t)v->field->min);
    hf_duration_format(most, (int64_t)v->field->max);
    (void)snprintf(expected, sizeof expected, "a time from %s to %s, such as 90s, 15m or 36h",
                   least, most);
    HF_TRY(plain_text(v, expected, &text, err));
    if (!hf_duration_parse(text, &duration) || duration < (int64_t)v->field->min ||
        duration > (int64_t)v->field->max)
        return wrong(v, expected, err);
    *out = duration;
    return HF_OK;
}

/* "auto, path, virtual" */
static void list_choices(const char *const *choices, char *text, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; choices[i] && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? ", " : "", choices[i]);
}

static enum hf_status read_choice(const struct value *v, unsigned *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;
    char list[160], expected[200];

    list_choices(v->field->choices, list, sizeof list);
    (void)snprintf(expected, sizeof expected, "one of %s", list);
    HF_TRY(plain_text(v, expected, &text, err));
    for (unsigned i = 0; v->field->choices[i]; i++) {
        if (strcmp(text, v->field->choices[i]) == 0) {
            *out = i;
            return HF_OK;
        }
    }
    return wrong(v, expected, err);
}

static enum hf_status read_secret_text(const struct value *v, struct hf_secret_spec *out,
                                       struct hf_error *err)
{
    char *text;
    enum hf_status status;

    HF_TRY(value_text(v, &text, err));
    status = hf_secret_new(text, strlen(text), &out->text, err);
    explicit_bzero(text, strlen(text));
    free(text);
    return status;
}

static enum hf_status read_secret(const struct value *v, struct hf_secret_spec *out,
                                  struct hf_error *err)
{
    const char *suffix = v->key + strlen(v->field->key);

    if (out->from != HF_SECRET_NOWHERE)
        return hf_fields_error(v->file, v->node, err,
                               "\"%s\" %s: %s is given already in another way", v->key, v->where,
                               v->field->key);
    if (strcmp(suffix, "_file") == 0) {
        out->from = HF_SECRET_FILE;
        return read_path(v, &out->file, err);
    }
    if (strcmp(suffix, "_command") == 0) {
        out->from = HF_SECRET_COMMAND;
        return read_texts(v, &out->command, err);
    }
    HF_TRY(read_secret_text(v, out, err));
    out->from = HF_SECRET_TEXT;
    return HF_OK;
}

static enum hf_status read_value(const struct value *v, void *out, struct hf_error *err)
{
    void *member = (char *)out + v->field->offset;

    switch (v->field->type) {
    case HF_FIELD_TEXT:
        return value_text(v, member, err);
    case HF_FIELD_PATH:
        return read_path(v, member, err);
    case HF_FIELD_TEXTS:
        return read_texts(v, member, err);
    case HF_FIELD_BOOL:
        return read_bool(v, member, err);
    case HF_FIELD_NUMBER:
        return read_number(v, member, err);
    case HF_FIELD_SIZE:
    case HF_FIELD_RATE:
        return read_size(v, member, err);
    case HF_FIELD_DURATION:
        return read_duration(v, member, err);
    case HF_FIELD_CHOICE:
        return read_choice(v, member, err);
    case HF_FIELD_SECRET:
        return read_secret(v, member, err);
    case HF_FIELD_OTHER:
        break;
    }
    return v->field->read(v->file, v->node, v->where, out, err);
}

static bool key_is(const struct hf_field *field, const char *key)
{
    size_t len = strlen(field->key);

    if (strncmp(field->key, key, len) != 0)
        return false;
    if (!key[len])
        return true;
    return field->type == HF_FIELD_SECRET &&
           (strcmp(key + len, "_file") == 0 || strcmp(key + len, "_command") == 0);
}

/* All spellings of the keys, for a suggestion. */
static void known_keys(const struct hf_field *fields, char texts[KEYS_MAX][KEY_TEXT],
                       const char *names[KEYS_MAX + 1])
{
    static const char *const endings[] = {"", "_file", "_command"};
    size_t count = 0;

    for (; fields->key; fields++) {
        for (size_t i = 0; i < (fields->type == HF_FIELD_SECRET ? 3 : 1); i++) {
            if (count == KEYS_MAX)
                break;
            (void)snprintf(texts[count], KEY_TEXT, "%s%s", fields->key, endings[i]);
            names[count] = texts[count];
            count++;
        }
    }
    names[count] = NULL;
}

static enum hf_status unknown_key(const struct hf_fields_file *file, const struct hf_yaml *key,
                                  const struct hf_field *fields, const char *where,
                                  struct hf_error *err)
{
    char texts[KEYS_MAX][KEY_TEXT];
    const char *names[KEYS_MAX + 1];
    const char *near;

    if (strcmp(key->text, "<<") == 0)
        return hf_fields_error(file, key, err, "merge keys (<<) are not supported");
    known_keys(fields, texts, names);
    near = hf_text_nearest(key->text, names);
    if (near)
        return hf_fields_error(file, key, err, "unknown key \"%.100s\" %s; did you mean \"%s\"?",
                               key->text, where, near);
    return hf_fields_error(file, key, err, "unknown key \"%.100s\" %s", key->text, where);
}

static enum hf_status check_required(const struct hf_fields_file *file, const struct hf_yaml *map,
                                     const struct hf_field *fields, const char *where,
                                     struct hf_error *err)
{
    for (; fields->key; fields++) {
        bool found = !fields->required;

        for (size_t i = 0; i < map->count && !found; i += 2)
            found = key_is(fields, map->items[i]->text);
        if (!found)
            return hf_fields_error(file, map, err, "\"%s\" is missing %s", fields->key, where);
    }
    return HF_OK;
}

enum hf_status hf_fields_read(const struct hf_fields_file *file, const struct hf_yaml *map,
                              const struct hf_field *fields, const char *where, void *out,
                              struct hf_error *err)
{
    if (map->type != HF_YAML_MAP)
        return hf_fields_error(file, map, err, "there must be a group of keys %s, not %s", where,
                               hf_yaml_what(map));
    for (size_t i = 0; i < map->count; i += 2) {
        struct value v = {
            .file = file, .node = map->items[i + 1], .key = map->items[i]->text, .where = where};

        for (v.field = fields; v.field->key && !key_is(v.field, v.key);)
            v.field++;
        if (!v.field->key)
            return unknown_key(file, map->items[i], fields, where, err);
        HF_TRY(read_value(&v, out, err));
    }
    return check_required(file, map, fields, where, err);
}
