/*
 * Where a drill restores to: a target that did not exist before and is gone afterwards. One driver
 * a file; scratch.c chooses by the snapshot's kind and the configuration.
 *
 * Everything that a driver makes bears a name that says "holdfast" and "drill", together with
 * something that only a living drill holds (a lock), so that the next drill finds and removes what
 * one left that was killed. A driver never touches what it did not make.
 *
 * Errors of open say what is wrong with the environment; they never speak of the backup. Main
 * thread only.
 */
#ifndef HF_AGENT_DRILL_SCRATCH_H
#define HF_AGENT_DRILL_SCRATCH_H

#include "agent/kinds/kind.h"

/* All borrowed for as long as the scratch target is there. */
struct hf_scratch_request {
    struct hf_session *session;
    const struct hf_snapshot_info *info;
    const struct hf_config_scratch *config; /* zeroes where nothing was said */
    json_t *notes;                          /* texts for the report are added */
};

struct hf_scratch;

struct hf_scratch_driver {
    const char *name;
    /* Removes leftovers and makes the target. *scratch is zeroed but for its driver; what was made
     * before a failure is removed by close, which is always called. */
    enum hf_status (*open)(const struct hf_scratch_request *request, struct hf_scratch *scratch,
                           struct hf_error *err);
    /* Whether it can still be worked with: tells a backup that does not restore from a target that
     * broke down. NULL: it cannot break down. */
    enum hf_status (*probe)(struct hf_scratch *scratch, struct hf_error *err);
    /* Removes all that was made, also after an interrupt: it does not look at the session's cancel,
     * and ends within a minute. Frees state. */
    enum hf_status (*close)(struct hf_scratch *scratch, struct hf_error *err);
};

struct hf_scratch {
    const struct hf_scratch_driver *driver;
    void *state;
    char *title;                    /* for people: "temporary PostgreSQL 15.20" */
    struct hf_config_source target; /* where to restore to; its secrets are fetched */
    char *name;                     /* options.target of a restore; NULL: as it was called */
    /* Each database by itself, under a name of the drill's, without owners and privileges; the
     * order is that of the snapshot's properties. Empty: all as it was called. */
    struct hf_strings names;
    /* Roles that restores into it had to create, for close to drop again. */
    struct hf_strings roles;
};

extern const struct hf_scratch_driver hf_scratch_server;   /* a new database on a given server */
extern const struct hf_scratch_driver hf_scratch_postgres; /* an own temporary PostgreSQL */
extern const struct hf_scratch_driver hf_scratch_redis;    /* an own temporary Redis or Valkey */
extern const struct hf_scratch_driver hf_scratch_folder;   /* a temporary directory */
/* in containers of given images */
extern const struct hf_scratch_driver hf_scratch_postgres_docker;
extern const struct hf_scratch_driver hf_scratch_redis_docker;

/* HF_UNSUPPORTED for a kind that has no scratch target. out is to be closed also on failure. */
enum hf_status hf_scratch_open(const struct hf_scratch_request *request, struct hf_scratch *out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* HF_OK where it still works. */
enum hf_status hf_scratch_probe(struct hf_scratch *scratch, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_scratch_close(struct hf_scratch *scratch, struct hf_error *err) HF_WARN_UNUSED;

#endif
