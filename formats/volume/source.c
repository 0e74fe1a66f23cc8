#include "formats/volume/capture.h"
#include "formats/volume/doctor.h"
#include "formats/volume/export.h"
#include "formats/volume/restore.h"

#include <stdlib.h>

void hf_volume_config_done(struct hf_volume_config *config)
{
    char *const texts[] = {config->path,         config->docker,    config->docker_socket,
                           config->helper_image, config->state_dir, config->commands_in};
    struct hf_strings *const lists[] = {&config->exclude, &config->include, &config->pause,
                                        &config->stop,    &config->before,  &config->after};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        hf_strings_free(lists[i]);
    *config = (struct hf_volume_config){.path = NULL};
}

const struct hf_source_kind hf_volume_source = {
    .name = "volume",
    .capture = hf_vol_capture,
    .restore = hf_vol_restore,
    .export = hf_vol_export,
    .doctor = hf_vol_doctor,
};
