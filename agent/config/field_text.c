/* Texts of fields, and errors at their places (fields.h). */
#include "agent/config/fields.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In parentheses: the analyzer's macro of that name is not meant. */
enum hf_status(hf_fields_error)(const struct hf_fields_file *file, const struct hf_yaml *node,
                                struct hf_error *err, const char *format, ...)
{
    char text[HF_ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return hf_error_set(err, HF_CONFIG, "%s:%u:%u: %s", file->name, node->line, node->column, text);
}

const struct hf_yaml *hf_fields_key(const struct hf_yaml *map, const char *key)
{
    static const char *const endings[] = {"", "_file", "_command"};
    char spelling[64];

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        (void)snprintf(spelling, sizeof spelling, "%s%s", key, endings[i]);
        if (hf_yaml_key(map, spelling))
            return hf_yaml_key(map, spelling);
    }
    return map;
}

enum hf_status hf_fields_text(const struct hf_fields_file *file, const struct hf_yaml *value,
                              const char *key, const char *where, char **out, struct hf_error *err)
{
    char *text;

    if (value->type != HF_YAML_SCALAR || hf_yaml_is_null(value))
        return hf_fields_error(file, value, err, "\"%s\" %s must be text, not %s", key, where,
                               hf_yaml_what(value));
    if (hf_substitute(value->text, file->lookup, file->lookup_ctx, &text, err) != HF_OK)
        return hf_error_prefix(err, "%s:%u:%u: \"%s\" %s", file->name, value->line, value->column,
                               key, where);
    if (!*text) {
        free(text);
        return hf_fields_error(file, value, err, "\"%s\" %s is empty", key, where);
    }
    *out = text;
    return HF_OK;
}

enum hf_status hf_fields_path(const struct hf_fields_file *file, const char *path, char **out,
                              struct hf_error *err)
{
    if (path[0] == '/' || strcmp(file->folder, ".") == 0)
        return hf_text_copy(path, out, err);
    return hf_text_format(out, err, "%s/%s", file->folder, path);
}
