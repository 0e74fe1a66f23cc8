/*
 * Snapshots, a group at a time: plan, move packs, write the index, put the manifests. A group is as
 * many snapshots as make it worth while to keep the packs flowing, and few enough that what was
 * copied is a snapshot soon. A crash leaves packs, which the next copy adopts and does not send.
 */
#include "storage/repository/copy_internal.h"

#include "base/text.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    GROUP_SNAPSHOTS = 64,
    GROUP_BYTES = 512 << 20,  /* of packs wanted */
    GROUP_OBJECTS = 16 << 20, /* of manifests held */
};

struct item {
    const char *key; /* borrowed */
    struct hf_buf object;
    struct hf_manifest manifest;
    bool failed;
    bool put; /* by this copy */
};

struct group {
    struct item items[GROUP_SNAPSHOTS];
    size_t count;
    size_t bytes; /* of the objects */
};

static void group_clear(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        hf_buf_free(&group->items[i].object);
        hf_manifest_done(&group->items[i].manifest);
    }
    *group = (struct group){.count = 0};
}

static void group_auto(struct group *group)
{
    group_clear(group);
}

/* What is wrong with one snapshot and no reason not to copy the others. */
static bool is_of_snapshot(enum hf_status status)
{
    return status == HF_DAMAGED || status == HF_NOT_FOUND || status == HF_DENIED ||
           status == HF_UNSUPPORTED || status == HF_IO;
}

/* ---- indexes ---- */

/* To's, with the packs that a killed copy left and without those that are gone. */
static enum hf_status load_to(struct hf_copy *copy, struct hf_error *err)
{
    struct hf_index_survey survey;
    HF_TRY(hf_index_new(&copy->to_index, err));
    HF_TRY(hf_index_load_surveyed(copy->to_index, copy->to, copy->to_lease, copy->options->observer,
                                  &survey, err));
    if (survey.lost > 0)
        hf_observe(copy->options->observer, HF_NOTE_WARNING,
                   "%s: %llu packs are missing or cut short; what of them is needed now is copied "
                   "again, `holdfast check --repair --from` brings back the rest",
                   hf_store_name(copy->to->store), (unsigned long long)survey.lost);
    return HF_OK;
}

/* Not before it is known that something is missing: a copy with nothing to do reads two lists. */
static enum hf_status load_indexes(struct hf_copy *copy, struct hf_error *err)
{
    if (copy->reader)
        return HF_OK;
    HF_TRY(hf_index_new(&copy->from_index, err));
    HF_TRY(hf_index_load_whole(copy->from_index, copy->from, err));
    HF_TRY(load_to(copy, err));
    copy->mover.from_index = copy->from_index;
    copy->mover.to_index = copy->to_index;
    return hf_chunk_reader_new(copy->from, copy->from_index, &copy->reader, err);
}

/* ---- a group ---- */

static enum hf_status plan_item(struct hf_copy *copy, struct item *item, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status =
        hf_copy_plan(&copy->mover, copy->reader, copy->reader, &item->manifest, &copy->clean, &why);
    if (status == HF_OK)
        return HF_OK;
    if (!is_of_snapshot(status)) {
        *err = why;
        return status;
    }
    item->failed = true;
    return hf_copy_tell_failed(copy, item->key, &why, err);
}

/* Moves the packs, and where some turned out bad plans again: another pack may have the chunks,
 * and if none has, it shows which snapshots that costs. Each round takes bad packs out, so it ends.
 */
static enum hf_status move_packs(struct hf_copy *copy, struct group *group, struct hf_error *err)
{
    for (;;) {
        uint64_t bad = atomic_load(&copy->mover.bad);
        HF_TRY(hf_mover_run(&copy->mover, err));
        if (atomic_load(&copy->mover.bad) == bad)
            return HF_OK;
        hf_clean_set_free(&copy->clean);
        copy->clean = (struct hf_clean_set)HF_CLEAN_SET_INIT;
        for (size_t i = 0; i < group->count; i++)
            if (!group->items[i].failed)
                HF_TRY(plan_item(copy, &group->items[i], err));
    }
}

static enum hf_status put_manifest(struct hf_copy *copy, struct item *item, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    enum hf_status status = hf_store_put(copy->to->store, item->key, item->object.data,
                                         item->object.len, HF_PUT_CREATE, &why);
    item->put = status == HF_OK;
    if (status != HF_OK && status != HF_EXISTS) { /* the same name is the same manifest */
        *err = why;
        return status;
    }
    HF_TRY(hf_strings_add(&copy->here, item->key, err));
    if (hf_manifest_key_id(item->key, id) &&
        json_array_append_new(copy->report->copied, json_string(id)) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

/* The snapshots are there. But was the lease lost just then? Somebody may have removed what they
 * count on. */
static enum hf_status check_after(struct hf_copy *copy, const struct group *group,
                                  struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    if (hf_lease_confirm(copy->to_lease, &why) != HF_BUSY)
        return HF_OK;
    for (size_t i = 0; i < group->count; i++)
        if (group->items[i].put)
            HF_TRY(hf_store_delete(copy->to->store, group->items[i].key, err));
    *err = why;
    return why.status;
}

static enum hf_status commit(struct hf_copy *copy, struct group *group, struct hf_error *err)
{
    if (group->count == 0)
        return HF_OK;
    HF_TRY(move_packs(copy, group, err));
    HF_TRY(hf_mover_protect(&copy->mover, err));
    HF_TRY(hf_cancel_check(copy->options->cancel, err));
    HF_TRY(hf_copy_check_leases(copy, err));
    HF_TRY(hf_index_flush(copy->to_index, copy->to, NULL, err));
    for (size_t i = 0; i < group->count; i++)
        if (!group->items[i].failed)
            HF_TRY(put_manifest(copy, &group->items[i], err));
    HF_TRY(check_after(copy, group, err));
    group_clear(group);
    return HF_OK;
}

static bool of_sources(const struct hf_copy_options *options, const struct hf_manifest *manifest)
{
    return !options->sources || options->sources->count == 0 ||
           hf_strings_contain(options->sources, manifest->source);
}

/* Into the group, when it is to be copied. One that is gone was removed since it was listed. */
static enum hf_status add_item(struct hf_copy *copy, struct group *group, const char *key,
                               struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_manifest_load(copy->from, key, &object, &manifest, &why);
    if (status == HF_NOT_FOUND)
        return HF_OK;
    if (is_of_snapshot(status))
        return hf_copy_tell_failed(copy, key, &why, err);
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    if (!of_sources(copy->options, &manifest))
        return HF_OK;
    HF_TRY(load_indexes(copy, err));
    struct item *item = &group->items[group->count++];
    *item = (struct item){.key = key, .object = object, .manifest = manifest};
    group->bytes += object.len;
    object = (struct hf_buf)HF_BUF_INIT;
    manifest = (struct hf_manifest){.time = 0};
    return plan_item(copy, item, err);
}

static bool is_full(const struct hf_copy *copy, const struct group *group)
{
    return group->count == GROUP_SNAPSHOTS || group->bytes >= GROUP_OBJECTS ||
           copy->mover.wanted_bytes >= GROUP_BYTES;
}

enum hf_status hf_copy_snapshots(struct hf_copy *copy, struct hf_error *err)
{
    __attribute__((cleanup(group_auto))) struct group group = {.count = 0};
    for (size_t i = 0; i < copy->there.count; i++) {
        const char *key = copy->there.items[i];
        HF_TRY(hf_cancel_check(copy->options->cancel, err));
        if (hf_copy_is_here(copy, key)) {
            copy->report->present++;
            continue;
        }
        HF_TRY(add_item(copy, &group, key, err));
        if (is_full(copy, &group))
            HF_TRY(commit(copy, &group, err));
    }
    return commit(copy, &group, err);
}
