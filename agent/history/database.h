/* The database file of the history: opened, made, moved aside. Below history.h, for it alone. */
#ifndef HF_AGENT_HISTORY_DATABASE_H
#define HF_AGENT_HISTORY_DATABASE_H

#include "agent/history/history.h"
#include "agent/history/sql.h"

struct hf_history {
    sqlite3 *db;
    char *folder, *path;
    enum hf_history_mode mode;
    int64_t keep;
    unsigned most;
    const struct hf_observer *observer;
    int claims;                       /* the lock file, or -1 */
    char claimed[HF_HISTORY_ID_TEXT]; /* "": no run */
    uint64_t device, inode;           /* of the file that db is */
};

/* Opens path as the mode says, checks it, makes tables where there are none. HF_DAMAGED is for the
 * caller to act upon. */
enum hf_status hf_database_open(struct hf_history *history, struct hf_error *err) HF_WARN_UNUSED;
/* Takes one that is not open. */
void hf_database_close(struct hf_history *history);
/* Out of the way, with what SQLite keeps beside it. Tells the observer. why: what is wrong. */
enum hf_status hf_database_move_aside(struct hf_history *history, const char *why,
                                      struct hf_error *err) HF_WARN_UNUSED;
/* The path names the file that is open. */
bool hf_database_is_ours(const struct hf_history *history);

#endif
