/*
 * What the history derives from runs while they are written: how each action last went and how
 * often it ended how, which runs are to be forgotten, and the end of those that were killed. Used
 * by agent/history/ alone; within the caller's transaction.
 */
#ifndef HF_AGENT_HISTORY_ACCOUNT_H
#define HF_AGENT_HISTORY_ACCOUNT_H

#include "agent/history/database.h"
#include "base/text.h"

/* Counts what has ended. */
enum hf_status hf_account_last(sqlite3 *db, const struct hf_history_part *part,
                               struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_account_forget(struct hf_history *history, struct hf_error *err) HF_WARN_UNUSED;
/* Ids of the runs that are not ended. */
enum hf_status hf_account_running(sqlite3 *db, struct hf_strings *out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* Ends a run and its parts as killed, unless it is ended. Its end is the last thing heard of it. */
enum hf_status hf_account_killed(sqlite3 *db, const char *id, const char *why,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
