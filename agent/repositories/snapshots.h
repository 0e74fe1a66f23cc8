/* Snapshots of the repository at hand: finding one by its name, and as JSON. */
#ifndef HF_AGENT_REPOSITORIES_SNAPSHOTS_H
#define HF_AGENT_REPOSITORIES_SNAPSHOTS_H

#include "agent/session.h"
#include "storage/repository/snapshot.h"

/* How many digits of an id are shown to a person. */
enum { HF_SHORT_ID = 12 };

/* The snapshot a person named, in the repository at hand or else in --from; *out is borrowed from
 * *list, which the caller frees. */
enum hf_status hf_snapshots_choose(struct hf_session *session, const char *name,
                                   struct hf_snapshots *list, const struct hf_snapshot_info **out,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* Opens it for reading, with --from to fall back to. Errors name repository and snapshot. */
enum hf_status hf_snapshots_open(struct hf_session *session, const struct hf_snapshot_info *info,
                                 struct hf_snapshot **out, struct hf_error *err) HF_WARN_UNUSED;
/* Says what was read from --from; as docs/json.md says, or null. NULL when out of memory. */
json_t *hf_snapshots_tell_fallback(struct hf_session *session, const struct hf_snapshot *snapshot);

/* As docs/json.md says; NULL when out of memory. */
json_t *hf_snapshot_json(const struct hf_snapshot_info *info);

/* "stored", "checked", "proven" */
const char *hf_snapshot_state_name(enum hf_snapshot_state state);

#endif
