/* holdfast list */
#include "agent/choose.h"
#include "agent/duration.h"
#include "agent/run.h"
#include "agent/snapshots.h"
#include "agent/table.h"
#include "base/clock.h"

static enum hf_status add_row(struct hf_table *table, const struct hf_snapshot_info *info,
                              int64_t now, struct hf_error *err)
{
    char time[HF_TIME_TEXT], age[HF_DURATION_TEXT], size[HF_SIZE_TEXT], stored[HF_SIZE_TEXT];

    hf_time_format(time, info->time);
    hf_age_format(age, now - info->time);
    hf_text_format_size(size, info->bytes);
    hf_text_format_size(stored, info->stored_bytes);
    HF_TRY(hf_table_add(table, err, "%.*s", HF_SHORT_ID, info->id));
    HF_TRY(hf_table_add(table, err, "%s", time));
    HF_TRY(hf_table_add(table, err, "%s", info->source));
    HF_TRY(hf_table_add(table, err, "%s", hf_snapshot_state_name(info->state)));
    HF_TRY(hf_table_add(table, err, "%s", size));
    HF_TRY(hf_table_add(table, err, "%s", stored));
    return hf_table_add(table, err, "%s", age);
}

static enum hf_status write_list(struct hf_session *session, const struct hf_snapshots *list,
                                 struct hf_error *err)
{
    HF_AUTO(hf_table) table = {.columns = 0};
    int64_t now = hf_clock_now();

    HF_TRY(hf_table_begin(&table, "ID|TIME|SOURCE|STATE|>SIZE|>STORED|>AGE", err));
    for (size_t i = 0; i < list->count; i++) {
        hf_output_event(session->output, "snapshot", hf_snapshot_json(&list->items[i]));
        HF_TRY(add_row(&table, &list->items[i], now, err));
    }
    hf_table_write(&table, session->output);
    return HF_OK;
}

enum hf_status hf_run_list(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_snapshots) list = {.count = 0};
    const char *source =
        session->args->operands.count > 0 ? session->args->operands.items[0] : NULL;

    HF_TRY(hf_choose_and_open(session, err));
    if (hf_snapshots_load(session->at_hand->repo, source, hf_output_observer(session->output),
                          &list, err) != HF_OK)
        return hf_session_name_repository(session, err);
    HF_TRY(write_list(session, &list, err));
    if (list.unreadable > 0)
        return hf_error_set(err, HF_DAMAGED,
                            "%s: %zu snapshots cannot be read; \"holdfast check\" tells more",
                            session->at_hand->title, list.unreadable);
    if (list.count == 0 && source)
        hf_output_news(session->output, "no snapshots of %s in %s\n", source,
                       session->at_hand->title);
    else if (list.count == 0)
        hf_output_news(session->output, "no snapshots in %s\n", session->at_hand->title);
    return HF_OK;
}
