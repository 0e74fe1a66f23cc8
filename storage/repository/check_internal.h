/*
 * What the parts of a check share: check.c (order of steps), check_store.c (without a key),
 * check_packs.c (packs and their frames), check_heal.c (putting back from a replica),
 * check_snapshots.c (what each loss costs), check_findings.c (the report).
 */
#ifndef HF_REPOSITORY_CHECK_INTERNAL_H
#define HF_REPOSITORY_CHECK_INTERNAL_H

#include "base/pool.h"
#include "base/text.h"
#include "storage/repository/check.h"
#include "storage/repository/chunk_reader.h"
#include "storage/repository/index.h"
#include "storage/repository/lease.h"
#include "storage/repository/repository_internal.h"

#include <pthread.h>
#include <stdatomic.h>

/* A report being made. Any thread may add to it. */
struct hf_findings {
    pthread_mutex_t lock;
    const struct hf_observer *observer;
    json_t *list; /* array of findings, given to the report at the end */
};
enum hf_status hf_findings_init(struct hf_findings *findings, const struct hf_observer *observer,
                                struct hf_error *err) HF_WARN_UNUSED;
void hf_findings_done(struct hf_findings *findings);
/* A new finding, noted to the observer; borrowed, for hf_findings_cost. */
enum hf_status hf_findings_add(struct hf_findings *findings, const char *object,
                               const char *problem, json_t **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* What it costs: a snapshot, and a stream of it (NULL: all of them). Said once each. */
enum hf_status hf_findings_cost(struct hf_findings *findings, json_t *finding, const char *snapshot,
                                const char *stream, struct hf_error *err) HF_WARN_UNUSED;
/* Notes to the observer what each finding costs, a line a snapshot. */
enum hf_status hf_findings_tell_costs(struct hf_findings *findings,
                                      struct hf_error *err) HF_WARN_UNUSED;

enum hf_pack_verdict {
    HF_PACK_GOOD,     /* as far as was looked */
    HF_PACK_MISSING,  /* or of another size: nothing of it counts */
    HF_PACK_DAMAGED,  /* bad says which frames; without bad: nothing of it counts */
    HF_PACK_DOUBTFUL, /* dropped by an earlier repair, and not read now: nothing of it counts */
};

struct hf_pack_state {
    enum hf_pack_verdict verdict;
    uint8_t *bad;    /* owned bitmap over the frames, or NULL */
    char *problem;   /* owned */
    json_t *finding; /* borrowed from the findings, or NULL: told once it costs something */
};

struct hf_check {
    struct hf_repo *repo;
    const struct hf_check_options *options;
    struct hf_check_report *report;
    struct hf_findings findings;
    struct hf_index *index;
    struct hf_chunk_reader *reader;
    struct hf_strings snapshot_keys; /* taken before the index was loaded */
    struct hf_pack_state *packs;     /* by number of the index, pack_count of them */
    size_t pack_count;
    bool index_faulty;
    bool revived; /* packs that objects of the index call dropped are back */
    atomic_ullong bytes_read;
    atomic_ullong objects;
};

/* Finds out what is wrong with a pack, unless that was told already. */
enum hf_status hf_check_tell_pack(struct hf_check *check, const struct hf_index_pack *pack,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Load the index, compare it with the packs that are there, look into them. Sets packs. */
enum hf_status hf_check_packs(struct hf_check *check, struct hf_error *err) HF_WARN_UNUSED;
/* Put back from options->from what packs and manifests lack. lease: the repair's. */
enum hf_status hf_check_heal(struct hf_check *check, struct hf_lease *lease,
                             struct hf_error *err) HF_WARN_UNUSED;
/* After everything: which findings are healed. */
void hf_check_count_healed(struct hf_check *check);
/* Read every manifest, catalog and list, and find what each bad pack costs. */
enum hf_status hf_check_snapshots(struct hf_check *check, struct hf_error *err) HF_WARN_UNUSED;

/* The result of a check as a status: HF_DAMAGED when there are findings. */
enum hf_status hf_check_result(const struct hf_check_report *report,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
