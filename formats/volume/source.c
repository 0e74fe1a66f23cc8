#include "formats/volume/capture.h"
#include "formats/volume/export.h"
#include "formats/volume/restore.h"

#include <stdlib.h>

void hf_volume_config_done(struct hf_volume_config *config)
{
    free(config->path);
    hf_strings_free(&config->exclude);
    hf_strings_free(&config->include);
    *config = (struct hf_volume_config){.path = NULL};
}

const struct hf_source_kind hf_volume_source = {
    .name = "volume",
    .capture = hf_vol_capture,
    .restore = hf_vol_restore,
    .export = hf_vol_export,
};
