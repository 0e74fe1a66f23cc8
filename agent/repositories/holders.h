/*
 * The repositories that a command about single snapshots is for: --repository, or all of the
 * configuration. A snapshot that several of them hold is one, and is named once for all.
 */
#ifndef HF_AGENT_REPOSITORIES_HOLDERS_H
#define HF_AGENT_REPOSITORIES_HOLDERS_H

#include "agent/repositories/choose.h"
#include "storage/repository/snapshot.h"

struct hf_holder {
    struct hf_chosen chosen;
    const char *name; /* what people call it; borrowed */
    struct hf_opened *opened;
    struct hf_snapshots list;
};

struct hf_holders {
    struct hf_holder *items;
    size_t count;
    size_t unreadable;       /* manifests, in all of them */
    struct hf_snapshots all; /* each snapshot once, oldest first; its items are borrowed */
};

/* Opens and lists all of them; one that cannot be fails it, before anything was done. */
enum hf_status hf_holders_open(struct hf_session *session, struct hf_holders *out,
                               struct hf_error *err) HF_WARN_UNUSED;
void hf_holders_auto(struct hf_holders *holders);

/* The snapshot a person named (hf_snapshots_find), in any of them. Borrowed. */
enum hf_status hf_holders_find(const struct hf_holders *holders, const char *name,
                               const struct hf_snapshot_info **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Does this one hold it? */
bool hf_holder_has(const struct hf_holder *holder, const char *id);

#endif
