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

static enum hf_status load_file(const char *path, struct hf_config **out, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_FREE char *folder = NULL;
    const char *slash = strrchr(path, '/');
    enum hf_status status;

    /* The folder's name, "/" and "." where that is all there is of it. */
    HF_TRY(hf_text_format(&folder, err, "%.*s", slash ? (int)(slash - path) + (slash == path) : 1,
                          slash ? path : "."));
    if (hf_file_read(path, HF_YAML_BYTES_MAX, &text, err) != HF_OK) {
        err->status = HF_CONFIG;
        return hf_error_prefix(err, "configuration");
    }
    status = hf_config_parse(path, folder, text.data, text.len, from_environment, NULL, out, err);
    if (text.data)
        explicit_bzero(text.data, text.len);
    return status;
}

enum hf_status hf_config_load(const char *file, struct hf_config **out, struct hf_error *err)
{
    static const char *const places[] = {"holdfast.yaml", "/etc/holdfast/holdfast.yaml"};

    if (file)
        return load_file(file, out, err);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (access(places[i], F_OK) == 0)
            return load_file(places[i], out, err);
    }
    *out = calloc(1, sizeof **out);
    return *out ? HF_OK : hf_error_memory(err);
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
