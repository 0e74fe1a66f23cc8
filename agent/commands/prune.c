/* holdfast prune */
#include "agent/commands/prune_packs.h"
#include "agent/commands/run.h"
#include "agent/config/keep.h"
#include "agent/repositories/choose.h"
#include "agent/retention/retention.h"
#include "agent/signals.h"

#include <stdlib.h>
#include <string.h>

/* What is judged, and where. */
struct plan {
    struct hf_chosen *places;
    size_t count;
    bool all;                  /* nothing was named: all that jobs store there */
    struct hf_strings sources; /* else these */
    struct hf_strings named;   /* of these, those that were named themselves */
    struct hf_keep keep;       /* --keep */
};

static void plan_auto(struct plan *plan)
{
    free(plan->places);
    hf_strings_free(&plan->sources);
    hf_strings_free(&plan->named);
    hf_keep_done(&plan->keep);
}

/* ---- what ---- */

static enum hf_status add_once(struct hf_strings *list, const char *text, struct hf_error *err)
{
    return hf_strings_contain(list, text) ? HF_OK : hf_strings_add(list, text, err);
}

/* Any word may be a source that the repository has and the configuration has not, but one that is
 * nearly a name of the configuration is a slip. */
static enum hf_status check_name(const struct hf_config *config, const struct plan *plan,
                                 const char *name, struct hf_error *err)
{
    const char *near;

    if (hf_config_source(config, name))
        return HF_OK;
    HF_TRY(hf_config_nearest(config, name, &near, err));
    if (near)
        return hf_error_set(err, HF_USAGE,
                            "there is no job or source \"%.100s\"; did you mean \"%s\"?", name,
                            near);
    if (!hf_keep_given(&plan->keep))
        return hf_error_set(
            err, HF_USAGE,
            "there is no job or source \"%.100s\" in the configuration; give --keep "
            "with rules, such as --keep daily=14, to have a source judged that is "
            "not there",
            name);
    return HF_OK;
}

static enum hf_status add_operand(const struct hf_config *config, const char *name,
                                  struct plan *plan, struct hf_error *err)
{
    const struct hf_config_job *job = hf_config_job(config, name);

    for (size_t i = 0; job && i < job->sources.count; i++)
        HF_TRY(add_once(&plan->sources, job->sources.items[i], err));
    if (job)
        return HF_OK;
    HF_TRY(check_name(config, plan, name, err));
    HF_TRY(add_once(&plan->sources, name, err));
    return add_once(&plan->named, name, err);
}

/* ---- where ---- */

static bool job_is_meant(const struct plan *plan, const struct hf_config_job *job)
{
    for (size_t i = 0; i < job->sources.count; i++)
        if (hf_strings_contain(&plan->sources, job->sources.items[i]))
            return true;
    return plan->all;
}

/* Of the configuration: all when nothing was named, else where jobs store what was. */
static bool is_meant(const struct hf_config *config, const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < config->job_count; i++)
        if (hf_strings_contain(&config->jobs[i].repositories, name) &&
            job_is_meant(plan, &config->jobs[i]))
            return true;
    return plan->all;
}

static enum hf_status choose_places(struct hf_session *session, struct plan *plan,
                                    struct hf_error *err)
{
    const struct hf_config *config = session->config;

    plan->places = calloc(config->repository_count + 1, sizeof *plan->places);
    if (!plan->places)
        return hf_error_memory(err);
    for (size_t i = 0; !session->args->given[HF_OPT_REPOSITORY] && i < config->repository_count;
         i++)
        if (is_meant(config, plan, config->repositories[i].name))
            plan->places[plan->count++] = hf_choose_configured(&config->repositories[i]);
    if (plan->count > 0)
        return HF_OK;
    return hf_choose_repository(session, NULL, &plan->places[plan->count++], err);
}

static enum hf_status make_plan(struct hf_session *session, struct plan *plan, struct hf_error *err)
{
    const struct hf_strings *operands = &session->args->operands;

    plan->all = operands->count == 0;
    HF_TRY(hf_config_keep_words(&session->args->values[HF_OPT_KEEP], &plan->keep, err));
    if (plan->all && hf_keep_given(&plan->keep))
        return hf_error_set(err, HF_USAGE, "--keep needs the name of a source or a job");
    for (size_t i = 0; i < operands->count; i++)
        HF_TRY(add_operand(session->config, operands->items[i], plan, err));
    return choose_places(session, plan, err);
}

/* ---- doing it ---- */

static const char *name_of(const struct hf_chosen *place)
{
    return place->name ? place->name : place->place;
}

/* Ids of what went, or on a dry run would. */
static enum hf_status note_forgotten(const struct hf_retention_report *report,
                                     struct hf_strings *out, struct hf_error *err)
{
    for (size_t i = 0; i < report->list.count; i++) {
        const struct hf_retention_row *row = &report->rows[i];

        if (row->judged && !row->keep && row->forgotten.outcome == HF_FORGET_REMOVED)
            HF_TRY(hf_strings_add(out, row->info->id, err));
    }
    return HF_OK;
}

static enum hf_status retain(struct hf_session *session, const struct plan *plan,
                             const struct hf_chosen *place, const struct hf_opened *opened,
                             struct hf_strings *out_forgotten, struct hf_error *err)
{
    HF_AUTO(hf_retention_report) report = {.rows = NULL};
    const struct hf_retention_request request = {
        .repository = place->name,
        .sources = plan->all ? NULL : &plan->sources,
        .named = &plan->named,
        .keep = hf_keep_given(&plan->keep) ? &plan->keep : NULL,
        .dry_run = session->args->given[HF_OPT_DRY_RUN],
    };
    struct hf_error ignored = HF_ERROR_INIT;
    enum hf_status status = hf_retention_apply(session, opened, &request, &report, err);

    if (status != HF_OK) { /* what was done is said all the same */
        (void)!hf_retention_tell(session, name_of(place), &request, &report, &ignored);
        return status;
    }
    HF_TRY(note_forgotten(&report, out_forgotten, err));
    return hf_retention_tell(session, name_of(place), &request, &report, err);
}

static enum hf_status prune_place(struct hf_session *session, const struct plan *plan,
                                  const struct hf_chosen *place, struct hf_error *err)
{
    struct hf_opened *opened;
    HF_AUTO(hf_strings) forgotten = HF_STRINGS_INIT;

    HF_TRY(hf_session_new_work(session, err));
    HF_TRY(hf_choose_open_beside(session, place, &opened, err));
    HF_TRY(retain(session, plan, place, opened, &forgotten, err));
    return hf_prune_packs(session, opened, name_of(place), &forgotten, err);
}

static enum hf_status record_place(struct hf_session *session, const struct plan *plan,
                                   const struct hf_chosen *place, struct hf_error *err)
{
    enum hf_status status;

    hf_recorder_part(session->recorder, "prune", NULL, name_of(place));
    status = prune_place(session, plan, place, err);
    if (status != HF_OK)
        (void)hf_session_cause(session, err);
    hf_recorder_part_end(session->recorder, err);
    return status;
}

/* One repository that fails does not keep the others from their turn; an interrupt does. */
enum hf_status hf_run_prune(struct hf_session *session, struct hf_error *err)
{
    __attribute__((cleanup(plan_auto))) struct plan plan = {.count = 0};
    enum hf_status first = HF_OK;
    size_t failed = 0;
    int64_t grace;

    HF_TRY(hf_prune_grace(session, &grace, err));
    HF_TRY(make_plan(session, &plan, err));
    for (size_t i = 0; i < plan.count; i++) {
        struct hf_error one = HF_ERROR_INIT;

        if (record_place(session, &plan, &plan.places[i], &one) == HF_OK)
            continue;
        if (plan.count == 1 || hf_signals_interrupted()) {
            *err = one;
            return err->status;
        }
        hf_output_error(session->output, &one);
        first = first == HF_OK ? one.status : first;
        failed++;
    }
    if (failed > 0)
        return hf_error_set(err, first, "%zu of %zu repositories could not be pruned", failed,
                            plan.count);
    return HF_OK;
}
