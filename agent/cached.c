#include "agent/cached.h"

#include "storage/cache/cache.h"

static bool wanted(const struct hf_session *session, const struct hf_chosen *chosen)
{
    if (session->args->given[HF_OPT_NO_CACHE])
        return false;
    return chosen->configured ? chosen->configured->cache : chosen->s3 != NULL;
}

enum hf_status hf_cached_wrap(const struct hf_session *session, const struct hf_chosen *chosen,
                              struct hf_store **store, bool *out_wrapped, struct hf_error *err)
{
    struct hf_store *cache;

    *out_wrapped = wanted(session, chosen);
    if (!*out_wrapped)
        return HF_OK;
    HF_TRY(hf_cache_open(*store, &cache, err));
    *store = cache;
    return HF_OK;
}

/* That there is no place for copies is worth a warning only to who named one. */
void hf_cached_attach(const struct hf_session *session, const struct hf_opened *opened)
{
    const struct hf_config_cache *config = &session->config->cache;
    const struct hf_observer *observer = hf_output_observer(session->output);
    HF_AUTO_FREE char *folder = NULL;
    struct hf_error why = HF_ERROR_INIT;

    if (!config->path && hf_cache_default_folder(&folder, &why) != HF_OK) {
        hf_observe(observer, HF_NOTE_DETAIL, "the cache is done without: %s", why.text);
        return;
    }
    const struct hf_cache_options options = {
        .folder = config->path ? config->path : folder,
        .repository = hf_repo_id(opened->repo),
        .most = config->size,
        .refresh = session->args->id == HF_COMMAND_CHECK,
        .level = config->path ? HF_NOTE_WARNING : HF_NOTE_DETAIL,
        .observer = observer,
    };
    hf_cache_attach(opened->store, &options);
}
