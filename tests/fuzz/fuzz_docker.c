/* What a Docker Engine answers; the first byte says to what. */
#include "formats/volume/docker.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed_frames(const uint8_t *data, size_t size, struct hf_error *err)
{
    struct hf_docker_frames frames = {.head_len = 0};
    for (size_t at = 0; at < size; at += 7) {
        size_t part = size - at < 7 ? size - at : 7;
        if (hf_docker_frames_feed(&frames, data + at, part, err) != HF_OK)
            return;
        if (frames.said_len > sizeof frames.said)
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
    struct hf_docker_volume volume = {.path = NULL};
    struct hf_docker_container container;
    if (size == 0)
        return 0;
    switch (*data % 4) {
    case 0:
        (void)!hf_docker_parse_volume(data + 1, size - 1, &volume, &err);
        free(volume.path);
        break;
    case 1:
        (void)!hf_docker_parse_containers(data + 1, size - 1, &ids, &err);
        break;
    case 2:
        if (hf_docker_parse_container(data + 1, size - 1, &container, &err) == HF_OK &&
            strlen(container.id) != 64)
            __builtin_trap();
        break;
    default:
        feed_frames(data + 1, size - 1, &err);
        break;
    }
    return 0;
}
