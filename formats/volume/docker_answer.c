/* What the engine answers. */
#include "base/json.h"
#include "formats/volume/docker.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_MAX = 16 << 20, LIST_MAX = 65536 };

static enum hf_status parse(const void *data, size_t len, json_t **out, struct hf_error *err)
{
    if (len > ANSWER_MAX)
        return hf_error_set(err, HF_DAMAGED, "docker: an answer of %zu bytes", len);
    *out = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
    if (!*out)
        return hf_error_set(err, HF_DAMAGED, "docker: the answer is no JSON");
    return HF_OK;
}

/* 64 hexadecimal digits: nothing else goes into a path of the API. */
static bool is_id(const char *text)
{
    return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* A local volume with a device of its own is mounted by the engine only while it is used. */
static bool is_mounted_on_use(const json_t *volume)
{
    const json_t *options = json_object_get(volume, "Options");
    return json_object_get(options, "device") || json_object_get(options, "type");
}

enum hf_status hf_docker_parse_volume(const void *data, size_t len, struct hf_docker_volume *out,
                                      struct hf_error *err)
{
    HF_AUTO_JSON volume = NULL;
    HF_TRY(parse(data, len, &volume, err));
    const char *path = json_string_value(json_object_get(volume, "Mountpoint"));
    const char *driver = json_string_value(json_object_get(volume, "Driver"));
    bool local = driver && strcmp(driver, "local") == 0;
    if (!driver || (local && (!path || path[0] != '/')))
        return hf_error_set(err, HF_DAMAGED, "docker: a volume without a mount point");
    HF_TRY(hf_text_copy(path && path[0] == '/' ? path : "/volume", &out->path, err));
    (void)snprintf(out->driver, sizeof out->driver, "%s", driver);
    out->on_use = !local || is_mounted_on_use(volume);
    return HF_OK;
}

enum hf_status hf_docker_parse_containers(const void *data, size_t len, struct hf_strings *out,
                                          struct hf_error *err)
{
    HF_AUTO_JSON list = NULL;
    const json_t *one;
    size_t i;
    HF_TRY(parse(data, len, &list, err));
    if (!json_is_array(list) || json_array_size(list) > LIST_MAX)
        return hf_error_set(err, HF_DAMAGED, "docker: no list of containers");
    json_array_foreach (list, i, one) {
        const char *id = json_string_value(json_object_get(one, "Id"));
        if (!is_id(id))
            return hf_error_set(err, HF_DAMAGED, "docker: a container without an id");
        if (json_object_get(json_object_get(one, "Labels"), HF_DOCKER_LABEL))
            continue;
        HF_TRY(hf_strings_add(out, id, err));
    }
    return HF_OK;
}

enum hf_status hf_docker_parse_container(const void *data, size_t len,
                                         struct hf_docker_container *out, struct hf_error *err)
{
    HF_AUTO_JSON container = NULL;
    HF_TRY(parse(data, len, &container, err));
    const char *id = json_string_value(json_object_get(container, "Id"));
    const json_t *state = json_object_get(container, "State");
    if (!is_id(id) || !json_is_boolean(json_object_get(state, "Running")))
        return hf_error_set(err, HF_DAMAGED, "docker: a container without id and state");
    (void)snprintf(out->id, sizeof out->id, "%s", id);
    out->running = json_is_true(json_object_get(state, "Running"));
    out->paused = json_is_true(json_object_get(state, "Paused"));
    return HF_OK;
}

enum hf_status hf_docker_parse_image(const void *data, size_t len, char **out, struct hf_error *err)
{
    HF_AUTO_JSON container = NULL;
    HF_TRY(parse(data, len, &container, err));
    const char *image = json_string_value(json_object_get(container, "Image"));
    if (!image || !*image)
        return hf_error_set(err, HF_DAMAGED, "docker: a container without an image");
    return hf_text_copy(image, out, err);
}

/* The end is what counts: an error is said last. */
static void keep(struct hf_docker_frames *frames, const uint8_t *data, size_t len)
{
    if (len >= HF_DOCKER_SAID) {
        data += len - HF_DOCKER_SAID;
        len = HF_DOCKER_SAID;
    }
    size_t drop =
        frames->said_len + len > HF_DOCKER_SAID ? frames->said_len + len - HF_DOCKER_SAID : 0;
    memmove(frames->said, frames->said + drop, frames->said_len - drop);
    memcpy(frames->said + frames->said_len - drop, data, len);
    frames->said_len += len - drop;
}

enum hf_status hf_docker_frames_feed(struct hf_docker_frames *frames, const void *data, size_t len,
                                     struct hf_error *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        if (frames->left > 0) {
            size_t part = len < frames->left ? len : frames->left;
            if (frames->take && frames->stream == 1)
                HF_TRY(frames->take(frames->take_ctx, at, part, err));
            else
                keep(frames, at, part);
            frames->left -= (uint32_t)part;
            at += part;
            len -= part;
            continue;
        }
        frames->head[frames->head_len++] = *at++;
        len--;
        if (frames->head_len < sizeof frames->head)
            continue;
        const uint8_t *h = frames->head;
        if (h[0] > 2 || h[1] || h[2] || h[3])
            return hf_error_set(err, HF_DAMAGED, "docker: output in a form that is not known");
        frames->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
        frames->stream = h[0];
        frames->head_len = 0;
    }
    return HF_OK;
}

const char *hf_docker_frames_text(struct hf_docker_frames *frames)
{
    for (size_t i = 0; i < frames->said_len; i++)
        if ((uint8_t)frames->said[i] < 0x20 || frames->said[i] == 0x7f)
            frames->said[i] = ' ';
    while (frames->said_len > 0 && frames->said[frames->said_len - 1] == ' ')
        frames->said_len--;
    frames->said[frames->said_len] = 0;
    return frames->said;
}
