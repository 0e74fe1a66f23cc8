#include "agent/commands/list_sources.h"

#include "agent/config/duration.h"
#include "agent/history/alarms.h"
#include "agent/repositories/known.h"
#include "agent/repositories/learn.h"
#include "agent/terminal/table.h"
#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

/* ---- writing ---- */

static const struct hf_alarm *alarm_of(const struct hf_alarms *alarms, const char *source)
{
    const struct hf_alarm *found = NULL;

    for (size_t i = 0; i < alarms->count; i++)
        if (strcmp(alarms->items[i].source, source) == 0 && (!found || alarms->items[i].on))
            found = &alarms->items[i];
    return found;
}

static json_t *source_json(const struct hf_history_holding *holding, const struct hf_alarm *alarm)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:b}", "source", holding->source, "snapshots",
                     (json_int_t)holding->snapshots, "newest", hf_json_time(holding->newest),
                     "checked", hf_json_time(holding->checked), "proven",
                     hf_json_time(holding->proven), "proven_within_seconds",
                     alarm ? json_real((double)alarm->within / (double)HF_NS_PER_S) : json_null(),
                     "alarm", alarm && alarm->on);
}

static enum hf_status add_age(struct hf_table *table, int64_t now, int64_t time,
                              struct hf_error *err)
{
    char age[HF_DURATION_TEXT] = "never";

    if (time > 0)
        hf_age_format(age, now - time);
    return hf_table_add(table, err, "%s", age);
}

static enum hf_status add_source(struct hf_table *table, const struct hf_history_holding *holding,
                                 const struct hf_alarm *alarm, int64_t now, struct hf_error *err)
{
    char limit[HF_DURATION_TEXT];

    HF_TRY(hf_table_add(table, err, "%s", holding->source));
    HF_TRY(hf_table_add(table, err, "%" PRIu64, holding->snapshots));
    HF_TRY(add_age(table, now, holding->newest, err));
    HF_TRY(add_age(table, now, holding->checked, err));
    HF_TRY(add_age(table, now, holding->proven, err));
    if (!alarm || !alarm->on)
        return hf_table_add(table, err, "%s", "");
    hf_age_format(limit, alarm->within);
    return hf_table_add(table, err, "ALARM: job %s wants a proof every %s", alarm->job, limit);
}

static enum hf_status write_sources(struct hf_session *session, const struct hf_known *known,
                                    const struct hf_alarms *alarms, size_t *out_alarms,
                                    struct hf_error *err)
{
    HF_AUTO(hf_table) table = {.columns = 0};
    bool only_alarms = session->args->given[HF_OPT_ALARMS] > 0;
    int64_t now = hf_clock_now();

    HF_TRY(hf_table_begin(&table, "SOURCE|>SNAPSHOTS|>NEWEST|>CHECKED|>PROVEN|", err));
    for (size_t i = 0; i < known->count; i++) {
        const struct hf_alarm *alarm = alarm_of(alarms, known->items[i].source);
        bool on = alarm && alarm->on;

        *out_alarms += on;
        if (only_alarms && !on)
            continue;
        hf_output_event(session->output, "source", source_json(&known->items[i], alarm));
        HF_TRY(add_source(&table, &known->items[i], alarm, now, err));
    }
    if (!only_alarms && known->count > 0)
        hf_output_text(session->output, "\n");
    hf_table_write(&table, session->output);
    return HF_OK;
}

enum hf_status hf_list_sources(struct hf_session *session,
                               const struct hf_list_repository *repositories, size_t count,
                               const struct hf_snapshot_info *const *rows, size_t row_count,
                               const char *filter, size_t *out_alarms, struct hf_error *err)
{
    HF_AUTO(hf_known) known = {.count = 0};
    HF_AUTO(hf_alarms) alarms = {.count = 0};

    *out_alarms = 0;
    HF_TRY(hf_known_new(row_count, &known, err));
    HF_TRY(hf_alarms_make(session->config, &alarms, err));
    for (size_t i = 0; i < row_count; i++)
        hf_known_add(&known, rows[i]);
    for (size_t i = 0; i < count; i++) {
        const struct hf_snapshots *list = repositories[i].snapshots;

        for (size_t k = 0; k < list->count; k++) {
            const struct hf_snapshot_info *info = &list->items[k];

            hf_alarms_learn(&alarms, session->config, repositories[i].name, info->source,
                            info->state == HF_SNAPSHOT_PROVEN ? info->state_time : 0, info->time);
        }
    }
    hf_alarms_judge(&alarms, hf_clock_now());
    for (size_t i = 0; !filter && i < count; i++)
        if (repositories[i].name)
            hf_learn_list(session, repositories[i].name, repositories[i].snapshots);
    return write_sources(session, &known, &alarms, out_alarms, err);
}
