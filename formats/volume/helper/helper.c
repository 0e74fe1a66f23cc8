#include "formats/volume/helper/helper.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "formats/volume/docker_attach.h"
#include "formats/volume/helper/serve.h"
#include "formats/volume/undo.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ID = 64, MOUNTS_MAX = 4 << 20, RANDOM = 8, NAME = 40, HELLO_MS = 60000 };

/* ---- the image ---- */

/* Docker mounts files of its own into a container: /var/lib/docker/containers/<id>/hostname. */
bool hf_vol_own_container(const char *mountinfo, char out[65])
{
    static const char folder[] = "/containers/";
    const char *at = mountinfo;
    while ((at = strstr(at, folder)) != NULL) {
        at += sizeof folder - 1;
        if (strspn(at, "0123456789abcdef") == ID && at[ID] == '/') {
            memcpy(out, at, ID);
            out[ID] = 0;
            return true;
        }
    }
    return false;
}

static enum hf_status own_container(char out[65], bool *out_is, struct hf_error *err)
{
    HF_AUTO(hf_buf) mounts = HF_BUF_INIT;
    const char *text;
    HF_TRY(hf_file_read("/proc/self/mountinfo", MOUNTS_MAX, &mounts, err));
    HF_TRY(hf_buf_cstr(&mounts, &text, err));
    *out_is = hf_vol_own_container(text, out);
    return HF_OK;
}

static enum hf_status own_program(char **out, struct hf_error *err)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len < 0)
        return hf_error_sys(err, errno, "/proc/self/exe");
    path[len] = 0;
    return hf_text_copy(path, out, err);
}

enum hf_status hf_vol_helper_image(const struct hf_volume_config *config, struct hf_cancel *cancel,
                                   char **out_image, char **out_program, struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    char id[ID + 1];
    bool is;
    if (config->helper_image) {
        HF_TRY(hf_text_copy("holdfast", out_program, err));
        return hf_text_copy(config->helper_image, out_image, err);
    }
    HF_TRY(own_container(id, &is, err));
    if (is) {
        struct hf_error why = HF_ERROR_INIT;
        HF_TRY(hf_docker_new(config->docker_socket, cancel, &docker, err));
        enum hf_status status = hf_docker_image(docker, id, out_image, &why);
        if (status == HF_OK)
            return own_program(out_program, err);
        if (status != HF_NOT_FOUND) { /* a container, but not of this engine: as if it were none */
            *err = why;
            return status;
        }
    }
    return hf_error_set(err, HF_MISSING,
                        "it can be reached through a container only, and no image is known that "
                        "has holdfast in it: name one (helper_image)");
}

/* ---- the container ---- */

struct helper {
    const struct hf_volume_config *config;
    struct hf_cancel *cancel;
    struct hf_docker *docker;
    char *image, *program;
    char name[NAME];
    struct hf_vol_undo *undo;
    struct hf_docker_attached *attached;
    struct hf_vol_serve *serve;
};

/* The volume, read-only. To restore, the folder that its directory is in: there that is made anew
 * and renamed. */
static json_t *mount_of(const struct hf_vol_where *where, const char *volume, bool restore)
{
    const char *slash = strrchr(where->path, '/');
    if (restore)
        return json_pack("{s:s, s:s%, s:s%}", "Type", "bind", "Source", where->path,
                         (size_t)(slash - where->path), "Target", where->path,
                         (size_t)(slash - where->path));
    return json_pack("{s:s, s:s, s:s, s:b, s:{s:b}}", "Type", "volume", "Source", volume, "Target",
                     where->path, "ReadOnly", 1, "VolumeOptions", "NoCopy", 1);
}

/* Of root's rights: what reading everything takes (attributes called trusted.* are shown to
 * SYS_ADMIN only), and what making everything takes. */
static json_t *rights(bool restore)
{
    return restore ? json_pack("[s,s,s,s,s,s,s,s]", "DAC_READ_SEARCH", "SYS_ADMIN", "DAC_OVERRIDE",
                               "CHOWN", "FOWNER", "FSETID", "SETFCAP", "MKNOD")
                   : json_pack("[s,s]", "DAC_READ_SEARCH", "SYS_ADMIN");
}

static enum hf_status describe(const struct helper *helper, const struct hf_vol_where *where,
                               bool restore, json_t **out, struct hf_error *err)
{
    json_t *host =
        json_pack("{s:b, s:s, s:s, s:b, s:{s:s}, s:[s], s:o, s:[s], s:[o]}", "AutoRemove", 1,
                  "NetworkMode", "none", "UsernsMode", "host", "ReadonlyRootfs", 1, "LogConfig",
                  "Type", "none", "CapDrop", "ALL", "CapAdd", rights(restore), "SecurityOpt",
                  "no-new-privileges", "Mounts", mount_of(where, helper->config->docker, restore));
    return hf_json_pack(
        out, err,
        "{s:s, s:[s], s:[s], s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:{s:s}, s:{s:[s]}, "
        "s:o}",
        "Image", helper->image, "Entrypoint", helper->program, "Cmd", HF_VOLUME_HELPER, "User",
        "0:0", "Tty", 0, "OpenStdin", 1, "StdinOnce", 1, "AttachStdin", 1, "AttachStdout", 1,
        "AttachStderr", 1, "Labels", HF_DOCKER_LABEL, helper->config->docker, "Healthcheck", "Test",
        "NONE", "HostConfig", host);
}

/* Once it starts there is somebody who removes it: before it is made it is written down. */
static enum hf_status make(struct helper *helper, const struct hf_vol_where *where, bool restore,
                           struct hf_error *err)
{
    char random[2 * RANDOM + 1];
    HF_AUTO_JSON container = NULL;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    hf_random_hex(random, RANDOM);
    (void)snprintf(helper->name, sizeof helper->name, "holdfast-helper-%s", random);
    HF_TRY(hf_docker_new(helper->config->docker_socket, helper->cancel, &helper->docker, err));
    HF_TRY(
        hf_vol_helper_image(helper->config, helper->cancel, &helper->image, &helper->program, err));
    HF_TRY(describe(helper, where, restore, &container, err));
    HF_TRY(hf_strings_add(&names, helper->name, err));
    if (helper->config->state_dir)
        HF_TRY(hf_vol_undo_begin(helper->config->state_dir, helper->config->docker_socket,
                                 HF_VOL_UNDO_MAKE, &names, &helper->undo, err));
    return hf_docker_create(helper->docker, helper->name, container, err);
}

static enum hf_status take(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    const struct helper *helper = ctx;
    return hf_vol_serve_feed(helper->serve, data, len, err);
}

static enum hf_status send(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    const struct helper *helper = ctx;
    return hf_docker_attached_write(helper->attached, data, len, err);
}

static enum hf_status start(struct helper *helper, const struct hf_vol_serve_options *options,
                            struct hf_error *err)
{
    HF_TRY(hf_vol_serve_new(options, &helper->serve, err));
    HF_TRY(hf_docker_attach(helper->config->docker_socket, helper->name, helper->cancel, take,
                            helper, &helper->attached, err));
    return hf_docker_act(helper->docker, helper->name, HF_DOCKER_START, err);
}

/* Until it said what came of it. It has to say hello soon; then it works as long as it takes. */
static enum hf_status serve(struct helper *helper, struct hf_error *err)
{
    bool ended = false;
    while (!ended && !hf_vol_serve_ended(helper->serve))
        HF_TRY(hf_docker_attached_read(
            helper->attached, hf_vol_serve_begun(helper->serve) ? -1 : HELLO_MS, &ended, err));
    if (hf_vol_serve_ended(helper->serve))
        return HF_OK;
    const char *said = hf_docker_attached_said(helper->attached);
    return hf_error_set(err, HF_FAILED, "it ended without a result%s%s", *said ? ": " : "", said);
}

/* Whatever happened; a helper that stays is worth a warning, not the work. */
static void helper_done(struct helper *helper, const struct hf_observer *observer)
{
    struct hf_error why = HF_ERROR_INIT;
    if (helper->attached)
        hf_docker_detach(helper->attached);
    if (helper->serve)
        hf_vol_serve_free(helper->serve);
    if (hf_vol_undo_end(helper->undo, &why) != HF_OK)
        hf_observe(observer, HF_NOTE_WARNING, "%s", why.text);
    if (helper->docker)
        hf_docker_free(helper->docker);
    free(helper->image);
    free(helper->program);
}

static enum hf_status run(struct helper *helper, const struct hf_vol_where *where,
                          struct hf_vol_serve_options *options, const json_t **out,
                          struct hf_error *err)
{
    options->send = send;
    options->send_ctx = helper;
    if (make(helper, where, options->feed != NULL, err) != HF_OK ||
        start(helper, options, err) != HF_OK || serve(helper, err) != HF_OK)
        return hf_error_prefix(err, "volume %s, by a helper container", helper->config->docker);
    return hf_vol_serve_result(helper->serve, out, err);
}

/* ---- the two things it does ---- */

static enum hf_status tell_capture(const struct hf_vol_where *where,
                                   const struct hf_volume_config *config,
                                   const struct hf_work *work, json_t **out, struct hf_error *err)
{
    json_t *exclude = NULL, *include = NULL, *stop = NULL;
    enum hf_status status = hf_vol_wire_array(&config->exclude, &exclude, err);
    if (status == HF_OK)
        status = hf_vol_wire_array(&config->include, &include, err);
    if (status == HF_OK)
        status = hf_vol_wire_array(&config->stop, &stop, err);
    if (status == HF_OK)
        status = hf_json_pack(
            out, err, "{s:s, s:s, s:i, s:b, s:b, s:O, s:O, s:O}", "do", "capture", "path",
            where->path, "jobs", (int)(work->jobs ? work->jobs : config->jobs), "all_file_systems",
            (int)config->all_file_systems, "skip_unreadable", (int)config->skip_unreadable,
            "exclude", exclude, "include", include, "stop", stop);
    json_decref(exclude);
    json_decref(include);
    json_decref(stop);
    return status;
}

static enum hf_status take_capture(const json_t *result, const struct hf_volume_config *config,
                                   struct hf_capture_result *out, struct hf_error *err)
{
    json_t *properties;
    int64_t time;
    HF_TRY(hf_json_object(result, "properties", &properties, err));
    HF_TRY(hf_json_i64(result, "time", &time, err));
    if (json_object_set_new(properties, "docker", json_string(config->docker)) != 0)
        return hf_error_memory(err);
    out->properties = json_incref(properties);
    out->time = time;
    return HF_OK;
}

enum hf_status hf_vol_helper_capture(const struct hf_vol_where *where,
                                     const struct hf_volume_config *config,
                                     const struct hf_sink *sink, const struct hf_work *work,
                                     struct hf_capture_result *out, struct hf_error *err)
{
    struct helper helper = {.config = config, .cancel = work->cancel};
    HF_AUTO_JSON what = NULL;
    const json_t *result = NULL;
    HF_TRY(tell_capture(where, config, work, &what, err));
    struct hf_vol_serve_options options = {.sink = sink, .observer = work->observer, .start = what};
    enum hf_status status = run(&helper, where, &options, &result, err);
    if (status == HF_OK)
        status = take_capture(result, config, out, err);
    helper_done(&helper, work->observer);
    return status;
}

static enum hf_status tell_restore(const struct hf_vol_where *where, const json_t *properties,
                                   const struct hf_feed *feed,
                                   const struct hf_restore_options *options,
                                   const struct hf_work *work, json_t **out, struct hf_error *err)
{
    json_t *streams = NULL, *patterns = NULL;
    enum hf_status status = hf_vol_wire_array(&options->patterns, &patterns, err);
    if (status == HF_OK)
        status = hf_vol_serve_streams(feed, &streams, err);
    if (status == HF_OK)
        status = hf_json_pack(out, err, "{s:s, s:s, s:i, s:b, s:b, s:b, s:b, s:b, s:O, s:O, s:O}",
                              "do", "restore", "path", where->path, "jobs", (int)work->jobs,
                              "replace", (int)options->replace, "no_owner", (int)options->no_owner,
                              "no_acl", (int)options->no_acl, "numeric_owner",
                              (int)options->numeric_owner, "no_compare", (int)options->no_compare,
                              "patterns", patterns, "properties", properties, "streams", streams);
    json_decref(patterns);
    json_decref(streams);
    return status;
}

enum hf_status hf_vol_helper_restore(const struct hf_vol_where *where,
                                     const struct hf_volume_config *config,
                                     const json_t *properties, const struct hf_feed *feed,
                                     const struct hf_restore_options *options,
                                     const struct hf_work *work, json_t **out_report,
                                     struct hf_error *err)
{
    struct helper helper = {.config = config, .cancel = work->cancel};
    HF_AUTO_JSON what = NULL;
    const json_t *report = NULL;
    if (where->on_use)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "volume %s is mounted only while a container uses it: restore to a "
                            "directory, or into a volume that is local",
                            config->docker);
    HF_TRY(tell_restore(where, properties, feed, options, work, &what, err));
    struct hf_vol_serve_options serving = {.feed = feed, .observer = work->observer, .start = what};
    enum hf_status status = run(&helper, where, &serving, &report, err);
    if (report && (status == HF_OK || status == HF_MISMATCH))
        *out_report = json_incref((json_t *)report);
    helper_done(&helper, work->observer);
    return status;
}
