/* What runs in the helper's container: hf_volume_helper (volume.h). */
#include "base/json.h"
#include "formats/volume/capture.h"
#include "formats/volume/helper/remote.h"
#include "formats/volume/restore.h"

#include <string.h>

static bool flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static enum hf_status jobs_of(const json_t *start, unsigned *out, struct hf_error *err)
{
    enum { JOBS_MAX = 1024 };
    uint64_t jobs;
    HF_TRY(hf_json_u64(start, "jobs", JOBS_MAX, &jobs, err));
    *out = (unsigned)jobs;
    return HF_OK;
}

static enum hf_status read_config(const json_t *start, struct hf_volume_config *out,
                                  struct hf_error *err)
{
    out->all_file_systems = flag(start, "all_file_systems");
    out->skip_unreadable = flag(start, "skip_unreadable");
    HF_TRY(hf_vol_wire_strings(json_object_get(start, "exclude"), &out->exclude, err));
    HF_TRY(hf_vol_wire_strings(json_object_get(start, "include"), &out->include, err));
    return hf_vol_wire_strings(json_object_get(start, "stop"), &out->stop, err);
}

static enum hf_status capture(struct hf_vol_remote *remote, const char *path,
                              const struct hf_work *work, json_t **out, struct hf_error *err)
{
    struct hf_volume_config config = {.path = NULL};
    struct hf_capture_result result = {.properties = NULL};
    enum hf_status status = read_config(hf_vol_remote_start(remote), &config, err);
    if (status == HF_OK)
        status =
            hf_vol_capture_directory(path, &config, hf_vol_remote_sink(remote), work, &result, err);
    if (status == HF_OK)
        status = hf_json_pack(out, err, "{s:O, s:I}", "properties", result.properties, "time",
                              (json_int_t)result.time);
    json_decref(result.properties);
    hf_volume_config_done(&config);
    return status;
}

static enum hf_status restore(struct hf_vol_remote *remote, const char *path,
                              const struct hf_work *work, json_t **out, struct hf_error *err)
{
    const json_t *start = hf_vol_remote_start(remote);
    struct hf_restore_options options = {.replace = flag(start, "replace"),
                                         .no_owner = flag(start, "no_owner"),
                                         .no_acl = flag(start, "no_acl"),
                                         .numeric_owner = flag(start, "numeric_owner"),
                                         .no_compare = flag(start, "no_compare")};
    const struct hf_feed *feed;
    enum hf_status status =
        hf_vol_wire_strings(json_object_get(start, "patterns"), &options.patterns, err);
    if (status == HF_OK)
        status = hf_vol_remote_feed(remote, &feed, err);
    if (status == HF_OK)
        status = hf_vol_restore_directory(path, json_object_get(start, "properties"), feed,
                                          &options, work, out, err);
    hf_strings_free(&options.patterns);
    return status;
}

static enum hf_status do_it(struct hf_vol_remote *remote, struct hf_cancel *cancel, json_t **out,
                            struct hf_error *err)
{
    const json_t *start = hf_vol_remote_start(remote);
    struct hf_work work = {.cancel = cancel, .observer = hf_vol_remote_observer(remote)};
    const char *what, *path;
    HF_TRY(hf_json_string(start, "do", &what, err));
    HF_TRY(hf_json_string(start, "path", &path, err));
    HF_TRY(jobs_of(start, &work.jobs, err));
    return strcmp(what, "capture") == 0 ? capture(remote, path, &work, out, err)
                                        : restore(remote, path, &work, out, err);
}

/* What came of it is told to whoever is helped, and is this process's result as well. */
enum hf_status hf_volume_helper(int in, int out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO_PTR(hf_vol_remote) remote = NULL;
    HF_AUTO_JSON result = NULL;
    struct hf_error why = HF_ERROR_INIT, cause = HF_ERROR_INIT;
    HF_TRY(hf_cancel_new(&cancel, err));
    HF_TRY(hf_vol_remote_open(in, out, cancel, &remote, err));
    enum hf_status status = do_it(remote, cancel, &result, &why);
    if (status == HF_CANCELLED && hf_cancel_cause(cancel, &cause) != HF_OK)
        why = cause;
    HF_TRY(hf_vol_remote_result(remote, &why, result, err));
    if (why.status != HF_OK)
        *err = why;
    return why.status;
}
