/*
 * Prune: removing packs that no snapshot needs. Everything with the writer key.
 *
 *   look    read every manifest and list: which chunk is needed, and which pack it is in
 *   repack  move what is needed out of packs that are mostly dead, or small, into new ones: frames
 *           go as they are, with slot and number
 *   mark    write down (marks/, marks.h) the packs in which nothing is needed
 *   sweep   of packs that were marked at least a grace period ago, when the manifests are read
 *           again and none needs anything of them: take them out of the index, remove them
 *
 * Two guards stand before a pack is removed, and each is enough by itself:
 *
 *   leases  a sweep has the repository for itself, for the seconds that it takes; so nobody is in
 *           the middle of a backup or copy that counts on the pack. All else is done beside others'
 *           work, and one prune at a time.
 *   grace   whoever begins after a pack was marked does not count on it, and whoever began before
 *           had the grace period to end. So a lease that was lost (a host was suspended, the
 *           store's clock was set) costs no snapshot its data.
 *
 * A backup that lost its lease takes a new one and looks whether all it counts on is there, and not
 * marked, before it writes its manifest. Times are the store's, as for leases: clocks of hosts do
 * not matter.
 *
 * Killed at any moment it leaves the repository whole, and the next prune goes on: a chunk that was
 * moved is in two packs, a pack that was taken out of the index is still marked.
 */
#ifndef HF_REPOSITORY_PRUNE_H
#define HF_REPOSITORY_PRUNE_H

#include "base/cancel.h"
#include "base/observer.h"
#include "base/text.h"
#include "storage/repository/repository.h"

enum {
    HF_PRUNE_GRACE_S = 72 * 3600, /* longer than any backup should take */
    HF_PRUNE_WAIT_S = 120,
    HF_PRUNE_REPACK_PERCENT = 50,
};
#define HF_PRUNE_REPACK_BYTES (UINT64_C(8) << 30)

struct hf_prune_options {
    bool dry_run; /* writes nothing (but a lease, where it can), and says what would be done */
    const struct hf_strings *forgotten; /* whole ids, borrowed; NULL: none. On a dry run these
                                           snapshots need nothing; on any other they are no
                                           different from the rest */
    int64_t grace; /* ns between marking and removing; also the age of a pack before it is marked.
                      HF_PRUNE_GRACE_S. 0 leaves the leases as the only guard */
    int64_t wait;  /* ns for others to be done before a sweep; new backups wait meanwhile.
                      HF_PRUNE_WAIT_S; 0: only if nobody else is at work now */
    unsigned repack_percent; /* packs of which less than this is needed are repacked, and small ones
                                when there are many. HF_PRUNE_REPACK_PERCENT; 0: none */
    uint64_t repack_bytes;   /* of packs that are read for it, at most; HF_PRUNE_REPACK_BYTES.
                                The rest is left to the next prune */
    uint64_t memory;         /* bytes; 0: 256 MiB */
    struct hf_cancel *cancel;           /* borrowed, never NULL */
    const struct hf_observer *observer; /* may be NULL; items are snapshots, then packs */
};

struct hf_prune_count {
    uint64_t packs;
    uint64_t bytes;
};

/* On a dry run what would be. Each pack that was there at first is in exactly one of needed, young,
 * waiting, deleted, locked, left and unknown (repacked ones in waiting, as soon as marked). */
struct hf_prune_report {
    uint64_t snapshots;
    uint64_t chunks;               /* needed ones */
    struct hf_prune_count packs;   /* that were there at first */
    struct hf_prune_count needed;  /* in which something is needed */
    uint64_t dead_bytes;           /* of these: in chunks that nothing needs */
    struct hf_prune_count young;   /* not needed, but not older than grace either: perhaps of a
                                      backup that is under way. Not marked yet */
    struct hf_prune_count waiting; /* marked, now or before, and not due */
    struct hf_prune_count marked;  /* of these: now */
    struct hf_prune_count deleted;
    struct hf_prune_count locked;   /* due, but locked against removal for now (object lock) */
    struct hf_prune_count left;     /* due, but others were at work all the time (busy) */
    struct hf_prune_count unknown;  /* not readable with this key, or damaged: left alone */
    struct hf_prune_count unmarked; /* marked before, and needed again */
    struct hf_prune_count repacked; /* packs that were emptied */
    struct hf_prune_count written;  /* packs that what was in them went into */
    uint64_t lost;         /* needed chunks that are in no pack: "holdfast check" tells more */
    uint64_t index_before; /* objects */
    uint64_t index_after;
    int64_t next;         /* by the store's clock, ns, when the next of waiting are due; 0: none */
    int64_t locked_until; /* when the first of locked can be removed; 0: none, INT64_MAX: a hold */
    bool busy;            /* who was at work was told to the observer */
};

/*
 * Marks and removes; *out says what was done so far in any case. Safe beside any number of others.
 * The caller must hold no lease himself: nothing could be removed beside it.
 *
 * HF_DAMAGED, HF_DENIED, HF_UNSUPPORTED: a manifest, or a list of a snapshot, cannot be read: the
 * error names it. Then nothing is marked or removed, since what it needs is not known.
 * HF_DENIED also: packs cannot be removed though they are not locked.
 * HF_BUSY: another prune is at work, or somebody has the repository for himself.
 */
enum hf_status hf_prune(struct hf_repo *repo, const struct hf_prune_options *options,
                        struct hf_prune_report *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
