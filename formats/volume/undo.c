#include "formats/volume/undo.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "formats/volume/docker.h"
#include "formats/volume/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_MAX = 1 << 20, NAME_RANDOM = 8, ACTIONS = 3 };

struct hf_vol_undo {
    char *socket; /* or NULL */
    enum hf_vol_undo_action action;
    struct hf_strings containers;
    char *file;
    int fd; /* of the file, locked */
};

/* What the file says is to be done, what a container is until then, and what is told of it. */
static const struct {
    const char *word, *is, *left;
} actions[ACTIONS] = {
    [HF_VOL_UNDO_PAUSE] = {"unpause", "is paused", "that a backup left paused"},
    [HF_VOL_UNDO_STOP] = {"start", "is stopped", "that a backup left stopped"},
    [HF_VOL_UNDO_MAKE] = {"remove", "is still there", "that helped to reach a volume"},
};

/* ---- the file ---- */

static enum hf_status make_folder(const char *folder, struct hf_error *err)
{
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        return HF_OK;
    return hf_error_sys(err, errno, "%s, where is kept what has to be undone", folder);
}

static enum hf_status state_text(const struct hf_vol_undo *undo, struct hf_buf *out,
                                 struct hf_error *err)
{
    HF_AUTO_JSON json = json_pack("{s:s?, s:s, s:[]}", "socket", undo->socket, "undo",
                                  actions[undo->action].word, "containers");
    for (size_t i = 0; i < undo->containers.count; i++)
        if (json_array_append_new(json_object_get(json, "containers"),
                                  json_string(undo->containers.items[i])) != 0)
            return hf_error_memory(err);
    return hf_json_dump(json, out, err);
}

/* Locked before it has its name: whoever finds it by that finds the lock. */
static enum hf_status write_state(struct hf_vol_undo *undo, const char *folder,
                                  struct hf_error *err)
{
    char random[2 * NAME_RANDOM + 1];
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_FREE char *temporary = NULL;
    hf_random_hex(random, NAME_RANDOM);
    HF_TRY(make_folder(folder, err));
    HF_TRY(state_text(undo, &text, err));
    HF_TRY(hf_text_format(&undo->file, err, "%s/docker-%s.json", folder, random));
    HF_TRY(hf_text_format(&temporary, err, "%s/.docker-%s.new", folder, random));
    undo->fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (undo->fd < 0 || flock(undo->fd, LOCK_EX | LOCK_NB) != 0)
        return hf_error_sys(err, errno, "%s", temporary);
    HF_TRY(hf_fd_write(undo->fd, text.data, text.len, temporary, err));
    if (fsync(undo->fd) != 0 || rename(temporary, undo->file) != 0)
        return hf_error_sys(err, errno, "%s", undo->file);
    return hf_folder_sync(folder, err);
}

static void undo_free(struct hf_vol_undo *undo)
{
    hf_fd_auto(&undo->fd);
    hf_strings_free(&undo->containers);
    free(undo->socket);
    free(undo->file);
    free(undo);
}

static enum hf_status begin(struct hf_vol_undo *undo, const char *state_dir, const char *socket,
                            const struct hf_strings *containers, struct hf_error *err)
{
    if (socket)
        HF_TRY(hf_text_copy(socket, &undo->socket, err));
    for (size_t i = 0; i < containers->count; i++)
        HF_TRY(hf_strings_add(&undo->containers, containers->items[i], err));
    return write_state(undo, state_dir, err);
}

enum hf_status hf_vol_undo_begin(const char *state_dir, const char *socket,
                                 enum hf_vol_undo_action action,
                                 const struct hf_strings *containers, struct hf_vol_undo **out,
                                 struct hf_error *err)
{
    struct hf_vol_undo *undo = calloc(1, sizeof *undo);
    if (!undo)
        return hf_error_memory(err);
    undo->fd = -1;
    undo->action = action;
    enum hf_status status = begin(undo, state_dir, socket, containers, err);
    if (status == HF_OK)
        *out = undo;
    else
        undo_free(undo);
    return status;
}

/* ---- undoing ---- */

static enum hf_status undo_one(struct hf_docker *docker, const char *name,
                               enum hf_vol_undo_action action, struct hf_error *err)
{
    struct hf_docker_container container;
    if (action == HF_VOL_UNDO_MAKE)
        return hf_docker_remove(docker, name, err);
    enum hf_status status = hf_docker_container(docker, name, &container, err);
    if (status == HF_NOT_FOUND) /* removed meanwhile: nothing to undo */
        return HF_OK;
    HF_TRY(status);
    if (container.paused)
        return hf_docker_act(docker, name, HF_DOCKER_UNPAUSE, err);
    return action == HF_VOL_UNDO_STOP && !container.running
               ? hf_docker_act(docker, name, HF_DOCKER_START, err)
               : HF_OK;
}

/* In the opposite order; one that fails does not keep the others from being undone. */
static enum hf_status undo_all(const char *socket, const struct hf_strings *containers,
                               enum hf_vol_undo_action action, struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    enum hf_status first = HF_OK;
    HF_TRY(hf_docker_new(socket, NULL, &docker, err));
    for (size_t i = containers->count; i > 0; i--) {
        struct hf_error why = HF_ERROR_INIT;
        const char *name = containers->items[i - 1];
        if (undo_one(docker, name, action, &why) == HF_OK || first != HF_OK)
            continue;
        *err = why;
        first = hf_error_prefix(err, "container %.*s %s; holdfast tries again at its next start",
                                action == HF_VOL_UNDO_MAKE ? 64 : 12, name, actions[action].is);
    }
    return first;
}

enum hf_status hf_vol_undo_end(struct hf_vol_undo *undo, struct hf_error *err)
{
    if (!undo)
        return HF_OK;
    enum hf_status status = undo_all(undo->socket, &undo->containers, undo->action, err);
    if (status == HF_OK)
        (void)unlink(undo->file);
    undo_free(undo);
    return status;
}

/* ---- after a process that died ---- */

static bool find_action(const char *word, enum hf_vol_undo_action *out)
{
    for (size_t i = 0; word && i < ACTIONS; i++) {
        if (strcmp(actions[i].word, word) == 0) {
            *out = (enum hf_vol_undo_action)i;
            return true;
        }
    }
    return false;
}

static enum hf_status read_state(int fd, char **out_socket, enum hf_vol_undo_action *out_action,
                                 struct hf_strings *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = malloc(STATE_MAX);
    if (!text)
        return hf_error_memory(err);
    ssize_t len = pread(fd, text, STATE_MAX, 0);
    HF_AUTO_JSON json = len > 0 ? json_loadb(text, (size_t)len, 0, NULL) : NULL;
    const char *socket = json_string_value(json_object_get(json, "socket"));
    const json_t *one;
    size_t i;
    if (!find_action(json_string_value(json_object_get(json, "undo")), out_action))
        return hf_error_set(err, HF_DAMAGED, "it cannot be read");
    json_array_foreach (json_object_get(json, "containers"), i, one) {
        if (json_is_string(one))
            HF_TRY(hf_strings_add(out, json_string_value(one), err));
    }
    return socket ? hf_text_copy(socket, out_socket, err) : HF_OK;
}

static enum hf_status recover_one(const char *path, const struct hf_observer *observer,
                                  struct hf_error *err)
{
    HF_AUTO_FREE char *socket = NULL;
    HF_AUTO(hf_strings) containers = HF_STRINGS_INIT;
    HF_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    enum hf_vol_undo_action action;
    if (fd < 0)
        return errno == ENOENT ? HF_OK : hf_error_sys(err, errno, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return HF_OK; /* whoever holds it is at work, and undoes it himself */
    if (read_state(fd, &socket, &action, &containers, err) != HF_OK ||
        undo_all(socket, &containers, action, err) != HF_OK)
        return hf_error_prefix(err, "%s", path);
    hf_observe(observer, HF_NOTE_WARNING, "%zu container%s %s when it was killed: looked after",
               containers.count, hf_text_plural(containers.count), actions[action].left);
    return unlink(path) == 0 ? HF_OK : hf_error_sys(err, errno, "%s", path);
}

enum hf_status hf_volume_recover(const char *state_dir, const struct hf_observer *observer,
                                 struct hf_error *err)
{
    DIR *list = opendir(state_dir);
    const struct dirent *entry;
    enum hf_status status = HF_OK;
    if (!list)
        return errno == ENOENT || errno == EACCES ? HF_OK
                                                  : hf_error_sys(err, errno, "%s", state_dir);
    while (status == HF_OK && (entry = readdir(list)) != NULL) {
        HF_AUTO_FREE char *path = NULL;
        if (strncmp(entry->d_name, "docker-", 7) != 0)
            continue;
        status = hf_text_format(&path, err, "%s/%s", state_dir, entry->d_name);
        if (status == HF_OK)
            status = recover_one(path, observer, err);
    }
    (void)closedir(list);
    return status;
}
