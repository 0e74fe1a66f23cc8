/*
 * What "backup" is to do, worked out before anything is done: which source into which repository,
 * and from there into which others.
 */
#ifndef HF_AGENT_COMMANDS_BACKUP_PLAN_H
#define HF_AGENT_COMMANDS_BACKUP_PLAN_H

#include "agent/repositories/choose.h"

struct hf_backup_task {
    struct hf_config_source *source; /* of the configuration, or of the plan */
    const char *repository;          /* the job's, or NULL */
    const char *job;                 /* whose snapshot it is; NULL: of none, or of several */
    struct hf_chosen chosen;
};

/* The first repository of a job to another one of it; several jobs may share one. */
struct hf_backup_copy {
    struct hf_chosen from;
    struct hf_chosen to;
    struct hf_strings sources; /* whose snapshots are copied */
};

struct hf_backup_plan {
    struct hf_backup_task *tasks;
    size_t count;
    struct hf_backup_copy *copies; /* made when every task was tried */
    size_t copy_count;
    struct hf_config_source *urls; /* sources made of URLs */
    size_t url_count;
};

/* From the operands: jobs, sources, URLs; without any all jobs, or all sources. With --repository
 * nothing is copied. HF_USAGE with the nearest name for one that is unknown. */
enum hf_status hf_backup_plan_make(struct hf_session *session, struct hf_backup_plan *out,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_backup_plan_auto(struct hf_backup_plan *plan);

#endif
