/* Between keys.c (list, add, remove, export) and key_rotate.c. */
#ifndef HF_REPOSITORY_KEYS_INTERNAL_H
#define HF_REPOSITORY_KEYS_INTERNAL_H

#include "storage/repository/key_store.h"
#include "storage/repository/keys.h"
#include "storage/repository/lease.h"

/* A reader's lease for changing keys. */
enum hf_status hf_keys_begin(struct hf_repo *repo, const char *purpose, struct hf_lease **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* *out: all grants are signed by this repository. Want of memory is an error, not distrust. */
enum hf_status hf_key_trusted(const struct hf_repo *repo, const struct hf_key_record *record,
                              bool *out, struct hf_error *err) HF_WARN_UNUSED;
/* The highest generation that this key or any trusted record holds. */
enum hf_status hf_key_newest(const struct hf_repo *repo, const struct hf_key_records *records,
                             uint32_t *out, struct hf_error *err) HF_WARN_UNUSED;
/* Finishes a rotation that was cut short: every trusted record on the newest generation's roster
 * gets the generations that it lacks. records are replaced by what is stored then. HF_BUSY when
 * another key has a generation that this one lacks: only that key can finish. */
enum hf_status hf_keys_complete(struct hf_repo *repo, struct hf_lease *lease,
                                struct hf_key_records *records,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
