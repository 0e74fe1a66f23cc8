/*
 * One drill: a snapshot is restored into a scratch target and compared, the assertions are asked,
 * the target is removed again whatever happened, and the proof is recorded.
 *
 * Which side is to blame when a restore fails: what is damaged or differs is the backup's fault;
 * what is missing, full, not reachable or not permitted is the environment's; and an error of the
 * restored statements themselves is the backup's as long as the scratch target still answers.
 *
 * A proof says that the snapshot restored; only what was restored whole and equal, with every
 * assertion holding, is recorded. A drill that failed is not: format 1 of the repository knows no
 * such record, and an older program would take it for damage. Main thread only.
 */
#ifndef HF_AGENT_DRILL_RUN_H
#define HF_AGENT_DRILL_RUN_H

#include "agent/drill/report.h"
#include "agent/repositories/choose.h"

/* Borrowed. */
struct hf_drill_task {
    const struct hf_config_job *job; /* whose drill it is; NULL: the first job with a drill that has
                                        the source, if there is one */
    const char *source;              /* or */
    const char *snapshot;            /* as a person names it; NULL: the source's newest */
    struct hf_chosen chosen;         /* the repository */
};

/* Drills, and fills report, which is new. Never fails: what goes wrong is the verdict. */
void hf_drill_run(struct hf_session *session, const struct hf_drill_task *task,
                  struct hf_drill_source *report);

#endif
