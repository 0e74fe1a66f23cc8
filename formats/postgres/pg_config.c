#include "formats/postgres/postgres.h"

#include <stdlib.h>

void hf_pg_config_done(struct hf_pg_config *config)
{
    free(config->conninfo);
    hf_secret_free(config->password);
    free(config->bin_dir);
    hf_strings_free(&config->databases);
    hf_strings_free(&config->include_schemas);
    hf_strings_free(&config->exclude_schemas);
    hf_strings_free(&config->include_tables);
    hf_strings_free(&config->exclude_tables);
    hf_strings_free(&config->exclude_data);
    *config = (struct hf_pg_config){.conninfo = NULL};
}
