/*
 * Which sources were not proven for longer than their jobs allow (`proven_within:`). Pure, from
 * what is known of repositories; the one rule for `list`, metrics, the log and notifications.
 */
#ifndef HF_AGENT_HISTORY_ALARMS_H
#define HF_AGENT_HISTORY_ALARMS_H

#include "agent/config/config.h"
#include "agent/history/history.h"

/* One for each source of a job with a limit. Names are borrowed from the configuration. */
struct hf_alarm {
    const char *job, *source;
    int64_t within;
    int64_t proven; /* when it last was, in any repository of the job; 0: never, as far as known */
    int64_t first;  /* when a snapshot of it was first known; 0: none is */
    bool on;
};

struct hf_alarms {
    struct hf_alarm *items;
    size_t count;
};
void hf_alarms_free(struct hf_alarms *alarms);
static inline void hf_alarms_auto(struct hf_alarms *alarms)
{
    hf_alarms_free(alarms);
}

/* With nothing known yet; all off. */
enum hf_status hf_alarms_make(const struct hf_config *config, struct hf_alarms *out,
                              struct hf_error *err) HF_WARN_UNUSED;
/* What a repository holds of a source; first: the moment of its oldest snapshot, or 0. */
void hf_alarms_learn(struct hf_alarms *alarms, const struct hf_config *config,
                     const char *repository, const char *source, int64_t proven, int64_t first);
/* Turns on what is too old at now: the last proof; of what was never proven, the first snapshot. A
 * source without a snapshot is none: that its backups fail is told otherwise. */
void hf_alarms_judge(struct hf_alarms *alarms, int64_t now);

/* All three, from the history. */
enum hf_status hf_alarms_load(struct hf_history *history, const struct hf_config *config,
                              int64_t now, struct hf_alarms *out,
                              struct hf_error *err) HF_WARN_UNUSED;

/* "app was last proven 12 days ago; job nightly allows 8 days" */
enum { HF_ALARM_TEXT = 384 };
void hf_alarm_text(const struct hf_alarm *alarm, int64_t now, char text[HF_ALARM_TEXT]);

#endif
