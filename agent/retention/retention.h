/*
 * Retention of a repository by the rules of jobs (schedules/retention.h): what stays, what goes,
 * and letting it go. For "prune", and for the agent after a job's backups succeeded.
 *
 * The writer key is enough. A source that no job stores in the repository is not touched unless it
 * is named. While manifests cannot be read nothing goes, since any of them may be of any source.
 */
#ifndef HF_AGENT_RETENTION_RETENTION_H
#define HF_AGENT_RETENTION_RETENTION_H

#include "agent/session.h"
#include "schedules/retention.h"
#include "storage/repository/forget.h"
#include "storage/repository/pin.h"
#include "storage/repository/snapshot.h"

/* Everything is borrowed. */
struct hf_retention_request {
    const char *repository; /* its name in the configuration; NULL: a place that was said */
    const struct hf_strings *sources; /* only these, wherever jobs store them; NULL: all */
    const struct hf_strings *named;   /* of these, those that were named themselves: what jobs that
                                         are not in the configuration made of them is judged too */
    const struct hf_keep *keep;       /* in place of the rules of jobs; NULL: theirs */
    bool dry_run;
};

struct hf_retention_row {
    const struct hf_snapshot_info *info; /* of the report's list */
    const struct hf_pin *pin;            /* one that holds, or NULL; of the report's pins */
    bool judged;                         /* false: of a source that was not asked for */
    bool keep;
    enum hf_retention_doubt doubt;
    struct hf_strings reasons;
    struct hf_forgotten forgotten; /* what became of one that is not kept */
};

struct hf_retention_report {
    struct hf_snapshots list;
    struct hf_pins pins;
    struct hf_retention_row *rows; /* one a snapshot of the list, in its order */
    size_t kept;
    size_t gone;
    size_t locked; /* would go, but the store does not let go of them yet */
    int64_t
        locked_until; /* when the first of these can, ns; INT64_MAX: somebody has to end a hold */
    struct hf_strings held; /* sources of which nothing goes since the newest snapshot is empty */
};

/* *out is filled as far as it came, in any case; hf_retention_report_free it. HF_DAMAGED: there
 * are manifests that cannot be read; everything was judged, and nothing removed. */
enum hf_status hf_retention_apply(struct hf_session *session, const struct hf_opened *opened,
                                  const struct hf_retention_request *request,
                                  struct hf_retention_report *out,
                                  struct hf_error *err) HF_WARN_UNUSED;
void hf_retention_report_free(struct hf_retention_report *report);
static inline void hf_retention_report_auto(struct hf_retention_report *report)
{
    hf_retention_report_free(report);
}

/* Writes what came of it: on a dry run every snapshot, else those that went, and a line; events
 * with --json. name: of the repository. */
enum hf_status hf_retention_tell(struct hf_session *session, const char *name,
                                 const struct hf_retention_request *request,
                                 const struct hf_retention_report *report,
                                 struct hf_error *err) HF_WARN_UNUSED;

/*
 * The retention of a job, to be run when all its backups and copies succeeded: its sources, in each
 * of its repositories, which are opened where they are not. Nothing to do for a job without
 * "keep". A repository that fails does not keep the others from their turn; the first failure is
 * the result.
 */
enum hf_status hf_retention_of_job(struct hf_session *session, const struct hf_config_job *job,
                                   bool dry_run, struct hf_error *err) HF_WARN_UNUSED;

#endif
