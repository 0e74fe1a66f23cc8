/* What "holdfast list" says of each source: when it was last proven, and whether that is too long
 * ago. */
#ifndef HF_AGENT_COMMANDS_LIST_SOURCES_H
#define HF_AGENT_COMMANDS_LIST_SOURCES_H

#include "agent/session.h"
#include "storage/repository/snapshot.h"

/* A repository that was listed. Borrowed. */
struct hf_list_repository {
    const char *name;
    const struct hf_snapshots *snapshots;
};

/* rows: each snapshot once. filter: the one source that was asked for, or NULL: then the history,
 * where there is one, remembers what repositories hold. *out_alarms: how many sources' are on. */
enum hf_status hf_list_sources(struct hf_session *session,
                               const struct hf_list_repository *repositories, size_t count,
                               const struct hf_snapshot_info *const *rows, size_t row_count,
                               const char *filter, size_t *out_alarms,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
