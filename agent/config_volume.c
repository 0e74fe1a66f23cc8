#include "agent/config_volume.h"

#include "formats/volume/pattern.h"

#include <stdlib.h>

#define FIELD(name, kind, ...)                                                                     \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind, .offset = offsetof(struct hf_volume_config, name),  \
        __VA_ARGS__                                                                                \
    }

static const struct hf_field fields[] = {
    FIELD(path, PATH, .required = true),
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
    HF_TRY(check_patterns(file, map, where, &config->exclude, err));
    return check_patterns(file, map, where, &config->include, err);
}

void hf_config_volume_done(struct hf_config_source *source)
{
    hf_volume_config_done(&source->as.volume);
}
