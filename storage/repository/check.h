/*
 * Checking and healing a repository.
 */
#ifndef HF_REPOSITORY_CHECK_H
#define HF_REPOSITORY_CHECK_H

#include "base/cancel.h"
#include "base/observer.h"
#include "storage/repository/repository.h"

#include <jansson.h>

struct hf_check_options {
    double read_percent;  /* 0: structure only; up to 100: share of the packs that is read, with
                             every frame opened and every chunk id verified (reader key) */
    bool repair;          /* rebuild the index from the packs, drop what is damaged from it */
    struct hf_repo *from; /* with repair: a replica, from which packs, manifests and keys that are
                             missing or damaged are put back before anything is dropped; or NULL */
    struct hf_cancel *cancel;
    const struct hf_observer *observer; /* each finding is noted as a warning */
};

struct hf_check_report {
    uint64_t objects; /* read or looked at */
    uint64_t packs;
    uint64_t bytes_read;
    uint64_t snapshots;
    uint64_t problems;          /* found */
    uint64_t healed;            /* of these: put right from options.from, nothing is lost by them */
    uint64_t damaged_snapshots; /* that cannot be restored whole */
    json_t *findings; /* array of {"object","problem","snapshots":[…],"streams":[…]}, with from also
                         "healed"; a stream is
                         "<first 8 digits of the snapshot>:<name>", name "*" for all of them */
};

/* Without a key: every object that is named by its hash is read and hashed. HF_DAMAGED when a
 * problem was found; *out is filled in either case. */
enum hf_status hf_check_store(struct hf_store *store, const struct hf_check_options *options,
                              struct hf_check_report *out, struct hf_error *err) HF_WARN_UNUSED;
/*
 * With a key: header, keys, index, manifests, reference lists, pack sizes and directories; with
 * read_percent also the data. repair takes the repository for itself (HF_BUSY while others work)
 * and reports exactly which snapshots, and which of their streams, a missing or damaged pack
 * costs. Snapshots read whole without a fault are recorded as checked. With from, HF_OK when all
 * that was found is healed.
 */
enum hf_status hf_check_repo(struct hf_repo *repo, const struct hf_check_options *options,
                             struct hf_check_report *out, struct hf_error *err) HF_WARN_UNUSED;
void hf_check_report_free(struct hf_check_report *report);

#endif
