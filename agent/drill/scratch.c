#include "agent/drill/scratch.h"

#include <stdlib.h>
#include <string.h>

static const struct hf_scratch_driver *choose(const struct hf_scratch_request *request)
{
    const char *kind = request->info->kind;

    if (strcmp(kind, hf_kind_postgres.source->name) == 0)
        return request->config->server  ? &hf_scratch_server
               : request->config->image ? &hf_scratch_postgres_docker
                                        : &hf_scratch_postgres;
    if (strcmp(kind, hf_kind_redis.source->name) == 0)
        return request->config->image ? &hf_scratch_redis_docker : &hf_scratch_redis;
    return strcmp(kind, hf_kind_volume.source->name) == 0 ? &hf_scratch_folder : NULL;
}

enum hf_status hf_scratch_open(const struct hf_scratch_request *request, struct hf_scratch *out,
                               struct hf_error *err)
{
    *out = (struct hf_scratch){.driver = choose(request)};
    if (!out->driver)
        return hf_error_set(err, HF_UNSUPPORTED, "there is no scratch target for a %s",
                            request->info->kind);
    return out->driver->open(request, out, err);
}

enum hf_status hf_scratch_probe(struct hf_scratch *scratch, struct hf_error *err)
{
    return scratch->driver->probe ? scratch->driver->probe(scratch, err) : HF_OK;
}

enum hf_status hf_scratch_close(struct hf_scratch *scratch, struct hf_error *err)
{
    enum hf_status status = HF_OK;

    if (scratch->driver)
        status = scratch->driver->close(scratch, err);
    if (scratch->target.kind)
        hf_config_source_done(&scratch->target);
    hf_strings_free(&scratch->names);
    hf_strings_free(&scratch->roles);
    free(scratch->title);
    free(scratch->name);
    *scratch = (struct hf_scratch){.driver = NULL};
    return status;
}
