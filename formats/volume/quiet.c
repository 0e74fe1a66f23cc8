#include "formats/volume/quiet.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/random.h"
#include "formats/volume/docker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_MAX = 1 << 20, NAME_RANDOM = 8 };

struct hf_vol_quiet {
    char *socket; /* or NULL */
    bool stop;    /* else pause */
    struct hf_strings ids;
    char *file;
    int fd; /* of the file, locked */
    unsigned limit;
    struct hf_cancel *cancel;
    int done; /* eventfd: the watch may end */
    struct hf_pool *watch;
};

/* ---- the state file ---- */

static enum hf_status make_folder(const char *folder, struct hf_error *err)
{
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        return HF_OK;
    return hf_error_sys(err, errno, "%s, where is kept what has to be undone", folder);
}

static enum hf_status state_text(const struct hf_vol_quiet *quiet, struct hf_buf *out,
                                 struct hf_error *err)
{
    HF_AUTO_JSON json = json_pack("{s:s?, s:s, s:[]}", "socket", quiet->socket, "undo",
                                  quiet->stop ? "start" : "unpause", "containers");
    for (size_t i = 0; i < quiet->ids.count; i++)
        if (json_array_append_new(json_object_get(json, "containers"),
                                  json_string(quiet->ids.items[i])) != 0)
            return hf_error_memory(err);
    return hf_json_dump(json, out, err);
}

/* Locked before it has its name: whoever finds it by that finds the lock. */
static enum hf_status write_state(struct hf_vol_quiet *quiet, const char *folder,
                                  struct hf_error *err)
{
    char random[2 * NAME_RANDOM + 1];
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_FREE char *temporary = NULL;
    hf_random_hex(random, NAME_RANDOM);
    HF_TRY(make_folder(folder, err));
    HF_TRY(state_text(quiet, &text, err));
    HF_TRY(hf_text_format(&quiet->file, err, "%s/docker-%s.json", folder, random));
    HF_TRY(hf_text_format(&temporary, err, "%s/.docker-%s.new", folder, random));
    quiet->fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (quiet->fd < 0 || flock(quiet->fd, LOCK_EX | LOCK_NB) != 0)
        return hf_error_sys(err, errno, "%s", temporary);
    HF_TRY(hf_fd_write(quiet->fd, text.data, text.len, temporary, err));
    if (fsync(quiet->fd) != 0 || rename(temporary, quiet->file) != 0)
        return hf_error_sys(err, errno, "%s", quiet->file);
    return hf_folder_sync(folder, err);
}

/* ---- doing and undoing ---- */

static enum hf_status undo_one(struct hf_docker *docker, const char *id, bool start,
                               struct hf_error *err)
{
    struct hf_docker_container container;
    enum hf_status status = hf_docker_container(docker, id, &container, err);
    if (status == HF_NOT_FOUND) /* removed meanwhile: nothing to undo */
        return HF_OK;
    HF_TRY(status);
    if (container.paused)
        return hf_docker_act(docker, id, HF_DOCKER_UNPAUSE, err);
    return start && !container.running ? hf_docker_act(docker, id, HF_DOCKER_START, err) : HF_OK;
}

/* In the opposite order; one that fails does not keep the others from being undone. */
static enum hf_status undo_all(const char *socket, const struct hf_strings *ids, bool start,
                               struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    enum hf_status first = HF_OK;
    HF_TRY(hf_docker_new(socket, NULL, &docker, err));
    for (size_t i = ids->count; i > 0; i--) {
        struct hf_error why = HF_ERROR_INIT;
        if (undo_one(docker, ids->items[i - 1], start, &why) == HF_OK || first != HF_OK)
            continue;
        *err = why;
        first = hf_error_prefix(err, "container %.12s %s; holdfast tries again at its next start",
                                ids->items[i - 1], start ? "is stopped" : "is paused");
    }
    return first;
}

static enum hf_status act_all(struct hf_docker *docker, const struct hf_vol_quiet *quiet,
                              struct hf_error *err)
{
    for (size_t i = 0; i < quiet->ids.count; i++) {
        const char *id = quiet->ids.items[i];
        if (hf_docker_act(docker, id, quiet->stop ? HF_DOCKER_STOP : HF_DOCKER_PAUSE, err) != HF_OK)
            return hf_error_prefix(err, "%s container %.12s", quiet->stop ? "stopping" : "pausing",
                                   id);
    }
    return HF_OK;
}

/* ---- the time limit ---- */

static enum hf_status watch(void *arg, size_t index, struct hf_error *err)
{
    struct hf_vol_quiet *quiet = arg;
    struct pollfd until = {.fd = quiet->done, .events = POLLIN};
    (void)index;
    if (poll(&until, 1, (int)quiet->limit * 1000) != 0)
        return HF_OK;
    return hf_error_set(err, HF_FAILED,
                        "reading the volume takes longer than the %u s that containers may be %s "
                        "(time_limit)",
                        quiet->limit, quiet->stop ? "stopped" : "paused");
}

static enum hf_status start_watch(struct hf_vol_quiet *quiet, struct hf_error *err)
{
    quiet->done = eventfd(0, EFD_CLOEXEC);
    if (quiet->done < 0)
        return hf_error_sys(err, errno, "eventfd");
    return hf_pool_start(1, watch, NULL, quiet, quiet->cancel, &quiet->watch, err);
}

static void end_watch(struct hf_vol_quiet *quiet)
{
    struct hf_error known = HF_ERROR_INIT; /* by whoever was cancelled */
    if (!quiet->watch)
        return;
    (void)!eventfd_write(quiet->done, 1);
    (void)!hf_pool_join(quiet->watch, &known);
    quiet->watch = NULL;
}

/* ---- from outside ---- */

static void quiet_free(struct hf_vol_quiet *quiet)
{
    hf_fd_auto(&quiet->fd);
    hf_fd_auto(&quiet->done);
    hf_strings_free(&quiet->ids);
    free(quiet->socket);
    free(quiet->file);
    free(quiet);
}

enum hf_status hf_vol_quiet_end(struct hf_vol_quiet *quiet, struct hf_error *err)
{
    if (!quiet)
        return HF_OK;
    end_watch(quiet);
    enum hf_status status = undo_all(quiet->socket, &quiet->ids, quiet->stop, err);
    if (status == HF_OK && quiet->file)
        (void)unlink(quiet->file);
    quiet_free(quiet);
    return status;
}

static enum hf_status add_running(struct hf_docker *docker, const char *name,
                                  struct hf_strings *out, struct hf_error *err)
{
    struct hf_docker_container container;
    HF_TRY(hf_docker_container(docker, name, &container, err));
    if (!container.running || container.paused || hf_strings_contain(out, container.id))
        return HF_OK;
    return hf_strings_add(out, container.id, err);
}

/* The containers that are named, or ("all") those that have the volume. */
static enum hf_status find(struct hf_docker *docker, const struct hf_volume_config *config,
                           const struct hf_strings *names, struct hf_strings *out,
                           struct hf_error *err)
{
    HF_AUTO(hf_strings) users = HF_STRINGS_INIT;
    if (hf_strings_contain(names, "all") && config->docker) {
        HF_TRY(hf_docker_volume_users(docker, config->docker, &users, err));
        names = &users;
    }
    for (size_t i = 0; i < names->count; i++)
        HF_TRY(add_running(docker, names->items[i], out, err));
    return HF_OK;
}

static enum hf_status begin(struct hf_vol_quiet *quiet, const struct hf_volume_config *config,
                            struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    quiet->stop = config->stop.count > 0;
    quiet->limit = config->time_limit ? config->time_limit : HF_VOLUME_TIME_LIMIT;
    if (config->docker_socket)
        HF_TRY(hf_text_copy(config->docker_socket, &quiet->socket, err));
    HF_TRY(hf_docker_new(quiet->socket, quiet->cancel, &docker, err));
    HF_TRY(find(docker, config, quiet->stop ? &config->stop : &config->pause, &quiet->ids, err));
    HF_TRY(write_state(quiet, config->state_dir, err));
    HF_TRY(start_watch(quiet, err));
    return act_all(docker, quiet, err);
}

enum hf_status hf_vol_quiet_begin(const struct hf_volume_config *config, struct hf_cancel *cancel,
                                  struct hf_vol_quiet **out, struct hf_error *err)
{
    *out = NULL;
    if (config->pause.count == 0 && config->stop.count == 0)
        return HF_OK;
    struct hf_vol_quiet *quiet = calloc(1, sizeof *quiet);
    if (!quiet)
        return hf_error_memory(err);
    quiet->fd = quiet->done = -1;
    quiet->cancel = cancel;
    if (begin(quiet, config, err) == HF_OK) {
        *out = quiet;
        return HF_OK;
    }
    struct hf_error undoing = HF_ERROR_INIT;
    if (hf_vol_quiet_end(quiet, &undoing) != HF_OK)
        (void)hf_error_prefix(err, "%s; and before", undoing.text);
    return err->status;
}

/* ---- after a process that died ---- */

static enum hf_status read_state(int fd, char **out_socket, bool *out_start, struct hf_strings *out,
                                 struct hf_error *err)
{
    HF_AUTO_FREE char *text = malloc(STATE_MAX);
    if (!text)
        return hf_error_memory(err);
    ssize_t len = pread(fd, text, STATE_MAX, 0);
    HF_AUTO_JSON json = len > 0 ? json_loadb(text, (size_t)len, 0, NULL) : NULL;
    const char *undo = json_string_value(json_object_get(json, "undo"));
    const char *socket = json_string_value(json_object_get(json, "socket"));
    const json_t *one;
    size_t i;
    if (!undo)
        return hf_error_set(err, HF_DAMAGED, "it cannot be read");
    *out_start = strcmp(undo, "start") == 0;
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
    HF_AUTO(hf_strings) ids = HF_STRINGS_INIT;
    HF_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    bool start;
    if (fd < 0)
        return errno == ENOENT ? HF_OK : hf_error_sys(err, errno, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return HF_OK; /* whoever holds it is at work, and undoes it himself */
    if (read_state(fd, &socket, &start, &ids, err) != HF_OK ||
        undo_all(socket, &ids, start, err) != HF_OK)
        return hf_error_prefix(err, "%s", path);
    hf_observe(observer, HF_NOTE_WARNING,
               "%zu containers that a backup left %s when it was killed were looked after",
               ids.count, start ? "stopped" : "paused");
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
