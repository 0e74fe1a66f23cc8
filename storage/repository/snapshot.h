/*
 * Snapshots: listing, finding, reading.
 */
#ifndef HF_REPOSITORY_SNAPSHOT_H
#define HF_REPOSITORY_SNAPSHOT_H

#include "base/cancel.h"
#include "base/observer.h"
#include "base/stream.h"
#include "base/text.h"
#include "storage/repository/repository.h"

enum { HF_SNAPSHOT_ID_TEXT = 33, HF_TAGS_MAX = 32 };

enum hf_snapshot_state { HF_SNAPSHOT_STORED, HF_SNAPSHOT_CHECKED, HF_SNAPSHOT_PROVEN };

struct hf_snapshot_info {
    char id[HF_SNAPSHOT_ID_TEXT];
    int64_t time; /* when the capture's view of the source was taken, ns */
    int64_t finished;
    char *source;
    char *kind;
    char *host;
    char *job; /* whose backup made it; NULL: none */
    struct hf_strings tags;
    /* It was taken not before and not after this, by the store's clock; INT64_MIN, INT64_MAX where
     * that is not known. The second is set by hf_snapshots_load only. */
    int64_t earliest, latest;
    enum hf_snapshot_state state;
    int64_t state_time; /* of the check or proof; 0 for stored */
    bool unclear;       /* a proof of it cannot be read: it may be more than state says */
    uint64_t streams;
    uint64_t bytes; /* of all streams */
    uint64_t records;
    uint64_t stored_bytes; /* what this snapshot added to the store */
    json_t *properties;    /* the source's object, as given to hf_backup_commit */
};

struct hf_snapshots {
    struct hf_snapshot_info *items; /* oldest first */
    size_t count;
    size_t unreadable; /* manifests that could not be read; each was reported as a warning */
};

/* source NULL: all. A damaged manifest does not hide the others: it is noted to the observer
 * and counted. */
enum hf_status hf_snapshots_load(struct hf_repo *repo, const char *source,
                                 const struct hf_observer *observer, struct hf_snapshots *out,
                                 struct hf_error *err) HF_WARN_UNUSED;
void hf_snapshots_free(struct hf_snapshots *list);
static inline void hf_snapshots_auto(struct hf_snapshots *list)
{
    hf_snapshots_free(list);
}

/* "SOURCE@latest", "SOURCE@2026-11-21T02:00" (the newest within what is named), a whole or
 * shortened id, or "latest". Borrowed from list. HF_NOT_FOUND says what there is;
 * HF_USAGE when a short id is ambiguous. */
enum hf_status hf_snapshots_find(const struct hf_snapshots *list, const char *name,
                                 const struct hf_snapshot_info **out,
                                 struct hf_error *err) HF_WARN_UNUSED;

struct hf_snapshot;

struct hf_read_options {
    uint64_t memory;          /* bytes; 0: 256 MiB, shared by all open streams */
    unsigned threads;         /* 0: one a processor */
    struct hf_cancel *cancel; /* borrowed, may be NULL */
    struct hf_repo *fallback; /* a replica that is open, to read from what is missing or damaged in
                                 the repository; or NULL. Borrowed until the snapshot is closed */
    const struct hf_observer *observer; /* told when that is so; may be NULL */
    bool leased;                        /* the caller holds a lease for as long as it reads */
    bool one_by_one; /* no look-ahead: a chunk in memory a stream, and no threads */
};

/* Opens for reading; stream infos need only the writer key, stream data the reader key
 * (HF_DENIED says so at once when a stream is opened). */
enum hf_status hf_snapshot_open(struct hf_repo *repo, const char *id,
                                const struct hf_read_options *options, struct hf_snapshot **out,
                                struct hf_error *err) HF_WARN_UNUSED;
const struct hf_feed *hf_snapshot_feed(struct hf_snapshot *snapshot);
const struct hf_snapshot_info *hf_snapshot_info(const struct hf_snapshot *snapshot);
/* What was read from the fallback so far. */
struct hf_fell_back {
    bool manifest;
    uint64_t chunks;
    uint64_t bytes; /* as stored */
};
void hf_snapshot_fell_back(const struct hf_snapshot *snapshot, struct hf_fell_back *out);
void hf_snapshot_close(struct hf_snapshot *snapshot);
HF_DEFINE_AUTO_PTR(hf_snapshot, hf_snapshot_close)

/* Records that a snapshot was checked or proven (proofs/<snapshot>/<time>, sealed). report is the
 * JSON object of the check or comparison, borrowed, may be NULL. */
enum hf_status hf_snapshot_add_proof(struct hf_repo *repo, const char *id,
                                     enum hf_snapshot_state state, const json_t *report,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
