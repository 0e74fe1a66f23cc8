/* A volume into a temporary directory. */
#include "agent/drill/folder.h"
#include "agent/drill/scratch.h"

#include <stdlib.h>

enum { ROOM_PERCENT = 105 };

static enum hf_status open_folder(const struct hf_scratch_request *request,
                                  struct hf_scratch *scratch, struct hf_error *err)
{
    struct hf_drill_folder *folder = calloc(1, sizeof *folder);
    struct hf_config_source *target = &scratch->target;

    if (!folder)
        return hf_error_memory(err);
    hf_drill_folder_init(folder);
    scratch->state = folder;
    HF_TRY(hf_drill_folder_make(request->config->folder, request->notes, folder, err));
    HF_TRY(hf_drill_folder_room(folder, request->info->bytes / 100 * ROOM_PERCENT, err));
    target->kind = &hf_kind_volume;
    HF_TRY(hf_text_copy(request->info->source, &target->name, err));
    HF_TRY(hf_text_format(&scratch->name, err, "%s/volume", folder->path));
    HF_TRY(hf_text_copy(scratch->name, &target->as.volume.path, err));
    return hf_text_format(&scratch->title, err, "temporary directory %s", folder->path);
}

static enum hf_status close_folder(struct hf_scratch *scratch, struct hf_error *err)
{
    struct hf_drill_folder *folder = scratch->state;
    enum hf_status status = folder ? hf_drill_folder_remove(folder, err) : HF_OK;

    free(folder);
    return status;
}

const struct hf_scratch_driver hf_scratch_folder = {
    .name = "directory", .open = open_folder, .close = close_folder};
