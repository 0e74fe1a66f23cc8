/*
 * Proofs as objects: proofs/<snapshot id>/<compact time>, sealed JSON. Writing one is
 * hf_snapshot_add_proof (snapshot.h).
 */
#ifndef HF_REPOSITORY_PROOF_H
#define HF_REPOSITORY_PROOF_H

#include "storage/repository/snapshot.h"

struct hf_proof {
    char snapshot[HF_SNAPSHOT_ID_TEXT];
    enum hf_snapshot_state state;
    int64_t time; /* ns */
};

/* The snapshot's id within a proof's key, or false when it has not the form of one. */
bool hf_proof_key_id(const char *key, char out_id[HF_SNAPSHOT_ID_TEXT]);

/* HF_DAMAGED when it is not whole, or is the proof of another snapshot than its key says. */
enum hf_status hf_proof_read(struct hf_repo *repo, const char *key, struct hf_proof *out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* The same, with the object as it is stored, appended to an empty out_object. */
enum hf_status hf_proof_load(struct hf_repo *repo, const char *key, struct hf_buf *out_object,
                             struct hf_proof *out, struct hf_error *err) HF_WARN_UNUSED;

/* Deletes what said "checked" of this snapshot before this moment: a newer proof says it as well,
 * and a check every night would otherwise leave an object every night. */
enum hf_status hf_proof_supersede(struct hf_repo *repo, const char *id, int64_t before,
                                  struct hf_error *err) HF_WARN_UNUSED;

#endif
