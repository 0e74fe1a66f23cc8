/* What a list of snapshots says of each source. */
#ifndef HF_AGENT_REPOSITORIES_KNOWN_H
#define HF_AGENT_REPOSITORIES_KNOWN_H

#include "agent/history/history.h"
#include "storage/repository/snapshot.h"

/* Names are borrowed from the snapshots. */
struct hf_known {
    struct hf_history_holding *items; /* in the order in which the sources were met */
    size_t count;
};

/* Room for the sources of so many snapshots. */
enum hf_status hf_known_new(size_t snapshots, struct hf_known *out,
                            struct hf_error *err) HF_WARN_UNUSED;
void hf_known_free(struct hf_known *known);
static inline void hf_known_auto(struct hf_known *known)
{
    hf_known_free(known);
}

void hf_known_add(struct hf_known *known, const struct hf_snapshot_info *info);

#endif
