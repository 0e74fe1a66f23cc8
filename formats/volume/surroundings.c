#include "formats/volume/surroundings.h"

#include "base/process.h"
#include "formats/volume/docker.h"

#include <stdlib.h>
#include <sys/stat.h>

void hf_vol_where_auto(struct hf_vol_where *where)
{
    free(where->path);
}

enum hf_status hf_vol_locate(const struct hf_volume_config *config, struct hf_cancel *cancel,
                             struct hf_vol_where *out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    struct hf_docker_volume volume = {.path = NULL};
    struct stat st;
    if (!config->docker)
        return hf_text_copy(config->path, &out->path, err);
    HF_TRY(hf_docker_new(config->docker_socket, cancel, &docker, err));
    HF_TRY(hf_docker_volume(docker, config->docker, &volume, err));
    out->path = volume.path;
    out->on_use = volume.on_use;
    out->by_helper = volume.on_use || stat(volume.path, &st) != 0;
    return HF_OK;
}

static enum hf_status run_here(const struct hf_strings *command, struct hf_cancel *cancel,
                               struct hf_error *err)
{
    struct hf_process *process;
    HF_AUTO_FREE const char **argv = calloc(command->count + 1, sizeof *argv);
    if (!argv)
        return hf_error_memory(err);
    for (size_t i = 0; i < command->count; i++)
        argv[i] = command->items[i];
    const struct hf_process_options options = {
        .argv = argv, .in_fd = -1, .out_fd = -1, .cancel = cancel};
    HF_TRY(hf_process_start(&options, &process, err));
    return hf_process_finish(process, err);
}

static enum hf_status run_inside(const struct hf_volume_config *config,
                                 const struct hf_strings *command, struct hf_cancel *cancel,
                                 struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    HF_TRY(hf_docker_new(config->docker_socket, cancel, &docker, err));
    if (hf_docker_exec(docker, config->commands_in, command, err) != HF_OK)
        return hf_error_prefix(err, "container %s", config->commands_in);
    return HF_OK;
}

enum hf_status hf_vol_run_command(const struct hf_volume_config *config, enum hf_vol_command which,
                                  struct hf_cancel *cancel, struct hf_error *err)
{
    const struct hf_strings *command = which == HF_VOL_BEFORE ? &config->before : &config->after;
    if (command->count == 0)
        return HF_OK;
    enum hf_status status = config->commands_in ? run_inside(config, command, cancel, err)
                                                : run_here(command, cancel, err);
    if (status != HF_OK)
        return hf_error_prefix(err, "the command %s the backup",
                               which == HF_VOL_BEFORE ? "before" : "after");
    return HF_OK;
}
