#include "formats/redis/capture.h"
#include "formats/redis/doctor.h"
#include "formats/redis/export.h"
#include "formats/redis/restore.h"

#include <stdlib.h>

void hf_redis_config_init(struct hf_redis_config *config)
{
    *config = (struct hf_redis_config){.database = -1};
}

void hf_redis_config_done(struct hf_redis_config *config)
{
    char *const texts[] = {config->socket,        config->master,  config->user,
                           config->sentinel_user, config->file,    config->tls_ca,
                           config->tls_cert,      config->tls_key, config->tls_name};

    hf_strings_free(&config->hosts);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    hf_secret_free(config->password);
    hf_secret_free(config->sentinel_password);
}

const struct hf_source_kind hf_redis_source = {
    .name = "redis",
    .capture = hf_redis_capture,
    .restore = hf_redis_restore,
    .export = hf_redis_export,
    .doctor = hf_redis_doctor,
};
