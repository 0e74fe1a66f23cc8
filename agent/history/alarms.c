#include "agent/history/alarms.h"

#include "agent/config/duration.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_alarms_free(struct hf_alarms *alarms)
{
    free(alarms->items);
    *alarms = (struct hf_alarms){.count = 0};
}

enum hf_status hf_alarms_make(const struct hf_config *config, struct hf_alarms *out,
                              struct hf_error *err)
{
    size_t most = 0;

    for (size_t i = 0; i < config->job_count; i++)
        most += config->jobs[i].sources.count;
    *out = (struct hf_alarms){.items = calloc(most + 1, sizeof *out->items)};
    if (!out->items)
        return hf_error_memory(err);
    for (size_t i = 0; i < config->job_count; i++) {
        const struct hf_config_job *job = &config->jobs[i];

        for (size_t k = 0; job->proven_within > 0 && k < job->sources.count; k++)
            out->items[out->count++] = (struct hf_alarm){
                .job = job->name, .source = job->sources.items[k], .within = job->proven_within};
    }
    return HF_OK;
}

void hf_alarms_learn(struct hf_alarms *alarms, const struct hf_config *config,
                     const char *repository, const char *source, int64_t proven, int64_t first)
{
    for (size_t i = 0; i < alarms->count; i++) {
        struct hf_alarm *alarm = &alarms->items[i];
        const struct hf_config_job *job = hf_config_job(config, alarm->job);

        if (strcmp(alarm->source, source) != 0 ||
            (repository && job && !hf_strings_contain(&job->repositories, repository)))
            continue;
        if (proven > alarm->proven)
            alarm->proven = proven;
        if (first > 0 && (alarm->first == 0 || first < alarm->first))
            alarm->first = first;
    }
}

void hf_alarms_judge(struct hf_alarms *alarms, int64_t now)
{
    for (size_t i = 0; i < alarms->count; i++) {
        struct hf_alarm *alarm = &alarms->items[i];
        int64_t since = alarm->proven > 0 ? alarm->proven : alarm->first;

        alarm->on = since > 0 && now - since > alarm->within;
    }
}

/* ---- from the history ---- */

struct learning {
    struct hf_alarms *alarms;
    const struct hf_config *config;
};

static enum hf_status learn_holding(void *ctx, const struct hf_history_holding *holding,
                                    struct hf_error *err)
{
    const struct learning *learning = ctx;

    (void)err;
    hf_alarms_learn(learning->alarms, learning->config, holding->repository, holding->source,
                    holding->proven, holding->first);
    return HF_OK;
}

enum hf_status hf_alarms_load(struct hf_history *history, const struct hf_config *config,
                              int64_t now, struct hf_alarms *out, struct hf_error *err)
{
    struct learning learning = {.alarms = out, .config = config};

    HF_TRY(hf_alarms_make(config, out, err));
    if (hf_history_holdings(history, learn_holding, &learning, err) != HF_OK) {
        hf_alarms_free(out);
        return err->status;
    }
    hf_alarms_judge(out, now);
    return HF_OK;
}

void hf_alarm_text(const struct hf_alarm *alarm, int64_t now, char text[HF_ALARM_TEXT])
{
    char age[HF_DURATION_TEXT], limit[HF_DURATION_TEXT];

    hf_age_format(age, now - (alarm->proven > 0 ? alarm->proven : alarm->first));
    hf_age_format(limit, alarm->within);
    if (alarm->proven > 0)
        (void)snprintf(text, HF_ALARM_TEXT, "%s was last proven %s ago; job %s allows %s",
                       alarm->source, age, alarm->job, limit);
    else
        (void)snprintf(text, HF_ALARM_TEXT,
                       "%s was never proven, and is backed up for %s; job %s allows %s",
                       alarm->source, age, alarm->job, limit);
}
