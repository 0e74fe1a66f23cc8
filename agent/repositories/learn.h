/* What the history knows of a repository (hf_history_set_holdings), and with it the metrics and
 * alarms: brought up to what the repository holds after it was listed or changed. Main thread, no
 * work under way.
 *
 * The history is never needed: nothing here fails, and what goes wrong is a detail of the log. None
 * is begun by it. */
#ifndef HF_AGENT_REPOSITORIES_LEARN_H
#define HF_AGENT_REPOSITORIES_LEARN_H

#include "agent/session.h"
#include "storage/repository/snapshot.h"

/* A list of all snapshots that the repository of this name has. */
void hf_learn_list(struct hf_session *session, const char *name, const struct hf_snapshots *list);
/* Lists it; for who has added, proven or removed snapshots. */
void hf_learn_repository(struct hf_session *session, const struct hf_opened *opened);

#endif
