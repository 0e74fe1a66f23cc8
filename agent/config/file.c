/* The configuration as a whole: found, loaded, looked up in, freed (config.h). */
#include "agent/config/config.h"

#include "agent/config/s3.h"
#include "agent/config/yaml.h"
#include "agent/kinds/kind.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *from_environment(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static enum hf_status parse_text(const char *path, const struct hf_buf *text,
                                 struct hf_config **out, struct hf_error *err)
{
    HF_AUTO_FREE char *folder = NULL;
    const char *slash = strrchr(path, '/');

    /* The folder's name, "/" and "." where that is all there is of it. */
    HF_TRY(hf_text_format(&folder, err, "%.*s", slash ? (int)(slash - path) + (slash == path) : 1,
                          slash ? path : "."));
    return hf_config_parse(path, folder, text->data, text->len, from_environment, NULL, out, err);
}

/* The file's text, or what the process that started this one read of it. */
static enum hf_status read_text(const char *path, struct hf_buf *out, struct hf_error *err)
{
    const char *copy = getenv(HF_CONFIG_COPY_VARIABLE);
    HF_AUTO_FREE char *place = NULL;

    if (copy)
        HF_TRY(hf_text_format(&place, err, "/proc/self/fd/%.10s", copy));
    if (hf_file_read(copy ? place : path, HF_YAML_BYTES_MAX, out, err) == HF_OK)
        return HF_OK;
    err->status = HF_CONFIG;
    return hf_error_prefix(err, "configuration");
}

static void wipe(struct hf_buf *text)
{
    if (text->data)
        explicit_bzero(text->data, text->len);
    hf_buf_free(text);
}

static enum hf_status load_file(const char *path, struct hf_config **out, struct hf_error *err)
{
    __attribute__((cleanup(wipe))) struct hf_buf text = HF_BUF_INIT;

    HF_TRY(read_text(path, &text, err));
    return parse_text(path, &text, out, err);
}

/* file, or the place where it is; NULL: there is none. */
static const char *find_file(const char *file)
{
    static const char *const places[] = {"holdfast.yaml", "/etc/holdfast/holdfast.yaml"};

    for (size_t i = 0; !file && i < sizeof places / sizeof *places; i++) {
        if (access(places[i], F_OK) == 0)
            return places[i];
    }
    return file;
}

enum hf_status hf_config_load(const char *file, struct hf_config **out, struct hf_error *err)
{
    const char *path = find_file(file);

    if (path)
        return load_file(path, out, err);
    *out = calloc(1, sizeof **out);
    return *out ? HF_OK : hf_error_memory(err);
}

enum hf_status hf_config_load_copy(const char *file, int *out_copy, struct hf_config **out,
                                   struct hf_error *err)
{
    __attribute__((cleanup(wipe))) struct hf_buf text = HF_BUF_INIT;
    const char *path = find_file(file);
    HF_AUTO_FD copy = -1;

    if (!path)
        return hf_error_set(err, HF_CONFIG,
                            "there is no configuration file: name one with --config, or write "
                            "/etc/holdfast/holdfast.yaml");
    HF_TRY(read_text(path, &text, err));
    HF_TRY(hf_fd_memory("holdfast-configuration", &copy, err));
    HF_TRY(hf_fd_write(copy, text.data, text.len, "the configuration's copy", err));
    HF_TRY(parse_text(path, &text, out, err));
    *out_copy = copy;
    copy = -1;
    return HF_OK;
}

void hf_config_source_done(struct hf_config_source *source)
{
    if (source->kind)
        source->kind->done(source);
    free(source->name);
}

void hf_config_free(struct hf_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->repository_count; i++) {
        struct hf_config_repository *repository = &config->repositories[i];

        free(repository->name);
        free(repository->path);
        hf_config_s3_free(repository->s3);
        free(repository->place);
        free(repository->identity_file);
        free(repository->fingerprint);
        hf_secret_spec_done(&repository->passphrase);
    }
    for (size_t i = 0; i < config->source_count; i++)
        hf_config_source_done(&config->sources[i]);
    for (size_t i = 0; i < config->job_count; i++)
        hf_config_job_done(&config->jobs[i]);
    free(config->repositories);
    free(config->sources);
    free(config->jobs);
    free(config->cache.path);
    hf_config_agent_done(&config->agent);
    hf_config_http_done(&config->http);
    hf_config_notifies_done(&config->notify);
    free(config->file);
    free(config);
}

const struct hf_config_repository *hf_config_repository(const struct hf_config *config,
                                                        const char *name)
{
    for (size_t i = 0; i < config->repository_count; i++) {
        if (strcmp(config->repositories[i].name, name) == 0)
            return &config->repositories[i];
    }
    return NULL;
}

const struct hf_config_source *hf_config_source(const struct hf_config *config, const char *name)
{
    for (size_t i = 0; i < config->source_count; i++) {
        if (strcmp(config->sources[i].name, name) == 0)
            return &config->sources[i];
    }
    return NULL;
}

const struct hf_config_job *hf_config_job(const struct hf_config *config, const char *name)
{
    for (size_t i = 0; i < config->job_count; i++) {
        if (strcmp(config->jobs[i].name, name) == 0)
            return &config->jobs[i];
    }
    return NULL;
}

const char *hf_config_home(const struct hf_config *config, const char *source)
{
    const char *found = NULL;

    for (size_t i = 0; i < config->job_count; i++) {
        const char *repository = config->jobs[i].repositories.items[0];

        if (!hf_strings_contain(&config->jobs[i].sources, source))
            continue;
        if (found && strcmp(found, repository) != 0)
            return NULL;
        found = repository;
    }
    return found;
}
