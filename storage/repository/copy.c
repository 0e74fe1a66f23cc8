/* The order of a copy's steps. */
#include "storage/repository/copy.h"

#include "base/json.h"
#include "storage/repository/copy_internal.h"
#include "storage/repository/index_merge.h"
#include "storage/repository/replica.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- leases ---- */

/* Nobody may delete what is being read; where no lease can be put nobody can delete either. */
static enum hf_status take_leases(struct hf_copy *copy, struct hf_error *err)
{
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED,
                                             .purpose = "copy",
                                             .cancel = copy->options->cancel,
                                             .observer = copy->options->observer};
    struct hf_error why = HF_ERROR_INIT;
    HF_TRY(hf_lease_take(copy->to, &options, &copy->to_lease, err));
    if (hf_lease_take(copy->from, &options, &copy->from_lease, &why) == HF_BUSY) {
        *err = why;
        return HF_BUSY;
    }
    return HF_OK;
}

enum hf_status hf_copy_check_leases(struct hf_copy *copy, struct hf_error *err)
{
    if (copy->from_lease)
        HF_TRY(hf_lease_check(copy->from_lease, err));
    return hf_lease_confirm(copy->to_lease, err);
}

static void release_leases(struct hf_copy *copy)
{
    if (copy->from_lease)
        hf_lease_release(copy->from_lease);
    if (copy->to_lease)
        hf_lease_release(copy->to_lease);
    copy->from_lease = NULL;
    copy->to_lease = NULL;
}

/* ---- which snapshots ---- */

static int older_first(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int newer_first(const void *a, const void *b)
{
    return older_first(b, a);
}

static bool asked_for(const struct hf_copy_options *options, const char *key)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    if (!hf_manifest_key_id(key, id))
        return false;
    return !options->snapshots || options->snapshots->count == 0 ||
           hf_strings_contain(options->snapshots, id);
}

static enum hf_status check_known(const struct hf_copy *copy, struct hf_error *err)
{
    const struct hf_strings *ids = copy->options->snapshots;
    for (size_t i = 0; ids && i < ids->count; i++) {
        bool found = false;
        for (size_t k = 0; k < copy->there.count && !found; k++) {
            char id[HF_SNAPSHOT_ID_TEXT];
            found = hf_manifest_key_id(copy->there.items[k], id) && strcmp(id, ids->items[i]) == 0;
        }
        if (!found)
            return hf_error_set(err, HF_NOT_FOUND, "%s: there is no snapshot %.40s",
                                hf_store_name(copy->from->store), ids->items[i]);
    }
    return HF_OK;
}

static enum hf_status list_snapshots(struct hf_copy *copy, struct hf_error *err)
{
    HF_AUTO(hf_strings) all = HF_STRINGS_INIT;
    HF_TRY(hf_snapshot_keys(copy->from, &all, err));
    HF_TRY(hf_snapshot_keys(copy->to, &copy->here, err));
    for (size_t i = 0; i < all.count; i++)
        if (asked_for(copy->options, all.items[i]))
            HF_TRY(hf_strings_add(&copy->there, all.items[i], err));
    if (copy->there.count > 1)
        qsort(copy->there.items, copy->there.count, sizeof *copy->there.items, newer_first);
    if (copy->here.count > 1)
        qsort(copy->here.items, copy->here.count, sizeof *copy->here.items, older_first);
    copy->here_sorted = copy->here.count;
    return check_known(copy, err);
}

bool hf_copy_is_here(const struct hf_copy *copy, const char *key)
{
    if (copy->here_sorted > 0 &&
        bsearch(&key, copy->here.items, copy->here_sorted, sizeof *copy->here.items, older_first))
        return true;
    for (size_t i = copy->here_sorted; i < copy->here.count; i++)
        if (strcmp(copy->here.items[i], key) == 0)
            return true;
    return false;
}

/* ---- the report ---- */

enum hf_status hf_copy_tell_failed(struct hf_copy *copy, const char *key,
                                   const struct hf_error *why, struct hf_error *err)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    json_t *failed;
    if (!hf_manifest_key_id(key, id))
        return HF_OK;
    hf_observe(copy->options->observer, HF_NOTE_WARNING, "snapshot %.8s cannot be copied: %s", id,
               why->text);
    HF_TRY(hf_json_pack(&failed, err, "{s:s, s:s}", "snapshot", id, "problem", why->text));
    return json_array_append_new(copy->report->failed, failed) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status result(const struct hf_copy *copy, struct hf_error *err)
{
    size_t failed = json_array_size(copy->report->failed);
    if (failed == 0)
        return HF_OK;
    return hf_error_set(err, HF_DAMAGED,
                        "%zu snapshot%s of %s cannot be copied, since something of %s is missing "
                        "or damaged there; \"holdfast check --read-data\" tells more",
                        failed, failed == 1 ? "" : "s", hf_store_name(copy->from->store),
                        failed == 1 ? "it" : "them");
}

/* ---- packs that came back ---- */

/*
 * Packs that to had lost, and whose loss objects of its index state, are there again. Until these
 * objects are written anew backups store their chunks once more, and nothing worse: so it is done
 * if nobody else is at work, and else by the next repair.
 */
static enum hf_status write_revived(struct hf_copy *copy, struct hf_lease *lease,
                                    struct hf_error *err)
{
    HF_AUTO_PTR(hf_index) index = NULL;
    const struct hf_index_pack *pack;
    HF_TRY(hf_index_new(&index, err));
    HF_TRY(hf_index_load(index, copy->to, NULL, err));
    for (size_t i = 0; (pack = hf_index_pack(copy->to_index, i)) != NULL; i++)
        if (!hf_index_is_dropped(copy->to_index, &pack->id))
            (void)hf_index_revive(index, &pack->id);
    HF_TRY(hf_lease_check(lease, err));
    return hf_index_rewrite(index, copy->to, err);
}

static void settle_revived(struct hf_copy *copy)
{
    const struct hf_lease_options options = {.mode = HF_LEASE_EXCLUSIVE,
                                             .purpose = "copy: writing the index"};
    HF_AUTO_PTR(hf_lease) lease = NULL;
    struct hf_error why = HF_ERROR_INIT;
    if (atomic_load(&copy->mover.revived) == 0)
        return;
    if (hf_lease_take(copy->to, &options, &lease, &why) != HF_OK ||
        write_revived(copy, lease, &why) != HF_OK)
        hf_observe(copy->options->observer, HF_NOTE_WARNING,
                   "packs that were lost are in %s again, but its index does not count them yet "
                   "(%s); \"holdfast check --repair\" there does that",
                   hf_store_name(copy->to->store), why.text);
}

/* What copies leave in small objects costs whoever loads the index a request each. */
static void merge_index(struct hf_copy *copy)
{
    struct hf_index_merged merged;
    struct hf_error why = HF_ERROR_INIT;
    if (copy->to_index && hf_index_merge(copy->to_index, copy->to, copy->to_lease,
                                         copy->options->cancel, &merged, &why) != HF_OK)
        hf_observe(copy->options->observer, HF_NOTE_DETAIL,
                   "small index objects stay as they are, the next copy merges them: %s", why.text);
}

/* ---- all of it ---- */

static enum hf_status run(struct hf_copy *copy, struct hf_error *err)
{
    size_t keys = 0;
    HF_TRY(hf_replica_check(copy->from, copy->to, err));
    HF_TRY(take_leases(copy, err));
    HF_TRY(hf_replica_carry_keys(copy->from, copy->to, copy->options->observer, &keys, err));
    copy->report->keys = keys;
    HF_TRY(list_snapshots(copy, err));
    HF_TRY(hf_copy_snapshots(copy, err));
    HF_TRY(hf_copy_proofs(copy, err));
    merge_index(copy);
    return result(copy, err);
}

static void done(struct hf_copy *copy)
{
    release_leases(copy);
    hf_mover_done(&copy->mover);
    hf_clean_set_free(&copy->clean);
    if (copy->reader)
        hf_chunk_reader_free(copy->reader);
    hf_index_free(copy->from_index);
    hf_index_free(copy->to_index);
    hf_strings_free(&copy->there);
    hf_strings_free(&copy->here);
}

enum hf_status hf_copy(struct hf_repo *from, struct hf_repo *to,
                       const struct hf_copy_options *options, struct hf_copy_report *out,
                       struct hf_error *err)
{
    struct hf_copy copy = {.from = from,
                           .to = to,
                           .options = options,
                           .report = out,
                           .mover = {.from = from,
                                     .to = to,
                                     .memory = options->memory,
                                     .threads = options->threads,
                                     .cancel = options->cancel,
                                     .observer = options->observer}};
    *out = (struct hf_copy_report){.copied = json_array(), .failed = json_array()};
    if (!out->copied || !out->failed)
        return hf_error_memory(err);
    enum hf_status status = run(&copy, err);
    release_leases(&copy);
    settle_revived(&copy);
    out->packs = atomic_load(&copy.mover.packs);
    out->bytes = atomic_load(&copy.mover.bytes);
    done(&copy);
    return status;
}

void hf_copy_report_free(struct hf_copy_report *report)
{
    json_decref(report->copied);
    json_decref(report->failed);
    *report = (struct hf_copy_report){.copied = NULL};
}
