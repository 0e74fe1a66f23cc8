/*
 * Copying snapshots from one replica to another (replica.h).
 *
 *   leases in both · keys · per group of snapshots: packs (in parallel), index, manifests · proofs
 *
 * Packs go as they are: got whole, hashed against their names, put. Nothing is opened but what a
 * writer key opens (manifests, catalogs, lists), so a writer key is enough in both. Only what is
 * missing goes: chunks that to has in any pack are not sent again, whichever packs each of the two
 * keeps them in. A manifest is put when everything it needs is durable and in the index, so a
 * snapshot appears whole or not at all; a copy that was killed is gone on with by the next one.
 *
 * Newest snapshots first: if there is time for some of them only, for those that matter most.
 * A pack of from that is missing or damaged costs the snapshots that need it and no other.
 */
#ifndef HF_REPOSITORY_COPY_H
#define HF_REPOSITORY_COPY_H

#include "base/cancel.h"
#include "base/observer.h"
#include "base/text.h"
#include "storage/repository/repository.h"

#include <jansson.h>

enum { HF_COPY_THREADS = 8, HF_COPY_THREADS_MAX = 64 };

struct hf_copy_options {
    const struct hf_strings *snapshots; /* whole ids; NULL or empty: all */
    const struct hf_strings *sources;   /* only of these sources; NULL or empty: of all */
    uint64_t memory;                    /* bytes of packs on their way; 0: 256 MiB */
    unsigned threads;                   /* packs on their way; 0: HF_COPY_THREADS */
    struct hf_cancel *cancel;           /* borrowed, never NULL */
    const struct hf_observer *observer; /* may be NULL; bytes and items are of packs */
};

struct hf_copy_report {
    json_t *copied;   /* array of ids of snapshots that to has now and had not, newest first */
    json_t *failed;   /* array of {"snapshot", "problem"}: could not be copied */
    uint64_t present; /* snapshots that were asked for and there already */
    uint64_t packs;
    uint64_t bytes; /* of these */
    uint64_t proofs;
    uint64_t keys; /* records of keys that were new or extended */
};

/*
 * HF_USAGE, HF_MISMATCH: they are no replicas (hf_replica_check). HF_DAMAGED: some snapshots could
 * not be copied since something of them is damaged or missing in from; all others were. *out is
 * filled in any case, to be freed with hf_copy_report_free; what it names as copied is.
 */
enum hf_status hf_copy(struct hf_repo *from, struct hf_repo *to,
                       const struct hf_copy_options *options, struct hf_copy_report *out,
                       struct hf_error *err) HF_WARN_UNUSED;
void hf_copy_report_free(struct hf_copy_report *report);

#endif
