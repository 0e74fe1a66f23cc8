/* holdfast show */
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/kinds/kind.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/pins.h"
#include "agent/repositories/snapshots.h"
#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>

static void write_facts(struct hf_session *session, const struct hf_snapshot_info *info,
                        const struct hf_kind *kind)
{
    char time[HF_TIME_TEXT], state_time[HF_TIME_TEXT];
    char size[HF_SIZE_TEXT], stored[HF_SIZE_TEXT], took[HF_DURATION_TEXT];

    hf_time_format(time, info->time);
    hf_time_format(state_time, info->state_time);
    hf_text_format_size(size, info->bytes);
    hf_text_format_size(stored, info->stored_bytes);
    hf_duration_format(took, info->finished - info->time);
    hf_output_text(session->output, "snapshot  %s\nsource    %s (%s), backed up by %s\n", info->id,
                   info->source, info->kind, info->host);
    hf_output_text(session->output, "time      %s, finished after %s\n", time, took);
    hf_output_text(session->output, "state     %s%s%s\n", hf_snapshot_state_name(info->state),
                   info->state_time ? " " : "", info->state_time ? state_time : "");
    hf_output_text(session->output, "size      %s in %" PRIu64 " %s, %s stored\n", size,
                   info->records, kind->records, stored);
}

/* What retention looks at, where there is some. */
static enum hf_status write_retention(struct hf_session *session,
                                      const struct hf_snapshot_info *info, json_t *event,
                                      struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    struct hf_pin pin = {.time = 0};
    struct hf_error why = HF_ERROR_INIT;
    const char *line;
    enum hf_status status = hf_pin_read(session->at_hand->repo, info->id, &pin, &why);
    bool pinned = status == HF_OK && hf_pin_holds(&pin, hf_clock_now());

    if (status != HF_OK && status != HF_NOT_FOUND) {
        *err = why;
        return hf_session_name_repository(session, err);
    }
    if (info->job)
        hf_output_text(session->output, "job       %s\n", info->job);
    for (size_t i = 0; i < info->tags.count; i++)
        hf_output_text(session->output, "%s%s%s", i ? ", " : "tags      ", info->tags.items[i],
                       i + 1 == info->tags.count ? "\n" : "");
    status = pinned ? hf_pin_words(&pin, &text, err) : HF_OK;
    if (json_object_set_new(event, "pin", hf_pin_json(pinned ? &pin : NULL)) != 0)
        status = hf_error_memory(err);
    hf_pin_done(&pin);
    HF_TRY(status);
    HF_TRY(hf_buf_cstr(&text, &line, err));
    if (pinned)
        hf_output_text(session->output, "keep      %s\n", line);
    return HF_OK;
}

static enum hf_status write_snapshot(struct hf_session *session, struct hf_snapshot *snapshot,
                                     struct hf_error *err)
{
    const struct hf_snapshot_info *info = hf_snapshot_info(snapshot);
    HF_AUTO_JSON event = hf_snapshot_json(info);
    const struct hf_kind *kind;

    if (!event || json_object_set(event, "properties", info->properties) != 0)
        return hf_error_memory(err);
    HF_TRY(hf_kind_find(info->kind, &kind, err));
    write_facts(session, info, kind);
    HF_TRY(write_retention(session, info, event, err));
    HF_TRY(kind->show(session->output, info, hf_snapshot_feed(snapshot), event, err));
    hf_output_event(session->output, "snapshot", json_incref(event));
    return HF_OK;
}

enum hf_status hf_run_show(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_snapshots) list = {.count = 0};
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    const struct hf_snapshot_info *info;

    HF_TRY(hf_choose_and_open(session, err));
    HF_TRY(hf_snapshots_choose(session, session->args->operands.items[0], &list, &info, err));
    HF_TRY(hf_snapshots_open(session, info, &snapshot, err));
    return write_snapshot(session, snapshot, err);
}
