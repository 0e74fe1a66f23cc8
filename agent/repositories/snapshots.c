#include "agent/repositories/snapshots.h"

#include "agent/repositories/pins.h"
#include "base/clock.h"
#include "base/text.h"

static enum hf_status choose_in(struct hf_session *session, const struct hf_opened *opened,
                                const char *name, struct hf_snapshots *list,
                                const struct hf_snapshot_info **out, struct hf_error *err)
{
    hf_snapshots_free(list);
    if (hf_snapshots_load(opened->repo, NULL, hf_output_observer(session->output), list, err) !=
            HF_OK ||
        hf_snapshots_find(list, name, out, err) != HF_OK)
        return hf_opened_name(opened, err);
    return HF_OK;
}

enum hf_status hf_snapshots_choose(struct hf_session *session, const char *name,
                                   struct hf_snapshots *list, const struct hf_snapshot_info **out,
                                   struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT, ignored = HF_ERROR_INIT;
    enum hf_status status = choose_in(session, session->at_hand, name, list, out, &why);

    if (status == HF_OK ||
        (session->from && choose_in(session, session->from, name, list, out, &ignored) == HF_OK))
        return HF_OK;
    *err = why;
    return status;
}

enum hf_status hf_snapshots_open(struct hf_session *session, const struct hf_snapshot_info *info,
                                 struct hf_snapshot **out, struct hf_error *err)
{
    struct hf_read_options options = {.cancel = session->cancel,
                                      .fallback = session->from ? session->from->repo : NULL,
                                      .observer = hf_output_observer(session->output)};
    unsigned level = 0;

    HF_TRY(hf_session_limits(session, &options.memory, &options.threads, &level, err));
    if (hf_snapshot_open(session->at_hand->repo, info->id, &options, out, err) != HF_OK)
        return hf_error_prefix(err, "%s: snapshot %.*s", session->at_hand->title, HF_SHORT_ID,
                               info->id);
    return HF_OK;
}

json_t *hf_snapshots_tell_fallback(struct hf_session *session, const struct hf_snapshot *snapshot)
{
    struct hf_fell_back fell;
    char size[HF_SIZE_TEXT];

    hf_snapshot_fell_back(snapshot, &fell);
    if (!fell.manifest && fell.chunks == 0)
        return json_null();
    hf_text_format_size(size, fell.bytes);
    hf_output_warning(session->output,
                      "%llu chunks (%s)%s were missing or damaged in %s, and were read from %s; "
                      "\"holdfast check --repair --from\" puts them back",
                      (unsigned long long)fell.chunks, size,
                      fell.manifest ? " and the manifest" : "", session->at_hand->title,
                      session->from->title);
    return json_pack("{s:s, s:b, s:I, s:I}", "from", session->from->place, "manifest",
                     (int)fell.manifest, "chunks", (json_int_t)fell.chunks, "bytes",
                     (json_int_t)fell.bytes);
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
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o, s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I}",
                     "id", info->id, "source", info->source, "kind", info->kind, "host", info->host,
                     "job", info->job, "tags", hf_strings_json(&info->tags), "captured", captured,
                     "finished", finished, "state", hf_snapshot_state_name(info->state),
                     "state_time", info->state_time ? state_time : NULL, "streams",
                     (json_int_t)info->streams, "records", (json_int_t)info->records, "bytes",
                     (json_int_t)info->bytes, "stored_bytes", (json_int_t)info->stored_bytes);
}
