#include "agent/repositories/place.h"

#include "agent/repositories/place_s3.h"
#include "storage/local/local.h"

static enum hf_status open_directory(const char *path, enum hf_place_mode mode,
                                     struct hf_store **out, struct hf_error *err)
{
    enum hf_local_mode local = mode == HF_PLACE_CREATE ? HF_LOCAL_CREATE : HF_LOCAL_OPEN;

    if (hf_local_open(path, local, out, err) == HF_OK)
        return HF_OK;
    if (err->status == HF_NOT_FOUND && mode == HF_PLACE_OPEN)
        return hf_error_set(err, HF_NOT_FOUND,
                            "there is no directory %s; \"holdfast init\" makes a repository", path);
    return err->status;
}

enum hf_status hf_place_open(const struct hf_session *session, const struct hf_chosen *chosen,
                             enum hf_place_mode mode, struct hf_store **out, struct hf_error *err)
{
    if (chosen->s3)
        return hf_place_s3_open(session, chosen->s3, HF_PLACE_PATIENT, out, err);
    return open_directory(chosen->path, mode, out, err);
}
