/*
 * Healing from a replica: what a repair would otherwise drop is fetched first.
 *
 * Packs were looked at, and bad ones are dropped in memory only. Chunks that snapshots need and
 * that are in no sound pack are looked up in the replica, and its packs are put here whole, each
 * hashed against its name: the same pack where it was lost, another one where the replica keeps
 * the chunk elsewhere. Then manifests: damaged ones, and those that are gone while their data is
 * here. One that is gone together with its data may have been removed on purpose; that is for
 * "copy". The index is written anew after all that, by the repair.
 */
#include "storage/repository/check_internal.h"
#include "storage/repository/copy_internal.h"
#include "storage/repository/fallback.h"
#include "storage/repository/manifest.h"
#include "storage/repository/replica.h"
#include "storage/repository/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 8 }; /* each finds damage that the one before could not see */

enum manifest_state { SOUND, DAMAGED, GONE };

struct known {
    const char *key; /* borrowed from the lists of keys */
    enum manifest_state state;
};

struct heal {
    struct hf_check *check;
    struct hf_repo *from;
    struct hf_fallback *fallback;
    struct hf_chunk_reader *there; /* the replica's */
    struct hf_chunk_reader *lists; /* of this repository, falling back to the replica */
    struct hf_mover mover;
    struct hf_strings keys_there;
    struct known *known;
    size_t count;
    size_t others; /* snapshots of the replica that are none of ours */
};

static bool is_of_object(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_NOT_FOUND || status == HF_IO ||
           status == HF_DENIED || status == HF_UNSUPPORTED;
}

/* ---- which snapshots ---- */

static void know(struct heal *heal, const char *key, enum manifest_state state)
{
    heal->known[heal->count++] = (struct known){key, state};
}

static enum hf_status look_here(struct heal *heal, const char *key, struct hf_error *err)
{
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    HF_AUTO(hf_manifest) other = {.time = 0};
    struct hf_error why = HF_ERROR_INIT, ignored = HF_ERROR_INIT;
    enum hf_status status = hf_manifest_read(heal->check->repo, key, &manifest, &why);
    if (status == HF_OK)
        know(heal, key, SOUND);
    else if ((status == HF_DAMAGED || status == HF_IO) &&
             hf_manifest_read(heal->from, key, &other, &ignored) == HF_OK)
        know(heal, key, DAMAGED);
    else if (!is_of_object(status)) {
        *err = why;
        return status;
    }
    return HF_OK;
}

/* Its data is here, at least in a pack that is in doubt now. */
static bool is_ours(struct heal *heal, const struct hf_manifest *manifest)
{
    struct hf_chunk_id id;
    struct hf_location at;
    memcpy(id.bytes, manifest->catalog.id, sizeof id.bytes);
    return manifest->catalog.chunks == 0 || hf_index_find(heal->check->index, &id, &at);
}

static enum hf_status look_there(struct heal *heal, const char *key, struct hf_error *err)
{
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    struct hf_error why = HF_ERROR_INIT;
    if (hf_strings_contain(&heal->check->snapshot_keys, key))
        return HF_OK;
    enum hf_status status = hf_manifest_read(heal->from, key, &manifest, &why);
    if (status == HF_OK && is_ours(heal, &manifest))
        know(heal, key, GONE);
    else if (status == HF_OK)
        heal->others++;
    else if (!is_of_object(status)) {
        *err = why;
        return status;
    }
    return HF_OK;
}

static enum hf_status look(struct heal *heal, struct hf_error *err)
{
    const struct hf_strings *here = &heal->check->snapshot_keys;
    HF_TRY(hf_snapshot_keys(heal->from, &heal->keys_there, err));
    heal->known = calloc(here->count + heal->keys_there.count + 1, sizeof *heal->known);
    if (!heal->known)
        return hf_error_memory(err);
    for (size_t i = 0; i < here->count; i++)
        HF_TRY(look_here(heal, here->items[i], err));
    for (size_t i = 0; i < heal->keys_there.count; i++)
        HF_TRY(look_there(heal, heal->keys_there.items[i], err));
    return HF_OK;
}

/* ---- packs ---- */

static enum hf_status plan_one(struct heal *heal, const struct known *known,
                               struct hf_clean_set *clean, struct hf_error *err)
{
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    struct hf_repo *repo = known->state == SOUND ? heal->check->repo : heal->from;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_manifest_read(repo, known->key, &manifest, &why);
    if (status == HF_OK)
        status = hf_copy_plan(&heal->mover, heal->lists, heal->there, &manifest, clean, &why);
    if (status == HF_OK || is_of_object(status)) /* what cannot be healed is told by the check */
        return HF_OK;
    *err = why;
    return status;
}

/* Until nothing more is wanted: what is read meanwhile may turn out damaged, here or there. */
static enum hf_status move_packs(struct heal *heal, struct hf_error *err)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        HF_AUTO(hf_clean_set) clean = HF_CLEAN_SET_INIT;
        for (size_t i = 0; i < heal->count; i++)
            HF_TRY(plan_one(heal, &heal->known[i], &clean, err));
        if (heal->mover.wanted_count == 0)
            return HF_OK;
        HF_TRY(hf_mover_run(&heal->mover, err));
    }
    return HF_OK;
}

/* ---- manifests ---- */

/* All that it needs is here now. */
static bool is_whole(struct heal *heal, const struct hf_manifest *manifest)
{
    HF_AUTO(hf_clean_set) clean = HF_CLEAN_SET_INIT;
    struct hf_error ignored = HF_ERROR_INIT;
    heal->mover.healing = false;
    enum hf_status status =
        hf_copy_plan(&heal->mover, heal->there, heal->there, manifest, &clean, &ignored);
    bool whole = status == HF_OK && heal->mover.wanted_count == 0;
    heal->mover.healing = true;
    return whole;
}

static enum hf_status tell_healed(struct heal *heal, const char *object, const char *what,
                                  struct hf_error *err)
{
    HF_AUTO_FREE char *problem = NULL;
    json_t *finding;
    HF_TRY(hf_text_format(&problem, err, "%s; put back from %s", what,
                          hf_store_name(heal->from->store)));
    HF_TRY(hf_findings_add(&heal->check->findings, object, problem, &finding, err));
    return json_object_set_new(finding, "healed", json_true()) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status put_manifest(struct heal *heal, struct hf_lease *lease,
                                   const struct known *known, struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    bool gone = known->state == GONE;
    HF_TRY(hf_manifest_load(heal->from, known->key, &object, &manifest, err));
    if (gone && !is_whole(heal, &manifest)) {
        heal->others++;
        return HF_OK;
    }
    HF_TRY(hf_lease_check(lease, err));
    HF_TRY(hf_store_put(heal->check->repo->store, known->key, object.data, object.len,
                        HF_PUT_REPLACE, err));
    if (gone)
        HF_TRY(hf_strings_add(&heal->check->snapshot_keys, known->key, err));
    return tell_healed(heal, known->key, gone ? "missing" : "damaged", err);
}

static enum hf_status put_manifests(struct heal *heal, struct hf_lease *lease, struct hf_error *err)
{
    for (size_t i = 0; i < heal->count; i++)
        if (heal->known[i].state != SOUND)
            HF_TRY(put_manifest(heal, lease, &heal->known[i], err));
    return HF_OK;
}

/* ---- all of it ---- */

static enum hf_status open_replica(struct heal *heal, struct hf_error *err)
{
    struct hf_check *check = heal->check;
    HF_TRY(
        hf_fallback_new(check->repo, heal->from, check->options->observer, &heal->fallback, err));
    HF_TRY(hf_fallback_need(heal->fallback, &heal->there, err));
    HF_TRY(hf_chunk_reader_new(check->repo, check->index, &heal->lists, err));
    hf_chunk_reader_fall_back(heal->lists, heal->fallback);
    heal->mover = (struct hf_mover){.from = heal->from,
                                    .to = check->repo,
                                    .from_index = hf_fallback_index(heal->fallback),
                                    .to_index = check->index,
                                    .cancel = check->options->cancel,
                                    .observer = check->options->observer,
                                    .healing = true};
    return HF_OK;
}

static enum hf_status run(struct heal *heal, struct hf_lease *lease, struct hf_error *err)
{
    HF_TRY(open_replica(heal, err));
    HF_TRY(look(heal, err));
    HF_TRY(move_packs(heal, err));
    heal->check->revived = atomic_load(&heal->mover.revived) > 0;
    HF_TRY(put_manifests(heal, lease, err));
    if (heal->others > 0)
        hf_observe(heal->check->options->observer, HF_NOTE_STEP,
                   "%s has %zu snapshots that are not here, and whose data is not either; "
                   "\"holdfast copy\" brings them",
                   hf_store_name(heal->from->store), heal->others);
    return HF_OK;
}

static void done(struct heal *heal)
{
    hf_mover_done(&heal->mover);
    if (heal->lists)
        hf_chunk_reader_free(heal->lists);
    if (heal->fallback)
        hf_fallback_free(heal->fallback);
    hf_strings_free(&heal->keys_there);
    free(heal->known);
}

enum hf_status hf_check_heal(struct hf_check *check, struct hf_lease *lease, struct hf_error *err)
{
    struct heal heal = {.check = check, .from = check->options->from};
    enum hf_status status = run(&heal, lease, err);
    done(&heal);
    return status;
}

/* A pack that costs nothing is either back or was needed by nothing. */
void hf_check_count_healed(struct hf_check *check)
{
    size_t i;
    json_t *finding;
    json_array_foreach (check->findings.list, i, finding) {
        const char *object = json_string_value(json_object_get(finding, "object"));
        bool healed = json_is_true(json_object_get(finding, "healed")) ||
                      strncmp(object, "index/", 6) == 0 ||
                      (strncmp(object, "packs/", 6) == 0 &&
                       json_array_size(json_object_get(finding, "snapshots")) == 0);
        check->report->healed += healed;
        (void)json_object_set_new(finding, "healed", json_boolean(healed));
    }
}
