#include "storage/repository/index.h"

#include "storage/repository/index_internal.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>
#include <string.h>

/* Packs that were listed and are not in the index, or not like that. */
struct stray {
    struct hf_chunk_id id;
    uint64_t size;
};

struct survey {
    struct hf_index *index;
    bool *seen; /* by pack number: there, with its size */
    size_t count;
    struct stray *strays;
    size_t stray_count;
    size_t stray_cap;
};

static enum hf_status add_stray(struct survey *survey, const struct hf_chunk_id *id, uint64_t size,
                                struct hf_error *err)
{
    if (survey->stray_count == survey->stray_cap) {
        size_t cap = survey->stray_cap ? 2 * survey->stray_cap : 64;
        struct stray *strays = realloc(survey->strays, cap * sizeof *strays);
        if (!strays)
            return hf_error_memory(err);
        survey->strays = strays;
        survey->stray_cap = cap;
    }
    survey->strays[survey->stray_count++] = (struct stray){*id, size};
    return HF_OK;
}

static enum hf_status note_pack(void *ctx, const char *key, const struct hf_store_stat *stat,
                                struct hf_error *err)
{
    struct survey *survey = ctx;
    struct hf_chunk_id id;
    if (!hf_pack_name_parse(key, &id))
        return HF_OK;
    const struct hf_index_pack *pack = hf_index_find_pack(survey->index, &id);
    if (pack && pack->number < survey->count) {
        survey->seen[pack->number] = pack->size == stat->size;
        return HF_OK;
    }
    return pack ? HF_OK : add_stray(survey, &id, stat->size, err);
}

static enum hf_status adopt(struct survey *survey, struct hf_repo *repo, const struct stray *stray,
                            struct hf_error *err)
{
    HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
    HF_TRY(hf_pack_directory_load(repo, &stray->id, stray->size, &directory, err));
    return hf_index_add(survey->index, &stray->id, stray->size, directory.slots,
                        directory.slot_count, directory.frames, directory.frame_count, err);
}

static enum hf_status adopt_strays(struct survey *survey, struct hf_repo *repo,
                                   const struct hf_index_faults *faults,
                                   struct hf_index_survey *out, struct hf_error *err)
{
    for (size_t i = 0; i < survey->stray_count; i++) {
        const struct stray *stray = &survey->strays[i];
        struct hf_error why = HF_ERROR_INIT;
        /* A pack that was dropped is in doubt, however good its directory looks. */
        if (hf_index_is_dropped(survey->index, &stray->id))
            continue;
        if (adopt(survey, repo, stray, &why) == HF_OK) {
            out->adopted++;
        } else if (why.status == HF_DAMAGED || why.status == HF_NOT_FOUND ||
                   why.status == HF_DENIED || why.status == HF_UNSUPPORTED) {
            char name[HF_PACK_NAME];
            hf_pack_name(&stray->id, name);
            if (faults && faults->fn)
                faults->fn(faults->ctx, name, &why);
        } else {
            *err = why;
            return why.status;
        }
    }
    return HF_OK;
}

static enum hf_status drop_lost(struct survey *survey, struct hf_index_survey *out,
                                struct hf_error *err)
{
    for (size_t i = 0; i < survey->count; i++) {
        const struct hf_index_pack *pack = hf_index_pack(survey->index, i);
        if (survey->seen[i] || hf_index_is_dropped(survey->index, &pack->id))
            continue;
        HF_TRY(hf_index_drop(survey->index, &pack->id, err));
        out->lost++;
    }
    return HF_OK;
}

enum hf_status hf_index_survey(struct hf_index *index, struct hf_repo *repo,
                               const struct hf_index_faults *faults, struct hf_index_survey *out,
                               struct hf_error *err)
{
    struct hf_index_survey found = {.adopted = 0};
    struct survey survey = {.index = index};
    while (hf_index_pack(index, survey.count))
        survey.count++;
    survey.seen = calloc(survey.count + 1, sizeof *survey.seen);
    enum hf_status status = survey.seen ? HF_OK : hf_error_memory(err);
    if (status == HF_OK)
        status = hf_store_list(repo->store, "packs/", note_pack, &survey, err);
    if (status == HF_OK)
        status = drop_lost(&survey, &found, err);
    if (status == HF_OK)
        status = adopt_strays(&survey, repo, faults, &found, err);
    free(survey.seen);
    free(survey.strays);
    if (status == HF_OK)
        *out = found;
    return status;
}
