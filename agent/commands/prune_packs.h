/* The half of "prune" that frees room: packs that no snapshot needs (prune.h of the repository). */
#ifndef HF_AGENT_COMMANDS_PRUNE_PACKS_H
#define HF_AGENT_COMMANDS_PRUNE_PACKS_H

#include "agent/session.h"

/* Marks, repacks and removes, and says what came of it, also of what was done before a failure.
 * name: of the repository, for people. forgotten: ids of snapshots that a dry run takes for
 * gone. Nobody may hold a lease of this process. */
enum hf_status hf_prune_packs(struct hf_session *session, const struct hf_opened *opened,
                              const char *name, const struct hf_strings *forgotten,
                              struct hf_error *err) HF_WARN_UNUSED;

/* --grace, checked: ns. */
enum hf_status hf_prune_grace(const struct hf_session *session, int64_t *out,
                              struct hf_error *err) HF_WARN_UNUSED;

#endif
