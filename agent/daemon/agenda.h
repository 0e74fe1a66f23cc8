/*
 * Everything the agent does by itself, as a plan for the planner (schedules/planner.h): the jobs of
 * a configuration; the drills of jobs that have a schedule for them; and what follows a good backup
 * of a job with "keep": its retention ("forget"), and the prune of its repositories. The latter
 * have no schedule: the agent asks for them.
 */
#ifndef HF_AGENT_DAEMON_AGENDA_H
#define HF_AGENT_DAEMON_AGENDA_H

#include "agent/config/config.h"
#include "agent/daemon/run.h"
#include "schedules/planner.h"

struct hf_agenda_item {
    enum hf_run_kind kind;
    char *name;          /* of the plan: "nightly", "drill nightly" */
    const char *subject; /* the job */
};

struct hf_agenda {
    struct hf_agenda_item *items;
    struct hf_plan_job *jobs; /* in step with items */
    size_t count;
    struct hf_plan plan;
};

/* Borrows the configuration for its life. state: the state directory, which makes hosts differ. */
enum hf_status hf_agenda_new(const struct hf_config *config, const char *state,
                             struct hf_agenda **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_agenda_free(struct hf_agenda *agenda);
HF_DEFINE_AUTO_PTR(hf_agenda, hf_agenda_free)

/* By name of the plan, or by what it is; NULL: there is none. */
const struct hf_agenda_item *hf_agenda_named(const struct hf_agenda *agenda, const char *name);
const struct hf_agenda_item *hf_agenda_find(const struct hf_agenda *agenda, enum hf_run_kind kind,
                                            const char *subject);

#endif
