#include "formats/volume/quiet.h"

#include "base/file.h"
#include "base/pool.h"
#include "formats/volume/docker.h"
#include "formats/volume/undo.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

struct hf_vol_quiet {
    char *socket; /* or NULL */
    bool stop;    /* else pause */
    struct hf_strings ids;
    struct hf_vol_undo *undo; /* NULL: nothing was done yet */
    unsigned limit;
    struct hf_cancel *cancel;
    int done; /* eventfd: the watch may end */
    struct hf_pool *watch;
};

/* ---- doing ---- */

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
    hf_fd_auto(&quiet->done);
    hf_strings_free(&quiet->ids);
    free(quiet->socket);
    free(quiet);
}

enum hf_status hf_vol_quiet_end(struct hf_vol_quiet *quiet, struct hf_error *err)
{
    if (!quiet)
        return HF_OK;
    end_watch(quiet);
    enum hf_status status = hf_vol_undo_end(quiet->undo, err);
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
    HF_TRY(hf_vol_undo_begin(config->state_dir, quiet->socket,
                             quiet->stop ? HF_VOL_UNDO_STOP : HF_VOL_UNDO_PAUSE, &quiet->ids,
                             &quiet->undo, err));
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
    quiet->done = -1;
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
