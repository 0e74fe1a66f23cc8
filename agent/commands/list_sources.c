#include "agent/commands/list_sources.h"

#include "agent/config/duration.h"
#include "agent/history/alarms.h"
#include "agent/history/state.h"
#include "agent/terminal/table.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is known of sources, in the order of their first snapshots. */
struct known {
    struct hf_history_holding *items;
    size_t count;
};

static void known_auto(struct known *known)
{
    free(known->items);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Room was made for every name there can be. */
static struct hf_history_holding *holding_of(struct known *known, const char *source)
{
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(known->items[i].source, source) == 0)
            return &known->items[i];
    known->items[known->count] = (struct hf_history_holding){.source = source};
    return &known->items[known->count++];
}

static void add_snapshot(struct known *known, const struct hf_snapshot_info *info)
{
    struct hf_history_holding *holding = holding_of(known, info->source);

    holding->snapshots++;
    holding->newest = later(holding->newest, info->time);
    if (holding->first == 0 || info->time < holding->first)
        holding->first = info->time;
    if (info->state >= HF_SNAPSHOT_CHECKED)
        holding->checked = later(holding->checked, info->state_time);
    if (info->state == HF_SNAPSHOT_PROVEN)
        holding->proven = later(holding->proven, info->state_time);
}

static enum hf_status make_known(const struct hf_session *session, size_t snapshots,
                                 struct known *out, struct hf_error *err)
{
    out->items = calloc(snapshots + session->config->source_count + 1, sizeof *out->items);
    return out->items ? HF_OK : hf_error_memory(err);
}

/* ---- the history learns ---- */

/* To list is to read: no history is begun by it, and none is missed. */
static struct hf_history *history_at_hand(struct hf_session *session)
{
    HF_AUTO_FREE char *folder = NULL;
    HF_AUTO_FREE char *path = NULL;
    struct hf_error ignored = HF_ERROR_INIT;

    if (hf_state_folder(session->config, &folder, &ignored) != HF_OK ||
        hf_text_format(&path, &ignored, "%s/history.db", folder) != HF_OK ||
        access(path, W_OK) != 0)
        return NULL;
    return hf_recorder_history(session->recorder);
}

static enum hf_status remember(struct hf_session *session,
                               const struct hf_list_repository *repositories, size_t count,
                               struct hf_error *err)
{
    struct hf_history *history = history_at_hand(session);

    for (size_t i = 0; history && i < count; i++) {
        const struct hf_snapshots *list = repositories[i].snapshots;
        __attribute__((cleanup(known_auto))) struct known known = {.count = 0};

        if (!repositories[i].name)
            continue;
        HF_TRY(make_known(session, list->count, &known, err));
        for (size_t k = 0; k < list->count; k++)
            add_snapshot(&known, &list->items[k]);
        HF_TRY(
            hf_history_set_holdings(history, repositories[i].name, known.items, known.count, err));
    }
    return HF_OK;
}

/* ---- writing ---- */

static const struct hf_alarm *alarm_of(const struct hf_alarms *alarms, const char *source)
{
    const struct hf_alarm *found = NULL;

    for (size_t i = 0; i < alarms->count; i++)
        if (strcmp(alarms->items[i].source, source) == 0 && (!found || alarms->items[i].on))
            found = &alarms->items[i];
    return found;
}

static json_t *time_or_null(int64_t time)
{
    char text[HF_TIME_TEXT];

    if (time <= 0)
        return json_null();
    hf_time_format(text, time);
    return json_string(text);
}

static json_t *source_json(const struct hf_history_holding *holding, const struct hf_alarm *alarm)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:b}", "source", holding->source, "snapshots",
                     (json_int_t)holding->snapshots, "newest", time_or_null(holding->newest),
                     "checked", time_or_null(holding->checked), "proven",
                     time_or_null(holding->proven), "proven_within_seconds",
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

static enum hf_status write_sources(struct hf_session *session, const struct known *known,
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
    __attribute__((cleanup(known_auto))) struct known known = {.count = 0};
    HF_AUTO(hf_alarms) alarms = {.count = 0};
    struct hf_error unremembered = HF_ERROR_INIT;

    *out_alarms = 0;
    HF_TRY(make_known(session, row_count, &known, err));
    HF_TRY(hf_alarms_make(session->config, &alarms, err));
    for (size_t i = 0; i < row_count; i++)
        add_snapshot(&known, rows[i]);
    for (size_t i = 0; i < count; i++) {
        const struct hf_snapshots *list = repositories[i].snapshots;

        for (size_t k = 0; k < list->count; k++) {
            const struct hf_snapshot_info *info = &list->items[k];

            hf_alarms_learn(&alarms, session->config, repositories[i].name, info->source,
                            info->state == HF_SNAPSHOT_PROVEN ? info->state_time : 0, info->time);
        }
    }
    hf_alarms_judge(&alarms, hf_clock_now());
    if (!filter && remember(session, repositories, count, &unremembered) != HF_OK)
        hf_observe(hf_output_observer(session->output), HF_NOTE_DETAIL,
                   "the history does not learn of this: %s", unremembered.text);
    return write_sources(session, &known, &alarms, out_alarms, err);
}
