#include "agent/daemon/agenda.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the agent adds by itself ends at some time, and is tried again when that may help. */
#define CHORE_LIMIT (INT64_C(24) * 3600 * HF_NS_PER_S)
static const struct hf_plan_retry chore_retry = {
    .limit = 3, .delay = INT64_C(60) * HF_NS_PER_S, .delay_max = INT64_C(1800) * HF_NS_PER_S};

enum { ITEMS_OF_JOB = 3, HOST_MAX = 256 };

/* No name of a job has a blank in it. */
static enum hf_status add(struct hf_agenda *agenda, enum hf_run_kind kind, const char *subject,
                          struct hf_plan_job **out, struct hf_error *err)
{
    struct hf_agenda_item *item = &agenda->items[agenda->count];

    item->kind = kind;
    item->subject = subject;
    HF_TRY(hf_text_format(&item->name, err, "%s%s%s",
                          kind == HF_RUN_BACKUP ? "" : hf_run_kind_name(kind),
                          kind == HF_RUN_BACKUP ? "" : " ", subject));
    *out = &agenda->jobs[agenda->count++];
    **out =
        (struct hf_plan_job){.name = item->name, .retry = chore_retry, .time_limit = CHORE_LIMIT};
    return HF_OK;
}

static enum hf_status add_backup(struct hf_agenda *agenda, const struct hf_config_job *job,
                                 struct hf_error *err)
{
    struct hf_plan_job *plan;

    HF_TRY(add(agenda, HF_RUN_BACKUP, job->name, &plan, err));
    plan->schedule = job->schedule;
    plan->after = &job->after;
    plan->windows = job->windows;
    plan->retry = job->retry;
    plan->time_limit = job->time_limit;
    return HF_OK;
}

static enum hf_status add_drill(struct hf_agenda *agenda, const struct hf_config_job *job,
                                struct hf_error *err)
{
    struct hf_plan_job *plan;

    if (!job->drill || !job->drill->schedule)
        return HF_OK;
    HF_TRY(add(agenda, HF_RUN_DRILL, job->name, &plan, err));
    plan->schedule = job->drill->schedule;
    return HF_OK;
}

static enum hf_status add_prune(struct hf_agenda *agenda, const struct hf_config_job *job,
                                struct hf_error *err)
{
    struct hf_plan_job *plan;

    return hf_keep_given(&job->keep) ? add(agenda, HF_RUN_PRUNE, job->name, &plan, err) : HF_OK;
}

/* So that hosts with one configuration do not all start at once. */
static uint64_t host_seed(const char *state)
{
    char host[HOST_MAX] = "";
    uint8_t hash[crypto_generichash_BYTES_MIN];

    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = 0;
    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)state, strlen(state),
                             (const uint8_t *)host, 0);
    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)host, strlen(host), hash,
                             sizeof hash);
    return hf_load_u64(hash);
}

static enum hf_status fill(struct hf_agenda *agenda, const struct hf_config *config,
                           struct hf_error *err)
{
    for (size_t i = 0; i < config->job_count; i++) {
        HF_TRY(add_backup(agenda, &config->jobs[i], err));
        HF_TRY(add_drill(agenda, &config->jobs[i], err));
        HF_TRY(add_prune(agenda, &config->jobs[i], err));
    }
    return HF_OK;
}

enum hf_status hf_agenda_new(const struct hf_config *config, const char *state,
                             struct hf_agenda **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_agenda) agenda = calloc(1, sizeof *agenda);
    size_t room = ITEMS_OF_JOB * config->job_count + 1;

    if (!agenda)
        return hf_error_memory(err);
    agenda->items = calloc(room, sizeof *agenda->items);
    agenda->jobs = calloc(room, sizeof *agenda->jobs);
    if (!agenda->items || !agenda->jobs)
        return hf_error_memory(err);
    HF_TRY(fill(agenda, config, err));
    agenda->plan =
        (struct hf_plan){.jobs = agenda->jobs,
                         .count = agenda->count,
                         .limit = config->agent.runs ? config->agent.runs : HF_CONFIG_RUNS_DEFAULT,
                         .seed = host_seed(state)};
    *out = agenda;
    agenda = NULL;
    return HF_OK;
}

void hf_agenda_free(struct hf_agenda *agenda)
{
    for (size_t i = 0; agenda->items && i < agenda->count; i++)
        free(agenda->items[i].name);
    free(agenda->items);
    free(agenda->jobs);
    free(agenda);
}

const struct hf_agenda_item *hf_agenda_named(const struct hf_agenda *agenda, const char *name)
{
    for (size_t i = 0; i < agenda->count; i++) {
        if (strcmp(agenda->items[i].name, name) == 0)
            return &agenda->items[i];
    }
    return NULL;
}

const struct hf_agenda_item *hf_agenda_find(const struct hf_agenda *agenda, enum hf_run_kind kind,
                                            const char *subject)
{
    for (size_t i = 0; i < agenda->count; i++) {
        if (agenda->items[i].kind == kind && strcmp(agenda->items[i].subject, subject) == 0)
            return &agenda->items[i];
    }
    return NULL;
}
