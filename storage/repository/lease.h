/*
 * Leases: who is working in a repository now (leases/<32 hex>, sealed).
 *
 *              SHARED      EXCLUSIVE   KEYS        PRUNE
 *   SHARED     together    conflict    together    together
 *   EXCLUSIVE  conflict    conflict    conflict    conflict
 *   KEYS       together    conflict    conflict    together
 *   PRUNE      together    conflict    together    conflict
 *
 * A PRUNE lease can be made EXCLUSIVE for the moment in which packs are deleted; whoever comes then
 * waits for it to end (hf_lease_raise).
 *
 * The protocol needs nothing of a store but put, list, get and delete: put the own lease first,
 * then list, then judge. Of two that come at the same moment at least one sees the other and steps
 * back (waits a random moment and tries again a few times), so two that conflict never both hold.
 * A lease expires when it was not renewed for the TTL: by the store's clock only, its
 * modification time against that of the own lease put just now, so host clocks may be off by
 * anything. A live lease is renewed in the background by a thread of its own.
 * A lease that cannot be read (damaged, or of a generation this key was not granted) counts as
 * exclusive until it expires. Expired ones are removed, with a note.
 *
 * The holder that could not renew for a TTL (store gone, machine suspended) has lost the lease:
 * cancel fires, and hf_lease_check fails from then on.
 */
#ifndef HF_REPOSITORY_LEASE_H
#define HF_REPOSITORY_LEASE_H

#include "base/cancel.h"
#include "base/observer.h"
#include "storage/repository/repository.h"

enum { HF_LEASE_TTL_S = 600, HF_LEASE_RENEW_S = 180, HF_LEASE_PURPOSE_MAX = 200 };

enum hf_lease_mode {
    HF_LEASE_SHARED,    /* backup, restore, check: many at a time */
    HF_LEASE_EXCLUSIVE, /* repair, deleting packs: alone */
    HF_LEASE_KEYS,      /* changing keys: one at a time, beside shared work */
    HF_LEASE_PRUNE,     /* finding out what to delete: the same */
};

struct hf_lease_options {
    enum hf_lease_mode mode;
    const char *purpose;      /* "backup app"; shown to whoever has to wait; borrowed */
    struct hf_cancel *cancel; /* failed when the lease is lost; borrowed, may be NULL */
    const struct hf_observer
        *observer; /* notes of expired leases; used by take only; may be NULL */
    int64_t ttl;   /* ns; 0: HF_LEASE_TTL_S. For tests. */
    int64_t renew; /* ns; 0: HF_LEASE_RENEW_S. For tests. */
};

struct hf_lease;

/*
 * HF_BUSY names the other: what it does, host, process, since when. HF_DENIED: the store cannot be
 * written; work that only reads (restore, check) may go on without a lease then.
 */
enum hf_status hf_lease_take(struct hf_repo *repo, const struct hf_lease_options *options,
                             struct hf_lease **out, struct hf_error *err) HF_WARN_UNUSED;
/* When it was taken there was one that had expired, or one for the same purpose: somebody may have
 * been killed at this very work, and may have left something of it. */
bool hf_lease_found_traces(const struct hf_lease *lease);
/* What time it is by the store's clock, ns, reckoned from when the lease was taken: no request. */
int64_t hf_lease_reckon(const struct hf_lease *lease);
/*
 * Makes a PRUNE lease EXCLUSIVE, without letting go of it in between. Waits up to wait ns for
 * others to be done, while those who come wait, for HF_LEASE_PATIENCE_S at most; HF_BUSY then names
 * one, and it is a PRUNE lease as before. cancel (may be NULL) ends the wait. One thread.
 */
enum { HF_LEASE_PATIENCE_S = HF_LEASE_TTL_S + 60 };
enum hf_status hf_lease_raise(struct hf_lease *lease, int64_t wait, struct hf_cancel *cancel,
                              struct hf_error *err) HF_WARN_UNUSED;
/* Back to PRUNE. On failure it is what it was, and still to be released. */
enum hf_status hf_lease_lower(struct hf_lease *lease, struct hf_error *err) HF_WARN_UNUSED;
/* What time it is by the store's clock: renews the lease and looks. */
enum hf_status hf_lease_time(struct hf_lease *lease, int64_t *out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* hf_lease_check, and the store says so too: nobody took it for expired because the store's clock
 * was set. Costs a request. */
enum hf_status hf_lease_confirm(struct hf_lease *lease, struct hf_error *err) HF_WARN_UNUSED;
/* HF_OK while it is held for certain. Call right before the step that the lease protects (writing
 * a manifest, deleting a pack). Any thread. */
enum hf_status hf_lease_check(struct hf_lease *lease, struct hf_error *err) HF_WARN_UNUSED;
/* Ends the renewal, removes the object (one that cannot be removed expires) and frees. */
void hf_lease_release(struct hf_lease *lease);
HF_DEFINE_AUTO_PTR(hf_lease, hf_lease_release)

#endif
