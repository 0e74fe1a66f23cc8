#include "formats/redis/redis.h"

#include <stdlib.h>

void hf_redis_config_init(struct hf_redis_config *config)
{
    *config = (struct hf_redis_config){.database = -1};
}

void hf_redis_config_done(struct hf_redis_config *config)
{
    char *const texts[] = {config->socket, config->master,   config->user,    config->sentinel_user,
                           config->tls_ca, config->tls_cert, config->tls_key, config->tls_name};

    hf_strings_free(&config->hosts);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    hf_secret_free(config->password);
    hf_secret_free(config->sentinel_password);
}
