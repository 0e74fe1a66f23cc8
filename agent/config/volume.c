#include "agent/config/volume.h"

#include "formats/volume/pattern.h"

#include <stdlib.h>

#define FIELD(name, kind, ...)                                                                     \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind, .offset = offsetof(struct hf_volume_config, name),  \
        __VA_ARGS__                                                                                \
    }

/* Text is a line for /bin/sh, a list is run as it is; in a container as well. */
static enum hf_status read_command(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *key, const char *where, struct hf_strings *out,
                                   struct hf_error *err)
{
    size_t count = value->type == HF_YAML_LIST ? value->count : 1;

    if (value->type != HF_YAML_LIST) {
        HF_TRY(hf_strings_add(out, "/bin/sh", err));
        HF_TRY(hf_strings_add(out, "-c", err));
    }
    for (size_t i = 0; i < count; i++) {
        HF_AUTO_FREE char *text = NULL;

        HF_TRY(hf_fields_text(file, value->type == HF_YAML_LIST ? value->items[i] : value, key,
                              where, &text, err));
        HF_TRY(hf_strings_add(out, text, err));
    }
    return HF_OK;
}

static enum hf_status read_before(const struct hf_fields_file *file, const struct hf_yaml *value,
                                  const char *where, void *out, struct hf_error *err)
{
    struct hf_volume_config *config = out;

    return read_command(file, value, "before", where, &config->before, err);
}

static enum hf_status read_after(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const char *where, void *out, struct hf_error *err)
{
    struct hf_volume_config *config = out;

    return read_command(file, value, "after", where, &config->after, err);
}

static const struct hf_field fields[] = {
    FIELD(path, PATH, .min = 0),
    FIELD(docker, TEXT, .min = 0),
    FIELD(docker_socket, PATH, .min = 0),
    FIELD(helper_image, TEXT, .min = 0),
    FIELD(state_dir, PATH, .min = 0),
    FIELD(pause, TEXTS, .min = 0),
    FIELD(stop, TEXTS, .min = 0),
    FIELD(time_limit, NUMBER, .min = 1, .max = HF_CONFIG_TIME_LIMIT_MAX),
    {.key = "before", .type = HF_FIELD_OTHER, .read = read_before},
    {.key = "after", .type = HF_FIELD_OTHER, .read = read_after},
    FIELD(commands_in, TEXT, .min = 0),
    FIELD(exclude, TEXTS, .min = 0),
    FIELD(include, TEXTS, .min = 0),
    FIELD(all_file_systems, BOOL, .min = 0),
    FIELD(skip_unreadable, BOOL, .min = 0),
    FIELD(jobs, NUMBER, .min = 1, .max = HF_CONFIG_JOBS_MAX),
    {.key = NULL},
};

static enum hf_status check_patterns(const struct hf_fields_file *file, const struct hf_yaml *map,
                                     const char *where, const struct hf_strings *lines,
                                     struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_patterns) patterns = NULL;
    struct hf_error why = HF_ERROR_INIT;

    if (hf_vol_patterns_new(lines, &patterns, &why) == HF_OK)
        return HF_OK;
    return hf_fields_error(file, map, err, "%s: %s", where, why.text);
}

enum hf_status hf_config_read_volume(const struct hf_fields_file *file, const struct hf_yaml *map,
                                     const char *where, struct hf_config_source *out,
                                     struct hf_error *err)
{
    struct hf_volume_config *config = &out->as.volume;

    HF_TRY(hf_fields_read(file, map, fields, where, config, err));
    if (!config->path == !config->docker)
        return hf_fields_error(file, map, err, "one of \"path\" and \"docker\" is needed %s",
                               where);
    if (config->pause.count > 0 && config->stop.count > 0)
        return hf_fields_error(file, map, err, "\"pause\" and \"stop\" %s cannot be given together",
                               where);
    HF_TRY(check_patterns(file, map, where, &config->exclude, err));
    return check_patterns(file, map, where, &config->include, err);
}

void hf_config_volume_done(struct hf_config_source *source)
{
    hf_volume_config_done(&source->as.volume);
}
