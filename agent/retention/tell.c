/* What came of retention, for a person and as JSON. */
#include "agent/retention/retention.h"

#include "agent/repositories/pins.h"
#include "agent/repositories/snapshots.h"
#include "agent/terminal/table.h"
#include "base/clock.h"
#include "base/json.h"

#include <string.h>

static const char *outcome_word(const struct hf_retention_row *row, bool dry_run)
{
    if (row->keep)
        return "stays";
    switch (row->forgotten.outcome) {
    case HF_FORGET_REMOVED:
        return dry_run ? "would go" : "removed";
    case HF_FORGET_GONE:
        return "removed";
    case HF_FORGET_LOCKED:
        return "not yet";
    case HF_FORGET_PINNED:
        return "stays";
    case HF_FORGET_LEFT:
        break;
    }
    return "not done";
}

/* "pinned" alone says less than is known. */
static enum hf_status append_reason(const struct hf_retention_row *row, const char *reason,
                                    struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, out->len > 0 ? "; " : "", err));
    if (!row->pin || strcmp(reason, "pinned") != 0)
        return hf_buf_append_str(out, reason, err);
    return hf_pin_words(row->pin, out, err);
}

static enum hf_status reasons_text(const struct hf_retention_row *row, struct hf_buf *out,
                                   struct hf_error *err)
{
    char until[HF_TIME_TEXT];

    for (size_t i = 0; i < row->reasons.count; i++)
        HF_TRY(append_reason(row, row->reasons.items[i], out, err));
    if (row->doubt == HF_RETENTION_CLOCK)
        HF_TRY(hf_buf_append_str(out, "; its clock was wrong", err));
    if (row->doubt == HF_RETENTION_EMPTY)
        HF_TRY(hf_buf_append_str(out, "; it is empty", err));
    if (row->keep || row->forgotten.outcome == HF_FORGET_REMOVED)
        return HF_OK;
    if (row->forgotten.outcome == HF_FORGET_PINNED)
        return hf_buf_append_str(out, "; pinned meanwhile", err);
    if (row->forgotten.outcome != HF_FORGET_LOCKED)
        return HF_OK;
    if (row->forgotten.locked_until == INT64_MAX)
        return hf_buf_append_str(out, "; locked by a hold in the store", err);
    hf_time_format(until, row->forgotten.locked_until);
    return hf_buf_printf(out, err, "; locked in the store until %s", until);
}

static enum hf_status add_row(struct hf_table *table, const struct hf_retention_row *row,
                              bool dry_run, struct hf_error *err)
{
    HF_AUTO(hf_buf) why = HF_BUF_INIT;
    char time[HF_TIME_TEXT];
    const char *text;

    hf_time_format(time, row->info->time);
    HF_TRY(reasons_text(row, &why, err));
    HF_TRY(hf_buf_cstr(&why, &text, err));
    HF_TRY(hf_table_add(table, err, "%.*s", HF_SHORT_ID, row->info->id));
    HF_TRY(hf_table_add(table, err, "%s", time));
    HF_TRY(hf_table_add(table, err, "%s", row->info->source));
    HF_TRY(hf_table_add(table, err, "%s", outcome_word(row, dry_run)));
    return hf_table_add(table, err, "%.600s", text);
}

static const char *doubt_word(enum hf_retention_doubt doubt)
{
    return doubt == HF_RETENTION_CLOCK ? "clock" : doubt == HF_RETENTION_EMPTY ? "empty" : NULL;
}

static void tell_event(struct hf_session *session, const char *name,
                       const struct hf_retention_row *row, bool dry_run)
{
    const struct hf_snapshot_info *info = row->info;
    bool locked = !row->keep && row->forgotten.outcome == HF_FORGET_LOCKED;
    bool hold = row->forgotten.locked_until == INT64_MAX;
    char captured[HF_TIME_TEXT], until[HF_TIME_TEXT];

    hf_time_format(captured, info->time);
    hf_time_format(until, row->forgotten.locked_until);
    hf_output_event(session->output, "retention",
                    json_pack("{s:s, s:s, s:s, s:s, s:s?, s:b, s:s, s:o, s:s?, s:s?}", "repository",
                              name, "snapshot", info->id, "source", info->source, "captured",
                              captured, "job", info->job, "keep", (int)row->keep, "outcome",
                              outcome_word(row, dry_run), "reasons", hf_strings_json(&row->reasons),
                              "doubt", doubt_word(row->doubt), "locked_until",
                              locked && !hold ? until
                              : locked        ? "hold"
                                              : NULL));
}

static void tell_line(struct hf_session *session, const char *name,
                      const struct hf_retention_report *report, bool dry_run)
{
    char until[HF_TIME_TEXT];

    hf_output_news(session->output, "%s: %zu snapshot%s %s, %zu stay%s\n", name, report->gone,
                   hf_text_plural(report->gone), dry_run ? "would be removed" : "removed",
                   report->kept, report->kept == 1 ? "s" : "");
    if (report->locked == 0)
        return;
    hf_time_format(until, report->locked_until);
    hf_output_news(session->output, "%s: %zu of these would go, and are locked in the store%s%s\n",
                   name, report->locked,
                   report->locked_until == INT64_MAX ? " by holds" : ", the first until ",
                   report->locked_until == INT64_MAX ? "" : until);
}

enum hf_status hf_retention_tell(struct hf_session *session, const char *name,
                                 const struct hf_retention_request *request,
                                 const struct hf_retention_report *report, struct hf_error *err)
{
    HF_AUTO(hf_table) table = {.columns = 0};
    bool dry_run = request->dry_run;

    HF_TRY(hf_table_begin(&table, "ID|TIME|SOURCE|VERDICT|WHY", err));
    for (size_t i = 0; report->rows && i < report->list.count; i++) {
        const struct hf_retention_row *row = &report->rows[i];

        if (!row->judged)
            continue;
        tell_event(session, name, row, dry_run);
        if (dry_run || !row->keep)
            HF_TRY(add_row(&table, row, dry_run, err));
    }
    for (size_t i = 0; i < report->held.count; i++)
        hf_output_warning(session->output,
                          "%s: nothing of %s was removed, since its newest snapshot is empty", name,
                          report->held.items[i]);
    if (dry_run || !session->args->given[HF_OPT_QUIET])
        hf_table_write(&table, session->output);
    tell_line(session, name, report, dry_run);
    return HF_OK;
}
