/*
 * What this machine remembers of its runs: an SQLite database in the state directory.
 *
 * Several processes write at once: the agent, the runs it starts, commands given by hand. The
 * process that does the work writes its own run, when it begins and as it goes on (recorder.h does
 * so for every command that is recorded). While it lives it holds a claim, a lock that the system
 * takes away with the process; a run that is not ended and that nobody claims was killed, and the
 * next one to look (hf_history_sweep, also called when the history is opened for writing) ends it
 * as that.
 *
 * Nothing here is needed to back up or to restore: whoever calls goes on after any error, and says
 * so once. A damaged file is moved aside (history.db.damaged-TIME) and a new one begun when it is
 * opened for writing. Writers wait for each other up to HF_HISTORY_WAIT_MS, then HF_BUSY.
 *
 * No text that is handed in may hold a secret. What is read is bounded, whoever wrote the file.
 * Times are wall-clock nanoseconds (base/clock.h); 0 is "not yet" or "never".
 * One thread at a time; a struct hf_history must not be used across fork().
 */
#ifndef HF_AGENT_HISTORY_HISTORY_H
#define HF_AGENT_HISTORY_HISTORY_H

#include "base/error.h"
#include "base/observer.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_HISTORY_SCHEMA = 2,
    HF_HISTORY_WAIT_MS = 2000,
    HF_HISTORY_ID = 16,                         /* bytes of a run's id */
    HF_HISTORY_ID_TEXT = 2 * HF_HISTORY_ID + 1, /* in lower-case hexadecimal */
    HF_HISTORY_NOTES_MAX = 1000, /* kept of a run; the last one says that more came */
};

struct hf_history;

enum hf_history_mode {
    HF_HISTORY_READ,  /* HF_NOT_FOUND when there is none yet; nothing is changed */
    HF_HISTORY_WRITE, /* made where it is not there; damaged ones are moved aside */
};

struct hf_history_options {
    const char *folder; /* the state directory (state.h); made for writing, 0700 */
    enum hf_history_mode mode;
    int64_t keep;  /* runs that ended longer ago than this are forgotten; 0: 400 days */
    unsigned most; /* the newest so many runs are kept at most; 0: 10000 */
    const struct hf_observer *observer; /* told of a file that was moved aside; may be NULL */
};

/* options are borrowed for the call, the observer for the life of the history. */
enum hf_status hf_history_open(const struct hf_history_options *options, struct hf_history **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* For who has found it damaged while writing (HF_DAMAGED): begins a new file, unless another
 * process has done so meanwhile, and goes on with that. After an error the history can only be
 * closed. */
enum hf_status hf_history_renew(struct hf_history *history, struct hf_error *err) HF_WARN_UNUSED;
/* Gives its claim up. Takes NULL. */
void hf_history_close(struct hf_history *history);
HF_DEFINE_AUTO_PTR(hf_history, hf_history_close)

/* ---- runs ---- */

enum hf_history_outcome {
    HF_HISTORY_RUNNING,
    HF_HISTORY_DONE,
    HF_HISTORY_PARTIAL, /* done in part: HF_PARTIAL */
    HF_HISTORY_FAILED,
    HF_HISTORY_CANCELLED, /* by a signal */
    HF_HISTORY_KILLED,    /* it ended without a word */
    HF_HISTORY_OVERTIME,  /* by the agent, for its time limit */
    HF_HISTORY_OUTCOMES
};
/* "running", "done", "partial", "failed", "cancelled", "killed", "overtime" */
const char *hf_history_outcome_name(enum hf_history_outcome outcome);
enum hf_history_outcome hf_history_outcome_of(enum hf_status status);

/* One run of one command. Strings are borrowed from whoever made the struct; NULL where there is
 * nothing to say. */
struct hf_history_run {
    char id[HF_HISTORY_ID_TEXT];
    const char *command; /* "backup" */
    const char *job;     /* whose run it is, or NULL */
    const char *subject; /* what was named on the command line, without secrets; or NULL */
    const char *trigger; /* "manual", or why the agent began it: "schedule", "retry", ... */
    const char *host;
    const char *version; /* of the program */
    int64_t pid;
    int64_t start, end;
    enum hf_history_outcome outcome;
    enum hf_status status; /* with text the error, as "a: b: c" from the outermost noun inwards */
    const char *error;
    uint64_t read_bytes, stored_bytes; /* of all its parts */
    uint64_t warnings;
};

/* A random id. */
void hf_history_new_id(char out[HF_HISTORY_ID_TEXT]);

/* Claims the id and writes the run. Of one history at most one run is claimed at a time. */
enum hf_status hf_history_begin(struct hf_history *history, const struct hf_history_run *run,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Writes the run as a whole, whether or not it could be written when it began, gives the claim up
 * and forgets what is too old. */
enum hf_status hf_history_end(struct hf_history *history, const struct hf_history_run *run,
                              struct hf_error *err) HF_WARN_UNUSED;
/* For the parent of a process that died: ends the run as killed, with why ("killed by signal 9"),
 * unless it is ended already or was never written. */
enum hf_status hf_history_lost(struct hf_history *history, const char *id, const char *why,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Ends as killed what nobody claims. */
enum hf_status hf_history_sweep(struct hf_history *history, struct hf_error *err) HF_WARN_UNUSED;

/* What a run did to one source, repository, or pair of repositories. */
struct hf_history_part {
    const char *action;     /* "backup", "copy", "restore", "check", "drill", "prune" */
    const char *job;        /* or NULL */
    const char *source;     /* or NULL */
    const char *repository; /* name, or place; or NULL */
    const char *snapshot;   /* id, or NULL */
    int64_t start, end;
    enum hf_history_outcome outcome;
    enum hf_status status;
    const char *error;
    uint64_t read_bytes, stored_bytes, records;
    int64_t recovery;   /* of a drill: how long restoring took; ns, 0: not measured */
    const char *result; /* the result as JSON (docs/json.md), or NULL */
};

/* Writes part number n (from 0) of a run, twice: with HF_HISTORY_RUNNING when it begins, so that a
 * killed run shows where it was, and when it ended. */
enum hf_status hf_history_put_part(struct hf_history *history, const char *run, unsigned n,
                                   const struct hf_history_part *part,
                                   struct hf_error *err) HF_WARN_UNUSED;

enum hf_history_note_kind {
    HF_HISTORY_STEP,
    HF_HISTORY_WARNING,
    HF_HISTORY_ERROR,
    HF_HISTORY_NOTES
};
/* "step", "warning", "error" */
const char *hf_history_note_name(enum hf_history_note_kind kind);

struct hf_history_note {
    int64_t time;
    enum hf_history_note_kind kind;
    const char *work; /* which part it was said of, or NULL */
    const char *text;
};

/* Beyond HF_HISTORY_NOTES_MAX steps are dropped, and so are, beyond twice that, warnings. */
enum hf_status hf_history_add_note(struct hf_history *history, const char *run,
                                   const struct hf_history_note *note,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* ---- looking back ---- */

struct hf_history_query {
    const char *id;   /* the beginning of a run's id, at least 4 digits; or NULL */
    const char *name; /* of a job or a source; or NULL */
    const char *command;
    int64_t since;   /* begun at or after; 0: always */
    bool failed;     /* only what did not end well: all but done and running */
    bool running;    /* only what has not ended */
    unsigned limit;  /* 0: all */
    const char *job; /* exactly this job's */
};

/* Called for each, newest first. What it is given lasts for the call. An error ends the search and
 * is its result. */
typedef enum hf_status hf_history_run_fn(void *ctx, const struct hf_history_run *run,
                                         struct hf_error *err);
typedef enum hf_status hf_history_part_fn(void *ctx, const struct hf_history_part *part,
                                          struct hf_error *err);
typedef enum hf_status hf_history_note_fn(void *ctx, const struct hf_history_note *note,
                                          struct hf_error *err);
enum hf_status hf_history_runs(struct hf_history *history, const struct hf_history_query *query,
                               hf_history_run_fn *fn, void *ctx,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Of one run (its whole id), in order. */
enum hf_status hf_history_parts(struct hf_history *history, const char *run, hf_history_part_fn *fn,
                                void *ctx, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_history_notes(struct hf_history *history, const char *run, hf_history_note_fn *fn,
                                void *ctx, struct hf_error *err) HF_WARN_UNUSED;

/* ---- what outlives the runs it was learnt from ---- */

/* An action on a source, or of a job as a whole (source NULL), as it last was; and how often it
 * ended how since the history was begun. Numbers of bytes are of the last run. */
struct hf_history_last {
    const char *action, *job, *source, *repository; /* NULL where there is none */
    int64_t start, end;
    enum hf_history_outcome outcome;
    int64_t success; /* when it last ended well; 0: never */
    uint64_t read_bytes, stored_bytes, records;
    int64_t recovery; /* as struct hf_history_part */
    uint64_t counts[HF_HISTORY_OUTCOMES];
};
typedef enum hf_status hf_history_last_fn(void *ctx, const struct hf_history_last *last,
                                          struct hf_error *err);
enum hf_status hf_history_lasts(struct hf_history *history, hf_history_last_fn *fn, void *ctx,
                                struct hf_error *err) HF_WARN_UNUSED;

/* What a repository was seen to hold of a source. */
struct hf_history_holding {
    const char *repository, *source;
    uint64_t snapshots;
    int64_t seen;    /* when the repository was last listed as a whole; 0: not yet */
    int64_t newest;  /* moment of its newest snapshot; 0: none */
    int64_t first;   /* ... and of the oldest that was ever seen */
    int64_t checked; /* when a snapshot of it was last checked; 0: never */
    int64_t proven;  /* ... and proven */
};
typedef enum hf_status hf_history_holding_fn(void *ctx, const struct hf_history_holding *holding,
                                             struct hf_error *err);
enum hf_status hf_history_holdings(struct hf_history *history, hf_history_holding_fn *fn, void *ctx,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Replaces all that is known of a repository by what a listing of it says. checked and proven only
 * move on, and first only back: a proof does not cease to have been made when its snapshot is
 * removed. */
enum hf_status hf_history_set_holdings(struct hf_history *history, const char *repository,
                                       const struct hf_history_holding *items, size_t count,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* A snapshot was added (newest is its moment, snapshots how many), checked or proven; what is 0
 * stays. */
enum hf_status hf_history_add_holding(struct hf_history *history,
                                      const struct hf_history_holding *change,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* Alarms that are on, by what they are about ("proof app"). Returns in *out_changed whether this
 * call turned it on or off; since of one that is on is when it came on. */
enum hf_status hf_history_alarm(struct hf_history *history, const char *name, bool on, int64_t now,
                                bool *out_changed, int64_t *out_since,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
