/*
 * Owners by number and name: a snapshot has numbers with every file, and once for each number the
 * name it had where the volume was. One thread at a time.
 */
#ifndef HF_VOLUME_OWNERS_H
#define HF_VOLUME_OWNERS_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Start with zeroes. */
struct hf_vol_owners {
    struct hf_vol_owner *items; /* sorted by id */
    size_t count, cap;
    size_t last; /* found last: most files have the owner of the one before */
};
void hf_vol_owners_free(struct hf_vol_owners *owners);

/* Remembers a number; its name, where it has one here, is looked up the first time. */
enum hf_status hf_vol_owners_meet(struct hf_vol_owners *owners, uint32_t id, bool is_group,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* {"1000": "alice", …}, without numbers that have no name. NULL: no memory. */
json_t *hf_vol_owners_json(const struct hf_vol_owners *owners);

/* From such an object: what each number is here, by its name. A name that is not known here, or
 * by_number, leaves a number as it is. HF_DAMAGED for an object of another form. */
enum hf_status hf_vol_owners_map(struct hf_vol_owners *owners, const json_t *names, bool is_group,
                                 struct hf_error *err) HF_WARN_UNUSED;
uint32_t hf_vol_owners_here(const struct hf_vol_owners *owners, uint32_t id);
/* The name of a number, or "". */
const char *hf_vol_owners_name(const struct hf_vol_owners *owners, uint32_t id);

#endif
