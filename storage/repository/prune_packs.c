/* What packs there are, and what becomes of each. */
#include "storage/repository/prune_internal.h"

#include "base/clock.h"
#include "storage/repository/index_recall.h"
#include "storage/repository/pack_list.h"

#include <stdlib.h>
#include <string.h>

/* A time so far ahead means that the store's clock was set back since, and says nothing. */
static const int64_t absurd = 86400 * HF_NS_PER_S;

static void note_fault(void *ctx, const char *object, const struct hf_error *why)
{
    (void)object;
    hf_observe(ctx, HF_NOTE_WARNING, "not used: %s; \"holdfast check\" tells more", why->text);
}

/* Every pack that can be known is known after it: also strays, and dropped packs. Marked packs are
 * adopted like others, since they may turn out to be needed. */
static enum hf_status load_index(struct hf_prune *prune, struct hf_error *err)
{
    struct hf_index_survey survey;
    const struct hf_index_faults faults = {(void *)(uintptr_t)prune->options->observer, note_fault};
    HF_TRY(hf_index_load(prune->index, prune->repo, &faults, err));
    HF_TRY(hf_index_survey(prune->index, prune->repo, "", &faults, &survey, err));
    HF_TRY(hf_index_recall(prune->index, prune->repo, err));
    if (survey.lost > 0)
        hf_observe(prune->options->observer, HF_NOTE_WARNING,
                   "%llu packs are missing or cut short; \"holdfast check\" tells which snapshots "
                   "lack what they held",
                   (unsigned long long)survey.lost);
    return hf_marks_set_aside(&prune->marks, prune->index, err);
}

enum hf_status hf_prune_grow(struct hf_prune *prune, struct hf_error *err)
{
    size_t count = prune->count;
    while (hf_index_pack(prune->index, count))
        count++;
    if (count == prune->count)
        return HF_OK;
    size_t cap = count + count / 4;
    struct hf_prune_pack *packs = realloc(prune->packs, cap * sizeof *packs);
    if (!packs)
        return hf_error_memory(err);
    memset(packs + prune->count, 0, (count - prune->count) * sizeof *packs);
    prune->packs = packs;
    prune->count = count;
    return HF_OK;
}

static void place(struct hf_prune *prune, const struct hf_pack_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct hf_listed_pack *item = &list->items[i];
        const struct hf_index_pack *pack = hf_index_find_pack(prune->index, &item->id);
        hf_prune_add(&prune->report->packs, item->size);
        if (!pack || pack->size != item->size) {
            hf_prune_add(&prune->report->unknown, item->size);
            continue;
        }
        prune->packs[pack->number].present = true;
        prune->packs[pack->number].mtime = item->mtime;
    }
}

enum hf_status hf_prune_load(struct hf_prune *prune, struct hf_error *err)
{
    struct hf_pack_list list = {.count = 0};
    enum hf_status status = hf_pack_list_load(&list, prune->repo->store, err);
    if (status == HF_OK)
        status = load_index(prune, err);
    if (status == HF_OK)
        status = hf_prune_grow(prune, err);
    if (status == HF_OK)
        place(prune, &list);
    hf_pack_list_done(&list);
    return status;
}

/* ---- fates ---- */

uint64_t hf_prune_frame_bytes(const struct hf_index_pack *pack)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < pack->frame_count; i++)
        bytes += pack->frames[i].stored_len;
    return bytes;
}

static enum hf_prune_fate fate_of(const struct hf_prune *prune, const struct hf_index_pack *pack)
{
    const struct hf_prune_pack *state = &prune->packs[pack->number];
    int64_t grace = prune->options->grace, since = 0;
    if (!state->present)
        return HF_PRUNE_ABSENT;
    if (state->needed_frames > 0)
        return HF_PRUNE_NEEDED;
    if (hf_marks_find(&prune->marks, &pack->id, &since) && since <= prune->now + absurd)
        return prune->now - since >= grace ? HF_PRUNE_DUE : HF_PRUNE_WAITING;
    if (prune->now - state->mtime < grace && state->mtime <= prune->now + absurd)
        return HF_PRUNE_YOUNG;
    return HF_PRUNE_MARK;
}

static void note_next(struct hf_prune *prune, const struct hf_index_pack *pack)
{
    int64_t since = prune->now;
    (void)hf_marks_find(&prune->marks, &pack->id, &since);
    int64_t due = since + prune->options->grace;
    if (prune->report->next == 0 || due < prune->report->next)
        prune->report->next = due;
}

static void count(struct hf_prune *prune, const struct hf_index_pack *pack)
{
    struct hf_prune_report *report = prune->report;
    const struct hf_prune_pack *state = &prune->packs[pack->number];
    switch (state->fate) {
    case HF_PRUNE_NEEDED:
        hf_prune_add(&report->needed, pack->size);
        report->dead_bytes += hf_prune_frame_bytes(pack) - state->needed_bytes;
        if (hf_marks_find(&prune->marks, &pack->id, NULL))
            hf_prune_add(&report->unmarked, pack->size);
        break;
    case HF_PRUNE_YOUNG:
        hf_prune_add(&report->young, pack->size);
        break;
    case HF_PRUNE_MARK:
        hf_prune_add(&report->marked, pack->size);
        hf_prune_add(&report->waiting, pack->size);
        note_next(prune, pack);
        break;
    case HF_PRUNE_WAITING:
        hf_prune_add(&report->waiting, pack->size);
        note_next(prune, pack);
        break;
    case HF_PRUNE_ABSENT:
    case HF_PRUNE_DUE: /* by the sweep */
    case HF_PRUNE_LOCKED:
    case HF_PRUNE_DELETED:
        break;
    }
}

void hf_prune_decide(struct hf_prune *prune)
{
    for (size_t i = 0; i < prune->count; i++) {
        const struct hf_index_pack *pack = hf_index_pack(prune->index, i);
        prune->report->chunks += prune->packs[i].needed_frames;
        prune->packs[i].fate = fate_of(prune, pack);
        count(prune, pack);
    }
}

/* ---- marks ---- */

/* A pack that is not known is gone: removed by a prune that was killed before it came to this. */
static bool keeps_mark(void *ctx, const struct hf_chunk_id *id)
{
    const struct hf_prune *prune = ctx;
    const struct hf_index_pack *pack = hf_index_find_pack(prune->index, id);
    if (!pack || pack->number >= prune->count)
        return false;
    switch (prune->packs[pack->number].fate) {
    case HF_PRUNE_YOUNG:
    case HF_PRUNE_WAITING:
    case HF_PRUNE_DUE:
    case HF_PRUNE_LOCKED:
        return true;
    case HF_PRUNE_ABSENT:
    case HF_PRUNE_NEEDED:
    case HF_PRUNE_MARK:
    case HF_PRUNE_DELETED:
        break;
    }
    return false;
}

enum hf_status hf_prune_clean_marks(struct hf_prune *prune, struct hf_error *err)
{
    hf_marks_done(&prune->marks);
    HF_TRY(hf_marks_load(&prune->marks, prune->repo, err));
    return hf_marks_keep(&prune->marks, prune->repo, keeps_mark, prune, err);
}

enum hf_status hf_prune_mark(struct hf_prune *prune, struct hf_error *err)
{
    size_t marked = 0;
    HF_AUTO_FREE struct hf_chunk_id *ids = malloc(prune->count * sizeof *ids + 1);
    if (!ids)
        return hf_error_memory(err);
    for (size_t i = 0; i < prune->count; i++)
        if (prune->packs[i].fate == HF_PRUNE_MARK)
            ids[marked++] = hf_index_pack(prune->index, i)->id;
    HF_TRY(hf_marks_write(prune->repo, prune->now, ids, marked, err));
    for (size_t i = 0; i < prune->count; i++)
        if (prune->packs[i].fate == HF_PRUNE_MARK)
            prune->packs[i].fate = HF_PRUNE_WAITING;
    return HF_OK;
}
