/* What snapshot_list.c shares with snapshot.c and check. */
#ifndef HF_REPOSITORY_SNAPSHOT_INTERNAL_H
#define HF_REPOSITORY_SNAPSHOT_INTERNAL_H

#include "base/text.h"
#include "storage/repository/index.h"
#include "storage/repository/manifest.h"
#include "storage/repository/snapshot.h"

/* Every key under snapshots/, in no order. */
enum hf_status hf_snapshot_keys(struct hf_repo *repo, struct hf_strings *out,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Moves what a manifest owns into info, state stored. */
void hf_snapshot_info_take(struct hf_snapshot_info *info, const char *id,
                           struct hf_manifest *manifest);
void hf_snapshot_info_done(struct hf_snapshot_info *info);
/* State and its time from the proofs that there are. */
enum hf_status hf_snapshot_load_state(struct hf_repo *repo, struct hf_snapshot_info *info,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* Loads the index; when an object of it cannot be used, what it knew is read from the packs'
 * directories instead. */
enum hf_status hf_index_load_whole(struct hf_index *index, struct hf_repo *repo,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
