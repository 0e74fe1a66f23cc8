/* The check with a key: the order of its steps. */
#include "storage/repository/check_internal.h"

#include "storage/repository/keys.h"
#include "storage/repository/lease.h"
#include "storage/repository/replica.h"
#include "storage/repository/snapshot_internal.h"

#include <stdlib.h>

static enum hf_status check_header(struct hf_check *check, struct hf_error *err)
{
    struct hf_repo_header header;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_header_load(check->repo->store, &header, &why);
    if (status == HF_OK)
        status = hf_header_verify(&header, check->repo->keys->sign_pk, &why);
    atomic_fetch_add(&check->objects, 1);
    if (status == HF_DAMAGED)
        return hf_findings_add(&check->findings, HF_HEADER_KEY, why.text, NULL, err);
    if (status != HF_OK)
        *err = why;
    return status;
}

static enum hf_status check_keys(struct hf_check *check, struct hf_error *err)
{
    struct hf_key_info *keys = NULL;
    size_t count = 0;
    HF_TRY(hf_key_list(check->repo, &keys, &count, err));
    enum hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        HF_AUTO_FREE char *object = NULL;
        atomic_fetch_add(&check->objects, 1);
        if (keys[i].trusted)
            continue;
        status = hf_text_format(&object, err, "keys/%s", keys[i].id);
        if (status == HF_OK)
            status = hf_findings_add(&check->findings, object,
                                     "damaged, or not made by this repository's readers; it opens "
                                     "nothing",
                                     NULL, err);
    }
    free(keys);
    return status;
}

/* Repair needs the repository for itself. A mere check only keeps others from deleting under it,
 * and goes on without where the store takes no lease. */
static enum hf_status take_lease(struct hf_check *check, struct hf_lease **out,
                                 struct hf_error *err)
{
    bool repair = check->options->repair;
    const struct hf_lease_options options = {
        .mode = repair ? HF_LEASE_EXCLUSIVE : HF_LEASE_SHARED,
        .purpose = repair ? "repair" : "check",
        .cancel = check->options->cancel,
        .observer = check->options->observer,
    };
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_lease_take(check->repo, &options, out, &why);
    if (status == HF_OK || (status != HF_BUSY && !repair))
        return HF_OK;
    *err = why;
    return status;
}

/* Drops and adoptions are in the index already; this makes them known to all. */
static enum hf_status repair(struct hf_check *check, struct hf_lease *lease, struct hf_error *err)
{
    if (!check->index_faulty && !check->revived && hf_index_pending(check->index) == 0)
        return HF_OK;
    HF_TRY(hf_lease_check(lease, err));
    HF_TRY(hf_index_rewrite(check->index, check->repo, err));
    hf_observe(check->options->observer, HF_NOTE_STEP,
               "index written anew; what is lost and still there at the source is stored again by "
               "the next backup");
    return HF_OK;
}

/* Keys first: changing them needs a lease of its own. */
static enum hf_status heal_keys(struct hf_check *check, struct hf_error *err)
{
    const struct hf_observer *observer = check->options->observer;
    struct hf_repo *from = check->options->from;
    size_t count = 0;
    if (!from)
        return HF_OK;
    HF_TRY(hf_replica_check(check->repo, from, err));
    HF_TRY(hf_replica_carry_keys(from, check->repo, observer, &count, err));
    if (count > 0)
        hf_observe(observer, HF_NOTE_STEP, "%zu key records put back from %s", count,
                   hf_store_name(from->store));
    return HF_OK;
}

static enum hf_status run(struct hf_check *check, struct hf_error *err)
{
    HF_AUTO_PTR(hf_lease) lease = NULL;
    HF_TRY(heal_keys(check, err));
    HF_TRY(take_lease(check, &lease, err));
    HF_TRY(check_header(check, err));
    HF_TRY(check_keys(check, err));
    HF_TRY(hf_snapshot_keys(check->repo, &check->snapshot_keys, err));
    HF_TRY(hf_index_new(&check->index, err));
    HF_TRY(hf_chunk_reader_new(check->repo, check->index, &check->reader, err));
    HF_TRY(hf_check_packs(check, err));
    if (check->options->from)
        HF_TRY(hf_check_heal(check, lease, err));
    HF_TRY(hf_check_snapshots(check, err));
    HF_TRY(hf_findings_tell_costs(&check->findings, err));
    if (check->options->repair)
        HF_TRY(repair(check, lease, err));
    if (check->options->from)
        hf_check_count_healed(check);
    return HF_OK;
}

static void done(struct hf_check *check)
{
    for (size_t i = 0; check->packs && i < check->pack_count; i++) {
        free(check->packs[i].bad);
        free(check->packs[i].problem);
    }
    free(check->packs);
    if (check->reader)
        hf_chunk_reader_free(check->reader);
    hf_index_free(check->index);
    hf_strings_free(&check->snapshot_keys);
    hf_findings_done(&check->findings);
}

enum hf_status hf_check_repo(struct hf_repo *repo, const struct hf_check_options *options,
                             struct hf_check_report *out, struct hf_error *err)
{
    struct hf_check check = {.repo = repo, .options = options, .report = out};
    *out = (struct hf_check_report){.objects = 0};
    if (options->read_percent > 0 && hf_repo_role(repo) != HF_ROLE_READER)
        return hf_error_set(err, HF_DENIED,
                            "reading the data needs a reader key; a check of the structure does "
                            "not");
    if (options->from && !options->repair)
        return hf_error_set(err, HF_USAGE, "only a repair takes anything from another repository");
    HF_TRY(hf_findings_init(&check.findings, options->observer, err));
    enum hf_status status = run(&check, err);
    out->objects = check.objects;
    out->bytes_read = check.bytes_read;
    out->problems = json_array_size(check.findings.list);
    out->findings = json_incref(check.findings.list);
    done(&check);
    return status == HF_OK ? hf_check_result(out, err) : status;
}
