#include "agent/repositories/cached.h"

#include "storage/cache/cache.h"

#include <sodium.h>
#include <string.h>

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

/* Replicas have one id and index objects of their own, so the place tells them apart: 32 digits,
 * as an id. */
static void folder_name(const struct hf_opened *opened, char out[HF_REPO_ID_TEXT])
{
    crypto_hash_sha256_state state;
    uint8_t digest[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const uint8_t *)hf_repo_id(opened->repo),
                                    HF_REPO_ID_TEXT);
    (void)crypto_hash_sha256_update(&state, (const uint8_t *)opened->place, strlen(opened->place));
    (void)crypto_hash_sha256_final(&state, digest);
    hf_hex(out, digest, HF_REPO_ID);
}

/* That there is no place for copies is worth a warning only to who named one. */
void hf_cached_attach(const struct hf_session *session, const struct hf_opened *opened)
{
    const struct hf_config_cache *config = &session->config->cache;
    const struct hf_observer *observer = hf_output_observer(session->output);
    HF_AUTO_FREE char *folder = NULL;
    struct hf_error why = HF_ERROR_INIT;
    char name[HF_REPO_ID_TEXT];

    folder_name(opened, name);
    if (!config->path && hf_cache_default_folder(&folder, &why) != HF_OK) {
        hf_observe(observer, HF_NOTE_DETAIL, "the cache is done without: %s", why.text);
        return;
    }
    const struct hf_cache_options options = {
        .folder = config->path ? config->path : folder,
        .repository = name,
        .most = config->size,
        .refresh = session->args->id == HF_COMMAND_CHECK,
        .level = config->path ? HF_NOTE_WARNING : HF_NOTE_DETAIL,
        .observer = observer,
    };
    hf_cache_attach(opened->store, &options);
}
