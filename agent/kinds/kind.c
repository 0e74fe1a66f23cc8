#include "agent/kinds/kind.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { KINDS = 3 };
static const struct hf_kind *const kinds[KINDS] = {&hf_kind_postgres, &hf_kind_redis,
                                                   &hf_kind_volume};

static_assert((int)KINDS <= (int)HF_KINDS_MAX, "there are more kinds than readers make room for");

const struct hf_kind *hf_kind_at(size_t index)
{
    return index < KINDS ? kinds[index] : NULL;
}

void hf_kind_list(char out[HF_KIND_LIST])
{
    int len = snprintf(out, HF_KIND_LIST, "%s", KINDS > 1 ? "one of " : "");

    for (size_t i = 0; i < KINDS && len < HF_KIND_LIST; i++) {
        const char *before = i == 0 ? "" : i + 1 < KINDS ? ", " : " and ";

        len += snprintf(out + len, (size_t)(HF_KIND_LIST - len), "%s\"%s\"", before,
                        kinds[i]->source->name);
    }
}

enum hf_status hf_kind_find(const char *name, const struct hf_kind **out, struct hf_error *err)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i]->source->name, name) == 0) {
            *out = kinds[i];
            return HF_OK;
        }
    }
    return hf_error_set(err, HF_UNSUPPORTED,
                        "the snapshot is of a %.60s, which this version of holdfast does not know",
                        name);
}

static bool has_scheme(const struct hf_kind *kind, const char *text)
{
    for (const char *const *scheme = kind->schemes; *scheme; scheme++) {
        if (strncmp(text, *scheme, strlen(*scheme)) == 0)
            return true;
    }
    return false;
}

const struct hf_kind *hf_kind_of_url(const char *text)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (has_scheme(kinds[i], text))
            return kinds[i];
    }
    return NULL;
}

struct hf_config_source *hf_kind_source_of(const struct hf_session *session,
                                           const struct hf_snapshot_info *info)
{
    struct hf_config *config = session->config;

    for (size_t i = 0; i < config->source_count; i++) {
        struct hf_config_source *source = &config->sources[i];

        if (strcmp(source->name, info->source) == 0 &&
            strcmp(source->kind->source->name, info->kind) == 0)
            return source;
    }
    return NULL;
}

const void *hf_kind_config(const struct hf_config_source *source)
{
    return &source->as;
}

static uint64_t all_url_options(void)
{
    uint64_t all = 0;

    for (size_t i = 0; i < KINDS; i++)
        all |= kinds[i]->url_options;
    return all;
}

static uint64_t all_restore_options(void)
{
    uint64_t all = 0;

    for (size_t i = 0; i < KINDS; i++)
        all |= kinds[i]->restore_options;
    return all;
}

/* The first option of a set that was given, or HF_OPT_COUNT. */
static enum hf_option_id first_given(const struct hf_args *args, uint64_t set)
{
    enum hf_option_id id = 0;

    while (id < HF_OPT_COUNT && !((set & HF_OPTION_BIT(id)) && args->given[id]))
        id++;
    return id;
}

static enum hf_status check_options(const struct hf_kind *kind, const struct hf_args *args,
                                    uint64_t others, struct hf_error *err)
{
    enum hf_option_id id = first_given(args, others);

    if (id == HF_OPT_COUNT)
        return HF_OK;
    return hf_error_set(err, HF_USAGE, "--%s does not go with %s", hf_option(id)->name, kind->noun);
}

enum hf_status hf_kind_source_of_url(const struct hf_session *session, const char *url,
                                     struct hf_config_source *out, struct hf_error *err)
{
    const struct hf_kind *kind = hf_kind_of_url(url);

    HF_TRY(check_options(kind, session->args, all_url_options() & ~kind->url_options, err));
    out->kind = kind;
    return kind->from_url(session, url, out, err);
}

enum hf_status hf_kind_check_restore_options(const struct hf_kind *kind, const struct hf_args *args,
                                             struct hf_error *err)
{
    return check_options(kind, args, all_restore_options() & ~kind->restore_options, err);
}

enum hf_status hf_kind_refuse_url_options(const struct hf_args *args, const char *name,
                                          struct hf_error *err)
{
    enum hf_option_id id = first_given(args, all_url_options());

    if (id == HF_OPT_COUNT)
        return HF_OK;
    return hf_error_set(err, HF_USAGE,
                        "--%s is for a source given as a URL; \"%s\" has its settings in the "
                        "configuration",
                        hf_option(id)->name, name);
}

enum hf_status hf_kind_check_name(const char *name, struct hf_error *err)
{
    bool good = strlen(name) <= HF_CONFIG_NAME_MAX && !strchr(name, '@');

    for (const char *c = name; *c; c++)
        good = good && (unsigned char)*c >= 0x20 && *c != 0x7f;
    if (good)
        return HF_OK;
    return hf_error_set(err, HF_USAGE,
                        "\"%.100s\" cannot be the name of a source: at most %d bytes, no \"@\", no "
                        "control characters; give another with --name",
                        name, HF_CONFIG_NAME_MAX);
}
