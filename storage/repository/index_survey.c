#include "storage/repository/index.h"

#include "base/random.h"
#include "storage/repository/index_internal.h"
#include "storage/repository/lease.h"
#include "storage/repository/marks.h"
#include "storage/repository/repository_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Packs that were listed and are not in the index, or not like that. */
struct stray {
    struct hf_chunk_id id;
    uint64_t size;
};

struct survey {
    struct hf_index *index;
    const char *part;
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

/* Is it among what was listed, if it is there? */
static bool in_part(const struct survey *survey, const struct hf_chunk_id *id)
{
    char text[2 * HF_CHUNK_ID + 1];
    hf_hex(text, id->bytes, HF_CHUNK_ID);
    return strncmp(text, survey->part, strlen(survey->part)) == 0;
}

static enum hf_status drop_lost(struct survey *survey, struct hf_index_survey *out,
                                struct hf_error *err)
{
    for (size_t i = 0; i < survey->count; i++) {
        const struct hf_index_pack *pack = hf_index_pack(survey->index, i);
        if (survey->seen[i] || !in_part(survey, &pack->id) ||
            hf_index_is_dropped(survey->index, &pack->id))
            continue;
        HF_TRY(hf_index_drop(survey->index, &pack->id, err));
        out->lost++;
    }
    return HF_OK;
}

/* "packs/ab/" holds those whose id begins with ab: so do "packs/a" and "packs/ab" theirs. */
static enum hf_status list_part(struct survey *survey, struct hf_repo *repo, struct hf_error *err)
{
    char prefix[sizeof "packs/" + HF_SURVEY_PART];
    if (strlen(survey->part) > HF_SURVEY_PART)
        return hf_error_set(err, HF_FAILED, "packs are not told apart by that much of their ids");
    (void)snprintf(prefix, sizeof prefix, "packs/%s", survey->part);
    return hf_store_list(repo->store, prefix, note_pack, survey, err);
}

enum hf_status hf_index_survey(struct hf_index *index, struct hf_repo *repo, const char *part,
                               const struct hf_index_faults *faults, struct hf_index_survey *out,
                               struct hf_error *err)
{
    struct hf_index_survey found = {.adopted = 0};
    struct survey survey = {.index = index, .part = part};
    while (hf_index_pack(index, survey.count))
        survey.count++;
    survey.seen = calloc(survey.count + 1, sizeof *survey.seen);
    enum hf_status status = survey.seen ? HF_OK : hf_error_memory(err);
    if (status == HF_OK)
        status = list_part(&survey, repo, err);
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

static void choose_part(struct hf_index *index, char part[HF_SURVEY_PART + 1])
{
    size_t packs = 0, len = 0;
    while (hf_index_pack(index, packs))
        packs++;
    for (; packs > HF_SURVEY_MOST && len < HF_SURVEY_PART; packs /= 16)
        part[len++] = "0123456789abcdef"[hf_random_below(16)];
    part[len] = '\0';
}

struct fault_count {
    const struct hf_observer *observer;
    size_t count;
};

static void note_fault(void *ctx, const char *object, const struct hf_error *why)
{
    struct fault_count *faults = ctx;
    (void)object;
    faults->count++;
    hf_observe(faults->observer, HF_NOTE_WARNING, "not used: %s; `holdfast check` tells more",
               why->text);
}

/* Before the survey, which would adopt those that are not in the index any more. */
static enum hf_status set_marked_aside(struct hf_index *index, struct hf_repo *repo,
                                       struct hf_error *err)
{
    struct hf_marks marks;
    hf_marks_init(&marks);
    enum hf_status status = hf_marks_load(&marks, repo, err);
    if (status == HF_OK)
        status = hf_marks_set_aside(&marks, index, err);
    hf_marks_done(&marks);
    return status;
}

enum hf_status hf_index_load_surveyed(struct hf_index *index, struct hf_repo *repo,
                                      const struct hf_lease *lease,
                                      const struct hf_observer *observer,
                                      struct hf_index_survey *out, struct hf_error *err)
{
    struct fault_count count = {.observer = observer};
    const struct hf_index_faults faults = {&count, note_fault};
    char part[HF_SURVEY_PART + 1] = "";
    HF_TRY(hf_index_load(index, repo, &faults, err));
    HF_TRY(set_marked_aside(index, repo, err));
    if (count.count == 0 && !hf_lease_found_traces(lease))
        choose_part(index, part);
    return hf_index_survey(index, repo, part, &faults, out, err);
}
