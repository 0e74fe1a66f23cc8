#include "agent/snapshots.h"

#include "base/clock.h"

enum hf_status hf_snapshots_choose(struct hf_session *session, const char *name,
                                   struct hf_snapshots *list, const struct hf_snapshot_info **out,
                                   struct hf_error *err)
{
    if (hf_snapshots_load(session->at_hand->repo, NULL, hf_output_observer(session->output), list,
                          err) != HF_OK ||
        hf_snapshots_find(list, name, out, err) != HF_OK)
        return hf_session_name_repository(session, err);
    return HF_OK;
}

const char *hf_snapshot_state_name(enum hf_snapshot_state state)
{
    switch (state) {
    case HF_SNAPSHOT_CHECKED:
        return "checked";
    case HF_SNAPSHOT_PROVEN:
        return "proven";
    case HF_SNAPSHOT_STORED:
        break;
    }
    return "stored";
}

json_t *hf_snapshot_json(const struct hf_snapshot_info *info)
{
    char captured[HF_TIME_TEXT], finished[HF_TIME_TEXT], state_time[HF_TIME_TEXT];

    hf_time_format(captured, info->time);
    hf_time_format(finished, info->finished);
    hf_time_format(state_time, info->state_time);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I}", "id",
                     info->id, "source", info->source, "kind", info->kind, "host", info->host,
                     "captured", captured, "finished", finished, "state",
                     hf_snapshot_state_name(info->state), "state_time",
                     info->state_time ? state_time : NULL, "streams", (json_int_t)info->streams,
                     "records", (json_int_t)info->records, "bytes", (json_int_t)info->bytes,
                     "stored_bytes", (json_int_t)info->stored_bytes);
}
