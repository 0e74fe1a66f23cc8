#include "agent/config/config.h"

#include "agent/cli/names.h"
#include "agent/config/fields.h"
#include "agent/config/s3.h"
#include "agent/kinds/kind.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum hf_status read_repositories(const struct hf_fields_file *file,
                                        const struct hf_yaml *value, const char *where, void *out,
                                        struct hf_error *err);
static enum hf_status read_sources(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, void *out, struct hf_error *err);
static enum hf_status read_jobs(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err);
static enum hf_status read_kind(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err);
static enum hf_status read_s3(const struct hf_fields_file *file, const struct hf_yaml *value,
                              const char *where, void *out, struct hf_error *err);
static enum hf_status read_cache(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const char *where, void *out, struct hf_error *err);

static enum hf_status read_agent(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const char *where, void *out, struct hf_error *err);
static enum hf_status read_history(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, void *out, struct hf_error *err);
static enum hf_status read_http(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err);
static enum hf_status read_notifies(const struct hf_fields_file *file, const struct hf_yaml *value,
                                    const char *where, void *out, struct hf_error *err);

static const struct hf_field top_fields[] = {
    {.key = "memory",
     .type = HF_FIELD_SIZE,
     .offset = offsetof(struct hf_config, memory),
     .min = HF_CONFIG_MEMORY_MIN,
     .max = HF_CONFIG_MEMORY_MAX},
    {.key = "threads",
     .type = HF_FIELD_NUMBER,
     .offset = offsetof(struct hf_config, threads),
     .min = 1,
     .max = HF_CONFIG_THREADS_MAX},
    {.key = "level",
     .type = HF_FIELD_NUMBER,
     .offset = offsetof(struct hf_config, level),
     .min = 1,
     .max = HF_CONFIG_LEVEL_MAX},
    {.key = "cache", .type = HF_FIELD_OTHER, .read = read_cache},
    {.key = "agent", .type = HF_FIELD_OTHER, .read = read_agent},
    {.key = "history", .type = HF_FIELD_OTHER, .read = read_history},
    {.key = "http", .type = HF_FIELD_OTHER, .read = read_http},
    {.key = "notify", .type = HF_FIELD_OTHER, .read = read_notifies},
    {.key = "repositories", .type = HF_FIELD_OTHER, .read = read_repositories},
    {.key = "sources", .type = HF_FIELD_OTHER, .read = read_sources},
    {.key = "jobs", .type = HF_FIELD_OTHER, .read = read_jobs},
    {.key = NULL},
};

static const struct hf_field repository_fields[] = {
    {.key = "path", .type = HF_FIELD_PATH, .offset = offsetof(struct hf_config_repository, path)},
    {.key = "s3", .type = HF_FIELD_OTHER, .read = read_s3},
    {.key = "passphrase",
     .type = HF_FIELD_SECRET,
     .offset = offsetof(struct hf_config_repository, passphrase)},
    {.key = "identity_file",
     .type = HF_FIELD_PATH,
     .offset = offsetof(struct hf_config_repository, identity_file)},
    {.key = "fingerprint",
     .type = HF_FIELD_TEXT,
     .offset = offsetof(struct hf_config_repository, fingerprint)},
    {.key = "cache", .type = HF_FIELD_BOOL, .offset = offsetof(struct hf_config_repository, cache)},
    {.key = NULL},
};

static const struct hf_field cache_fields[] = {
    {.key = "path", .type = HF_FIELD_PATH, .offset = offsetof(struct hf_config_cache, path)},
    {.key = "size",
     .type = HF_FIELD_SIZE,
     .offset = offsetof(struct hf_config_cache, size),
     .min = HF_CONFIG_CACHE_MIN,
     .max = HF_CONFIG_CACHE_MAX},
    {.key = NULL},
};

/* A map of names: called for each entry. */
typedef enum hf_status entry_fn(const struct hf_fields_file *file, const char *name,
                                const struct hf_yaml *value, const char *where,
                                struct hf_config *config, struct hf_error *err);

static bool good_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > HF_CONFIG_NAME_MAX || !isalnum((unsigned char)name[0]))
        return false;
    for (; *name; name++) {
        if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
            return false;
    }
    return true;
}

/* noun: "source"; plural as the key says it. Room for all entries is made by the caller. */
static enum hf_status read_named(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *noun, entry_fn *read, struct hf_config *config,
                                 struct hf_error *err)
{
    for (size_t i = 0; i < map->count; i += 2) {
        const char *name = map->items[i]->text;
        char where[HF_CONFIG_NAME_MAX + 32];

        if (!good_name(name))
            return hf_fields_error(file, map->items[i], err,
                                   "\"%.100s\" cannot be the name of a %s: use letters, digits, "
                                   "\".\", \"_\" and \"-\"",
                                   name, noun);
        (void)snprintf(where, sizeof where, "in %s \"%s\"", noun, name);
        HF_TRY(read(file, name, map->items[i + 1], where, config, err));
    }
    return HF_OK;
}

/* Zeroed room for the entries of a map; *count counts those in use. */
static enum hf_status make_room(const struct hf_fields_file *file, const struct hf_yaml *map,
                                const char *plural, size_t size, void **out, struct hf_error *err)
{
    if (map->type != HF_YAML_MAP || map->count == 0)
        return hf_fields_error(file, map, err, "\"%s\" must be a group of names, not %s", plural,
                               map->type == HF_YAML_MAP ? "an empty one" : hf_yaml_what(map));
    *out = calloc(map->count / 2, size);
    return *out ? HF_OK : hf_error_memory(err);
}

static enum hf_status read_s3(const struct hf_fields_file *file, const struct hf_yaml *value,
                              const char *where, void *out, struct hf_error *err)
{
    struct hf_config_repository *repository = out;

    return hf_config_read_s3(file, value, where, &repository->s3, err);
}

static enum hf_status set_place(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, struct hf_config_repository *repository,
                                struct hf_error *err)
{
    if (repository->path && repository->s3)
        return hf_fields_error(
            file, value, err,
            "\"path\" and \"s3\" %s cannot be given together; two places are two "
            "repositories",
            where);
    if (repository->s3)
        return hf_config_s3_place(repository->s3, &repository->place, err);
    if (repository->path)
        return hf_text_copy(repository->path, &repository->place, err);
    return hf_fields_error(file, value, err, "\"path\" or \"s3\" is missing %s", where);
}

static enum hf_status read_repository(const struct hf_fields_file *file, const char *name,
                                      const struct hf_yaml *value, const char *where,
                                      struct hf_config *config, struct hf_error *err)
{
    struct hf_config_repository *repository = &config->repositories[config->repository_count++];

    HF_TRY(hf_text_copy(name, &repository->name, err));
    HF_TRY(hf_fields_read(file, value, repository_fields, where, repository, err));
    HF_TRY(set_place(file, value, where, repository, err));
    if (!hf_yaml_key(value, "cache"))
        repository->cache = repository->s3 != NULL;
    if (repository->identity_file && repository->passphrase.from != HF_SECRET_NOWHERE)
        return hf_fields_error(file, value, err,
                               "\"identity_file\" and \"passphrase\" %s cannot be given together",
                               where);
    return HF_OK;
}

static enum hf_status read_repositories(const struct hf_fields_file *file,
                                        const struct hf_yaml *value, const char *where, void *out,
                                        struct hf_error *err)
{
    struct hf_config *config = out;
    void *room;

    (void)where;
    HF_TRY(make_room(file, value, "repositories", sizeof *config->repositories, &room, err));
    config->repositories = room;
    return read_named(file, value, "repository", read_repository, config, err);
}

static enum hf_status read_cache(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const char *where, void *out, struct hf_error *err)
{
    struct hf_config *config = out;

    (void)where;
    return hf_fields_read(file, value, cache_fields, "in \"cache\"", &config->cache, err);
}

static enum hf_status read_agent(const struct hf_fields_file *file, const struct hf_yaml *value,
                                 const char *where, void *out, struct hf_error *err)
{
    struct hf_config *config = out;

    (void)where;
    return hf_config_read_agent(file, value, &config->agent, err);
}

static enum hf_status read_history(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, void *out, struct hf_error *err)
{
    struct hf_config *config = out;

    (void)where;
    return hf_config_read_history(file, value, &config->history, err);
}

static enum hf_status read_http(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err)
{
    struct hf_config *config = out;

    (void)where;
    return hf_config_read_http(file, value, &config->http, err);
}

static enum hf_status read_one_notify(const struct hf_fields_file *file, const char *name,
                                      const struct hf_yaml *value, const char *where,
                                      struct hf_config *config, struct hf_error *err)
{
    struct hf_config_notifies *notifies = &config->notify;

    return hf_config_read_notify(file, name, value, where, &notifies->items[notifies->count++],
                                 err);
}

static enum hf_status read_notifies(const struct hf_fields_file *file, const struct hf_yaml *value,
                                    const char *where, void *out, struct hf_error *err)
{
    struct hf_config *config = out;
    void *room;

    (void)where;
    HF_TRY(make_room(file, value, "notify", sizeof *config->notify.items, &room, err));
    config->notify.items = room;
    return read_named(file, value, "notification", read_one_notify, config, err);
}

static enum hf_status read_kind(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err)
{
    struct hf_config_source *source = out;

    return source->kind->read(file, value, where, source, err);
}

/* A source is of exactly one kind, which its only key names. */
static enum hf_status find_kind(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, const struct hf_kind **out, struct hf_error *err)
{
    const struct hf_kind *kind;

    for (size_t i = 0; value->type == HF_YAML_MAP && (kind = hf_kind_at(i)) != NULL; i++) {
        if (!hf_yaml_key(value, kind->source->name))
            continue;
        if (*out)
            return hf_fields_error(file, value, err,
                                   "\"%s\" and \"%s\" %s cannot be given together",
                                   (*out)->source->name, kind->source->name, where);
        *out = kind;
    }
    return HF_OK;
}

static enum hf_status read_source(const struct hf_fields_file *file, const char *name,
                                  const struct hf_yaml *value, const char *where,
                                  struct hf_config *config, struct hf_error *err)
{
    struct hf_config_source *source = &config->sources[config->source_count++];
    struct hf_field fields[HF_KINDS_MAX + 1] = {{.key = NULL}};
    char known[HF_KIND_LIST];
    const struct hf_kind *kind;

    for (size_t i = 0; (kind = hf_kind_at(i)) != NULL; i++)
        fields[i] =
            (struct hf_field){.key = kind->source->name, .type = HF_FIELD_OTHER, .read = read_kind};
    HF_TRY(hf_text_copy(name, &source->name, err));
    HF_TRY(find_kind(file, value, where, &source->kind, err));
    HF_TRY(hf_fields_read(file, value, fields, where, source, err));
    if (source->kind)
        return HF_OK;
    hf_kind_list(known);
    return hf_fields_error(file, value, err, "%s is missing %s", known, where);
}

static enum hf_status read_sources(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, void *out, struct hf_error *err)
{
    struct hf_config *config = out;
    void *room;

    (void)where;
    HF_TRY(make_room(file, value, "sources", sizeof *config->sources, &room, err));
    config->sources = room;
    return read_named(file, value, "source", read_source, config, err);
}

static enum hf_status read_job(const struct hf_fields_file *file, const char *name,
                               const struct hf_yaml *value, const char *where,
                               struct hf_config *config, struct hf_error *err)
{
    struct hf_config_job *job = &config->jobs[config->job_count++];

    HF_TRY(hf_text_copy(name, &job->name, err));
    return hf_config_read_job(file, value, where, job, err);
}

static enum hf_status read_jobs(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err)
{
    struct hf_config *config = out;
    void *room;

    (void)where;
    HF_TRY(make_room(file, value, "jobs", sizeof *config->jobs, &room, err));
    config->jobs = room;
    return read_named(file, value, "job", read_job, config, err);
}

static enum hf_status read_root(const struct hf_fields_file *file, const struct hf_yaml *root,
                                struct hf_config *config, struct hf_error *err)
{
    if (hf_yaml_is_null(root))
        return hf_error_set(err, HF_CONFIG, "%s: the file is empty", file->name);
    HF_TRY(hf_fields_read(file, root, top_fields, "at the top level", config, err));
    return hf_config_check_jobs(file, hf_yaml_value(root, "jobs"), config, err);
}

enum hf_status hf_config_parse(const char *name, const char *folder, const void *data, size_t len,
                               hf_lookup_fn *lookup, void *lookup_ctx, struct hf_config **out,
                               struct hf_error *err)
{
    struct hf_fields_file file = {
        .name = name, .folder = folder, .lookup = lookup, .lookup_ctx = lookup_ctx};
    HF_AUTO_PTR(hf_yaml_doc) doc = NULL;
    HF_AUTO_PTR(hf_config) config = NULL;

    HF_TRY(hf_yaml_read(name, data, len, &doc, err));
    config = calloc(1, sizeof *config);
    if (!config)
        return hf_error_memory(err);
    HF_TRY(hf_text_copy(name, &config->file, err));
    HF_TRY(read_root(&file, hf_yaml_root(doc), config, err));
    *out = config;
    config = NULL;
    return HF_OK;
}

enum hf_status hf_config_nearest(const struct hf_config *config, const char *name, const char **out,
                                 struct hf_error *err)
{
    HF_AUTO(hf_names) names = HF_NAMES_INIT;

    for (size_t i = 0; i < config->job_count; i++)
        HF_TRY(hf_names_add(&names, config->jobs[i].name, err));
    for (size_t i = 0; i < config->source_count; i++)
        HF_TRY(hf_names_add(&names, config->sources[i].name, err));
    *out = hf_text_nearest(name, hf_names_list(&names));
    return HF_OK;
}
