/*
 * Replicas: one repository in several stores.
 *
 * A replica has its original's header, byte for byte, and so its id, and its key records as they
 * are. What is sealed in one opens in the other, so packs, manifests and proofs go from one to the
 * other without being opened (copy.h). Each has its own index and leases, and its own choice of
 * snapshots. Nothing tells which one came first, and nothing needs to.
 *
 * Keys are changed in one of them, and go to the others with the next copy: records and grants are
 * added, never taken away, because losing the last key of a repository loses the repository.
 * Which keys to remove is for a person to say, in each store. Generations that were begun in two
 * replicas on their own can never be one again: they are told apart, and nothing is copied.
 * docs/format.md, "Replicas".
 */
#ifndef HF_REPOSITORY_REPLICA_H
#define HF_REPOSITORY_REPLICA_H

#include "base/observer.h"
#include "storage/repository/repository.h"

/*
 * Makes a replica of original in an empty store: key records first, the header last, so that a
 * killed one is no repository and can be made again. A writer key of the original is enough.
 * credential is what the replica will be opened with: HF_DENIED when it opens none of the
 * original's keys, before anything is written. Else as hf_repo_init.
 */
enum hf_status hf_replica_init(struct hf_repo *original, struct hf_store *store,
                               const struct hf_credential *credential,
                               struct hf_error *err) HF_WARN_UNUSED;

/* HF_OK when both are the same repository in two places. HF_USAGE: they are two repositories.
 * HF_MISMATCH: they were, and had their keys rotated each on its own. */
enum hf_status hf_replica_check(const struct hf_repo *a, const struct hf_repo *b,
                                struct hf_error *err) HF_WARN_UNUSED;

/*
 * Key records and grants that to lacks, from a replica (checked). Takes a lease for keys only when
 * there is something to carry. to works with the newest generation afterwards; when from's key is
 * a writer's and to's a reader's, to may be a writer from then on. *out_count: records written.
 * Keys of to that from has not, and that were left behind by a rotation, are noted as warnings.
 */
enum hf_status hf_replica_carry_keys(struct hf_repo *from, struct hf_repo *to,
                                     const struct hf_observer *observer, size_t *out_count,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
